//! One shelf: one `RocksDB` of at most 64 tenant families.

use std::{
    collections::{HashMap, HashSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};
use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBWithThreadMode, FlushOptions,
    IngestExternalFileOptions, MultiThreaded, Options, properties,
};

use super::{
    InUse, StoreError,
    bulk::Table,
    family::{Family, FamilyDropped},
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

impl FamilyName {
    fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| Self(number.to_be_bytes()))
    }
}

/// An open shelf.
pub struct Shelf {
    number: u32,
    directory: PathBuf,
    database: Option<Database>,
    /// The families it has, with their names as `RocksDB` knows them.
    names: Mutex<HashSet<String>>,
    family_options: Options,
    poison: Poison,
    /// Held while it is purged.
    purge: Mutex<()>,
    /// The open handle of each family, so that there is one fence a family.
    families: Mutex<HashMap<FamilyName, Weak<Family>>>,
    slot: Arc<Slot>,
    /// Table files that were begun, to name the next one.
    tables: AtomicU64,
    _in_use: Arc<InUse>,
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
        in_use: Arc<InUse>,
    ) -> Result<Self, StoreError> {
        let options = shared.database()?;
        let family_options = shared.family();
        fs::create_dir_all(directory)?;
        remove_leftovers(directory)?;
        let names = if directory.join("CURRENT").exists() {
            Database::list_cf(&options, directory)?
        } else {
            vec![rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned()]
        };
        let descriptors = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, family_options.clone()));
        let database = Database::open_cf_descriptors(&options, directory, descriptors)?;
        Ok(Self {
            number,
            directory: directory.to_owned(),
            database: Some(database),
            names: Mutex::new(
                names
                    .into_iter()
                    .filter(|n| n != rocksdb::DEFAULT_COLUMN_FAMILY_NAME)
                    .collect(),
            ),
            family_options,
            poison: Poison::default(),
            purge: Mutex::default(),
            families: Mutex::default(),
            slot,
            tables: AtomicU64::new(0),
            _in_use: in_use,
        })
    }

    /// The shelf's number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The names of its families.
    pub fn names(&self) -> Vec<FamilyName> {
        self.names
            .lock()
            .iter()
            .filter_map(|name| FamilyName::parse(name))
            .collect()
    }

    /// Makes a new, empty family.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the shelf has 64 already.
    pub fn create(self: &Arc<Self>, name: FamilyName) -> Result<Arc<Family>, StoreError> {
        self.poison.check()?;
        if self.names.lock().len() >= FAMILIES_MAX {
            return Err(StoreError::Full);
        }
        self.database()
            .create_cf(name.to_string(), &self.family_options)?;
        self.names.lock().insert(name.to_string());
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

    /// Drops a family. Done again on one that is gone, it succeeds: a crash in the middle is
    /// finished by repeating.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn drop_family(self: &Arc<Self>, name: FamilyName) -> Result<FamilyDropped, StoreError> {
        match self.family(name) {
            Ok(family) => family.drop_family(),
            Err(StoreError::NoFamily) => self.drop_fenced(name),
            Err(error) => Err(error),
        }
    }

    /// Drops a family that was already fenced off, unless it is gone. Its files go when its last
    /// handle goes.
    pub(super) fn drop_fenced(&self, name: FamilyName) -> Result<FamilyDropped, StoreError> {
        self.families.lock().remove(&name);
        if self.names.lock().contains(&name.to_string()) {
            self.database().drop_cf(&name.to_string())?;
            self.names.lock().remove(&name.to_string());
        }
        Ok(FamilyDropped {
            name,
            shelf: self.number,
        })
    }

    pub(super) fn handle(&self, name: FamilyName) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.database().cf_handle(&name.to_string())
    }

    pub(super) fn write(&self, batch: rocksdb::WriteBatch) -> Result<(), StoreError> {
        self.poison.check()?;
        self.poison
            .watch(self.database().write_opt(batch, &durable()))
    }

    pub(super) fn purging(&self) -> MutexGuard<'_, ()> {
        self.purge.lock()
    }

    pub(super) const fn poison(&self) -> &Poison {
        &self.poison
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) const fn family_options(&self) -> &Options {
        &self.family_options
    }

    /// A place for a new table file.
    pub(super) fn new_table(&self) -> Result<Table, StoreError> {
        self.poison.check()?;
        let directory = self.directory.join(TABLES);
        fs::create_dir_all(&directory)?;
        let number = self.tables.fetch_add(1, Ordering::Relaxed);
        Ok(Table(directory.join(format!("{number}.sst"))))
    }

    /// Makes a finished table file part of a family.
    pub(super) fn take_in(
        &self,
        family: &Arc<BoundColumnFamily<'_>>,
        table: &Table,
    ) -> Result<(), StoreError> {
        self.poison.check()?;
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let files = vec![table.path()];
        Ok(self
            .database()
            .ingest_external_file_cf_opts(family, &options, files)?)
    }

    #[expect(clippy::expect_used, reason = "the database is only taken out by drop")]
    pub(super) fn database(&self) -> &Database {
        self.database
            .as_ref()
            .expect("an open shelf has its database")
    }
}

/// Removes table files that a crash left before the shelf had taken them in.
fn remove_leftovers(directory: &Path) -> Result<(), StoreError> {
    // Options and the like that a crash kept from their final names: they name families.
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "dbtmp")
        {
            fs::remove_file(path)?;
        }
    }
    match fs::remove_dir_all(directory.join(TABLES)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Shelf {
    /// Writes to table files what is in the log alone, if it is so much that replaying it would
    /// be felt by whoever opens the shelf next.
    fn flush(&self) {
        let database = self.database();
        let names = self.names.lock();
        let families: Vec<_> = names
            .iter()
            .filter_map(|name| database.cf_handle(name))
            .collect();
        let unflushed: u64 = families
            .iter()
            .filter_map(|family| {
                let size =
                    database.property_int_value_cf(family, properties::CUR_SIZE_ALL_MEM_TABLES);
                size.ok().flatten()
            })
            .sum();
        if unflushed < FLUSH_BYTES_MIN {
            return;
        }
        let families: Vec<_> = families.iter().collect();
        if let Err(error) = database.flush_cfs_opt(&families, &FlushOptions::default()) {
            // Nothing is lost: it is all in the log.
            tracing::warn!(%error, shelf = self.number, "a shelf couldn't be flushed");
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.flush();
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
/// Where table files are written that the shelf is to take in.
const TABLES: &str = "ingest";
/// Replaying so much takes some 20 ms.
const FLUSH_BYTES_MIN: u64 = 4 << 20;
