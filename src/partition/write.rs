//! Writes: plan, seal, commit, then show.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, Slot, View},
    format::{self, Head, Row},
    schema::Schema,
    segment::{Coverage, encode_tombstone},
};
use crate::{
    access::{CreateCollection, DeleteCollection, Grant, Op, Write},
    payload::{Payload, filter::Filter},
    seal::Sealed,
    store::{Batch, StorageKey},
    tenant::{CollectionName, PointId},
    vector::{Vector, Vectors},
};

/// A point to be stored.
#[derive(Clone, Debug)]
pub struct PointUpsert {
    /// Its id: what is stored under it now is replaced.
    pub id: PointId,
    /// Its vectors, as they came: those that it has.
    pub vectors: Vectors,
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
    /// In the places that the schema gives them.
    vectors: Vec<Option<Vector>>,
    payload: Payload,
    /// The payload as it is stored.
    json: Vec<u8>,
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
        let points: Result<Vec<Ready>, PartitionError> = points
            .into_iter()
            .map(|point| {
                Ok(Ready {
                    id: point.id,
                    vectors: collection.schema.stored(point.vectors)?,
                    json: point.payload.to_json(),
                    payload: point.payload,
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
        let record = format::encode_collection(name, &schema, &[]);
        batch.put(key, self.key.seal(key.kind(), key.as_bytes(), &record)?);
        self.commit(&mut head, batch, |next| next.next_collection += 1)?;
        let view = View::empty(&schema);
        let view = (view, Coverage::default());
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
        self.commit(&mut head, batch, |next| {
            next.segments.remove(&collection.number);
        })?;
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
    pub(super) fn commit(
        &self,
        head: &mut Head,
        mut batch: Batch,
        change: impl FnOnce(&mut Head),
    ) -> Result<(), PartitionError> {
        let mut next = Head {
            seq: head.seq + 1,
            ..head.clone()
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
            next_row: head.next_row,
        };
        let first = head.seq + 1;
        let planned: Vec<Result<Done, PartitionError>> = (first..)
            .zip(mutations)
            .map(|(seq, mutation)| self.plan(&mut work, seq, mutation).map(|()| Done { seq }))
            .collect();
        let last = head.seq + planned.len() as u64;
        let committed = self.commit(&mut head, work.batch, |next| {
            next.seq = last;
            next.next_row = work.next_row;
            for (number, planned) in &work.views {
                if let Some(note) = next.segments.get_mut(number) {
                    note.tombstones += planned.tombstones;
                }
            }
        });
        match committed {
            Ok(()) => {
                for planned in work.views.into_values() {
                    let mut coverage = planned.collection.coverage.lock();
                    coverage.count(planned.tombstones, planned.changed);
                    drop(coverage);
                    planned.collection.publish(planned.view);
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
        self.must_be_there(&collection)?;
        let number = collection.number;
        let before = work.points(&self.collections.load());
        let planned = work
            .views
            .entry(number)
            .or_insert_with(|| Planned::new(&collection));
        let view = &mut planned.view;
        let gone: Vec<Slot>;
        match mutation.change {
            Change::Upsert(points) => {
                let points = last_of_each(points);
                gone = slots_of(view, points.iter().map(|point| point.id));
                let new = (points.len() - gone.len()) as u64;
                let points_max = self.points_max.load(Ordering::Relaxed);
                if new > 0 && before + new > points_max {
                    return Err(PartitionError::Quota { points_max });
                }
                let sealed = self.seal_rows(&collection, seq, &points, work.next_row)?;
                planned.tombstones += self.remove_rows(&collection, seq, &gone, &mut work.batch)?;
                planned.changed += points.len() as u64;
                for ((point, row), sealed) in points.iter().zip(work.next_row..).zip(sealed) {
                    work.batch.put(StorageKey::row(number, row), sealed);
                    let slot = Slot {
                        id: point.id,
                        row,
                        seq,
                    };
                    let vectors = point.vectors.iter();
                    let at = view.put(slot, vectors.map(|v| v.as_ref().map(Vector::as_slice)));
                    view.index(at, &point.payload);
                }
                work.next_row += points.len() as u64;
            }
            Change::Remove(points) => {
                let meant = points.into_iter().filter(|(id, seen)| {
                    let slot = view.slot(*id);
                    slot.is_some_and(|(_, slot)| seen.is_none_or(|seq| seq == slot.seq))
                });
                let ids: BTreeSet<PointId> = meant.map(|(id, _)| id).collect();
                gone = slots_of(view, ids.iter().copied());
                planned.tombstones += self.remove_rows(&collection, seq, &gone, &mut work.batch)?;
                for id in ids {
                    view.remove(id);
                }
            }
        }
        planned.changed += gone.len() as u64;
        Ok(())
    }

    /// Removes rows. Those that a segment may know leave a tombstone: how many were left.
    fn remove_rows(
        &self,
        collection: &Collection,
        seq: u64,
        gone: &[Slot],
        batch: &mut Batch,
    ) -> Result<u64, PartitionError> {
        let coverage = collection.coverage.lock();
        let covered: Vec<u64> = gone
            .iter()
            .map(|slot| slot.row)
            .filter(|row| coverage.covers(*row))
            .collect();
        drop(coverage);
        let mut tombstones = 0;
        if !covered.is_empty() {
            let key = StorageKey::tombstone(collection.number, seq);
            let plain = encode_tombstone(&covered);
            batch.put(key, self.key.seal(key.kind(), key.as_bytes(), &plain)?);
            tombstones = 1;
        }
        for slot in gone {
            batch.remove(StorageKey::row(collection.number, slot.row));
        }
        Ok(tombstones)
    }

    fn seal_rows(
        &self,
        collection: &Collection,
        seq: u64,
        points: &[Ready],
        first_row: u64,
    ) -> Result<Vec<Sealed>, PartitionError> {
        let seal = |(point, place): (&Ready, usize)| {
            let key = StorageKey::row(collection.number, first_row + place as u64);
            let vectors = collection.schema.vectors.iter().zip(&point.vectors);
            let vectors: Vec<(&str, &[f32])> = vectors
                .filter_map(|(schema, vector)| {
                    Some((schema.name.as_str(), vector.as_ref()?.as_slice()))
                })
                .collect();
            let plain = Row::encode(seq, point.id, &vectors, &point.json);
            self.key.seal(key.kind(), key.as_bytes(), &plain)
        };
        let sealed: Result<Vec<Sealed>, _> = if points.len() < PARALLEL_POINTS_MIN {
            points.iter().zip(0..).map(seal).collect()
        } else {
            points.par_iter().zip(0..points.len()).map(seal).collect()
        };
        Ok(sealed?)
    }
}

/// A group of mutations on its way.
struct Work {
    batch: Batch,
    views: HashMap<u32, Planned>,
    /// The number that the next row gets. Rows are only ever appended: a point that is replaced
    /// gets a new one, so that a segment's bound tells what was written since.
    next_row: u64,
}

/// What a collection will be.
struct Planned {
    collection: Arc<Collection>,
    view: View,
    tombstones: u64,
    /// Rows that are written or removed.
    changed: u64,
}

impl Planned {
    fn new(collection: &Arc<Collection>) -> Self {
        Self {
            collection: Arc::clone(collection),
            view: (*collection.view()).clone(),
            tombstones: 0,
            changed: 0,
        }
    }
}

impl Work {
    /// How many points the tenant has, with what is planned so far.
    fn points(&self, directory: &super::Directory) -> u64 {
        directory
            .values()
            .map(|collection| match self.views.get(&collection.number) {
                Some(planned) => planned.view.ids.len() as u64,
                None => collection.points(),
            })
            .sum()
    }
}

/// Of an id that comes twice, what comes last stays.
fn last_of_each(mut points: Vec<Ready>) -> Vec<Ready> {
    let mut seen = HashSet::new();
    points.reverse();
    points.retain(|point| seen.insert(point.id));
    points.reverse();
    points
}

/// What stands under these ids now.
fn slots_of(view: &View, ids: impl Iterator<Item = PointId>) -> Vec<Slot> {
    ids.filter_map(|id| Some(view.slot(id)?.1)).collect()
}

/// Below this, handing rows to other threads costs more than sealing them.
const PARALLEL_POINTS_MIN: usize = 32;
