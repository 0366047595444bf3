//! Many sealed values at once: a table file beside the shelf's own, which the shelf then takes in.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rocksdb::{Options, SstFileWriter};

use super::{StoreError, key::StorageKey};
use crate::seal::Sealed;

/// A table file that is being written.
pub struct Bulk<'o> {
    writer: SstFileWriter<'o>,
    table: Table,
    empty: bool,
}

/// The place of a table file that no shelf knows yet. The file goes with this.
#[derive(Debug)]
pub(super) struct Table(pub(super) PathBuf);

impl<'o> Bulk<'o> {
    pub(super) fn start(options: &'o Options, table: Table) -> Result<Self, StoreError> {
        let writer = SstFileWriter::create(options);
        {
            writer.open(&table.0)?;
        }
        Ok(Self {
            writer,
            table,
            empty: true,
        })
    }

    /// Adds a value. Its key stands behind those that were added before.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the file can't be written, or the order isn't kept.
    pub fn put(&mut self, key: StorageKey, value: &Sealed) -> Result<(), StoreError> {
        self.empty = false;
        Ok(self.writer.put(key.as_bytes(), value.as_bytes())?)
    }

    /// Brings the file to the disk. `RocksDB` takes no empty ones.
    pub(super) fn finish(mut self) -> Result<Option<Table>, StoreError> {
        if self.empty {
            return Ok(None);
        }
        self.writer.finish()?;
        Ok(Some(self.table))
    }
}

impl Table {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // One that was taken in is gone already; what can't be removed goes when the shelf opens.
        drop(fs::remove_file(&self.0));
    }
}
