//! What the store promises by itself, and what starting on a directory promises.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use locule::{
    clock::{Manual, Timestamp},
    engine::{Engine, StartError},
    seal::{DataKey, Keyring, RootKeySource, Sealed, digest},
    store::{Batch, Family, FamilyName, InUse, Shelves, StorageKey, StoreError, StoreOptions},
    tenant::{Generation, TenantUuid},
};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Actor, Node, Setup, options};

#[test]
fn a_commit_to_a_dropped_family_is_refused_and_its_neighbours_go_on() {
    let bench = Bench::new();
    let shelf = bench.shelves.shelf(0).unwrap();
    let (doomed, neighbour) = (
        shelf.create(name(1)).unwrap(),
        shelf.create(name(2)).unwrap(),
    );
    doomed.commit(&bench.row(1)).unwrap();
    neighbour.commit(&bench.row(1)).unwrap();
    // Another handle on the same family, as a reader may hold one.
    let same = shelf.family(name(1)).unwrap();
    let _ = doomed.drop_family().unwrap();
    for family in [&doomed, &same] {
        let refused = family.commit(&bench.row(2)).unwrap_err();
        assert!(matches!(refused, StoreError::Dropped), "{refused}");
    }
    let _ = doomed.drop_family().unwrap();
    let gone = shelf.family(name(1)).unwrap_err();
    assert!(matches!(gone, StoreError::NoFamily), "{gone}");
    // RocksDB itself would have stopped the whole shelf.
    neighbour.commit(&bench.row(2)).unwrap();
    shelf
        .create(name(3))
        .unwrap()
        .commit(&bench.row(1))
        .unwrap();
    assert_eq!(bench.rows(&neighbour), 2);
}

#[test]
fn commits_that_race_with_a_drop_are_done_or_refused() {
    let bench = Bench::new();
    let shelf = bench.shelves.shelf(0).unwrap();
    let neighbour = shelf.create(name(1)).unwrap();
    for round in 0..20_u8 {
        let doomed = shelf.create(name(10 + round)).unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    for number in 0..20 {
                        if let Err(refused) = doomed.commit(&bench.row(number)) {
                            assert!(matches!(refused, StoreError::Dropped), "{refused}");
                        }
                    }
                });
            }
            start.wait();
            let _ = doomed.drop_family().unwrap();
        });
        neighbour.commit(&bench.row(u64::from(round))).unwrap();
    }
    assert_eq!(bench.rows(&neighbour), 20);
}

#[test]
fn a_shelf_takes_64_families_and_refuses_the_65th() {
    let bench = Bench::new();
    let shelf = bench.shelves.shelf(0).unwrap();
    let families: Vec<_> = (0..64).map(|n| shelf.create(name(n)).unwrap()).collect();
    let refused = shelf.create(name(64)).unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
    bench.shelves.shelf(1).unwrap().create(name(64)).unwrap();
    let _ = families[7].drop_family().unwrap();
    shelf
        .create(name(65))
        .unwrap()
        .commit(&bench.row(1))
        .unwrap();
    let refused = shelf.create(name(66)).unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
}

#[test]
fn a_shelf_closes_when_no_one_uses_it_and_opens_again_with_its_data() {
    let bench = Bench::new();
    assert_eq!(bench.shelves.open_count(), 0);
    for number in 0..5 {
        let shelf = bench.shelves.shelf(number).unwrap();
        let family = shelf.create(name(1)).unwrap();
        family.commit(&bench.row(u64::from(number))).unwrap();
    }
    // One stays warm; closing goes on in the background.
    while bench.shelves.open_count() > 1 {
        thread::yield_now();
    }
    // However often a shelf is closed and opened under those who ask for it.
    thread::scope(|scope| {
        for first in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                for turn in 0..20 {
                    let number = (first + turn) % 5;
                    let family = bench
                        .shelves
                        .shelf(number)
                        .unwrap()
                        .family(name(1))
                        .unwrap();
                    let key = StorageKey::row(1, u64::from(number));
                    assert!(family.find(key).unwrap().is_some());
                    assert_eq!(bench.rows(&family), 1);
                }
            });
        }
    });
}

#[test]
fn a_cold_tenant_is_opened_once_however_many_ask_at_the_same_time() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let key = owner.key.unwrap();
    let node = node.restart();
    assert_eq!(
        node.metric("locule_partition_opens_total"),
        0,
        "starting opens no one"
    );
    let start = Barrier::new(16);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let actor = node.actor(&key);
                start.wait();
                assert_eq!(actor.query("docs", &[1.0, 0.0], 5).len(), 1);
            });
        }
    });
    assert_eq!(node.metric("locule_partition_opens_total"), 1);
}

#[test]
fn a_tenant_that_is_asked_often_stays_open_however_many_are_asked_now_and_then() {
    let node = Node::with(Setup {
        partitions_open_max: Some(3),
        ..Setup::default()
    });
    let filled = |id: &str| {
        let owner = node.tenant(id).owner;
        owner.create_collection("docs", 2, "Dot");
        owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
        owner
    };
    let others: Vec<_> = (0..6).map(|n| filled(&format!("other-{n}"))).collect();
    let often = filled("often");
    let asked = |actor: &Actor| assert_eq!(actor.query("docs", &[1.0, 0.0], 5).len(), 1);
    let opens = || node.metric("locule_partition_opens_total");
    others.iter().take(1).for_each(asked);
    asked(&often);
    // Between two of its questions more others are asked than may be open beside it.
    for three in others.chunks(3).cycle().take(6) {
        three.iter().for_each(asked);
        let before = opens();
        asked(&often);
        assert_eq!(opens(), before, "it was closed in favour of others");
    }
    assert!(node.metric("locule_partitions_open") <= 3);
}

#[test]
fn a_directory_is_one_node_s_at_a_time() {
    let node = Node::start();
    let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
    let second = Engine::start(options(node.directory(), Arc::clone(&clock)));
    let refused = second.unwrap_err();
    assert!(matches!(refused, StartError::InUse { .. }), "{refused}");
    let message = refused.to_string();
    assert!(
        message.contains(node.directory().to_str().unwrap()),
        "{message}"
    );
    node.tenant("acme")
        .owner
        .create_collection("docs", 2, "Dot");
    let stopped = node.stop();
    Engine::start(options(&stopped.path(), clock)).unwrap();
}

#[test]
fn a_wrong_or_lost_root_key_starts_nothing_and_changes_nothing() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let key = owner.key.unwrap();
    let stopped = node.stop();
    let path = stopped.path().join("keys/root.key");
    let right = fs::read(&path).unwrap();
    let start = || {
        let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
        Engine::start(options(&stopped.path(), clock)).unwrap_err()
    };

    fs::write(&path, "0".repeat(64)).unwrap();
    let before = files(&stopped.path());
    let refused = start();
    assert!(matches!(refused, StartError::WrongRootKey), "{refused}");
    assert_eq!(files(&stopped.path()), before);

    fs::remove_file(&path).unwrap();
    let before = files(&stopped.path());
    let refused = start();
    assert!(matches!(refused, StartError::WrongRootKey), "{refused}");
    assert_eq!(files(&stopped.path()), before, "no new key in its place");

    let mut file = File::options();
    let file = std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    let mut file = file.create(true).write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &right).unwrap();
    let node = stopped.start();
    assert_eq!(node.actor(&key).query("docs", &[1.0, 0.0], 5).len(), 1);
}

/// Shelves in a directory of their own, and a key to seal values with.
struct Bench {
    shelves: Shelves,
    key: DataKey,
    _directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKeySource::File(directory.path().join("root.key"));
        let keyring = Keyring::open(&directory.path().join("ring"), root.fetch().unwrap());
        let tenant = TenantUuid::from_bytes([7; 16]);
        let key = keyring.unwrap().make(tenant, Generation::FIRST).unwrap();
        let options = StoreOptions {
            warm_shelves_max: 1,
            ..StoreOptions::default()
        };
        let (in_use, _) = InUse::new(File::create(directory.path().join("lock")).unwrap());
        Self {
            shelves: Shelves::new(&directory.path().join("shelves"), &options, in_use),
            key: key.derive_data_key(0),
            _directory: directory,
        }
    }

    /// A batch of one row.
    fn row(&self, number: u64) -> Batch {
        let key = StorageKey::row(1, number);
        let sealed: Sealed = self.key.seal(key.kind(), key.as_bytes(), b"a row").unwrap();
        let mut batch = Batch::default();
        batch.put(key, sealed);
        batch
    }

    /// How many rows a family has, all of which open.
    fn rows(&self, family: &Family) -> usize {
        let mut rows = 0;
        family
            .scan(&locule::store::KeyRange::rows(), |key, sealed| {
                let plain = self.key.open(key.kind(), key.as_bytes(), &sealed).unwrap();
                assert_eq!(plain, b"a row");
                rows += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }
}

fn name(number: u8) -> FamilyName {
    FamilyName([number; 16])
}

/// The digest of every file under a directory.
fn files(directory: &Path) -> BTreeMap<String, [u8; 32]> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path.to_str().unwrap().to_owned(), digest(&[&bytes]));
        }
    }
    found
}
