//! One shelf: one `RocksDB` of at most 64 tenant families.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, MultiThreaded, Options,
};

use super::{
    StoreError,
    family::Family,
    options::{Shared, durable},
    poison::Poison,
    shelves::Slot,
};

pub(super) type Database = DBWithThreadMode<MultiThreaded>;

/// A family's name: a random 128-bit number, since it stands in plain text on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct FamilyName(pub [u8; 16]);

impl fmt::Display for FamilyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An open shelf.
pub struct Shelf {
    number: u32,
    database: Option<Database>,
    /// How many tenant families it has.
    count: AtomicUsize,
    family_options: Options,
    poison: Poison,
    /// The open handle of each family, so that there is one fence a family.
    families: Mutex<HashMap<FamilyName, Weak<Family>>>,
    slot: Arc<Slot>,
}

impl Shelf {
    #[expect(
        clippy::disallowed_methods,
        reason = "shelves are one of the two homes of RocksDB"
    )]
    pub(super) fn open(
        number: u32,
        directory: &Path,
        shared: &Shared,
        slot: Arc<Slot>,
    ) -> Result<Self, StoreError> {
        let options = shared.database()?;
        let family_options = shared.family();
        std::fs::create_dir_all(directory)?;
        let names = if directory.join("CURRENT").exists() {
            Database::list_cf(&options, directory)?
        } else {
            vec![rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned()]
        };
        // One of them is the default family.
        let count = AtomicUsize::new(names.len().saturating_sub(1));
        let descriptors = names
            .into_iter()
            .map(|name| ColumnFamilyDescriptor::new(name, family_options.clone()));
        let database = Database::open_cf_descriptors(&options, directory, descriptors)?;
        Ok(Self {
            number,
            database: Some(database),
            count,
            family_options,
            poison: Poison::default(),
            families: Mutex::default(),
            slot,
        })
    }

    /// The shelf's number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Makes a new, empty family.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the shelf has 64 already.
    pub fn create(self: &Arc<Self>, name: FamilyName) -> Result<Arc<Family>, StoreError> {
        self.poison.check()?;
        if self.count.load(Ordering::Relaxed) >= FAMILIES_MAX {
            return Err(StoreError::Full);
        }
        self.database()
            .create_cf(name.to_string(), &self.family_options)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        self.family(name)
    }

    /// A handle on a family that is there.
    ///
    /// # Errors
    /// [`StoreError::NoFamily`] when it isn't.
    pub fn family(self: &Arc<Self>, name: FamilyName) -> Result<Arc<Family>, StoreError> {
        let mut families = self.families.lock();
        if let Some(family) = families.get(&name).and_then(Weak::upgrade) {
            return Ok(family);
        }
        let family = Arc::new(Family::bind(Arc::clone(self), name)?);
        families.insert(name, Arc::downgrade(&family));
        Ok(family)
    }

    /// Drops a family that was already fenced off. Its files go when its last handle goes.
    pub(super) fn drop_fenced(&self, name: FamilyName) -> Result<(), StoreError> {
        self.families.lock().remove(&name);
        self.database().drop_cf(&name.to_string())?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn handle(&self, name: FamilyName) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.database().cf_handle(&name.to_string())
    }

    pub(super) fn write(&self, batch: rocksdb::WriteBatch) -> Result<(), StoreError> {
        self.poison.check()?;
        self.poison
            .watch(self.database().write_opt(batch, &durable()))
    }

    #[expect(clippy::expect_used, reason = "the database is only taken out by drop")]
    pub(super) fn database(&self) -> &Database {
        self.database
            .as_ref()
            .expect("an open shelf has its database")
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        drop(self.database.take());
        self.slot.closed();
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({})", self.number)
    }
}

/// Tenant families a shelf may hold: at 64, creating one takes 17 ms; at 1,000, 270 ms.
pub(super) const FAMILIES_MAX: usize = 64;
