//! The keyring: wrapped generation keys, each in a small file of its own, outside `RocksDB`.
//!
//! Inside `RocksDB`, old versions of a wrapped key would live on in the LSM tree, the write-ahead
//! log and every checkpoint. A file can be overwritten and unlinked.
//!
//! ```text
//! file  <tenant uuid, 32 hex>.<generation>.key
//! magic "LCLK" | version u8 = 1 | tenant uuid 16 | generation u32 BE      = header, 25 bytes
//! nonce 12 | wrapped key 32 | tag 16                                     bound to the header
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    envelope::{OpenError, SealError},
    key::{GenerationKey, RootKey},
};
use crate::tenant::{Generation, TenantUuid};

/// The directory of wrapped keys, and the root key that unwraps them.
#[derive(Debug)]
pub struct Keyring {
    directory: PathBuf,
    root: RootKey,
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
            root,
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
        let path = self.path(tenant, generation);
        if path.exists() {
            return Err(KeyringError::Exists);
        }
        let key = GenerationKey::make(tenant, generation)?;
        let mut bytes = header(tenant, generation);
        bytes.extend(self.root.wrap(&key, &bytes)?);
        write_durably(&path, &bytes)?;
        Ok(key)
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
        let expected = header(tenant, generation);
        let wrapped = bytes
            .strip_prefix(&expected[..])
            .ok_or(KeyringError::Unopened(OpenError))?;
        Ok(self.root.unwrap(tenant, generation, wrapped, &expected)?)
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
        let path = self.path(tenant, generation);
        let wrapped_sample = self.wrapped_sample(tenant, generation)?;
        // A crash while the key was written may have left it under its temporary name.
        for path in [temporary(&path), path] {
            match OpenOptions::new().write(true).open(&path) {
                Ok(mut file) => {
                    let length = usize::try_from(file.metadata()?.len()).unwrap_or(FILE_BYTES);
                    file.write_all(&vec![0; length.min(FILE_BYTES)])?;
                    file.sync_all()?;
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

    fn path(&self, tenant: TenantUuid, generation: Generation) -> PathBuf {
        self.directory.join(file_name(tenant, generation))
    }
}

fn file_name(tenant: TenantUuid, generation: Generation) -> String {
    let uuid = Uuid::from_bytes(*tenant.as_bytes());
    format!("{}.{}.key", uuid.simple(), generation.0)
}

/// The sample of a file that is whole: not of one that an earlier attempt overwrote.
fn sample(bytes: &[u8], tenant: TenantUuid, generation: Generation) -> Option<WrappedSample> {
    let wrapped = bytes.strip_prefix(&header(tenant, generation)[..])?;
    (bytes.len() == FILE_BYTES).then_some(*wrapped.last_chunk()?)
}

fn header(tenant: TenantUuid, generation: Generation) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    bytes.extend_from_slice(b"LCLK");
    bytes.push(VERSION);
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(&generation.0.to_be_bytes());
    bytes
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

const VERSION: u8 = 1;
const FILE_BYTES: usize = 25 + 12 + 32 + 16;
/// The end of the wrapped key, and its tag.
pub const WRAPPED_SAMPLE_BYTES: usize = 24;
