//! Writes: plan, seal, commit, then show.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, Schema, Slot, View},
    format::{self, Head, Row},
};
use crate::{
    access::{CreateCollection, DeleteCollection, Grant, Op, Write},
    payload::{Payload, filter::Filter},
    seal::Sealed,
    store::{Batch, StorageKey},
    tenant::{CollectionName, PointId},
    vector::Vector,
};

/// A point to be stored.
#[derive(Clone, Debug)]
pub struct PointUpsert {
    /// Its id: what is stored under it now is replaced.
    pub id: PointId,
    /// Its vector, as it came.
    pub vector: Vec<f32>,
    /// Its payload.
    pub payload: Payload,
}

/// Which points are meant.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These.
    Ids(Vec<PointId>),
    /// All that match.
    Filter(Filter),
}

/// A change to a collection's points: all of it happens, or none.
#[derive(Debug)]
pub struct Mutation {
    collection: Arc<Collection>,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Upsert(Vec<Ready>),
    /// With the version a point was seen in, if it may only be removed in that one.
    Remove(Vec<(PointId, Option<u64>)>),
}

/// A point in its stored form.
#[derive(Debug)]
struct Ready {
    id: PointId,
    vector: Vector,
    payload: Vec<u8>,
}

/// What a mutation did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    seq: u64,
}

impl Partition {
    /// Stores points, and returns the write's sequence number once they are durable and visible.
    ///
    /// # Errors
    /// [`PartitionError`]; then no point was stored, unless it is [`PartitionError::Store`]:
    /// after that one, a restart tells.
    pub fn upsert(
        &self,
        grant: &Grant<Write>,
        collection: &CollectionName,
        points: Vec<PointUpsert>,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, collection)?;
        let Schema {
            dimension, metric, ..
        } = collection.schema;
        let points: Result<Vec<Ready>, PartitionError> = points
            .into_iter()
            .map(|point| {
                let vector = Vector::new(point.vector, dimension, metric)?;
                Ok(Ready {
                    id: point.id,
                    vector,
                    payload: point.payload.to_json(),
                })
            })
            .collect();
        self.submit(Mutation {
            collection,
            change: Change::Upsert(points?),
        })
    }

    /// Removes points; ids that aren't there are passed over.
    ///
    /// # Errors
    /// As [`Self::upsert`].
    pub fn remove(
        &self,
        grant: &Grant<Write>,
        collection: &CollectionName,
        selection: Selection,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, collection)?;
        let points = match selection {
            Selection::Ids(ids) => ids.into_iter().map(|id| (id, None)).collect(),
            Selection::Filter(filter) => {
                let view = collection.view();
                let slots = self.matching(&collection, &view, &filter)?;
                let slots = slots
                    .into_iter()
                    .filter_map(|slot| view.slots.get(slot as usize));
                slots.map(|slot| (slot.id, Some(slot.seq))).collect()
            }
        };
        self.submit(Mutation {
            collection,
            change: Change::Remove(points),
        })
    }

    /// Makes a collection.
    ///
    /// # Errors
    /// [`PartitionError::CollectionExists`] when the name is taken.
    pub fn create_collection(
        &self,
        grant: &Grant<CreateCollection>,
        name: &CollectionName,
        schema: Schema,
    ) -> Result<(), PartitionError> {
        let _open = self.admit(grant)?;
        self.must_cover(grant, name)?;
        let mut head = self.writer.lock();
        let mut directory = (**self.collections.load()).clone();
        if directory.contains_key(name) {
            return Err(PartitionError::CollectionExists { name: name.clone() });
        }
        let number = head.next_collection;
        let key = StorageKey::collection(number);
        let mut batch = Batch::default();
        let record = format::encode_collection(name, &schema);
        batch.put(key, self.key.seal(key.kind(), key.as_bytes(), &record)?);
        self.commit(&mut head, batch, |next| next.next_collection += 1)?;
        let view = View::empty(schema.dimension);
        let collection = Collection::new(number, name.clone(), schema, view);
        directory.insert(name.clone(), Arc::new(collection));
        self.collections.store(Arc::new(directory));
        Ok(())
    }

    /// Removes a collection and its points. Whether there was one.
    ///
    /// # Errors
    /// As [`Self::upsert`].
    pub fn delete_collection(
        &self,
        grant: Grant<DeleteCollection>,
        name: &CollectionName,
    ) -> Result<bool, PartitionError> {
        let _open = self.admit(&grant)?;
        self.must_cover(&grant, name)?;
        let mut head = self.writer.lock();
        let mut directory = (**self.collections.load()).clone();
        let Some(collection) = directory.remove(name) else {
            return Ok(false);
        };
        let mut batch = Batch::default();
        batch.remove_collection(collection.number);
        self.commit(&mut head, batch, |_| {})?;
        self.collections.store(Arc::new(directory));
        Ok(true)
    }

    fn must_cover<O: Op>(
        &self,
        grant: &Grant<O>,
        name: &CollectionName,
    ) -> Result<(), PartitionError> {
        if grant.covers(name) {
            Ok(())
        } else {
            Err(PartitionError::NoCollection { name: name.clone() })
        }
    }

    fn submit(&self, mutation: Mutation) -> Result<u64, PartitionError> {
        self.queue
            .submit(mutation, |mutations| self.apply(mutations))
            .unwrap_or(Err(PartitionError::Closed))
            .map(|done| done.seq)
    }

    /// Commits the head and a batch, and keeps the head if that worked.
    fn commit(
        &self,
        head: &mut Head,
        mut batch: Batch,
        change: impl FnOnce(&mut Head),
    ) -> Result<(), PartitionError> {
        let mut next = Head {
            seq: head.seq + 1,
            ..*head
        };
        change(&mut next);
        // One more for the head itself.
        next.messages = self.key.messages() + 1;
        let key = StorageKey::head();
        batch.put(
            key,
            self.key.seal(key.kind(), key.as_bytes(), &next.encode())?,
        );
        self.family.commit(&batch)?;
        *head = next;
        Ok(())
    }

    /// Does a group of mutations in one commit. Each succeeds or fails by itself, but for the
    /// commit, which is everyone's.
    fn apply(&self, mutations: Vec<Mutation>) -> Vec<Result<Done, PartitionError>> {
        let mut head = self.writer.lock();
        let mut work = Work {
            batch: Batch::default(),
            views: HashMap::new(),
        };
        let first = head.seq + 1;
        let planned: Vec<Result<Done, PartitionError>> = (first..)
            .zip(mutations)
            .map(|(seq, mutation)| self.plan(&mut work, seq, mutation).map(|()| Done { seq }))
            .collect();
        let last = head.seq + planned.len() as u64;
        match self.commit(&mut head, work.batch, |next| next.seq = last) {
            Ok(()) => {
                for (collection, view) in work.views.into_values() {
                    collection.publish(view);
                }
                planned
            }
            Err(error) => planned.into_iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Adds a mutation to the batch and to the views that will be shown. Nothing of it is added
    /// if it fails.
    fn plan(&self, work: &mut Work, seq: u64, mutation: Mutation) -> Result<(), PartitionError> {
        let collection = mutation.collection;
        // A collection that was deleted since the caller looked it up takes no more writes.
        let directory = self.collections.load();
        if !directory
            .get(&collection.name)
            .is_some_and(|now| Arc::ptr_eq(now, &collection))
        {
            return Err(PartitionError::NoCollection {
                name: collection.name.clone(),
            });
        }
        let number = collection.number;
        let before = work.points(&directory);
        let (_, view) = work
            .views
            .entry(number)
            .or_insert_with(|| (Arc::clone(&collection), (*collection.view()).clone()));
        match mutation.change {
            Change::Upsert(points) => {
                let rows = rows_for(view, &points);
                let new = points
                    .iter()
                    .filter(|point| !view.ids.contains_key(&point.id))
                    .count();
                let points_max = self.points_max.load(Ordering::Relaxed);
                if new > 0 && before + new as u64 > points_max {
                    return Err(PartitionError::Quota { points_max });
                }
                let sealed = self.seal_rows(number, seq, &points, &rows)?;
                for ((point, row), sealed) in points.iter().zip(rows).zip(sealed) {
                    work.batch.put(StorageKey::row(number, row), sealed);
                    view.put(
                        Slot {
                            id: point.id,
                            row,
                            seq,
                        },
                        point.vector.as_slice(),
                    );
                }
                if view.arena.wants_merging() {
                    view.arena = view.arena.merged();
                }
            }
            Change::Remove(points) => {
                for (id, seen) in points {
                    let Some((_, slot)) = view.slot(id) else {
                        continue;
                    };
                    if seen.is_none_or(|seq| seq == slot.seq) {
                        work.batch.remove(StorageKey::row(number, slot.row));
                        view.remove(id);
                    }
                }
            }
        }
        Ok(())
    }

    fn seal_rows(
        &self,
        collection: u32,
        seq: u64,
        points: &[Ready],
        rows: &[u64],
    ) -> Result<Vec<Sealed>, PartitionError> {
        let seal = |(point, row): (&Ready, &u64)| {
            let key = StorageKey::row(collection, *row);
            let plain = Row::encode(seq, point.id, point.vector.as_slice(), &point.payload);
            self.key.seal(key.kind(), key.as_bytes(), &plain)
        };
        let sealed: Result<Vec<Sealed>, _> = if points.len() < PARALLEL_POINTS_MIN {
            points.iter().zip(rows).map(seal).collect()
        } else {
            points.par_iter().zip(rows).map(seal).collect()
        };
        Ok(sealed?)
    }
}

/// A group of mutations on its way.
struct Work {
    batch: Batch,
    views: HashMap<u32, (Arc<Collection>, View)>,
}

impl Work {
    /// How many points the tenant has, with what is planned so far.
    fn points(&self, directory: &super::Directory) -> u64 {
        directory
            .values()
            .map(|collection| match self.views.get(&collection.number) {
                Some((_, view)) => view.ids.len() as u64,
                None => collection.points(),
            })
            .sum()
    }
}

/// The row that each point is stored in: the one it has, or a new one. An id that comes twice
/// gets one row, and what comes last stays.
fn rows_for(view: &View, points: &[Ready]) -> Vec<u64> {
    let mut next_row = view.next_row;
    let mut new: HashMap<PointId, u64> = HashMap::new();
    points
        .iter()
        .map(|point| match view.slot(point.id) {
            Some((_, slot)) => slot.row,
            None => *new.entry(point.id).or_insert_with(|| {
                let row = next_row;
                next_row += 1;
                row
            }),
        })
        .collect()
}

/// Below this, handing rows to other threads costs more than sealing them.
const PARALLEL_POINTS_MIN: usize = 32;
