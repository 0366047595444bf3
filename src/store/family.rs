//! One tenant generation's column family.

use std::{fmt, ops::ControlFlow, sync::Arc};

use parking_lot::RwLock;
use rocksdb::{BoundColumnFamily, Direction, IteratorMode, ReadOptions, WriteBatch};
use self_cell::self_cell;

use super::{
    StoreError,
    batch::{Batch, Change},
    key::{KeyPrefix, StorageKey},
    shelf::{FamilyName, Shelf},
};

type Handle<'shelf> = Arc<BoundColumnFamily<'shelf>>;

self_cell!(
    /// A handle and the shelf it borrows from. Looked up once: looking it up waits for whoever is
    /// creating or dropping a family on the shelf.
    struct Bound {
        owner: Arc<Shelf>,

        #[covariant]
        dependent: Handle,
    }
);

/// An open column family. There is one of these a family, shared by all who use it.
pub struct Family {
    bound: Bound,
    name: FamilyName,
    /// True once the family is dropped. Commits hold it for reading, dropping for writing.
    dropped: RwLock<bool>,
}

impl Family {
    pub(super) fn bind(shelf: Arc<Shelf>, name: FamilyName) -> Result<Self, StoreError> {
        let bound = Bound::try_new(shelf, |shelf| {
            shelf.handle(name).ok_or(StoreError::NoFamily)
        })?;
        Ok(Self {
            bound,
            name,
            dropped: RwLock::new(false),
        })
    }

    /// Makes a batch durable: all of it, or none of it. Commits that come at the same time to
    /// one shelf share an fsync.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] after an earlier failure, [`StoreError::Dropped`] after
    /// [`Self::drop_family`].
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let dropped = self.dropped.read();
        if *dropped {
            return Err(StoreError::Dropped);
        }
        let handle = self.bound.borrow_dependent();
        let mut writes = WriteBatch::default();
        for change in &batch.changes {
            match change {
                Change::Put(key, value) => {
                    writes.put_cf(handle, key.as_bytes(), value.as_bytes());
                }
                Change::Remove(key) => writes.delete_cf(handle, key.as_bytes()),
                Change::RemoveRange(from, to) => {
                    writes.delete_range_cf(handle, from.as_bytes(), to.as_bytes());
                }
            }
        }
        self.bound.borrow_owner().write(writes)
    }

    /// The stored bytes at a key.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn find(&self, key: StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        let database = self.bound.borrow_owner().database();
        Ok(database.get_cf(self.bound.borrow_dependent(), key.as_bytes())?)
    }

    /// Visits the stored values whose keys start with `prefix`, in key order, until told to stop.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn scan(
        &self,
        prefix: &KeyPrefix,
        mut visit: impl FnMut(StorageKey, Box<[u8]>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let database = self.bound.borrow_owner().database();
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange(prefix.as_bytes()));
        options.fill_cache(false);
        let mode = IteratorMode::From(prefix.as_bytes(), Direction::Forward);
        for entry in database.iterator_cf_opt(self.bound.borrow_dependent(), options, mode) {
            let (key, value) = entry?;
            // A key that isn't one of ours was put there by someone else: its value couldn't
            // open, so it is passed over here and never answered.
            let Some(key) = StorageKey::from_bytes(&key) else {
                continue;
            };
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Whether nothing was ever committed to the family, or all of it was removed.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let database = self.bound.borrow_owner().database();
        let mut entries = database.iterator_cf(self.bound.borrow_dependent(), IteratorMode::Start);
        Ok(entries.next().transpose()?.is_none())
    }

    /// Bytes that the family takes: table files, and memory for what isn't in one yet.
    pub fn bytes(&self) -> u64 {
        let database = self.bound.borrow_owner().database();
        [
            "rocksdb.total-sst-files-size",
            "rocksdb.cur-size-all-mem-tables",
        ]
        .into_iter()
        .filter_map(|name| {
            database
                .property_int_value_cf(self.bound.borrow_dependent(), name)
                .ok()
                .flatten()
        })
        .sum()
    }

    /// Drops the family. Commits that are under way finish first; later ones are refused.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn drop_family(&self) -> Result<(), StoreError> {
        let mut dropped = self.dropped.write();
        if *dropped {
            return Ok(());
        }
        *dropped = true;
        self.bound.borrow_owner().drop_fenced(self.name)
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({})", self.name)
    }
}
