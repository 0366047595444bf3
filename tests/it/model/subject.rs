//! A node, asked through its engine, beside the oracle.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    sync::Arc,
    time::Duration,
};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    clock::{Clock, Manual, Timestamp},
    engine::{Engine, EngineOptions, EraseScope, ErasureAsked, Error, ErrorKind},
    index::Precision,
    ops::{erase::State, receipt::ScopeKind},
    partition::{AliasAction, Erasing, PointUpsert, Schema, Selection, VectorSchema},
    payload::Payload,
    router::NewTenant,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric},
};
use tempfile::TempDir;

use super::{
    oracle::{Expected, Point},
    step::{ALIASES, COLLECTIONS, NewPoint, OTHER, OTHER_DIMENSION, Place, Step, TENANTS},
};
use crate::harness::{OPERATOR_KEY, options};

pub struct Subject {
    directory: TempDir,
    pub clock: Arc<Manual>,
    engine: Option<Arc<Engine>>,
    keys: Vec<String>,
    pub expected: HashMap<(usize, usize), Expected>,
    /// What each alias of a tenant stands for, by numbers.
    aliases: HashMap<(usize, usize), usize>,
}

impl Subject {
    pub fn start() -> Self {
        let mut subject = Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(Manual::at(Timestamp(1_800_000_000_000))),
            engine: None,
            keys: Vec::new(),
            expected: HashMap::new(),
            aliases: HashMap::new(),
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

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    fn principal(&self, key: &str) -> Principal {
        let presented = Presented::new(key);
        self.engine()
            .authenticate(&presented, Origin::default(), 0)
            .unwrap()
    }

    pub fn owner(&self, tenant: usize) -> Principal {
        self.principal(&self.keys[tenant])
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Create(place, metric, dimension) => self.create(place, metric, dimension),
            Step::Drop(place) => self.drop_collection(place),
            Step::Upsert(place, points, bad) => {
                self.upsert(place, points, bad);
                self.expire_written(place);
            }
            Step::Change(place, changes) => {
                self.change(place, &changes);
                self.expire_written(place);
            }
            Step::Alias(tenant, alias, of) => self.alias(tenant, alias, of),
            Step::ThroughAlias(tenant, alias) => self.count_through(tenant, alias),
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
            Step::Index(place, field, kind) => self.index(place, field, kind),
            Step::Unindex(place, field) => self.unindex(place, field),
            Step::Erase(place, ids, wait) => {
                let what = Erasing::Points {
                    collection: name(place),
                    ids: ids.clone(),
                };
                let erased = self.erase(place, what, ScopeKind::Points, wait);
                self.forget(place, erased, |_, id| ids.contains(&id));
            }
            Step::EraseMatching(place, wanted, wait) => {
                let what = Erasing::Matching {
                    collection: Some(name(place)),
                    filter: wanted.filter(),
                };
                let erased = self.erase(place, what, ScopeKind::Filter, wait);
                self.forget(place, erased, |point, id| wanted.holds(id, &point.payload));
            }
            Step::EraseCollection(place, wait) => {
                let what = Erasing::Collection(name(place));
                let erased = self.erase(place, what, ScopeKind::Collection, wait);
                self.forget(place, erased, |_, _| true);
                self.expected.remove(&key(place));
                self.aliases
                    .retain(|(tenant, _), of| (*tenant, *of) != key(place));
            }
            Step::Retain(place, retain) => self.retain(place, retain),
            Step::Wait(hours) => self.wait(hours),
            Step::Sweep => self.sweep(),
            Step::Reopen => self.reopen(),
        }
        self.expire();
    }

    pub fn check_everything(&self) {
        for tenant in 0..TENANTS {
            self.list(tenant);
            for collection in 0..COLLECTIONS.len() {
                let place = Place { tenant, collection };
                self.scroll(place, 5, None);
                self.count(place, None);
                self.check_indexes(place);
            }
        }
    }

    fn create(&mut self, place: Place, metric: Metric, dimension: usize) {
        let vector = |name: &str, dimension: usize, precision: Precision| VectorSchema {
            name: name.to_owned(),
            dimension: Dimension::new(dimension as u64).unwrap(),
            metric,
            precision,
        };
        let vectors = vec![
            vector(DEFAULT_VECTOR, dimension, Precision::Codes),
            vector(OTHER, OTHER_DIMENSION, Precision::Full),
        ];
        let schema = Schema::new(vectors, "{}".to_owned()).unwrap();
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
        self.aliases
            .retain(|(tenant, _), of| (*tenant, *of) != key(place));
        assert_eq!(dropped.unwrap(), there);
    }

    fn alias(&mut self, tenant: usize, number: usize, of: Option<usize>) {
        let owner = self.owner(tenant);
        let alias = CollectionName::parse(ALIASES[number]).unwrap();
        let Some(collection) = of else {
            let gone = AliasAction::Delete { alias };
            self.engine().change_aliases(&owner, &[gone]).unwrap();
            self.aliases.remove(&(tenant, number));
            return;
        };
        let place = Place { tenant, collection };
        let made = AliasAction::Create {
            alias,
            collection: name(place),
        };
        let made = self.engine().change_aliases(&owner, &[made]);
        if self.expected.contains_key(&key(place)) {
            made.unwrap();
            self.aliases.insert((tenant, number), collection);
        } else {
            missing(made);
        }
    }

    fn count_through(&self, tenant: usize, number: usize) {
        let owner = self.owner(tenant);
        let alias = CollectionName::parse(ALIASES[number]).unwrap();
        let counted = self.engine().count(&owner, &alias, None);
        match self.aliases.get(&(tenant, number)) {
            Some(collection) => {
                let expected = &self.expected[&(tenant, *collection)];
                assert_eq!(counted.unwrap(), expected.points.len() as u64);
            }
            None => missing(counted),
        }
    }

    fn upsert(&mut self, place: Place, points: Vec<NewPoint>, bad: bool) {
        let dimension = self.expected.get(&key(place)).map_or(4, |e| e.dimension);
        let mut upserts: Vec<PointUpsert> = points
            .iter()
            .map(|point| PointUpsert {
                id: point.id,
                vectors: point.vectors(dimension),
                payload: Payload::new(point.payload.clone()).unwrap(),
            })
            .collect();
        if bad {
            let last = upserts.last_mut().unwrap();
            last.vectors
                .insert(DEFAULT_VECTOR.to_owned(), vec![0.0; dimension - 1]);
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
                expected.kept.wrote(version, self.clock.now());
            }
            None => missing(stored),
        }
    }

    fn erase(
        &self,
        place: Place,
        what: Erasing,
        kind: ScopeKind,
        wait: bool,
    ) -> Result<u64, Error> {
        let owner = self.owner(place.tenant);
        let asked = ErasureAsked {
            scope: EraseScope::Part(what),
            kind,
            words: serde_json::Value::Null,
            reason: "a step".to_owned(),
        };
        let erasure = self.engine().erase(&owner, asked)?;
        if wait {
            let ended = self
                .engine()
                .await_erasure(&erasure, Duration::from_secs(60));
            let state = self.engine().erasure(&owner, ended.id).unwrap().state;
            assert_eq!(state, State::Done);
        }
        Ok(erasure.points)
    }

    /// What was erased is gone from the oracle, and was as much.
    fn forget(
        &mut self,
        place: Place,
        erased: Result<u64, Error>,
        meant: impl Fn(&Point, PointId) -> bool,
    ) {
        let Some(expected) = self.expected.get_mut(&key(place)) else {
            return missing(erased);
        };
        let before = expected.points.len();
        expected.points.retain(|id, point| !meant(point, *id));
        assert_eq!(erased.unwrap(), (before - expected.points.len()) as u64);
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
}

pub fn missing<T>(result: Result<T, Error>) {
    let Err(error) = result else {
        panic!("a collection answers that isn't there");
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

pub const fn key(place: Place) -> (usize, usize) {
    (place.tenant, place.collection)
}

pub fn name(place: Place) -> CollectionName {
    CollectionName::parse(COLLECTIONS[place.collection]).unwrap()
}
