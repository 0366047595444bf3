//! An atomic batch of sealed writes to one family.

use super::key::{KeyRange, StorageKey};
use crate::seal::Sealed;

/// Writes that happen together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) changes: Vec<Change>,
}

#[derive(Debug)]
pub(super) enum Change {
    Put(StorageKey, Sealed),
    Remove(StorageKey),
    RemoveRange(KeyRange),
}

impl Batch {
    /// Stores a value, in place of what was there.
    pub fn put(&mut self, key: StorageKey, value: Sealed) {
        self.changes.push(Change::Put(key, value));
    }

    /// Removes a value.
    pub fn remove(&mut self, key: StorageKey) {
        self.changes.push(Change::Remove(key));
    }

    /// Removes every value in a range.
    pub fn remove_range(&mut self, range: KeyRange) {
        self.changes.push(Change::RemoveRange(range));
    }

    /// Removes a collection: all that is stored of it.
    pub fn remove_collection(&mut self, collection: u32) {
        self.remove(StorageKey::collection(collection));
        self.remove(StorageKey::retention(collection));
        self.remove(StorageKey::untold(collection));
        self.remove(StorageKey::segment(collection));
        self.remove_range(KeyRange::rows_of(collection));
        self.remove_range(KeyRange::chunks_of(collection));
        self.remove_range(KeyRange::tombstones_of(collection));
    }
}
