//! The second wall by value: a grant that the gate gave, at the wrong partition.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use locule::{
    access::{
        ApiKey, ApiKeyRecord, Describe, Gate, Grant, KeyTable, Limits, Op, Origin, Presented,
        Principal, ReadUsage, Role, Scope, Target,
    },
    audit::{AuditLog, AuditOptions},
    clock::Timestamp,
    partition::{Cold, Erasing, Example, Fusion, Kind, Partition, PartitionError, Query, Wanted},
    seal::{GenerationKey, Keyring, RootKeySource},
    store::{Family, FamilyName, InUse, Shelves, StoreOptions},
    tenant::{CollectionName, Generation, TenantId, TenantUuid},
};
use tempfile::TempDir;

use super::acts::{ACTS, ALL, create, put, sample};

#[test]
fn a_partition_refuses_every_grant_that_isnt_its_tenants() {
    let house = House::new();
    let [anna, berta] = &house.tenants;
    for (name, act) in ACTS {
        let answer = act(
            &anna.partition,
            &house.visitor(berta),
            &house.visitor(berta),
        );
        assert!(
            matches!(answer, Err(PartitionError::WrongPartition)),
            "{name} with another's grant: {answer:?}"
        );
    }
    // Nothing of it happened.
    assert_eq!(house.contents(anna), house.contents(berta));
    assert_eq!(house.contents(anna), (vec!["docs".to_owned()], 1));
    // And her own grant is good for every act.
    for (name, act) in ACTS {
        let answer = act(&anna.partition, &house.visitor(anna), &house.visitor(anna));
        assert!(answer.is_ok(), "{name} with its own grant: {answer:?}");
    }
}

#[test]
fn a_search_refuses_another_tenants_permission_to_see_vectors() {
    let house = House::new();
    let [anna, berta] = &house.tenants;
    let asks = |name: &str| name.starts_with("search") || name.starts_with("query");
    let acts = ACTS.iter().filter(|(name, _)| asks(name));
    assert_eq!(acts.clone().count(), 5);
    for (name, search) in acts {
        let answer = search(&anna.partition, &house.visitor(anna), &house.visitor(berta));
        assert!(
            matches!(answer, Err(PartitionError::WrongPartition)),
            "{name}: {answer:?}"
        );
    }
}

#[test]
fn a_query_that_enumerates_takes_permission_to_read() {
    let house = House::new();
    let [anna, _] = &house.tenants;
    let docs = CollectionName::parse("docs").unwrap();
    let grant = house.visitor(anna).grant();
    let shown = Wanted {
        payload: true,
        vectors: false,
    };
    let answer = anna.partition.query(&grant, None, &docs, &sample(), shown);
    assert!(
        matches!(answer, Err(PartitionError::NotGranted)),
        "{answer:?}"
    );
    // Nor does it help to hide it below something else.
    let hidden = Query {
        prefetch: vec![sample()],
        kind: Kind::Fusion(Fusion::Dbsf),
        ..sample()
    };
    let answer = anna.partition.query(&grant, None, &docs, &hidden, shown);
    assert!(
        matches!(answer, Err(PartitionError::NotGranted)),
        "{answer:?}"
    );
    // Nor to ask for vectors, whatever the query.
    let nearest = Query {
        kind: Kind::Nearest(Example::Vector(vec![1.0, 0.0])),
        ..sample()
    };
    let answer = anna.partition.query(&grant, None, &docs, &nearest, ALL);
    assert!(
        matches!(answer, Err(PartitionError::NotGranted)),
        "{answer:?}"
    );
    let answer = anna.partition.query(&grant, None, &docs, &nearest, shown);
    assert_eq!(answer.unwrap().len(), 1);
}

#[test]
fn a_generation_that_is_not_open_refuses_every_grant_that_isnt_its_tenants() {
    let house = House::new();
    let [anna, berta] = &house.tenants;
    let stranger = house.visitor(berta);
    let (family, key) = house.visitor(anna).next_generation();
    Partition::make(&family, &key).unwrap();
    let mut cold = Cold::open(family, &key).unwrap();
    let all = Erasing::Matching {
        collection: None,
        filter: locule::payload::filter::Filter::default(),
    };
    let erased = cold.erase(&stranger.grant(), &all).map(drop);
    assert!(matches!(erased, Err(PartitionError::WrongPartition)));
    let (family, key) = house.visitor(anna).next_generation();
    let out = Partition::copy_out(&stranger.grant(), &family, &key, |_, _| Ok(()));
    assert!(matches!(out, Err(PartitionError::WrongPartition)));
    let none = std::iter::empty::<Result<_, PartitionError>>();
    let in_again = Partition::copy_in(&stranger.grant(), &family, &key, none);
    assert!(matches!(in_again, Err(PartitionError::WrongPartition)));
    let (family, key) = stranger.next_generation();
    let moved = cold.reseal(&stranger.grant(), family, &key, &|| true, || Ok(()));
    assert!(matches!(
        moved.map(drop),
        Err(PartitionError::WrongPartition)
    ));
}

/// A method that takes no grant could show anything to anyone: so there is a list of them.
#[test]
fn every_method_of_a_partition_takes_a_grant_but_those_that_show_no_data() {
    let (mut granted, mut free) = (BTreeSet::new(), BTreeSet::new());
    for file in sources(&crate::harness::checkout("src/partition")) {
        let text = fs::read_to_string(file).unwrap();
        let blocks = text.split("impl Partition {").skip(1);
        for block in blocks.map(|block| block.split("\n}").next().unwrap()) {
            for (at, _) in block.match_indices("    pub ") {
                let signature = block[at..].split('{').next().unwrap();
                let Some((_, rest)) = signature.split_once("fn ") else {
                    continue;
                };
                let name = rest.split(['(', '<']).next().unwrap().to_owned();
                let kind = if rest.contains("Grant<") {
                    &mut granted
                } else {
                    &mut free
                };
                kind.insert(name);
            }
        }
    }
    // Those of a family and a key, which are tried above.
    let apart = ["copy_in", "copy_out"].map(str::to_owned);
    let tried = ACTS.iter().map(|(name, _)| (*name).to_owned());
    let tried: BTreeSet<_> = tried.chain(apart).collect();
    assert_eq!(
        granted, tried,
        "every method that takes a grant is tried above"
    );
    let known = [
        // Made and opened by the router, from a family and a key.
        "make",
        "open",
        "close",
        "counted",
        "maintain",
        "store_changed",
        "wants_maintenance",
        "wants_rebuild",
        "is_first_use",
        "segments_read",
        "opening_times",
        "set_points_max",
        "swept_by",
        "next_sweep",
        // Whose, how many, how large.
        "tenant",
        "points",
        "bytes",
        "key_is_near_its_budget",
        // The router puts a restored partition in place of another.
        "follow",
        "retire",
    ];
    assert_eq!(free, known.map(str::to_owned).into());
}

/// The files of a folder and of those in it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Two tenants and one gate, without a node around them.
struct House {
    gate: Gate,
    keyring: Keyring,
    shelves: Shelves,
    tenants: [Tenant; 2],
    _directory: TempDir,
}

struct Tenant {
    partition: Partition,
    principal: Principal,
}

/// Someone whom the gate lets do everything to their own tenant.
pub struct Visitor<'a> {
    gate: &'a Gate,
    principal: &'a Principal,
    keyring: &'a Keyring,
    shelves: &'a Shelves,
}

impl Visitor<'_> {
    pub fn grant<O: Op>(&self) -> Grant<O> {
        self.gate.check(self.principal, Target::Whole, NOW).unwrap()
    }

    /// A place for the visitor's own next generation.
    pub fn next_generation(&self) -> (Arc<Family>, GenerationKey) {
        let uuid = self.principal.tenant().unwrap();
        let generation = (2..)
            .map(Generation)
            .find(|g| !self.keyring.holds(uuid, *g));
        let generation = generation.unwrap();
        let mut name = *uuid.as_bytes();
        // Names of generations: those of the first are all alike.
        name[0] = 100 + u8::try_from(generation.0).unwrap();
        let shelf = self.shelves.shelf(0).unwrap();
        let family = shelf.create(FamilyName(name)).unwrap();
        (family, self.keyring.make(uuid, generation).unwrap())
    }
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let root = RootKeySource::File(path.join("root.key")).fetch().unwrap();
        let keyring = Keyring::open(&path.join("ring"), root).unwrap();
        let system = keyring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
        let audit = path.join("audit");
        let audit = AuditLog::open(&audit, system.derive_signing_key(), AuditOptions::default());
        let audit = Arc::new(audit.unwrap());
        let keys = KeyTable::new(system.derive_hash_key(), []);
        let gate = Gate::new(audit, keys, Limits::default());
        let (in_use, _) = InUse::new(File::create(path.join("lock")).unwrap());
        let shelves = Shelves::new(&path.join("shelves"), &StoreOptions::default(), in_use);
        let tenants = [1, 2].map(|number| {
            let uuid = TenantUuid::from_bytes([number; 16]);
            let key = keyring.make(uuid, Generation::FIRST).unwrap();
            let family = shelves
                .shelf(0)
                .unwrap()
                .create(FamilyName([number; 16]))
                .unwrap();
            Partition::make(&family, &key).unwrap();
            let tenant = Tenant {
                partition: Partition::open(family, &key).unwrap(),
                principal: principal(&gate, uuid),
            };
            let visitor = Visitor {
                gate: &gate,
                principal: &tenant.principal,
                keyring: &keyring,
                shelves: &shelves,
            };
            create(&tenant.partition, &visitor, "docs").unwrap();
            put(&tenant.partition, &visitor, 1).unwrap();
            tenant
        });
        Self {
            gate,
            keyring,
            shelves,
            tenants,
            _directory: directory,
        }
    }

    fn visitor<'a>(&'a self, tenant: &'a Tenant) -> Visitor<'a> {
        Visitor {
            gate: &self.gate,
            principal: &tenant.principal,
            keyring: &self.keyring,
            shelves: &self.shelves,
        }
    }

    /// A tenant's collections, and how many points it has.
    fn contents(&self, tenant: &Tenant) -> (Vec<String>, u64) {
        let visitor = self.visitor(tenant);
        let collections = tenant.partition.list(&visitor.grant::<Describe>()).unwrap();
        let names = collections.iter().map(|c| c.name().to_string()).collect();
        let usage = tenant
            .partition
            .usage(&visitor.grant::<ReadUsage>())
            .unwrap();
        (names, usage.1)
    }
}

fn principal(gate: &Gate, tenant: TenantUuid) -> Principal {
    let key = ApiKey::make().unwrap();
    let id = TenantId::parse("someone").unwrap();
    gate.keys().insert(ApiKeyRecord {
        id: key.id,
        hash: key.hash(gate.keys().hasher()),
        scope: Scope::Tenant(tenant, id),
        role: Role::Owner,
        name: "owner".to_owned(),
        created: NOW,
        expires: None,
        collections: None,
        networks: None,
    });
    let presented = Presented::new(key.reveal());
    gate.authenticate(&presented, Origin::default(), 1, NOW)
        .unwrap()
}

const NOW: Timestamp = Timestamp(1_800_000_000_000);
