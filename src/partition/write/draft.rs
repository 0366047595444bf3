//! A draft: what a mutation makes of a collection, each operation seeing those before it. Nothing of
//! it is seen by anyone else until all of it was planned.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::{
    group::Written,
    operation::{Chosen, Prepared, UpsertMode, UpsertRule},
};
use crate::{
    partition::{
        Partition, PartitionError,
        collection::{Collection, Slot, View},
        format::Row,
        read::parsed,
    },
    payload::{
        Payload,
        filter::{Candidate, Filter},
    },
    tenant::PointId,
    vector::Vector,
};

/// A point as it will be stored.
#[derive(Clone, Debug)]
pub(in crate::partition) struct Point {
    /// In the places that the schema gives them.
    pub(super) vectors: Vec<Option<Vector>>,
    pub(super) payload: Payload,
    /// The payload as it is stored.
    pub(super) json: Vec<u8>,
}

impl Point {
    pub(super) fn new(vectors: Vec<Option<Vector>>, payload: Payload) -> Self {
        Self {
            json: payload.to_json(),
            vectors,
            payload,
        }
    }

    /// The point that a row tells of.
    fn stored(collection: &Collection, row: Row) -> Result<Self, PartitionError> {
        let payload = parsed(&row)?;
        let vectors = collection.schema.placed(row.vectors);
        let vectors = vectors.ok_or(PartitionError::Corrupt)?.into_iter();
        let vectors = vectors.map(|vector| vector.map(Vector::from_stored));
        Ok(Self {
            vectors: vectors.collect(),
            json: payload.to_json(),
            payload,
        })
    }

    fn bytes(&self) -> usize {
        let vectors = self.vectors.iter().flatten();
        let values: usize = vectors.map(|vector| vector.as_slice().len()).sum();
        values * size_of::<f32>() + self.json.len()
    }
}

/// What a mutation makes of a collection.
pub(super) struct Draft<'a> {
    partition: &'a Partition,
    collection: &'a Collection,
    /// The collection as it was before.
    view: &'a View,
    /// What was planned before and isn't on disk yet.
    written: &'a Written,
    /// The points that change, in the order in which they were first touched. Nothing stands for
    /// one that is removed.
    changed: Vec<(PointId, Option<Point>)>,
    places: HashMap<PointId, usize>,
    /// Bytes of points that were read to be changed.
    read: usize,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        partition: &'a Partition,
        collection: &'a Collection,
        view: &'a View,
        written: &'a Written,
    ) -> Self {
        Self {
            partition,
            collection,
            view,
            written,
            changed: Vec::new(),
            places: HashMap::new(),
            read: 0,
        }
    }

    /// The points that change, each once.
    pub(super) fn done(self) -> Vec<(PointId, Option<Point>)> {
        self.changed
    }

    pub(super) fn take(&mut self, operation: Prepared) -> Result<(), PartitionError> {
        match operation {
            Prepared::Upsert(points, rule) => self.upsert(points, &rule),
            Prepared::Remove(chosen) => {
                for id in self.chosen(chosen)? {
                    if self.is_there(id) {
                        self.put(id, None);
                    }
                }
                Ok(())
            }
            Prepared::Payload(chosen, change) => self.edit(chosen, |point| {
                let payload = change.applied(&point.payload)?;
                point.json = payload.to_json();
                point.payload = payload;
                Ok(())
            }),
            Prepared::PutVectors(points, only) => {
                if only.is_none() {
                    let ids: Vec<PointId> = points.iter().map(|(id, _)| *id).collect();
                    self.read_all(&ids)?;
                }
                let only = only
                    .as_ref()
                    .map(|only| self.view.indexes.bind(only).into_owned());
                for (id, vectors) in points {
                    if let Some(only) = &only
                        && self.is_there(id)
                        && !self.matches(only, id)?
                    {
                        continue;
                    }
                    self.read_all(&[id])?;
                    let places = self.existing(id)?.vectors.iter_mut();
                    for (place, vector) in places.zip(vectors) {
                        if vector.is_some() {
                            *place = vector;
                        }
                    }
                }
                Ok(())
            }
            Prepared::RemoveVectors(chosen, places) => self.edit(chosen, |point| {
                for place in &places {
                    if let Some(vector) = point.vectors.get_mut(*place) {
                        *vector = None;
                    }
                }
                Ok(())
            }),
        }
    }

    fn upsert(
        &mut self,
        points: Vec<(PointId, Point)>,
        rule: &UpsertRule,
    ) -> Result<(), PartitionError> {
        let mode = rule.mode;
        let replaced = rule.replaced.as_ref();
        let replaced = replaced.map(|filter| self.view.indexes.bind(filter).into_owned());
        for (id, point) in points {
            if mode == UpsertMode::Both && replaced.is_none() {
                self.put(id, Some(point));
                continue;
            }
            let stored = if self.is_there(id) {
                mode != UpsertMode::Insert
                    && match &replaced {
                        None => true,
                        Some(filter) => self.matches(filter, id)?,
                    }
            } else {
                mode != UpsertMode::Update
            };
            if stored {
                self.put(id, Some(point));
            }
        }
        Ok(())
    }

    /// Changes points that must be there.
    fn edit(
        &mut self,
        chosen: Chosen,
        change: impl Fn(&mut Point) -> Result<(), PartitionError>,
    ) -> Result<(), PartitionError> {
        let ids = self.chosen(chosen)?;
        self.read_all(&ids)?;
        for id in ids {
            change(self.existing(id)?)?;
        }
        Ok(())
    }

    /// The points that are meant: what changed since a filter was looked at is looked at again.
    fn chosen(&self, chosen: Chosen) -> Result<Vec<PointId>, PartitionError> {
        let (filter, found, newest) = match chosen {
            Chosen::Ids(ids) => return Ok(ids),
            Chosen::Matching {
                filter,
                found,
                newest,
            } => (filter, found, newest),
        };
        let filter = self.view.indexes.bind(&filter);
        let untouched = |id: PointId| !self.places.contains_key(&id);
        let as_seen = found.into_iter().filter(|(id, seq)| {
            let slot = self.view.slot(*id);
            untouched(*id) && slot.is_some_and(|(_, slot)| slot.seq == *seq)
        });
        let mut ids: Vec<PointId> = as_seen.map(|(id, _)| id).collect();
        let slots = self.view.slots.iter().rev();
        for slot in slots.take_while(|slot| slot.seq > newest) {
            let now = self.view.slot(slot.id);
            let lives = now.is_some_and(|(_, now)| now.row == slot.row);
            if lives && untouched(slot.id) && self.matches(&filter, slot.id)? {
                ids.push(slot.id);
            }
        }
        for (id, point) in &self.changed {
            let point = point.as_ref();
            if point.is_some_and(|point| holds(&filter, self.collection, *id, point)) {
                ids.push(*id);
            }
        }
        Ok(ids)
    }

    fn is_there(&self, id: PointId) -> bool {
        match self.places.get(&id) {
            Some(place) => self
                .changed
                .get(*place)
                .is_some_and(|(_, point)| point.is_some()),
            None => self.view.ids.contains_key(&id),
        }
    }

    /// Whether a point that is there matches.
    fn matches(&self, filter: &Filter, id: PointId) -> Result<bool, PartitionError> {
        let changed = self.places.get(&id).and_then(|at| self.changed.get(*at));
        match (changed, self.view.slot(id)) {
            (Some((_, Some(point))), _) => Ok(holds(filter, self.collection, id, point)),
            (None, Some((_, slot))) => {
                let point = self.stored(slot)?;
                Ok(holds(filter, self.collection, id, &point))
            }
            (Some((_, None)) | None, _) => Ok(false),
        }
    }

    /// Reads points, on all cores if they are many, so that they can be changed. Those that were
    /// read before, and those that aren't there, are passed over.
    fn read_all(&mut self, ids: &[PointId]) -> Result<(), PartitionError> {
        let wanted: BTreeSet<PointId> = ids
            .iter()
            .filter(|id| !self.places.contains_key(id))
            .copied()
            .collect();
        let wanted: Vec<(PointId, Slot)> = wanted
            .into_iter()
            .filter_map(|id| Some((id, self.view.slot(id)?.1)))
            .collect();
        for some in wanted.chunks(READ_AT_ONCE) {
            let read = |(id, slot): &(PointId, Slot)| Ok((*id, self.stored(*slot)?));
            let points: Result<Vec<(PointId, Point)>, PartitionError> =
                some.par_iter().map(read).collect();
            for (id, point) in points? {
                self.read += point.bytes();
                self.put(id, Some(point));
            }
            if self.read > REWRITE_BYTES_MAX {
                return Err(PartitionError::TooMuch {
                    max: REWRITE_BYTES_MAX,
                });
            }
        }
        Ok(())
    }

    /// A point that was read, or the error that it isn't there.
    fn existing(&mut self, id: PointId) -> Result<&mut Point, PartitionError> {
        let place = self.places.get(&id).copied();
        let changed = place.and_then(|place| self.changed.get_mut(place));
        changed
            .and_then(|(_, point)| point.as_mut())
            .ok_or(PartitionError::NoPoint { id })
    }

    fn put(&mut self, id: PointId, point: Option<Point>) {
        let next = self.changed.len();
        let place = *self.places.entry(id).or_insert(next);
        match self.changed.get_mut(place) {
            Some((_, changed)) => *changed = point,
            None => self.changed.push((id, point)),
        }
    }

    /// The point in a slot of the view.
    fn stored(&self, slot: Slot) -> Result<Point, PartitionError> {
        if let Some(point) = self.written.get(slot.row) {
            return Ok(point.clone());
        }
        let row = self.partition.row(self.collection, slot.row)?;
        // Nothing that was written would leave a point without its row.
        let row = row.filter(|row| row.id == slot.id);
        Point::stored(self.collection, row.ok_or(PartitionError::Corrupt)?)
    }
}

fn holds(filter: &Filter, collection: &Collection, id: PointId, point: &Point) -> bool {
    let has = |name: &str| {
        let place = collection.schema.vector(name).map(|(place, _)| place);
        let vector = place.and_then(|place| point.vectors.get(place));
        vector.is_some_and(|vector| vector.is_some())
    };
    filter.matches(&Candidate {
        id,
        payload: &point.payload,
        vectors: &has,
    })
}

/// Points that are read together.
const READ_AT_ONCE: usize = 1_024;
/// Most bytes of points that one request may change without bringing them: they are all in memory
/// at once, and in one commit.
const REWRITE_BYTES_MAX: usize = 256 << 20;
