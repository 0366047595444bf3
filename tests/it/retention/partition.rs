//! Ends without a node around the partition: with stored indexes, which a node would renew as it
//! stops, and beside a writer.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use locule::{
    access::{
        ApiKey, ApiKeyRecord, CreateCollection, Gate, Grant, KeyTable, Limits, Op, Origin,
        Presented, Principal, Read, Role, Scope, Target,
    },
    audit::{AuditLog, AuditOptions},
    clock::Timestamp,
    index::Precision,
    partition::{Partition, PointUpsert, Retention, Schema},
    payload::Payload,
    seal::{GenerationKey, Keyring, RootKeySource},
    store::{Family, FamilyName, InUse, Shelves, StoreOptions},
    tenant::{CollectionName, Generation, PointId, TenantId, TenantUuid},
    vector::{Dimension, Metric, only_default},
};
use serde_json::json;

/// A family with its key, and someone who may do everything to it.
struct House {
    gate: Gate,
    principal: Principal,
    family: Arc<Family>,
    key: GenerationKey,
    _shelves: Shelves,
}

impl House {
    fn new(path: &Path) -> Self {
        let root = RootKeySource::File(path.join("root.key")).fetch().unwrap();
        let keyring = Keyring::open(&path.join("ring"), root).unwrap();
        let system = keyring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
        let signer = system.derive_signing_key();
        let audit = AuditLog::open(&path.join("audit"), signer, AuditOptions::default());
        let audit = Arc::new(audit.unwrap());
        let keys = KeyTable::new(system.derive_hash_key(), []);
        let gate = Gate::new(audit, keys, Limits::default());
        let (in_use, _) = InUse::new(File::create(path.join("lock")).unwrap());
        let shelves = Shelves::new(&path.join("shelves"), &StoreOptions::default(), in_use);
        let uuid = TenantUuid::from_bytes([7; 16]);
        let key = keyring.make(uuid, Generation::FIRST).unwrap();
        let shelf = shelves.shelf(0).unwrap();
        let family = shelf.create(FamilyName([7; 16])).unwrap();
        Partition::make(&family, &key).unwrap();
        let own = ApiKey::make().unwrap();
        gate.keys().insert(ApiKeyRecord {
            id: own.id,
            hash: own.hash(gate.keys().hasher()),
            scope: Scope::Tenant(uuid, TenantId::parse("anna").unwrap()),
            role: Role::Owner,
            name: "owner".to_owned(),
            created: at(0),
            expires: None,
            collections: None,
            networks: None,
        });
        let presented = Presented::new(own.reveal());
        Self {
            principal: gate
                .authenticate(&presented, Origin::default(), 1, at(0))
                .unwrap(),
            gate,
            family,
            key,
            _shelves: shelves,
        }
    }

    fn open(&self) -> Partition {
        Partition::open(Arc::clone(&self.family), &self.key).unwrap()
    }

    fn grant<O: Op>(&self, hour: u64) -> Grant<O> {
        let target = Target::Whole;
        self.gate.check(&self.principal, target, at(hour)).unwrap()
    }

    fn count(&self, partition: &Partition, hour: u64) -> u64 {
        let grant = self.grant::<Read>(hour);
        partition.count(&grant, &docs(), None).unwrap()
    }
}

fn at(hour: u64) -> Timestamp {
    Timestamp((super::START + 3_600 * hour) * 1_000)
}

impl House {
    /// A partition with a collection of vectors so long.
    fn with_docs(&self, dimension: u64) -> Partition {
        let partition = self.open();
        let dimension = Dimension::new(dimension).unwrap();
        let schema = Schema::single(dimension, Metric::Dot, Precision::Codes);
        let grant = self.grant::<CreateCollection>(0);
        partition
            .create_collection(&grant, &docs(), schema)
            .unwrap();
        partition
    }
}

fn docs() -> CollectionName {
    CollectionName::parse("docs").unwrap()
}

/// Points of 8 KiB, one hour apart; each says that it is to end 5,000 hours after the start,
/// and as many more as its number.
fn put(house: &House, partition: &Partition, hours: std::ops::Range<u64>) {
    for hour in hours {
        let payload = json!({"until": super::START + 3_600 * (5_000 + hour)});
        let point = PointUpsert {
            id: PointId::Number(hour),
            vectors: only_default(vec![0.5; 2_048]),
            payload: Payload::new(payload.as_object().unwrap().clone()).unwrap(),
        };
        partition
            .upsert(&house.grant(hour), &docs(), vec![point])
            .unwrap();
    }
}

#[test]
fn a_stored_index_gives_back_the_ends_and_one_of_another_retention_leaves_them_to_the_rows() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::new(directory.path());
    let partition = house.with_docs(2_048);
    let days = |days: u64| Retention::new(Some(days), None, None).unwrap();
    partition
        .set_retention(&house.grant(0), &docs(), days(40))
        .unwrap();
    put(&house, &partition, 0..700);
    partition.store_changed();
    put(&house, &partition, 700..710);
    // Its own retention: the stored index knows the ends below its bound, the rows those behind it.
    let partition = house.open();
    assert_eq!(partition.segments_read(), (1, 0));
    assert_eq!(house.count(&partition, 40 * 24 - 1), 710);
    assert_eq!(house.count(&partition, 40 * 24 + 3), 706);
    // What was cleared is durable: it is gone at an earlier time, too.
    let partition = house.open();
    assert_eq!(partition.segments_read(), (1, 0));
    assert_eq!(house.count(&partition, 710), 706);
    assert_eq!(house.count(&partition, 40 * 24 + 704), 5);
    assert_eq!(house.count(&partition, 40 * 24 + 708), 1);

    let directory = tempfile::tempdir().unwrap();
    let house = House::new(directory.path());
    let mut partition = house.with_docs(2_048);
    put(&house, &partition, 0..700);
    // Stored while there was none, and then under another.
    partition.store_changed();
    for (retention, gone, hour) in [
        (days(40), 3, 40 * 24 + 2),
        (Retention::new(None, Some("until"), None).unwrap(), 5, 5_004),
        (days(300), 10, 300 * 24 + 9),
    ] {
        partition
            .set_retention(&house.grant(700), &docs(), retention)
            .unwrap();
        partition = house.open();
        assert_eq!(partition.segments_read(), (1, 0));
        assert_eq!(house.count(&partition, hour), 700 - gone);
    }
}

/// Whoever reads doesn't wait for the writer, and sees nothing that has ended all the same.
#[test]
fn a_reader_beside_a_writer_sees_what_has_not_ended_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let house = House::new(directory.path());
    let partition = house.with_docs(4);
    let by_field = Retention::new(None, Some("until"), None).unwrap();
    partition
        .set_retention(&house.grant(0), &docs(), by_field)
        .unwrap();
    let point = |id: u64, payload: serde_json::Value| PointUpsert {
        id: PointId::Number(id),
        vectors: only_default(vec![1.0, 2.0, 3.0, 4.0]),
        payload: Payload::new(payload.as_object().unwrap().clone()).unwrap(),
    };
    let last = 150;
    let ending: Vec<PointUpsert> = (1..=last)
        .map(|id| point(id, json!({"until": super::START + 3_600 * id})))
        .collect();
    partition.upsert(&house.grant(0), &docs(), ending).unwrap();
    let ids: Vec<PointId> = (1..=last).map(PointId::Number).collect();
    let stop = AtomicBool::new(false);
    let seen: Vec<Vec<PointId>> = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let other = vec![point(1_000, json!({}))];
                partition.upsert(&house.grant(0), &docs(), other).unwrap();
            }
        });
        let read = |hour: u64| {
            let found = partition.retrieve(&house.grant(hour), &docs(), &ids);
            found
                .unwrap_or_default()
                .iter()
                .map(|point| point.id)
                .collect()
        };
        let seen = (0..=last).map(read).collect();
        stop.store(true, Ordering::Relaxed);
        seen
    });
    for (found, gone) in seen.iter().zip(0..) {
        assert_eq!(found, &ids[gone..], "after {gone} hours");
    }
}
