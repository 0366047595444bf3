//! How long a cold tenant takes to its first answer: from rows, and from a segment.
//!
//! `cargo bench --bench open` prints a table; `-- --test` runs it small; `-- --points N` picks one
//! size. The files are in the page cache: what is measured is reading, opening and building.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that can't go on should stop, and it measures real time"
)]

use std::{
    fs::File,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use locule::{
    access::{
        ApiKey, ApiKeyRecord, Gate, Grant, KeyTable, Limits, Op, Origin, Presented, Principal,
        Role, Scope, Target,
    },
    audit::{AuditLog, AuditOptions},
    clock::Timestamp,
    index::Precision,
    partition::{OpeningTimes, Partition, PointUpsert, Schema, SearchQuery},
    payload::Payload,
    seal::{Keyring, RootKeySource},
    store::{FamilyName, InUse, Shelves, StoreOptions},
    tenant::{CollectionName, Generation, PointId, TenantId, TenantUuid},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let small = arguments.iter().any(|argument| argument == "--test");
    let wanted = arguments.iter().position(|argument| argument == "--points");
    let wanted = wanted.and_then(|at| arguments.get(at + 1)?.parse().ok());
    let sizes = match wanted {
        Some(points) => vec![points],
        None if small => vec![500, 3_000],
        None => vec![1_000, 10_000, 100_000],
    };
    println!(
        "{:>8} {:<22} {:>9} {:>9} {:>9} {:>9}   (ms; read and open: all threads together)",
        "points", "from", "answer", "read", "open", "tables"
    );
    for points in sizes {
        let directory = tempfile::tempdir().unwrap();
        measure(directory.path(), points);
    }
}

fn measure(directory: &Path, points: u64) {
    let house = House::build(directory);
    {
        let shelves = house.shelves(directory);
        let family = shelves.shelf(0).unwrap().create(FAMILY).unwrap();
        Partition::make(&family, &house.key()).unwrap();
        let partition = Partition::open(family, &house.key()).unwrap();
        house.fill(&partition, points);
    }
    house.report(directory, points, "rows");
    {
        let shelves = house.shelves(directory);
        let watch = Instant::now();
        let stored = house.open(&shelves).maintain();
        let took = watch.elapsed().as_secs_f64();
        println!("{points:>8} (maintenance stored {stored} segments in {took:.1} s)");
    }
    house.report(directory, points, "segment");
    {
        let shelves = house.shelves(directory);
        let partition = house.open(&shelves);
        for first in (0..points / 20).step_by(BATCH) {
            house.put(&partition, first, (points / 20).min(first + BATCH as u64));
        }
    }
    house.report(directory, points, "segment, 5 % replaced");
}

/// One tenant and the gate, without a node around it.
struct House {
    keyring: Keyring,
    gate: Gate,
    principal: Principal,
    in_use: Arc<InUse>,
}

impl House {
    fn build(path: &Path) -> Self {
        let root = RootKeySource::File(path.join("root.key")).fetch().unwrap();
        let keyring = Keyring::open(&path.join("ring"), root).unwrap();
        let system = keyring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
        drop(keyring.make(TENANT, Generation::FIRST).unwrap());
        let audit = path.join("audit");
        let audit = AuditLog::open(&audit, system.derive_signing_key(), AuditOptions::default());
        let audit = Arc::new(audit.unwrap());
        let keys = KeyTable::new(system.derive_hash_key(), []);
        let gate = Gate::new(audit, keys, Limits::default());
        let key = ApiKey::make().unwrap();
        gate.keys().insert(ApiKeyRecord {
            id: key.id,
            hash: key.hash(gate.keys().hasher()),
            scope: Scope::Tenant(TENANT, TenantId::parse("cold").unwrap()),
            role: Role::Owner,
            name: "owner".to_owned(),
            created: NOW,
            expires: None,
            collections: None,
            networks: None,
        });
        let presented = Presented::new(key.reveal());
        let principal = gate
            .authenticate(&presented, Origin::default(), 1, NOW)
            .unwrap();
        Self {
            keyring,
            gate,
            principal,
            in_use: InUse::new(File::create(path.join("lock")).unwrap()).0,
        }
    }

    fn key(&self) -> locule::seal::GenerationKey {
        self.keyring.load(TENANT, Generation::FIRST).unwrap()
    }

    fn grant<O: Op>(&self) -> Grant<O> {
        let target = Target::Whole;
        self.gate.check(&self.principal, target, NOW).unwrap()
    }

    fn shelves(&self, directory: &Path) -> Shelves {
        let in_use = Arc::clone(&self.in_use);
        Shelves::new(&directory.join("shelves"), &StoreOptions::default(), in_use)
    }

    fn open(&self, shelves: &Shelves) -> Partition {
        let family = shelves.shelf(0).unwrap().family(FAMILY).unwrap();
        Partition::open(family, &self.key()).unwrap()
    }

    fn fill(&self, partition: &Partition, points: u64) {
        let schema = Schema::single(
            Dimension::new(DIMENSION as u64).unwrap(),
            Metric::Cosine,
            Precision::Codes,
        );
        partition
            .create_collection(&self.grant(), &docs(), schema)
            .unwrap();
        for first in (0..points).step_by(BATCH) {
            self.put(partition, first, points.min(first + BATCH as u64));
        }
    }

    fn put(&self, partition: &Partition, first: u64, end: u64) {
        let points = (first..end).map(|id| PointUpsert {
            id: PointId::Number(id),
            vectors: only_default(vector(id)),
            payload: Payload::default(),
        });
        partition
            .upsert(&self.grant(), &docs(), points.collect())
            .unwrap();
    }

    /// Opens the tenant a few times, and prints the median time to its first answer.
    fn report(&self, directory: &Path, points: u64, from: &str) {
        let mut runs: Vec<(Duration, OpeningTimes)> = (0..ROUNDS)
            .map(|_| {
                let shelves = self.shelves(directory);
                // The shelf is another's too, and open.
                let shelf = shelves.shelf(0).unwrap();
                let watch = Instant::now();
                let family = shelf.family(FAMILY).unwrap();
                let partition = Partition::open(family, &self.key()).unwrap();
                let hits = partition.search(&self.grant(), None, &docs(), &query());
                assert_eq!(hits.unwrap().len(), 10);
                (watch.elapsed(), partition.opening_times())
            })
            .collect();
        runs.sort_by_key(|(took, _)| *took);
        let (took, times) = runs[runs.len() / 2];
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        println!(
            "{points:>8} {from:<22} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            millis(took),
            millis(times.read),
            millis(times.open),
            millis(times.tables)
        );
    }
}

fn query() -> SearchQuery {
    SearchQuery {
        vector: vector(7),
        using: DEFAULT_VECTOR.to_owned(),
        filter: None,
        limit: 10,
        offset: 0,
        ef: 128,
        exact: false,
        score_threshold: None,
        except: None,
        with_payload: true,
    }
}

/// Of few directions, as embeddings are.
fn vector(seed: u64) -> Vec<f32> {
    let weights = random(seed + DIRECTIONS as u64, DIRECTIONS);
    let mut vector = vec![0.0; DIMENSION];
    for (weight, direction) in weights.iter().zip(directions()) {
        for (sum, x) in vector.iter_mut().zip(direction) {
            *sum += weight * x;
        }
    }
    vector
}

fn directions() -> &'static [Vec<f32>] {
    static MADE: OnceLock<Vec<Vec<f32>>> = OnceLock::new();
    let make = || (0..DIRECTIONS as u64).map(|seed| random(seed, DIMENSION));
    MADE.get_or_init(|| make().collect())
}

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn docs() -> CollectionName {
    CollectionName::parse("docs").unwrap()
}

const DIMENSION: usize = 384;
const DIRECTIONS: usize = 24;
const BATCH: usize = 1_000;
const ROUNDS: usize = 5;
const FAMILY: FamilyName = FamilyName([1; 16]);
const TENANT: TenantUuid = TenantUuid::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp(1_800_000_000_000);
