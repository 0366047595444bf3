//! The directory of a node that isn't running, for whoever wants to do it harm.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use locule::{
    router::TenantRecord,
    seal::{GenerationKey, Keyring, RootKeySource},
    store::{Catalog, CatalogKind, InUse, StorageKey},
    tenant::{Generation, TenantUuid},
};
use rocksdb::{DB, IteratorMode, Options};
use uuid::Uuid;

use crate::harness::Stopped;

pub struct Disk {
    directory: PathBuf,
    catalog: Catalog,
}

/// The rows of a family: key and sealed value.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

impl Disk {
    pub fn of(stopped: &Stopped) -> Self {
        let directory = stopped.path();
        let key = keyring(&directory).load(TenantUuid::SYSTEM, Generation::FIRST);
        let key = key.unwrap().derive_data_key(0);
        let (in_use, _) = InUse::new(File::open(directory.join("lock")).unwrap());
        let catalog = Catalog::open(&directory.join("catalog"), key, in_use).unwrap();
        Self { directory, catalog }
    }

    /// What the catalog says of a tenant.
    pub fn record(&self, tenant: &str) -> TenantRecord {
        let records: Vec<([u8; 16], TenantRecord)> =
            self.catalog.load(CatalogKind::Tenant).unwrap();
        let mut records = records.into_iter().map(|(_, record)| record);
        records.find(|record| record.id.as_str() == tenant).unwrap()
    }

    /// Changes what the catalog says of a tenant.
    pub fn change_record(&self, tenant: &str, change: impl FnOnce(&mut TenantRecord)) {
        let mut record = self.record(tenant);
        let id = *record.uuid.as_bytes();
        change(&mut record);
        self.catalog.put(CatalogKind::Tenant, id, &record).unwrap();
    }

    pub fn rows(&self, tenant: &str) -> Rows {
        let record = self.record(tenant);
        self.shelf(record.shelf, |database| {
            let family = database.cf_handle(&record.family.to_string()).unwrap();
            database
                .iterator_cf(&family, IteratorMode::Start)
                .map(|entry| entry.unwrap())
                .map(|(key, value)| (key.into(), value.into()))
                .collect()
        })
    }

    /// Puts these in place of all rows of a tenant's family.
    pub fn replace_rows(&self, tenant: &str, rows: &Rows) {
        let record = self.record(tenant);
        self.shelf(record.shelf, |database| {
            let family = database.cf_handle(&record.family.to_string()).unwrap();
            for entry in database.iterator_cf(&family, IteratorMode::Start) {
                database.delete_cf(&family, entry.unwrap().0).unwrap();
            }
            for (key, value) in rows {
                database.put_cf(&family, key, value).unwrap();
            }
        });
    }

    pub fn change_rows(&self, tenant: &str, change: impl FnOnce(&mut Rows)) {
        let mut rows = self.rows(tenant);
        change(&mut rows);
        self.replace_rows(tenant, &rows);
    }

    /// The file of a tenant generation's wrapped key.
    pub fn key_file(&self, tenant: &str, generation: u32) -> PathBuf {
        self.key_file_of(self.record(tenant).uuid, generation)
    }

    pub fn system_key_file(&self) -> PathBuf {
        self.key_file_of(TenantUuid::SYSTEM, 1)
    }

    fn key_file_of(&self, tenant: TenantUuid, generation: u32) -> PathBuf {
        let uuid = Uuid::from_bytes(*tenant.as_bytes()).simple();
        self.directory
            .join("keys/ring")
            .join(format!("{uuid}.{generation}.key"))
    }

    pub fn make_key(&self, tenant: &str, generation: u32) -> GenerationKey {
        let uuid = self.record(tenant).uuid;
        keyring(&self.directory)
            .make(uuid, Generation(generation))
            .unwrap()
    }

    pub fn load_key(&self, tenant: &str, generation: u32) -> GenerationKey {
        let uuid = self.record(tenant).uuid;
        keyring(&self.directory)
            .load(uuid, Generation(generation))
            .unwrap()
    }

    /// A shelf as plain `RocksDB`: no locule code looks on.
    fn shelf<T>(&self, number: u32, work: impl FnOnce(&DB) -> T) -> T {
        let path = self.directory.join(format!("shelves/{number:06}"));
        let mut options = Options::default();
        // As many as the node has: a compaction with more would leave files that it can't read.
        options.set_num_levels(4);
        let families = DB::list_cf(&options, &path).unwrap();
        let families = families.iter().map(|name| (name, options.clone()));
        work(&DB::open_cf_with_opts(&options, &path, families).unwrap())
    }
}

/// How many families of a stopped node's first shelf have anything of a tenant in them.
pub fn families_with_data(directory: &Path) -> usize {
    let path = directory.join("shelves/000000");
    let mut options = Options::default();
    options.set_num_levels(4);
    let names = DB::list_cf(&options, &path).unwrap();
    let named = names.iter().map(|name| (name, options.clone()));
    let database = DB::open_cf_with_opts(&options, &path, named).unwrap();
    let filled = |name: &&String| {
        let family = database.cf_handle(name).unwrap();
        let mut entries = database.iterator_cf(&family, IteratorMode::Start);
        entries.next().is_some()
    };
    // What a purge puts there is no tenant's.
    let tenants = names.iter().filter(|name| *name != "default");
    tenants.filter(filled).count()
}

fn keyring(directory: &Path) -> Keyring {
    let root = RootKeySource::File(directory.join("keys/root.key"));
    Keyring::open(&directory.join("keys/ring"), root.fetch().unwrap()).unwrap()
}

/// The key of a point's row in a tenant's first collection; the first point stands in row 0.
pub fn row(number: u64) -> Vec<u8> {
    StorageKey::row(1, number).as_bytes().to_vec()
}

pub fn head() -> Vec<u8> {
    StorageKey::head().as_bytes().to_vec()
}

pub fn schema() -> Vec<u8> {
    StorageKey::collection(1).as_bytes().to_vec()
}

pub fn swap_files(one: &Path, other: &Path) {
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    assert_ne!(first, second);
    fs::write(one, second).unwrap();
    fs::write(other, first).unwrap();
}
