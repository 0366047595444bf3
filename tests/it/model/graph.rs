//! A collection that is large enough for a graph, while it is written to.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    clock::{Manual, Stopwatch, Timestamp},
    engine::{Engine, Query, VectorsBack},
    index::{EF_DEFAULT, Precision},
    partition::{PointUpsert, Schema, SearchQuery, Selection},
    payload::{
        Payload,
        filter::{Condition, Filter, Scalar, Test},
        index::{Definition, IndexKind},
        path::Path,
    },
    router::NewTenant,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};
use parking_lot::Mutex;
use serde_json::json;

use crate::harness::{OPERATOR_KEY, options, vectors};

#[test]
fn a_graph_that_is_written_to_finds_nearly_all_neighbours_and_nothing_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::at(Timestamp(1_800_000_000_000));
    let engine = Engine::start(options(directory.path(), clock.into())).unwrap();
    let large = Large::fill(&engine.engine);

    // The graph is built in the background, under writes and searches.
    let (built, deleted) = (AtomicBool::new(false), Mutex::new(HashSet::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0.. {
                if built.load(Ordering::Relaxed) {
                    break;
                }
                large.change(step, &deleted);
                // So that most of what was there is still there in the end, and the build goes on.
                std::thread::sleep(PAUSE);
            }
        });
        let (waited, mut seed) = (Stopwatch::start(), 0);
        while large.indexed() == 0 {
            assert!(waited.elapsed() < BUILD_MAX, "no graph was built");
            seed += 1;
            large.ask(seed, &deleted);
            std::thread::sleep(PAUSE);
        }
        built.store(true, Ordering::Relaxed);
        eprintln!(
            "a graph of {} points after {:?} and {seed} searches",
            large.indexed(),
            waited.elapsed()
        );
    });

    // Changes go on between the searches: in the tail, in the graph, and in what is dead there.
    let mut recall = Recall::default();
    for step in 0..QUESTIONS {
        large.change(1_000_000 + step, &deleted);
        recall.add(&large.ask(500_000 + step, &deleted));
    }
    eprintln!("{} deleted", deleted.lock().len());
    recall.is_good("all points");
    // A filter that an index answers, and one that takes a look at the payloads of candidates.
    for field in ["indexed", "plain"] {
        let mut recall = Recall::default();
        for step in 0..QUESTIONS {
            let vector = large.vector(60_000_000 + step);
            let search = |exact| large.find(&vector, Some(thirds(field)), exact);
            recall.add(&(search(true), search(false)));
        }
        recall.is_good(field);
    }
}

/// How many of the nearest neighbours were found.
#[derive(Default)]
struct Recall {
    found: usize,
    wanted: usize,
}

impl Recall {
    fn add(&mut self, (exact, fast): &(Vec<PointId>, Vec<PointId>)) {
        self.wanted += exact.len();
        self.found += exact.iter().filter(|id| fast.contains(id)).count();
    }

    fn is_good(&self, among: &str) {
        let Self { found, wanted } = self;
        eprintln!("recall@{K} among {among}: {found} of {wanted}");
        assert!(
            found * 100 >= wanted * 95,
            "recall@{K} among {among} is {found} of {wanted}"
        );
    }
}

/// The points whose number three divides.
fn thirds(field: &str) -> Filter {
    let test = Test::Any([Scalar::Bool(true)].into());
    Filter {
        must: vec![Condition::Field(Path::parse(field).unwrap(), test)],
        ..Filter::default()
    }
}

struct Large<'a> {
    engine: &'a Engine,
    owner: Principal,
    name: CollectionName,
    /// What every vector is made of: real embeddings have few directions, too.
    directions: Vec<Vec<f32>>,
}

impl<'a> Large<'a> {
    fn fill(engine: &'a Engine) -> Self {
        let principal = |key: &str| {
            engine
                .authenticate(&Presented::new(key), Origin::default(), 0)
                .unwrap()
        };
        let new = NewTenant {
            id: TenantId::parse("large").unwrap(),
            quota: Quota::default(),
            region: None,
        };
        let created = engine.create_tenant(&principal(OPERATOR_KEY), new).unwrap();
        let large = Self {
            engine,
            owner: principal(created.owner_key.reveal()),
            name: CollectionName::parse("docs").unwrap(),
            directions: vectors::random(DIRECTIONS, DIMENSION, 7),
        };
        let schema = Schema::single(
            Dimension::new(DIMENSION as u64).unwrap(),
            Metric::Cosine,
            Precision::Codes,
        );
        engine
            .create_collection(&large.owner, &large.name, schema)
            .unwrap();
        let index = Definition::new("indexed", IndexKind::Bool, String::new()).unwrap();
        engine
            .create_payload_index(&large.owner, &large.name, index)
            .unwrap();
        for first in (0..POINTS).step_by(BATCH) {
            let points = (first..first + BATCH as u64).map(|id| large.point(id, id));
            large.upsert(points.collect());
        }
        large
    }

    fn upsert(&self, points: Vec<PointUpsert>) {
        self.engine.upsert(&self.owner, &self.name, points).unwrap();
    }

    fn point(&self, id: u64, seed: u64) -> PointUpsert {
        let third = id.is_multiple_of(3);
        let payload = json!({"indexed": third, "plain": third});
        PointUpsert {
            id: PointId::Number(id),
            vectors: only_default(self.vector(seed)),
            payload: Payload::new(payload.as_object().unwrap().clone()).unwrap(),
        }
    }

    fn vector(&self, seed: u64) -> Vec<f32> {
        let weights = vectors::random(1, DIRECTIONS, seed + 1).remove(0);
        let mut vector = vec![0.0; DIMENSION];
        for (weight, direction) in weights.iter().zip(&self.directions) {
            for (sum, x) in vector.iter_mut().zip(direction) {
                *sum += weight * x;
            }
        }
        vector
    }

    /// Moves a few points, makes a few, and deletes a few for good.
    fn change(&self, step: u64, deleted: &Mutex<HashSet<PointId>>) {
        let pick = |n: u64| step.wrapping_mul(0x9E37_79B9).wrapping_add(n * 7_919) % POINTS;
        // Deleted ids are the even ones, and no even one is stored again.
        let moved = (0..3).map(|n| self.point(pick(n) | 1, 2_000_000 + 3 * step + n));
        let made =
            (0..2).map(|n| self.point(POINTS + 1 + 4 * step + 2 * n, 9_000_000 + 2 * step + n));
        self.upsert(moved.chain(made).collect());
        let ids: Vec<_> = (10..13).map(|n| PointId::Number(pick(n) & !1)).collect();
        let selection = Selection::Ids(ids.clone());
        self.engine
            .remove(&self.owner, &self.name, selection)
            .unwrap();
        deleted.lock().extend(ids);
    }

    /// The neighbours by exact search, and by the graph. Neither may hold what was deleted
    /// before it was asked for.
    fn ask(&self, seed: u64, deleted: &Mutex<HashSet<PointId>>) -> (Vec<PointId>, Vec<PointId>) {
        let vector = self.vector(40_000_000 + seed);
        let search = |exact| {
            let gone = deleted.lock().clone();
            let ids = self.find(&vector, None, exact);
            let ghost = ids.iter().find(|id| gone.contains(id));
            assert!(ghost.is_none(), "{ghost:?} was deleted and is answered");
            ids
        };
        (search(true), search(false))
    }

    fn find(&self, vector: &[f32], filter: Option<Filter>, exact: bool) -> Vec<PointId> {
        let all = filter.is_none();
        let search = SearchQuery {
            vector: vector.to_vec(),
            using: DEFAULT_VECTOR.to_owned(),
            filter,
            limit: K,
            offset: 0,
            ef: EF_DEFAULT,
            exact,
            score_threshold: None,
            except: None,
            with_payload: false,
        };
        let query = Query {
            search,
            by_point: None,
            vectors: VectorsBack::No,
        };
        let found = self.engine.search(&self.owner, &self.name, query).unwrap();
        assert_eq!(found.len(), K);
        let ids = found.into_iter().map(|scored| scored.point.id);
        let third = |id: &PointId| matches!(id, PointId::Number(n) if n.is_multiple_of(3));
        let ids: Vec<_> = ids.inspect(|id| assert!(all || third(id))).collect();
        ids
    }

    fn indexed(&self) -> u64 {
        self.engine
            .describe_collection(&self.owner, &self.name)
            .unwrap()
            .indexed()
    }
}

/// Together just past the bytes from which on a collection gets a graph.
const POINTS: u64 = 9_000;
const DIMENSION: usize = 1_024;
const DIRECTIONS: usize = 24;
const BATCH: usize = 1_000;
const QUESTIONS: u64 = 200;
const K: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);
/// Generous: this takes seconds on an idle machine.
const BUILD_MAX: Duration = Duration::from_secs(600);
