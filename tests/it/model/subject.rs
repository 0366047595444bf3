//! A node, asked through its engine, beside the oracle.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    sync::Arc,
    time::Duration,
};

use locule::{
    access::{Presented, Principal, Quota},
    clock::{Manual, Timestamp},
    engine::{Engine, EngineOptions, Error, ErrorKind, Query, VectorsBack},
    partition::{PointRecord, PointUpsert, Schema, SearchQuery, Selection},
    payload::Payload,
    router::NewTenant,
    tenant::{CollectionName, PointId, TenantId},
    vector::{Dimension, Metric},
};
use tempfile::TempDir;

use super::{
    filter::Wanted,
    oracle::{self, Expected, Neighbour, Point},
    step::{COLLECTIONS, NewPoint, Place, Question, Step, TENANTS},
};
use crate::harness::{OPERATOR_KEY, options};

pub struct Subject {
    directory: TempDir,
    clock: Arc<Manual>,
    engine: Option<Arc<Engine>>,
    keys: Vec<String>,
    expected: HashMap<(usize, usize), Expected>,
}

impl Subject {
    pub fn start() -> Self {
        let mut subject = Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(Manual::at(Timestamp(1_800_000_000_000))),
            engine: None,
            keys: Vec::new(),
            expected: HashMap::new(),
        };
        subject.open();
        for number in 0..TENANTS {
            let new = NewTenant {
                id: TenantId::parse(&format!("tenant-{number}")).unwrap(),
                quota: Quota::default(),
                region: None,
            };
            let operator = subject.principal(OPERATOR_KEY);
            let created = subject.engine().create_tenant(&operator, new).unwrap();
            subject.keys.push(created.owner_key.reveal().to_owned());
        }
        subject
    }

    fn open(&mut self) {
        let options = EngineOptions {
            // Fewer than there are tenants, so that they are closed and opened all the time.
            partitions_open_max: TENANTS - 1,
            ..options(self.directory.path(), Arc::clone(&self.clock))
        };
        self.engine = Some(Engine::start(options).unwrap().engine);
    }

    fn reopen(&mut self) {
        self.engine = None;
        // Whatever still closes in the background holds the lock.
        let lock = File::open(self.directory.path().join("lock")).unwrap();
        while lock.try_lock().is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        lock.unlock().unwrap();
        self.open();
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn principal(&self, key: &str) -> Principal {
        let presented = Presented::new(key);
        self.engine().authenticate(&presented, None, 0).unwrap()
    }

    fn owner(&self, tenant: usize) -> Principal {
        self.principal(&self.keys[tenant])
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Create(place, metric, dimension) => self.create(place, metric, dimension),
            Step::Drop(place) => self.drop_collection(place),
            Step::Upsert(place, points, bad) => self.upsert(place, points, bad),
            Step::Remove(place, ids) => {
                self.remove(place, Selection::Ids(ids.clone()), |_, id| {
                    ids.contains(&id)
                });
            }
            Step::RemoveMatching(place, wanted) => {
                let selection = Selection::Filter(wanted.filter());
                self.remove(place, selection, |point, id| {
                    wanted.holds(id, &point.payload)
                });
            }
            Step::Query(place, question) => self.query(place, &question),
            Step::Retrieve(place, ids) => self.retrieve(place, &ids),
            Step::Scroll(place, limit, wanted) => self.scroll(place, limit, wanted.as_ref()),
            Step::Count(place, wanted) => self.count(place, wanted.as_ref()),
            Step::List(tenant) => self.list(tenant),
            Step::Reopen => self.reopen(),
        }
    }

    pub fn check_everything(&self) {
        for tenant in 0..TENANTS {
            self.list(tenant);
            for collection in 0..COLLECTIONS.len() {
                let place = Place { tenant, collection };
                self.scroll(place, 5, None);
                self.count(place, None);
            }
        }
    }

    fn create(&mut self, place: Place, metric: Metric, dimension: usize) {
        let schema = Schema {
            dimension: Dimension::new(dimension as u64).unwrap(),
            metric,
            settings: "{}".to_owned(),
        };
        let owner = self.owner(place.tenant);
        let created = self
            .engine()
            .create_collection(&owner, &name(place), schema);
        match self.expected.entry(key(place)) {
            Entry::Occupied(_) => assert_eq!(created.unwrap_err().kind(), ErrorKind::Conflict),
            Entry::Vacant(free) => {
                created.unwrap();
                free.insert(Expected::new(metric, dimension));
            }
        }
    }

    fn drop_collection(&mut self, place: Place) {
        let owner = self.owner(place.tenant);
        let dropped = self.engine().delete_collection(&owner, &name(place));
        let there = self.expected.remove(&key(place)).is_some();
        assert_eq!(dropped.unwrap(), there);
    }

    fn upsert(&mut self, place: Place, points: Vec<NewPoint>, bad: bool) {
        let dimension = self.expected.get(&key(place)).map_or(4, |e| e.dimension);
        let mut upserts: Vec<PointUpsert> = points
            .iter()
            .map(|point| PointUpsert {
                id: point.id,
                vector: point.vector[..dimension].to_vec(),
                payload: Payload::new(point.payload.clone()).unwrap(),
            })
            .collect();
        if bad {
            upserts.last_mut().unwrap().vector.pop();
        }
        let owner = self.owner(place.tenant);
        let stored = self.engine().upsert(&owner, &name(place), upserts);
        match self.expected.get_mut(&key(place)) {
            Some(_) if bad => assert_eq!(stored.unwrap_err().kind(), ErrorKind::Invalid),
            Some(expected) => {
                let version = stored.unwrap();
                for point in points {
                    expected.put(point, version);
                }
            }
            None => missing(stored),
        }
    }

    fn remove(
        &mut self,
        place: Place,
        selection: Selection,
        meant: impl Fn(&Point, PointId) -> bool,
    ) {
        let owner = self.owner(place.tenant);
        let removed = self.engine().remove(&owner, &name(place), selection);
        match self.expected.get_mut(&key(place)) {
            Some(expected) => {
                removed.unwrap();
                expected.points.retain(|id, point| !meant(point, *id));
            }
            None => missing(removed),
        }
    }

    fn query(&self, place: Place, question: &Question) {
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(self.ask(place, question, 4, None));
        };
        let dimension = expected.dimension;
        if let Some(id) = question.by_point
            && !expected.points.contains_key(&id)
        {
            return missing(self.ask(place, question, dimension, None));
        }
        let mut nearest = expected.nearest(question);
        let threshold = question
            .threshold_after
            .and_then(|after| oracle::threshold(&nearest, after));
        if let Some((_, kept)) = threshold {
            nearest.truncate(kept);
        }
        let asked = self.ask(
            place,
            question,
            dimension,
            threshold.map(|(score, _)| score),
        );
        let found = asked.unwrap();
        let by_id: HashMap<PointId, Neighbour> = nearest.iter().map(|n| (n.id, *n)).collect();
        let ranks: Vec<_> = nearest
            .iter()
            .skip(question.offset)
            .take(question.limit)
            .collect();
        assert_eq!(found.len(), ranks.len(), "{question:?} of {expected:?}");
        let mut seen = Vec::new();
        for ((score, record), rank) in found.iter().zip(ranks) {
            let own = by_id[&record.id];
            for neighbour in [rank, &own] {
                assert!(
                    (f64::from(*score) - neighbour.score).abs() <= 2.0 * neighbour.tolerance,
                    "{score} of {:?} isn't as good as {neighbour:?}; {question:?} of {expected:?}",
                    record.id
                );
            }
            assert!(!seen.contains(&record.id), "{:?} comes twice", record.id);
            seen.push(record.id);
            let (payload, vectors) = (question.with_payload, question.with_vectors);
            check_record(expected, record, payload, vectors);
        }
    }

    fn ask(
        &self,
        place: Place,
        question: &Question,
        dimension: usize,
        score_threshold: Option<f32>,
    ) -> Result<Vec<(f32, PointRecord)>, Error> {
        let search = SearchQuery {
            vector: question.vector[..dimension].to_vec(),
            filter: question.wanted.as_ref().map(Wanted::filter),
            limit: question.limit,
            offset: question.offset,
            ef: 16,
            exact: question.exact,
            score_threshold,
            except: None,
            with_payload: question.with_payload,
        };
        let query = Query {
            search,
            by_point: question.by_point,
            vectors: if question.with_vectors {
                VectorsBack::Yes
            } else {
                VectorsBack::No
            },
        };
        let owner = self.owner(place.tenant);
        let found = self.engine().search(&owner, &name(place), query)?;
        Ok(found.into_iter().map(|s| (s.score, s.point)).collect())
    }

    fn retrieve(&self, place: Place, ids: &[PointId]) {
        let owner = self.owner(place.tenant);
        let found = self.engine().retrieve(&owner, &name(place), ids);
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(found);
        };
        let found = found.unwrap();
        let there: Vec<PointId> = ids
            .iter()
            .filter(|id| expected.points.contains_key(id))
            .copied()
            .collect();
        assert_eq!(there, found.iter().map(|r| r.id).collect::<Vec<_>>());
        for record in &found {
            check_record(expected, record, true, true);
        }
    }

    fn scroll(&self, place: Place, limit: usize, wanted: Option<&Wanted>) {
        let owner = self.owner(place.tenant);
        let filter = wanted.map(Wanted::filter);
        let page = |from| {
            self.engine()
                .scroll(&owner, &name(place), from, limit, filter.as_ref())
        };
        let Some(expected) = self.expected.get(&key(place)) else {
            return missing(page(None));
        };
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let page = page(from).unwrap();
            found.extend(page.points.iter().map(|record| record.id));
            for record in &page.points {
                check_record(expected, record, true, true);
            }
            if page.next.is_none() {
                break;
            }
            assert_eq!(page.points.len(), limit, "only the last page may be short");
            from = page.next;
        }
        assert_eq!(found, expected.matching(wanted), "in id order, each once");
    }

    fn count(&self, place: Place, wanted: Option<&Wanted>) {
        let owner = self.owner(place.tenant);
        let filter = wanted.map(Wanted::filter);
        let counted = self.engine().count(&owner, &name(place), filter.as_ref());
        match self.expected.get(&key(place)) {
            Some(expected) => {
                assert_eq!(counted.unwrap(), expected.matching(wanted).len() as u64);
            }
            None => missing(counted),
        }
    }

    fn list(&self, tenant: usize) {
        let listed = self.engine().collections(&self.owner(tenant)).unwrap();
        let mut found: Vec<_> = listed
            .iter()
            .map(|one| (one.name().as_str().to_owned(), one.points()))
            .collect();
        found.sort();
        let own = self.expected.iter().filter(|((t, _), _)| *t == tenant);
        let mut expected: Vec<_> = own
            .map(|((_, c), e)| (COLLECTIONS[*c].to_owned(), e.points.len() as u64))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
    }
}

fn check_record(expected: &Expected, record: &PointRecord, payload: bool, vector: bool) {
    let point = &expected.points[&record.id];
    assert_eq!(record.version, point.version);
    let found = record
        .payload
        .as_ref()
        .map(|p| p.parse().unwrap().into_map());
    assert_eq!(found.as_ref(), payload.then_some(&point.payload));
    let Some(found) = &record.vector else {
        assert!(!vector, "no vector came back");
        return;
    };
    assert!(vector, "a vector came back that no one asked for");
    let length = oracle::norm(&point.vector);
    if expected.metric == Metric::Cosine && length > 0.0 {
        assert_eq!(found.len(), point.vector.len());
        for (found, came) in found.iter().zip(&point.vector) {
            assert!((f64::from(*found) - f64::from(*came) / length).abs() < 1e-6);
        }
    } else {
        assert_eq!(*found, point.vector, "to the bit");
    }
}

fn missing<T>(result: Result<T, Error>) {
    let Err(error) = result else {
        panic!("a collection answers that isn't there");
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

const fn key(place: Place) -> (usize, usize) {
    (place.tenant, place.collection)
}

fn name(place: Place) -> CollectionName {
    CollectionName::parse(COLLECTIONS[place.collection]).unwrap()
}
