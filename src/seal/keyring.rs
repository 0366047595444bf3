//! The keyring: wrapped generation keys, each in a small file of its own, outside `RocksDB`.
//!
//! Inside `RocksDB`, old versions of a wrapped key would live on in the LSM tree, the write-ahead
//! log and every checkpoint. A file can be overwritten and unlinked.
//!
//! ```text
//! file  <tenant uuid, 32 hex>.<generation>.key
//! magic "LCLK" | version u8 = 2 | root key id 8 | tenant uuid 16 | generation u32 BE   = header, 33 bytes
//! nonce 12 | wrapped key 32 | tag 16                                  bound to the header
//! (version 1 has no root key id: a header of 25 bytes)
//! ```
//!
//! The root key's id tells, while one root key takes another's place (`rotation.rs`), under which of
//! the two a file is wrapped.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::{
    envelope::{OpenError, SealError},
    key::GenerationKey,
    root_key::{ROOT_KEY_ID_BYTES, RootKey, RootKeyId},
};
use crate::{
    failpoint,
    tenant::{Generation, TenantUuid},
};

/// The directory of wrapped keys, and the root key that unwraps them.
#[derive(Debug)]
pub struct Keyring {
    pub(super) directory: PathBuf,
    pub(super) roots: RwLock<Roots>,
    /// Held by whoever replaces or shreds a file that is there: a key that is shredded must not
    /// come back by being wrapped anew.
    pub(super) files: Mutex<()>,
    /// Held while one root key takes another's place.
    pub(super) rotating: Mutex<()>,
}

/// The root key, and the one before it while not everything is wrapped under the new one yet.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) current: RootKey,
    pub(super) before: Option<RootKey>,
}

impl Roots {
    /// Unwraps the bytes of a key's file.
    pub(super) fn unwrap(
        &self,
        tenant: TenantUuid,
        generation: Generation,
        file: &[u8],
    ) -> Result<GenerationKey, OpenError> {
        let roots = || std::iter::once(&self.current).chain(&self.before);
        match wrapped_under(file) {
            Some(Wrapping::Unnamed) => {
                let header = header_v1(tenant, generation);
                let wrapped = file.strip_prefix(&header[..]).ok_or(OpenError)?;
                roots()
                    .find_map(|root| root.unwrap(tenant, generation, wrapped, &header).ok())
                    .ok_or(OpenError)
            }
            Some(Wrapping::Under(id)) => {
                let header = header(id, tenant, generation);
                let wrapped = file.strip_prefix(&header[..]).ok_or(OpenError)?;
                let root = roots().find(|root| root.id() == id).ok_or(OpenError)?;
                root.unwrap(tenant, generation, wrapped, &header)
            }
            None => Err(OpenError),
        }
    }

    /// Wraps a key under the current root key: the bytes of its file.
    pub(super) fn wrap(&self, key: &GenerationKey) -> Result<Vec<u8>, SealError> {
        let mut bytes = header(self.current.id(), key.tenant(), key.generation());
        bytes.extend(self.current.wrap(key, &bytes)?);
        Ok(bytes)
    }
}

/// What a key's file says about its root key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrapping {
    /// Nothing: it is of version 1.
    Unnamed,
    /// Its id.
    Under(RootKeyId),
}

/// What a key's file says about its root key, if it is one.
pub(super) fn wrapped_under(file: &[u8]) -> Option<Wrapping> {
    let (version, rest) = file.strip_prefix(MAGIC)?.split_first()?;
    match *version {
        1 => Some(Wrapping::Unnamed),
        VERSION => {
            let (id, _) = rest.split_first_chunk::<ROOT_KEY_ID_BYTES>()?;
            Some(Wrapping::Under(RootKeyId(*id)))
        }
        _ => None,
    }
}

/// Proof that a generation's key was shredded: made by [`Keyring::shred`] alone.
#[must_use]
#[derive(Debug)]
pub struct KeyShredded {
    tenant: TenantUuid,
    generation: Generation,
    wrapped_sample: Option<WrappedSample>,
}

impl KeyShredded {
    /// Whose key it was.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// Which generation's.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The name that its file had.
    pub fn file_name(&self) -> String {
        file_name(self.tenant, self.generation)
    }

    /// The end of its file as it was before. None when there was no whole file any more: an
    /// earlier attempt had begun.
    pub const fn wrapped_sample(&self) -> Option<WrappedSample> {
        self.wrapped_sample
    }

    /// With the sample that was noted before an earlier attempt, where this one found none.
    pub fn or_sample(mut self, noted: Option<WrappedSample>) -> Self {
        self.wrapped_sample = self.wrapped_sample.or(noted);
        self
    }
}

/// The last 24 bytes of a wrapped key's file. They give nothing away, and whoever looks for them
/// finds every copy of the file.
pub type WrappedSample = [u8; WRAPPED_SAMPLE_BYTES];

impl Keyring {
    /// Opens the keyring in `directory`, making the directory if it isn't there.
    ///
    /// # Errors
    /// [`KeyringError::Io`].
    pub fn open(directory: &Path, root: RootKey) -> Result<Self, KeyringError> {
        fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            roots: RwLock::new(Roots {
                current: root,
                before: None,
            }),
            files: Mutex::default(),
            rotating: Mutex::default(),
        })
    }

    /// Makes a new generation key and keeps it, durably, before it is returned.
    ///
    /// # Errors
    /// [`KeyringError::Exists`] when that generation has a key already.
    pub fn make(
        &self,
        tenant: TenantUuid,
        generation: Generation,
    ) -> Result<GenerationKey, KeyringError> {
        let key = GenerationKey::make(tenant, generation)?;
        self.keep(&key)?;
        Ok(key)
    }

    /// Wraps a key and keeps it, durably, if its generation has none.
    pub(super) fn keep(&self, key: &GenerationKey) -> Result<(), KeyringError> {
        // Held until the file is there: a rotation that begins then finds it.
        let roots = self.roots.read();
        let path = self.path(key.tenant(), key.generation());
        if path.exists() {
            return Err(KeyringError::Exists);
        }
        Ok(write_durably(&path, &roots.wrap(key)?)?)
    }

    /// Unwraps a generation's key.
    ///
    /// # Errors
    /// [`KeyringError::Missing`] when there is no file, [`KeyringError::Unopened`] when it isn't
    /// this generation's, is damaged, or was wrapped under another root key.
    pub fn load(
        &self,
        tenant: TenantUuid,
        generation: Generation,
    ) -> Result<GenerationKey, KeyringError> {
        let bytes = match fs::read(self.path(tenant, generation)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyringError::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(self.roots.read().unwrap(tenant, generation, &bytes)?)
    }

    /// The end of a generation's wrapped key, to be noted before the key is shredded. None when
    /// there is no whole file.
    ///
    /// # Errors
    /// [`KeyringError::Io`].
    pub fn wrapped_sample(
        &self,
        tenant: TenantUuid,
        generation: Generation,
    ) -> Result<Option<WrappedSample>, KeyringError> {
        match fs::read(self.path(tenant, generation)) {
            Ok(bytes) => Ok(sample(&bytes, tenant, generation)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Destroys a generation's key: overwrite, fsync, unlink, fsync the directory. Done again on
    /// a key that is gone, it succeeds: a crash in the middle is finished by repeating.
    ///
    /// # Errors
    /// [`KeyringError::Io`].
    pub fn shred(
        &self,
        tenant: TenantUuid,
        generation: Generation,
    ) -> Result<KeyShredded, KeyringError> {
        let _files = self.files.lock();
        let path = self.path(tenant, generation);
        let wrapped_sample = self.wrapped_sample(tenant, generation)?;
        // A crash while the key was written may have left it under its temporary name.
        for path in [temporary(&path), path] {
            match OpenOptions::new().write(true).open(&path) {
                Ok(file) => {
                    overwrite(file)?;
                    failpoint::hit("shred.overwritten");
                    fs::remove_file(&path)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        File::open(&self.directory)?.sync_all()?;
        Ok(KeyShredded {
            tenant,
            generation,
            wrapped_sample,
        })
    }

    /// Whether a generation has a key.
    pub fn holds(&self, tenant: TenantUuid, generation: Generation) -> bool {
        self.path(tenant, generation).exists()
    }

    pub(super) fn path(&self, tenant: TenantUuid, generation: Generation) -> PathBuf {
        self.directory.join(file_name(tenant, generation))
    }
}

fn file_name(tenant: TenantUuid, generation: Generation) -> String {
    let uuid = Uuid::from_bytes(*tenant.as_bytes());
    format!("{}.{}.key", uuid.simple(), generation.0)
}

/// The sample of a file that is whole: not of one that an earlier attempt overwrote.
fn sample(bytes: &[u8], tenant: TenantUuid, generation: Generation) -> Option<WrappedSample> {
    let header = match wrapped_under(bytes)? {
        Wrapping::Unnamed => header_v1(tenant, generation),
        Wrapping::Under(id) => header(id, tenant, generation),
    };
    let wrapped = bytes.strip_prefix(&header[..])?;
    (wrapped.len() == WRAPPED_BYTES).then_some(*wrapped.last_chunk()?)
}

fn header(root: RootKeyId, tenant: TenantUuid, generation: Generation) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&root.0);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(&generation.0.to_be_bytes());
    bytes
}

fn header_v1(tenant: TenantUuid, generation: Generation) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(1);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(&generation.0.to_be_bytes());
    bytes
}

/// Whether a file is one that was overwritten and, because of a crash, not unlinked yet. Whoever
/// shreds it again unlinks it.
pub(super) fn is_overwritten(file: &[u8]) -> bool {
    !file.is_empty() && file.iter().all(|byte| *byte == 0)
}

/// Overwrites a key's file with zeros, and brings that to the disk.
pub(super) fn overwrite(mut file: File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(FILE_BYTES);
    file.write_all(&vec![0; length.min(FILE_BYTES)])?;
    file.sync_all()
}

/// Writes a secret file so that after a crash it is there whole or not at all: a temporary file,
/// fsync, rename, fsync of the directory.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(directory)?.sync_all()
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// Why a generation key couldn't be made, loaded or shredded.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The generation has a key already.
    #[error("the generation has a key already")]
    Exists,
    /// The generation has no key: it was shredded, or the keyring isn't this data's.
    #[error("the generation has no key in the keyring")]
    Missing,
    /// The key's file doesn't open.
    #[error("the generation's key file doesn't open")]
    Unopened(#[from] OpenError),
    /// No random bytes.
    #[error("the generation's key couldn't be made")]
    Seal(#[from] SealError),
    /// The directory can't be read or written.
    #[error("the keyring directory can't be used")]
    Io(#[from] io::Error),
}

const MAGIC: &[u8] = b"LCLK";
const VERSION: u8 = 2;
/// Nonce, key and tag.
const WRAPPED_BYTES: usize = 12 + 32 + 16;
const FILE_BYTES: usize = 4 + 1 + ROOT_KEY_ID_BYTES + 16 + 4 + WRAPPED_BYTES;
/// The end of the wrapped key, and its tag.
pub const WRAPPED_SAMPLE_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seal::hazmat::Secret;

    fn roots() -> Roots {
        Roots {
            current: RootKey::from_secret(&Secret::new([7; 32])),
            before: None,
        }
    }

    const TENANT: TenantUuid = TenantUuid::from_bytes([0x11; 16]);
    const GENERATION: Generation = Generation(3);

    #[test]
    fn golden_key_files_of_both_versions_open() {
        let one = include_bytes!("../../tests/golden/key_file.v1.bin");
        let two = include_bytes!("../../tests/golden/key_file.v2.bin");
        assert_eq!(wrapped_under(one), Some(Wrapping::Unnamed));
        assert_eq!(
            wrapped_under(two),
            Some(Wrapping::Under(roots().current.id()))
        );
        for file in [&one[..], two] {
            let key = roots().unwrap(TENANT, GENERATION, file).unwrap();
            assert_eq!(**key.secret(), [0x22; 32]);
            assert!(roots().unwrap(TENANT, Generation(4), file).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_key_file_that_was_changed_anywhere_opens_nothing(
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut file = include_bytes!("../../tests/golden/key_file.v2.bin").to_vec();
            let at = at.index(file.len());
            file[at] ^= flip;
            prop_assert!(roots().unwrap(TENANT, GENERATION, &file).is_err());
            prop_assert!(roots().unwrap(TENANT, GENERATION, &bytes).is_err());
        }
    }
}
