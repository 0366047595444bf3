//! One root key takes another's place: every key file is wrapped anew, and no data is touched.
//!
//! ```text
//! 1  the new root key is at hand: in FILE.next, which is made for it, or where the settings say
//! 2  keys that are made from here on are wrapped under the new one
//! 3  each key file is written anew: tmp, fsync, rename, fsync of the directory; what stood there
//!    before is overwritten
//! 4  FILE becomes FILE.old, FILE.next becomes FILE, FILE.old is overwritten and unlinked
//!    (where the root key is no file of the node's own, its owner changes the settings)
//! ```
//!
//! **Invariant:** at every moment, whoever has both root keys opens every key file: each names its
//! own. So a crash in the middle is finished at the next start, by doing what is left to do.
//! Called by: `engine`, at each start and when an operator asks.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    envelope::OpenError,
    keyring::{Keyring, KeyringError, Wrapping, is_overwritten, overwrite, wrapped_under},
    root::{RootKeyError, RootKeySource},
    root_key::{RootKey, RootKeyId},
};
use crate::{
    failpoint,
    tenant::{Generation, TenantUuid},
};

/// Where the root key comes from, and where the next one will.
#[derive(Clone, Debug)]
pub struct RootKeys {
    /// Where it comes from.
    pub source: RootKeySource,
    /// Where the next one comes from. Nowhere, if it is a file of the node's own: then the next
    /// one is made.
    pub next: Option<RootKeySource>,
}

/// What a rotation did.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The root key before.
    pub from: RootKeyId,
    /// The root key now.
    pub to: RootKeyId,
    /// Key files that were wrapped anew.
    pub files: u64,
    /// Whether the settings still name the root key before: then they are to be changed.
    pub settings_follow: bool,
}

impl RootKeys {
    /// Opens the keyring in a directory, and finishes a rotation that was cut short.
    ///
    /// # Errors
    /// [`RotationError`].
    pub fn open(&self, directory: &Path) -> Result<Keyring, RotationError> {
        let keyring = Keyring::open(directory, self.source.fetch()?)?;
        match (&self.source, &self.next) {
            (RootKeySource::File(path), None) => {
                if beside(path, NEXT).exists() {
                    keyring.take_up(RootKeySource::File(beside(path, NEXT)).fetch()?);
                    keyring.rewrap()?;
                    put_in_place(path)?;
                } else {
                    destroy_old(path)?;
                }
            }
            (_, Some(next)) => {
                let next = next.fetch()?;
                // Begun, if anything is under it.
                if keyring.is_current(next.id()) || !keyring.has_any_under(next.id())? {
                    return Ok(keyring);
                }
                keyring.take_up(next);
                keyring.rewrap()?;
            }
            (RootKeySource::Environment(_) | RootKeySource::Command(_), None) => {}
        }
        Ok(keyring)
    }

    /// Puts the next root key in place of the current one. Done again after a failure, it goes on.
    ///
    /// # Errors
    /// [`RotationError`]; until it succeeds, keep both root keys.
    pub fn rotate(&self, keyring: &Keyring) -> Result<Rotated, RotationError> {
        let _one_at_a_time = keyring.rotating.lock();
        keyring.check_all()?;
        let own_file = match (&self.source, &self.next) {
            (RootKeySource::File(path), None) => Some(path),
            (_, Some(_)) => None,
            (RootKeySource::Environment(_) | RootKeySource::Command(_), None) => {
                return Err(RotationError::NoNext);
            }
        };
        let next = match (&self.next, own_file) {
            (Some(next), _) => next.fetch()?,
            (None, Some(path)) => RootKeySource::File(beside(path, NEXT)).fetch()?,
            (None, None) => return Err(RotationError::NoNext),
        };
        failpoint::hit("rotate.next_made");
        let to = next.id();
        // Gone on with, if an earlier try failed half way.
        if !keyring.is_current(to) {
            keyring.take_up(next);
        } else if keyring.before().is_none() {
            return Err(RotationError::Same);
        }
        let from = keyring.before().unwrap_or(to);
        let files = keyring.rewrap()?;
        failpoint::hit("rotate.rewrapped");
        if let Some(path) = own_file {
            put_in_place(path)?;
        }
        Ok(Rotated {
            from,
            to,
            files,
            settings_follow: own_file.is_none(),
        })
    }
}

impl Keyring {
    /// Which root key new keys are wrapped under.
    pub fn root_key_id(&self) -> RootKeyId {
        self.roots.read().current.id()
    }

    fn is_current(&self, id: RootKeyId) -> bool {
        self.root_key_id() == id
    }

    fn before(&self) -> Option<RootKeyId> {
        self.roots.read().before.as_ref().map(RootKey::id)
    }

    fn take_up(&self, next: RootKey) {
        let mut roots = self.roots.write();
        let before = std::mem::replace(&mut roots.current, next);
        roots.before = Some(before);
    }

    fn has_any_under(&self, id: RootKeyId) -> Result<bool, RotationError> {
        for (path, ..) in self.key_files()? {
            if wrapped_under(&fs::read(path)?) == Some(Wrapping::Under(id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Checks that every key file opens, so that none is left behind.
    fn check_all(&self) -> Result<(), RotationError> {
        let roots = self.roots.read();
        for (path, tenant, generation) in self.key_files()? {
            let _files = self.files.lock();
            match fs::read(&path) {
                Ok(file) => roots
                    .unwrap(tenant, generation, &file)
                    .map(drop)
                    .map_err(|OpenError| RotationError::Unopened { path })?,
                // Shredded just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Wraps every key file under the current root key that isn't yet, and forgets the one before.
    fn rewrap(&self) -> Result<u64, RotationError> {
        let mut count = 0;
        for (path, tenant, generation) in self.key_files()? {
            count += u64::from(self.rewrap_file(&path, tenant, generation)?);
        }
        self.roots.write().before = None;
        Ok(count)
    }

    fn rewrap_file(
        &self,
        path: &Path,
        tenant: TenantUuid,
        generation: Generation,
    ) -> Result<bool, RotationError> {
        let roots = self.roots.read();
        let _files = self.files.lock();
        let old = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let file = fs::read(path)?;
        let is_under = wrapped_under(&file) == Some(Wrapping::Under(roots.current.id()));
        if is_under || is_overwritten(&file) {
            return Ok(false);
        }
        let key = roots
            .unwrap(tenant, generation, &file)
            .map_err(|OpenError| RotationError::Unopened { path: path.into() })?;
        let wrapped = roots.wrap(&key).map_err(KeyringError::from)?;
        super::keyring::write_durably(path, &wrapped)?;
        failpoint::hit("rotate.file");
        // What was wrapped under the root key before isn't left on the disk.
        overwrite(old)?;
        Ok(true)
    }

    /// The key files that there are, and whose they are by their names.
    fn key_files(&self) -> Result<Vec<(PathBuf, TenantUuid, Generation)>, RotationError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let named = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_suffix(".key")?.split_once('.'));
            let Some((tenant, generation)) = named else {
                continue;
            };
            if let (Ok(uuid), Ok(number)) = (Uuid::try_parse(tenant), generation.parse()) {
                let tenant = TenantUuid::from_bytes(*uuid.as_bytes());
                files.push((path, tenant, Generation(number)));
            }
        }
        Ok(files)
    }
}

/// The last step, where the root key is a file of the node's own. May be repeated.
fn put_in_place(path: &Path) -> Result<(), RotationError> {
    let old = beside(path, OLD);
    match fs::hard_link(path, &old) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    failpoint::hit("rotate.linked");
    fs::rename(beside(path, NEXT), path)?;
    sync_directory(path)?;
    failpoint::hit("rotate.replaced");
    destroy_old(path)
}

/// Overwrites and unlinks the root key before, if a rotation left it.
fn destroy_old(path: &Path) -> Result<(), RotationError> {
    let old = beside(path, OLD);
    let file = match OpenOptions::new().write(true).mode(0o600).open(&old) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // The very file that is in use is only unlinked: someone removed FILE.next by hand.
    let in_use = fs::metadata(path).is_ok_and(|now| {
        file.metadata()
            .is_ok_and(|old| (now.dev(), now.ino()) == (old.dev(), old.ino()))
    });
    if !in_use {
        overwrite(file)?;
    }
    fs::remove_file(&old)?;
    Ok(sync_directory(path)?)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Why a root key wasn't put in place of another.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// Nothing says what the next root key is.
    #[error(
        "the root key comes from outside, so say where the next one comes from: set root_key_next_env, root_key_next_command or root_key_next_file, restart, and rotate again"
    )]
    NoNext,
    /// The next root key is the current one.
    #[error("the next root key is the current one")]
    Same,
    /// A key file doesn't open, so it can't be wrapped anew.
    #[error("key file {} doesn't open under the root key; put it right or move it away first: nothing was changed", path.display())]
    Unopened {
        /// Its path.
        path: PathBuf,
    },
    /// There is no root key.
    #[error("there is no root key")]
    RootKey(#[from] RootKeyError),
    /// The keyring failed.
    #[error("the keyring can't be used")]
    Keyring(#[from] KeyringError),
    /// A file can't be read or written.
    #[error("a key's file can't be read or written")]
    Io(#[from] io::Error),
}

const NEXT: &str = ".next";
const OLD: &str = ".old";
