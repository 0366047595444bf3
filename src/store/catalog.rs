//! The catalog: a small `RocksDB` of its own that knows the tenants, their shelves, the hashes of
//! keys. Sealed under a system key. Of a tenant's own words it holds two kinds: the collections that
//! a key is bound to, and where its webhooks lead. They go with the key, the webhook, the tenant.
//!
//! Key: `kind u8 | id 16`. Value: sealed; inside, bincode with a limit.

use std::{fmt, path::Path, sync::Arc};

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use parking_lot::Mutex;
use rocksdb::{DB, Direction, IteratorMode, WriteBatch};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    InUse, StoreError,
    options::{Shared, StoreOptions, durable},
    poison::Poison,
};
use crate::seal::{DataKey, OpenError, SealError};

/// What a catalog record is. Append-only: a number, once given, is never given again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CatalogKind {
    /// How many messages the system key has sealed.
    Messages = 0x80,
    /// A tenant.
    Tenant = 0x81,
    /// An API key's hash and what it may do.
    ApiKey = 0x82,
    /// An erasure: asked for, under way, or done.
    Erasure = 0x83,
    /// How far a tenant's move to its next generation got.
    Reseal = 0x84,
    /// A backup.
    Backup = 0x85,
    /// A generation key that was exported.
    Custody = 0x86,
    /// When a tenant is to be swept next.
    Sweep = 0x87,
    /// A family of refresh tokens.
    RefreshFamily = 0x88,
    /// A webhook.
    Webhook = 0x89,
    /// What is kept of an API key besides its record.
    KeyExtras = 0x8b,
    /// A tenant's policy: more of what it may use, and what is done about odd keys.
    TenantPolicy = 0x8c,
    /// That a key for access tokens was made.
    TokenKey = 0x8e,
    /// A message that is to be sent to a webhook, or couldn't be.
    Delivery = 0x8f,
    /// A restore, while it runs and after.
    Restore = 0x90,
    /// Points that somebody was answered on a day, by their hashes.
    Answered = 0x91,
    /// A subject of an issuer that its tenant doesn't believe.
    SuspendedSubject = 0x92,
}

/// The open catalog.
pub struct Catalog {
    database: DB,
    key: DataKey,
    poison: Poison,
    /// One writer at a time, so that the message count on disk never goes back.
    writer: Mutex<()>,
    _in_use: Arc<InUse>,
}

impl Catalog {
    /// Opens the catalog, or makes it. `in_use` is the node's lock on its directory.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] when it doesn't open under this key.
    #[expect(
        clippy::disallowed_methods,
        reason = "the catalog is one of the two homes of RocksDB"
    )]
    pub fn open(directory: &Path, key: DataKey, in_use: Arc<InUse>) -> Result<Self, CatalogError> {
        let shared = Shared::new(&StoreOptions {
            block_cache_bytes: 8 << 20,
            write_buffer_bytes: 16 << 20,
            warm_shelves_max: 0,
        });
        let database = DB::open(&shared.database()?, directory).map_err(StoreError::from)?;
        let catalog = Self {
            database,
            key,
            poison: Poison::default(),
            writer: Mutex::default(),
            _in_use: in_use,
        };
        if let Some(sealed) = catalog
            .database
            .get(MESSAGES_KEY)
            .map_err(StoreError::from)?
        {
            catalog
                .key
                .resume_at(catalog.decode(&MESSAGES_KEY, &sealed)?);
        }
        Ok(catalog)
    }

    /// Stores a record, durably.
    ///
    /// # Errors
    /// [`CatalogError::Store`] when it isn't known to be durable.
    pub fn put<R: Serialize>(
        &self,
        kind: CatalogKind,
        id: [u8; 16],
        record: &R,
    ) -> Result<(), CatalogError> {
        self.write(&[(kind, id, Some(encode(record)?))])
    }

    /// Stores two records together: both or neither.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_both<R: Serialize, S: Serialize>(
        &self,
        one: (CatalogKind, [u8; 16], &R),
        other: (CatalogKind, [u8; 16], &S),
    ) -> Result<(), CatalogError> {
        self.write(&[
            (one.0, one.1, Some(encode(one.2)?)),
            (other.0, other.1, Some(encode(other.2)?)),
        ])
    }

    /// Stores records of one kind, all or none.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_all<R: Serialize>(
        &self,
        kind: CatalogKind,
        records: &[([u8; 16], R)],
    ) -> Result<(), CatalogError> {
        let encoded = records
            .iter()
            .map(|(id, record)| Ok((kind, *id, Some(encode(record)?))));
        self.write(&encoded.collect::<Result<Vec<_>, CatalogError>>()?)
    }

    /// Removes records, all or none.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove(&self, kind: CatalogKind, ids: &[[u8; 16]]) -> Result<(), CatalogError> {
        self.write(&ids.iter().map(|id| (kind, *id, None)).collect::<Vec<_>>())
    }

    /// A record.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] when it doesn't open.
    pub fn find<R: DeserializeOwned>(
        &self,
        kind: CatalogKind,
        id: [u8; 16],
    ) -> Result<Option<R>, CatalogError> {
        let key = storage_key(kind, id);
        let sealed = self.database.get(key).map_err(StoreError::from)?;
        sealed.map(|sealed| self.decode(&key, &sealed)).transpose()
    }

    /// Every record of a kind, with its id.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] when one doesn't open.
    pub fn load<R: DeserializeOwned>(
        &self,
        kind: CatalogKind,
    ) -> Result<Vec<([u8; 16], R)>, CatalogError> {
        self.scan(kind, &[], |id, key, sealed| {
            Ok((id, self.decode(key, sealed)?))
        })
    }

    /// The ids of a kind's records that begin so.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub fn ids(&self, kind: CatalogKind, beginning: &[u8]) -> Result<Vec<[u8; 16]>, CatalogError> {
        self.scan(kind, beginning, |id, _, _| Ok(id))
    }

    fn scan<T>(
        &self,
        kind: CatalogKind,
        beginning: &[u8],
        take: impl Fn([u8; 16], &[u8], &[u8]) -> Result<T, CatalogError>,
    ) -> Result<Vec<T>, CatalogError> {
        let first = [&[kind as u8], beginning].concat();
        let mut found = Vec::new();
        for entry in self
            .database
            .iterator(IteratorMode::From(&first, Direction::Forward))
        {
            let (key, sealed) = entry.map_err(StoreError::from)?;
            if !key.starts_with(&first) {
                break;
            }
            let id = key.get(1..).and_then(|id| id.try_into().ok());
            found.push(take(id.ok_or(CatalogError::Corrupt)?, &key, &sealed)?);
        }
        Ok(found)
    }

    fn write(&self, changes: &[Change]) -> Result<(), CatalogError> {
        let _writer = self.writer.lock();
        self.poison.check()?;
        let mut batch = WriteBatch::default();
        for (kind, id, plain) in changes {
            let key = storage_key(*kind, *id);
            match plain {
                Some(plain) => {
                    batch.put(key, self.key.seal(*kind as u8, &key, plain)?.as_bytes());
                }
                None => batch.delete(key),
            }
        }
        let messages = encode(&(self.key.messages() + 1))?;
        let sealed = self
            .key
            .seal(CatalogKind::Messages as u8, &MESSAGES_KEY, &messages)?;
        batch.put(MESSAGES_KEY, sealed.as_bytes());
        Ok(self
            .poison
            .watch(self.database.write_opt(batch, &durable()))?)
    }

    fn decode<R: DeserializeOwned>(&self, key: &[u8], sealed: &[u8]) -> Result<R, CatalogError> {
        let kind = key.first().copied().ok_or(CatalogError::Corrupt)?;
        let plain = self.key.open(kind, key, sealed)?;
        let (record, read) =
            bincode::serde::decode_from_slice(&plain, CODEC).map_err(|_| CatalogError::Corrupt)?;
        if read == plain.len() {
            Ok(record)
        } else {
            Err(CatalogError::Corrupt)
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog")
    }
}

/// What is to stand at a record's place: encoded bytes, or nothing.
type Change = (CatalogKind, [u8; 16], Option<Vec<u8>>);

fn encode<R: Serialize>(record: &R) -> Result<Vec<u8>, CatalogError> {
    bincode::serde::encode_to_vec(record, CODEC).map_err(|_| CatalogError::TooLong)
}

/// A record as it is sealed, and back: what is stored today must be read by every later version.
#[cfg(test)]
pub fn golden<R: Serialize + DeserializeOwned>(record: &R, golden: &[u8]) {
    let again = |record: &R| encode(record).expect("it has an encoding");
    assert_eq!(again(record), golden);
    let (read, len): (R, usize) =
        bincode::serde::decode_from_slice(golden, CODEC).expect("it is read");
    assert_eq!((again(&read).as_slice(), len), (golden, golden.len()));
}

/// Whether bytes are a record. They may be any.
#[cfg(test)]
pub fn is_record<R: DeserializeOwned>(bytes: &[u8]) -> bool {
    bincode::serde::decode_from_slice::<R, _>(bytes, CODEC).is_ok()
}

fn storage_key(kind: CatalogKind, id: [u8; 16]) -> [u8; 17] {
    let mut key = [0; 17];
    let (first, rest) = key.split_at_mut(1);
    first.copy_from_slice(&[kind as u8]);
    rest.copy_from_slice(&id);
    key
}

/// Why the catalog couldn't do something.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The storage engine failed.
    #[error("the catalog can't be read or written")]
    Store(#[from] StoreError),
    /// A record couldn't be sealed.
    #[error("a catalog record couldn't be sealed")]
    Seal(#[from] SealError),
    /// A record doesn't open, or isn't what it should be.
    #[error("the catalog doesn't open under this root key, or is damaged")]
    Corrupt,
    /// A record is longer than 64 KiB.
    #[error("a catalog record is longer than {RECORD_BYTES_MAX} bytes")]
    TooLong,
}

impl From<OpenError> for CatalogError {
    fn from(_: OpenError) -> Self {
        Self::Corrupt
    }
}

/// Longest record: bounds what decoding may allocate.
const RECORD_BYTES_MAX: usize = 64 << 10;
const MESSAGES_KEY: [u8; 17] = {
    let mut key = [0; 17];
    key[0] = CatalogKind::Messages as u8;
    key
};
const CODEC: Configuration<LittleEndian, Fixint, Limit<RECORD_BYTES_MAX>> =
    bincode::config::standard()
        .with_fixed_int_encoding()
        .with_limit::<RECORD_BYTES_MAX>();
