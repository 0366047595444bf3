//! Ridding a shelf's files of what dropped families left in them.
//!
//! Dropping a family unlinks its table files. Its values stay in the write-ahead log, its name and
//! the bounds of its keys in the manifest and the files of options. So: a value for the log, since an
//! empty log isn't replaced; a flush of all families, after which the old log is unlinked; a family
//! made and dropped, since two files of options are kept; a full search for files that are no
//! one's. The manifest is written anew at every edit (`options.rs`). Old `LOG` files go.

use std::{fs, io, path::Path};

use rocksdb::WaitForCompactOptions;

use super::{FamilyName, Shelf, StoreError, options::durable};
use crate::seal;

impl Shelf {
    /// Rids the shelf's files of what dropped families left, and waits until they are gone. Costs
    /// every family that was written since its last flush a small table file.
    ///
    /// # Errors
    /// [`StoreError`]; it may be repeated. [`StoreError::Leftover`] when an old log is still there.
    pub fn purge(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.purging();
        let database = self.database();
        let logs = files(self.directory(), "log")?;
        // No tenant's: it gives the log a reason to be replaced.
        let mut batch = rocksdb::WriteBatch::default();
        batch.put(PURGE_KEY, PURGE_KEY);
        self.poison().check()?;
        self.poison().watch(database.write_opt(batch, &durable()))?;
        let mut flush = WaitForCompactOptions::default();
        flush.set_flush(true);
        database.wait_for_compact(&flush)?;
        let name = seal::random_bytes().map_err(io::Error::other)?;
        let passing = FamilyName(name);
        database.create_cf(passing.to_string(), self.family_options())?;
        database.drop_cf(&passing.to_string())?;
        database.disable_file_deletions()?;
        database.enable_file_deletions()?;
        remove_old_diaries(self.directory())?;
        let now = files(self.directory(), "log")?;
        match logs.iter().find(|log| now.contains(log)) {
            Some(_) => Err(StoreError::Leftover),
            None => Ok(fs::File::open(self.directory())?.sync_all()?),
        }
    }
}

/// Removes `LOG.old.*`: another program that opened the shelf may have had `RocksDB` tell more than
/// ours does.
fn remove_old_diaries(directory: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("LOG.old.") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The names of a directory's files that end so.
fn files(directory: &Path, extension: &str) -> Result<Vec<std::ffi::OsString>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|own| own == extension) {
            names.extend(path.file_name().map(ToOwned::to_owned));
        }
    }
    Ok(names)
}

const PURGE_KEY: &[u8] = b"purged";
