//! An atomic batch of sealed writes to one family.

use super::key::StorageKey;
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
    RemoveRange(StorageKey, StorageKey),
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

    /// Removes every row of a collection, and its schema.
    pub fn remove_collection(&mut self, collection: u32) {
        self.remove(StorageKey::collection(collection));
        let end = StorageKey::row(collection, u64::MAX);
        self.changes
            .push(Change::RemoveRange(StorageKey::row(collection, 0), end));
        self.remove(end);
    }
}
