//! One tenant generation's column family.

use std::{fmt, ops::ControlFlow, sync::Arc};

use parking_lot::RwLock;
use rocksdb::{BoundColumnFamily, IteratorMode, ReadOptions, WriteBatch};
use self_cell::self_cell;

use super::{
    StoreError,
    batch::{Batch, Change},
    bulk::Bulk,
    key::{KeyRange, StorageKey},
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

    /// Its name.
    pub const fn name(&self) -> FamilyName {
        self.name
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
                Change::RemoveRange(range) => {
                    let (from, to) = range.bounds();
                    writes.delete_range_cf(handle, from, to);
                }
            }
        }
        self.bound.borrow_owner().write(writes)
    }

    /// Stores many values by a table file of its own, past the log and the write buffer: all of
    /// them, or none. `fill` puts them in key order, under keys where nothing is stored yet.
    ///
    /// # Errors
    /// What `fill` fails with; [`StoreError`] when the file can't be written or taken in.
    pub fn ingest<E: From<StoreError>>(
        &self,
        fill: impl FnOnce(&mut Bulk<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let shelf = self.bound.borrow_owner();
        let options = shelf.family_options();
        let mut bulk = Bulk::start(options, shelf.new_table()?)?;
        fill(&mut bulk)?;
        let Some(table) = bulk.finish()? else {
            return Ok(());
        };
        let dropped = self.dropped.read();
        if *dropped {
            return Err(StoreError::Dropped.into());
        }
        Ok(shelf.take_in(self.bound.borrow_dependent(), &table)?)
    }

    /// Gives back at once the disk space of whole table files in a range whose values were all
    /// removed. What isn't in such a file goes when `RocksDB` compacts.
    ///
    /// # Errors
    /// [`StoreError::Engine`]; then the space is given back later.
    pub fn release(&self, range: &KeyRange) -> Result<(), StoreError> {
        let dropped = self.dropped.read();
        if *dropped {
            return Err(StoreError::Dropped);
        }
        let (from, to) = range.bounds();
        let database = self.bound.borrow_owner().database();
        Ok(database.delete_file_in_range_cf(self.bound.borrow_dependent(), from, to)?)
    }

    /// Lets `look` see the stored bytes at a key, for large values that are read once: they
    /// aren't cached, and the check of `RocksDB`'s own is left to the seal.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn look<T>(
        &self,
        key: StorageKey,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_verify_checksums(false);
        options.fill_cache(false);
        let database = self.bound.borrow_owner().database();
        let family = self.bound.borrow_dependent();
        let value = database.get_pinned_cf_opt(family, key.as_bytes(), &options)?;
        Ok(value.map(|value| look(&value)))
    }

    /// The stored bytes at a key.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn find(&self, key: StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        let database = self.bound.borrow_owner().database();
        Ok(database.get_cf(self.bound.borrow_dependent(), key.as_bytes())?)
    }

    /// Visits the stored values in a range, in key order, until told to stop.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn scan(
        &self,
        range: &KeyRange,
        mut visit: impl FnMut(StorageKey, Box<[u8]>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let database = self.bound.borrow_owner().database();
        let Some(options) = reading(range) else {
            return Ok(());
        };
        let mode = IteratorMode::Start;
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

    /// Visits the stored values in several ranges, one after the other, as they all were at one
    /// moment, until told to stop. Writes go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn scan_at_once(
        &self,
        ranges: &[KeyRange],
        mut visit: impl FnMut(StorageKey, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let database = self.bound.borrow_owner().database();
        let moment = database.snapshot();
        for range in ranges {
            let Some(mut options) = reading(range) else {
                continue;
            };
            options.set_snapshot(&moment);
            options.set_readahead_size(READAHEAD_BYTES);
            let mut entries = database.raw_iterator_cf_opt(self.bound.borrow_dependent(), options);
            entries.seek_to_first();
            while let Some((key, value)) = entries.item() {
                if let Some(key) = StorageKey::from_bytes(key)
                    && visit(key, value).is_break()
                {
                    return Ok(());
                }
                entries.next();
            }
            entries.status()?;
        }
        Ok(())
    }

    /// The first key in a range under which something is stored.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn first_key(&self, range: &KeyRange) -> Result<Option<StorageKey>, StoreError> {
        let database = self.bound.borrow_owner().database();
        let Some(mut options) = reading(range) else {
            return Ok(None);
        };
        // The values, which may be long and damaged, aren't looked at.
        options.set_verify_checksums(false);
        let mut keys = database.raw_iterator_cf_opt(self.bound.borrow_dependent(), options);
        keys.seek_to_first();
        while let Some(key) = keys.key() {
            if let Some(key) = StorageKey::from_bytes(key) {
                return Ok(Some(key));
            }
            keys.next();
        }
        keys.status()?;
        Ok(None)
    }

    /// The first keys in a range, at most so many.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn first_keys(&self, range: &KeyRange, most: usize) -> Result<Vec<StorageKey>, StoreError> {
        let mut keys = Vec::new();
        self.scan(range, |key, _| {
            keys.push(key);
            if keys.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(keys)
    }

    /// How many values stand in a range.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn count(&self, range: &KeyRange) -> Result<u64, StoreError> {
        let mut count = 0;
        self.scan(range, |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
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
    pub fn drop_family(&self) -> Result<FamilyDropped, StoreError> {
        let mut dropped = self.dropped.write();
        *dropped = true;
        self.bound.borrow_owner().drop_fenced(self.name)
    }
}

/// Proof that a shelf no longer has a family: made by dropping it alone.
#[must_use]
#[derive(Debug)]
pub struct FamilyDropped {
    pub(super) name: FamilyName,
    pub(super) shelf: u32,
}

impl FamilyDropped {
    /// The family's name.
    pub const fn name(&self) -> FamilyName {
        self.name
    }

    /// The number of the shelf that it was on.
    pub const fn shelf(&self) -> u32 {
        self.shelf
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({})", self.name)
    }
}

/// How values in a range are read, if there can be any. What is gone through once isn't cached.
fn reading(range: &KeyRange) -> Option<ReadOptions> {
    let (from, to) = range.bounds();
    (from < to).then(|| {
        let mut options = ReadOptions::default();
        options.set_iterate_range(from..to);
        options.fill_cache(false);
        options
    })
}

/// How far a long scan reads ahead.
const READAHEAD_BYTES: usize = 2 << 20;
