//! A collection that is large enough for its index to be stored, written to and opened again and
//! again. Each point has the default vector, and every third one a small one of another name.

use std::{collections::BTreeMap, fs::File, ops::Range, sync::Arc, thread, time::Duration};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    clock::{Manual, Timestamp},
    engine::{Engine, Query, VectorsBack},
    index::Precision,
    partition::{PointUpsert, Schema, SearchQuery, Selection, VectorSchema},
    payload::Payload,
    router::NewTenant,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, Vectors, only_default},
};
use tempfile::TempDir;

use crate::harness::{OPERATOR_KEY, options, vectors};

#[test]
fn a_collection_is_the_same_after_every_opening_whatever_was_stored_of_it() {
    let mut large = Large::build();
    large.put(0..POINTS);
    large.wait_for_segment();
    large.check();
    for round in 0..8 {
        large.reopen();
        assert_eq!(large.segments_read(), (1, 0), "round {round}");
        large.check();
        // Few changes at first: they stand behind the segment. Then so many that it is renewed,
        // under more of them.
        let first = round * 37;
        large.put(first..first + 5);
        large.put(POINTS + round * 3..POINTS + round * 3 + 5);
        large.remove(first + 7..first + 11);
        large.put_twice_in_one_batch(first + 3);
        large.check();
        if round % 3 == 2 {
            let written = large.segments_written();
            large.put(first..first + POINTS / 2);
            large.remove(first + 20..first + 40);
            large.put(first + 30..first + 50);
            large.wait_for_more_than(written);
            large.check();
        }
    }
    // One that becomes small again loses its segment, and one that is deleted everything.
    large.remove(0..POINTS - 20);
    large.reopen();
    large.check();
    large.reopen();
    large.check();
    large
        .engine()
        .delete_collection(&large.owner(), &name())
        .unwrap();
    large.expected.clear();
    large.create();
    large.reopen();
    assert_eq!(large.segments_read(), (0, 0));
    large.check();
}

struct Large {
    directory: TempDir,
    clock: Arc<Manual>,
    engine: Option<Arc<Engine>>,
    key: String,
    seed: u64,
    /// The seed of the vector that each point should have.
    expected: BTreeMap<u64, u64>,
}

impl Large {
    fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
        let engine = Engine::start(options(directory.path(), Arc::clone(&clock)));
        let engine = engine.unwrap().engine;
        let operator = engine.authenticate(&Presented::new(OPERATOR_KEY), Origin::default(), 0);
        let new = NewTenant {
            id: TenantId::parse("large").unwrap(),
            quota: Quota::default(),
            region: None,
        };
        let created = engine.create_tenant(&operator.unwrap(), new).unwrap();
        let large = Self {
            directory,
            clock,
            key: created.owner_key.reveal().to_owned(),
            engine: Some(engine),
            seed: 1,
            expected: BTreeMap::new(),
        };
        large.create();
        large
    }

    fn create(&self) {
        let vector = |name: &str, size: usize, precision: Precision| VectorSchema {
            name: name.to_owned(),
            dimension: Dimension::new(size as u64).unwrap(),
            metric: Metric::Euclid,
            precision,
        };
        let vectors = vec![
            vector(DEFAULT_VECTOR, DIMENSION, Precision::Codes),
            vector(SMALL, SMALL_DIMENSION, Precision::Full),
        ];
        let schema = Schema::new(vectors, "{}".to_owned()).unwrap();
        let created = self
            .engine()
            .create_collection(&self.owner(), &name(), schema);
        created.unwrap();
    }

    fn reopen(&mut self) {
        self.engine = None;
        // Whatever still goes on in the background holds the lock.
        let lock = File::open(self.directory.path().join("lock")).unwrap();
        lock.lock().unwrap();
        lock.unlock().unwrap();
        let options = options(self.directory.path(), Arc::clone(&self.clock));
        self.engine = Some(Engine::start(options).unwrap().engine);
        // Opens it.
        self.check_count();
    }

    fn put(&mut self, ids: Range<u64>) {
        let points = ids.map(|id| self.point(id)).collect();
        self.upsert(points);
    }

    fn put_twice_in_one_batch(&mut self, id: u64) {
        let points = vec![self.point(id), self.point(id + 1), self.point(id)];
        self.upsert(points);
    }

    fn upsert(&self, points: Vec<PointUpsert>) {
        let stored = self.engine().upsert(&self.owner(), &name(), points);
        stored.unwrap();
    }

    fn point(&mut self, id: u64) -> PointUpsert {
        self.seed += 1;
        self.expected.insert(id, self.seed);
        let payload = serde_json::Map::from_iter([("seed".to_owned(), self.seed.into())]);
        PointUpsert {
            id: PointId::Number(id),
            vectors: vectors_of(self.seed),
            payload: Payload::new(payload).unwrap(),
        }
    }

    fn remove(&mut self, ids: Range<u64>) {
        let selection = Selection::Ids(ids.clone().map(PointId::Number).collect());
        let removed = self.engine().remove(&self.owner(), &name(), selection);
        removed.unwrap();
        self.expected.retain(|id, _| !ids.contains(id));
    }

    fn check_count(&self) {
        let count = self.engine().count(&self.owner(), &name(), None);
        assert_eq!(count.unwrap(), self.expected.len() as u64);
    }

    /// Every point is there with its own vector and payload, and every tenth is found by it.
    fn check(&self) {
        self.check_count();
        let (engine, owner) = (self.engine(), self.owner());
        let page = engine.scroll(&owner, &name(), None, usize::MAX - 1, None);
        let points = page.unwrap().points;
        let ids: Vec<PointId> = points.iter().map(|point| point.id).collect();
        let expected = self.expected.keys().copied().map(PointId::Number);
        assert!(ids.into_iter().eq(expected));
        for (point, (id, seed)) in points.iter().zip(&self.expected) {
            assert_eq!(point.vectors, Some(vectors_of(*seed)));
            let payload = point.payload.as_ref().unwrap().parse().unwrap();
            let payload = String::from_utf8(payload.to_json()).unwrap();
            assert_eq!(payload, format!("{{\"seed\":{seed}}}"));
            if id % 10 > 0 {
                continue;
            }
            let search = SearchQuery {
                vector: vector(*seed),
                using: DEFAULT_VECTOR.to_owned(),
                filter: None,
                limit: 2,
                offset: 0,
                ef: 16,
                exact: false,
                score_threshold: None,
                except: None,
                with_payload: true,
            };
            let query = Query {
                search,
                by_point: None,
                vectors: VectorsBack::All,
            };
            let found = engine.search(&owner, &name(), query).unwrap();
            assert_eq!(found.len(), self.expected.len().min(2));
            let (first, second) = (&found[0], &found[1]);
            assert_eq!(first.point.id, PointId::Number(*id));
            assert!(first.score.abs() < 0.1 && second.score > 1.0);
            assert_eq!(first.point.version, point.version);
        }
        self.check_small();
    }

    /// A search by the small vectors answers all points that have one, and no others.
    fn check_small(&self) {
        let search = SearchQuery {
            vector: vec![0.0; SMALL_DIMENSION],
            using: SMALL.to_owned(),
            filter: None,
            limit: 10_000,
            offset: 0,
            ef: 16,
            exact: false,
            score_threshold: None,
            except: None,
            with_payload: false,
        };
        let query = Query {
            search,
            by_point: None,
            vectors: VectorsBack::No,
        };
        let found = self.engine().search(&self.owner(), &name(), query).unwrap();
        let mut found: Vec<PointId> = found.iter().map(|found| found.point.id).collect();
        found.sort_unstable();
        let expected = self.expected.iter().filter(|(_, seed)| has_small(**seed));
        let expected: Vec<PointId> = expected.map(|(id, _)| PointId::Number(*id)).collect();
        assert_eq!(found, expected);
    }

    fn wait_for_segment(&self) {
        self.wait_for_more_than(0);
    }

    fn wait_for_more_than(&self, written: u64) {
        while self.segments_written() <= written {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn segments_written(&self) -> u64 {
        self.engine().metrics().segments_written.get()
    }

    /// How many were read back, and how many couldn't be.
    fn segments_read(&self) -> (u64, u64) {
        let metrics = self.engine().metrics();
        (metrics.segments_read.get(), metrics.segments_rebuilt.get())
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn owner(&self) -> Principal {
        let presented = Presented::new(&self.key);
        self.engine()
            .authenticate(&presented, Origin::default(), 0)
            .unwrap()
    }
}

fn vector(seed: u64) -> Vec<f32> {
    vectors::random(1, DIMENSION, seed).remove(0)
}

const fn has_small(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

fn vectors_of(seed: u64) -> Vectors {
    let mut all = only_default(vector(seed));
    if has_small(seed) {
        let small = vectors::random(1, SMALL_DIMENSION, seed).remove(0);
        all.insert(SMALL.to_owned(), small);
    }
    all
}

fn name() -> CollectionName {
    CollectionName::parse("docs").unwrap()
}

/// Just past the bytes from which on an index is stored.
const POINTS: u64 = 600;
const DIMENSION: usize = 2_048;
const SMALL: &str = "small";
const SMALL_DIMENSION: usize = 5;
