//! A tenant's backup directory: blocks by their digests, and manifests.
//!
//! ```text
//! DIR/backups/UUID/blocks/SHA-256     blocks, shared by all backups that have them
//! DIR/backups/UUID/ID.manifest        one a backup: it is there once its manifest is
//! DIR/backups/UUID/*.tmp              what isn't finished; a start removes it
//! ```

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    BackupError,
    format::{Block, Manifest},
    record::BackupId,
};
use crate::{failpoint, seal, tenant::TenantUuid};

/// A tenant's backups on disk.
#[derive(Clone, Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(backups: &Path, tenant: TenantUuid) -> Self {
        let uuid = Uuid::from_bytes(*tenant.as_bytes());
        Self::at(&backups.join(uuid.simple().to_string()))
    }

    /// What is in a directory, whoever's it is.
    pub(super) fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// The directory's name, if it is there.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.directory.file_name()?.to_string_lossy();
        self.directory.is_dir().then(|| name.into_owned())
    }

    pub(super) fn make(&self) -> io::Result<()> {
        fs::create_dir_all(self.blocks())
    }

    /// Bytes of all the blocks.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        if !self.blocks().exists() {
            return Ok(0);
        }
        let blocks = fs::read_dir(self.blocks())?;
        let sizes = blocks.map(|block| Ok(block?.metadata()?.len()));
        sizes.sum()
    }

    /// Stores a block, if it isn't there. How many bytes that took.
    pub(super) fn put_block(&self, bytes: &[u8]) -> Result<(Block, u64), BackupError> {
        let block = Block {
            digest: seal::digest(&[bytes]),
            length: u32::try_from(bytes.len()).map_err(|_| BackupError::Damaged)?,
        };
        let path = self.block(&block);
        // Looked at whole: a new backup must not rest on a block that a disk has damaged since.
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok((block, 0));
        }
        write(&path, bytes)?;
        failpoint::hit("backup.block");
        Ok((block, u64::from(block.length)))
    }

    /// A block, if it is what its digest says.
    pub(super) fn find_block(&self, block: &Block) -> Result<Vec<u8>, BackupError> {
        let bytes = match fs::read(self.block(block)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::Damaged);
            }
            Err(error) => return Err(error.into()),
        };
        if seal::digest(&[&bytes]) == block.digest {
            Ok(bytes)
        } else {
            Err(BackupError::Damaged)
        }
    }

    /// Stores a manifest, once all its blocks are on disk.
    pub(super) fn put_manifest(&self, id: BackupId, bytes: &[u8]) -> Result<(), BackupError> {
        File::open(self.blocks())?.sync_all()?;
        failpoint::hit("backup.blocks");
        write(&self.manifest(id), bytes)?;
        File::open(&self.directory)?.sync_all()?;
        failpoint::hit("backup.manifest");
        Ok(())
    }

    pub(super) fn find_manifest(&self, id: BackupId) -> Result<Vec<u8>, BackupError> {
        match fs::read(self.manifest(id)) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BackupError::Damaged),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn remove_manifest(&self, id: BackupId) -> io::Result<()> {
        unlink(&self.manifest(id))?;
        if self.directory.exists() {
            File::open(&self.directory)?.sync_all()?;
        }
        Ok(())
    }

    /// A file for what is being uploaded.
    pub(super) fn upload(&self) -> Result<(PathBuf, File), BackupError> {
        self.make()?;
        let number = u128::from_be_bytes(seal::random_bytes()?);
        let path = self.directory.join(format!("{number:032x}.tmp"));
        let file = options().read(true).open(&path)?;
        Ok((path, file))
    }

    /// Removes the blocks that no manifest names, and what was begun and isn't finished. The whole
    /// directory, once there is nothing in it.
    pub(super) fn sweep(&self) -> Result<(), BackupError> {
        if !self.directory.exists() {
            return Ok(());
        }
        let mut named = HashSet::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") => unlink(&path)?,
                // One that can't be read may name any block: nothing is removed then.
                Some("manifest") => {
                    let manifest = Manifest::decode(&fs::read(&path)?);
                    let manifest = manifest.map_err(|_| BackupError::Damaged)?;
                    named.extend(manifest.blocks.iter().map(|block| hex(&block.digest)));
                }
                _ => {}
            }
        }
        let mut left = !named.is_empty();
        for entry in fs::read_dir(self.blocks())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if named.contains(&name) {
                left = true;
            } else {
                unlink(&entry.path())?;
            }
        }
        if !left {
            return Ok(fs::remove_dir_all(&self.directory)?);
        }
        Ok(File::open(self.blocks())?.sync_all()?)
    }

    fn blocks(&self) -> PathBuf {
        self.directory.join("blocks")
    }

    fn block(&self, block: &Block) -> PathBuf {
        self.blocks().join(hex(&block.digest))
    }

    fn manifest(&self, id: BackupId) -> PathBuf {
        self.directory.join(format!("{id}.manifest"))
    }
}

/// Writes a file that is there whole or not at all, once its directory is synced.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = options().open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
}

pub(super) fn unlink(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
