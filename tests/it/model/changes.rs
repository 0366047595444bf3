//! Operations on points: what the node does of them, and what a map would.

use std::collections::BTreeMap;

use locule::{
    clock::Clock,
    engine::ErrorKind,
    partition::{Operation, PayloadChange, PointUpsert, Selection, UpsertMode, UpsertRule},
    payload::{Payload, path::Path},
    tenant::PointId,
    vector::Vectors,
};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};

use super::{
    filter::Wanted,
    oracle::{Expected, Point},
    random,
    step::{NewPoint, OTHER, OTHER_DIMENSION, Place, id, point},
    subject::{Subject, key, missing, name},
};

/// One operation of a batch.
#[derive(Clone, Debug)]
pub enum Change {
    Upsert(Vec<NewPoint>, UpsertMode, Option<Wanted>),
    Remove(Pick),
    Merge(Pick, Map<String, Value>, bool),
    Replace(Pick, Map<String, Value>),
    Prune(Pick, Vec<&'static str>),
    Clear(Pick),
    PutVectors(Vec<NewPoint>, Option<Wanted>),
    RemoveVectors(Pick, Vec<&'static str>),
}

/// Which points are meant.
#[derive(Clone, Debug)]
pub enum Pick {
    Ids(Vec<PointId>),
    Matching(Wanted),
}

pub fn any_change() -> impl Strategy<Value = Change> {
    let points = || prop::collection::vec(point(), 1..4);
    let mode = select(&[UpsertMode::Both, UpsertMode::Insert, UpsertMode::Update][..]);
    let wanted = || prop::option::weighted(0.3, Wanted::any());
    let names = prop::collection::vec(select(&["", OTHER][..]), 1..3);
    let keys = select(&["colour", "n", "tags", "tags[]", "sub.n", "sub", "tags[0]"][..]);
    prop_oneof![
        3 => (points(), mode, wanted()).prop_map(|(points, mode, only)| Change::Upsert(points, mode, only)),
        1 => pick().prop_map(Change::Remove),
        3 => (pick(), random::payload(), any::<bool>()).prop_map(|(pick, map, inner)| Change::Merge(pick, map, inner)),
        1 => (pick(), random::payload()).prop_map(|(pick, map)| Change::Replace(pick, map)),
        2 => (pick(), prop::collection::vec(keys, 1..3)).prop_map(|(pick, keys)| Change::Prune(pick, keys)),
        1 => pick().prop_map(Change::Clear),
        2 => (points(), wanted()).prop_map(|(points, only)| Change::PutVectors(points, only)),
        2 => (pick(), names).prop_map(|(pick, names)| Change::RemoveVectors(pick, names)),
    ]
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        // One that is missing fails everything: so mostly few.
        2 => prop::collection::vec(id(), 1..3).prop_map(Pick::Ids),
        3 => Wanted::any().prop_map(Pick::Matching),
    ]
}

impl Subject {
    pub fn change(&mut self, place: Place, changes: &[Change]) {
        let dimension = self.expected.get(&key(place)).map_or(4, |e| e.dimension);
        let operations = changes.iter().map(|change| change.operation(dimension));
        let owner = self.owner(place.tenant);
        let done = self
            .engine()
            .change(&owner, &name(place), operations.collect());
        let Some(expected) = self.expected.get_mut(&key(place)) else {
            return missing(done);
        };
        let mut points = expected.points.clone();
        // The number that the write will have, if it works.
        let version = *done.as_ref().unwrap_or(&0);
        let possible = changes
            .iter()
            .all(|change| change.apply(&mut points, dimension, version));
        if possible {
            assert!(done.is_ok(), "{done:?} of {changes:?}");
            expected.points = points;
            expected.kept.wrote(version, self.clock.now());
        } else {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}

impl Change {
    fn operation(&self, dimension: usize) -> Operation {
        let payload = |map: &Map<String, Value>| Payload::new(map.clone()).unwrap();
        let filter = |only: &Option<Wanted>| only.as_ref().map(Wanted::filter);
        match self {
            Self::Upsert(points, mode, only) => {
                let rule = UpsertRule {
                    mode: *mode,
                    replaced: filter(only),
                };
                let points = points.iter().map(|point| PointUpsert {
                    id: point.id,
                    vectors: point.vectors(dimension),
                    payload: payload(&point.payload),
                });
                Operation::Upsert(points.collect(), rule)
            }
            Self::Remove(pick) => Operation::Remove(pick.selection()),
            Self::Merge(pick, fields, inner) => {
                let at = inner.then(|| Path::parse("sub").unwrap());
                let change = PayloadChange::Merge(payload(fields), at);
                Operation::Payload(pick.selection(), change)
            }
            Self::Replace(pick, map) => {
                let change = PayloadChange::Replace(payload(map));
                Operation::Payload(pick.selection(), change)
            }
            Self::Prune(pick, keys) => {
                let paths = keys.iter().map(|key| Path::parse(key).unwrap());
                let change = PayloadChange::Remove(paths.collect());
                Operation::Payload(pick.selection(), change)
            }
            Self::Clear(pick) => Operation::Payload(pick.selection(), PayloadChange::Clear),
            Self::PutVectors(points, only) => {
                let points = points
                    .iter()
                    .map(|point| (point.id, point.vectors(dimension)));
                Operation::PutVectors(points.collect(), filter(only))
            }
            Self::RemoveVectors(pick, names) => {
                let names = names.iter().map(|name| (*name).to_owned());
                Operation::RemoveVectors(pick.selection(), names.collect())
            }
        }
    }

    /// Does it to a map of points. Whether that was possible.
    fn apply(&self, points: &mut BTreeMap<PointId, Point>, dimension: usize, version: u64) -> bool {
        let passes = |only: &Option<Wanted>, id: PointId, point: &Point| {
            only.as_ref()
                .is_none_or(|only| only.holds(id, &point.payload))
        };
        match self {
            Self::Upsert(new, mode, only) => {
                for point in new {
                    let stored = match points.get(&point.id) {
                        Some(there) => *mode != UpsertMode::Insert && passes(only, point.id, there),
                        None => *mode != UpsertMode::Update,
                    };
                    if stored {
                        points.insert(point.id, Point::new(point.clone(), dimension, version));
                    }
                }
                true
            }
            Self::Remove(pick) => {
                let ids = pick.ids(points);
                points.retain(|id, _| !ids.contains(id));
                true
            }
            Self::Merge(pick, fields, false) => {
                pick.each(points, version, |point| merge(&mut point.payload, fields))
            }
            Self::Merge(pick, fields, true) => pick.each(points, version, |point| {
                let sub = point.payload.entry("sub").or_insert(Value::Null);
                if !sub.is_object() {
                    *sub = Value::Object(Map::new());
                }
                merge(sub.as_object_mut().unwrap(), fields);
            }),
            Self::Replace(pick, map) => {
                pick.each(points, version, |point| point.payload.clone_from(map))
            }
            Self::Prune(pick, keys) => pick.each(points, version, |point| {
                for key in keys {
                    match *key {
                        "tags[]" => {
                            let tags = point.payload.get_mut("tags");
                            if let Some(tags) = tags.and_then(Value::as_array_mut) {
                                tags.clear();
                            }
                        }
                        "sub.n" => {
                            let sub = point.payload.get_mut("sub");
                            if let Some(sub) = sub.and_then(Value::as_object_mut) {
                                sub.remove("n");
                            }
                        }
                        // Not an element of an array, and there is no such field.
                        key => drop(point.payload.remove(key)),
                    }
                }
            }),
            Self::Clear(pick) => pick.each(points, version, |point| point.payload.clear()),
            Self::PutVectors(new, only) => new.iter().all(|new| {
                let Some(point) = points.get_mut(&new.id) else {
                    return false;
                };
                if passes(only, new.id, point) {
                    point.vectors.extend(new.vectors(dimension));
                    point.version = version;
                }
                true
            }),
            Self::RemoveVectors(pick, names) => pick.each(points, version, |point| {
                point
                    .vectors
                    .retain(|name, _| !names.contains(&name.as_str()));
            }),
        }
    }
}

impl Pick {
    fn selection(&self) -> Selection {
        match self {
            Self::Ids(ids) => Selection::Ids(ids.clone()),
            Self::Matching(wanted) => Selection::Filter(wanted.filter()),
        }
    }

    fn ids(&self, points: &BTreeMap<PointId, Point>) -> Vec<PointId> {
        match self {
            Self::Ids(ids) => ids.clone(),
            Self::Matching(wanted) => {
                let matching = points
                    .iter()
                    .filter(|(id, point)| wanted.holds(**id, &point.payload));
                matching.map(|(id, _)| *id).collect()
            }
        }
    }

    /// Changes every point that is meant. Whether all of them are there.
    fn each(
        &self,
        points: &mut BTreeMap<PointId, Point>,
        version: u64,
        change: impl Fn(&mut Point),
    ) -> bool {
        self.ids(points).into_iter().all(|id| {
            let point = points.get_mut(&id);
            point.is_some_and(|point| {
                change(point);
                point.version = version;
                true
            })
        })
    }
}

fn merge(map: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
}

impl NewPoint {
    /// The vectors that it brings.
    pub fn vectors(&self, dimension: usize) -> Vectors {
        let (default, other) = self.has;
        let mut vectors = Vectors::new();
        if default {
            vectors.insert(String::new(), self.vector[..dimension].to_vec());
        }
        if other {
            vectors.insert(OTHER.to_owned(), self.vector[..OTHER_DIMENSION].to_vec());
        }
        vectors
    }
}

impl Expected {
    /// Whether there is such a point, with such a vector.
    pub fn has(&self, id: PointId, using: &str) -> bool {
        let point = self.points.get(&id);
        point.is_some_and(|point| point.vectors.contains_key(using))
    }
}
