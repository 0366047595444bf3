//! A group of mutations: planned one after the other, committed together, then shown.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use rayon::prelude::*;

use super::{
    draft::{Draft, Point},
    operation::Prepared,
};
use crate::{
    clock::Timestamp,
    partition::{
        Directory, Partition, PartitionError,
        collection::{Collection, Slot, View},
        format::{Head, Row},
        reseal::Gone,
        segment::encode_tombstone,
    },
    seal::Sealed,
    store::{Batch, StorageKey},
    tenant::PointId,
    vector::Vector,
};

/// A change to a collection's points: all of it happens, or none.
#[derive(Debug)]
pub struct Mutation {
    pub(super) collection: Arc<Collection>,
    pub(super) operations: Vec<Prepared>,
    /// When it was granted: its points' days begin.
    pub(super) now: Timestamp,
}

impl Mutation {
    pub(in crate::partition) fn new(
        collection: &Arc<Collection>,
        operations: Vec<Prepared>,
        now: Timestamp,
    ) -> Self {
        Self {
            collection: Arc::clone(collection),
            operations,
            now,
        }
    }
}

/// What a mutation did.
#[derive(Clone, Copy, Debug)]
pub(in crate::partition) struct Done {
    pub(in crate::partition) seq: u64,
    /// Points that were removed.
    pub(in crate::partition) removed: u64,
}

/// A group of mutations on its way.
struct Work {
    batch: Batch,
    views: HashMap<u32, Planned>,
    written: Written,
    /// Rows that are removed.
    gone: Vec<Gone>,
    /// When the sweep begins that destroys what has to go first.
    sweep: Option<Timestamp>,
}

/// What a collection will be.
struct Planned {
    collection: Arc<Collection>,
    view: View,
    tombstones: u64,
    /// Rows that are written or removed.
    changed: u64,
}

/// The rows that a group writes. They are only ever appended: a point that is replaced gets a new
/// one, so that a segment's bound tells what was written since.
pub(super) struct Written {
    /// The number of the first.
    first: u64,
    points: Vec<Point>,
}

impl Written {
    /// The point in a row that isn't on disk yet.
    pub(super) fn get(&self, row: u64) -> Option<&Point> {
        let place = usize::try_from(row.checked_sub(self.first)?).ok()?;
        self.points.get(place)
    }

    const fn next_row(&self) -> u64 {
        self.first + self.points.len() as u64
    }
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
    fn sweep_by(&mut self, at: Option<Timestamp>) {
        self.sweep = self.sweep.into_iter().chain(at).min();
    }

    /// How many points the tenant has, with what is planned so far.
    fn points(&self, directory: &Directory) -> u64 {
        directory
            .values()
            .map(|collection| match self.views.get(&collection.number) {
                Some(planned) => planned.view.ids.len() as u64,
                None => collection.points(),
            })
            .sum()
    }
}

impl Partition {
    pub(in crate::partition) fn submit(&self, mutation: Mutation) -> Result<Done, PartitionError> {
        self.queue
            .submit(mutation, |mutations| self.apply(mutations))
            .unwrap_or(Err(PartitionError::Closed))
    }

    /// Notes what a commit removed, if a resealing wants to know.
    pub(in crate::partition) fn note_gone(&self, gone: impl IntoIterator<Item = Gone>) {
        if let Some(noted) = &mut *self.gone.lock() {
            noted.extend(gone);
        }
    }

    /// Commits the head and a batch, and keeps the head if that worked.
    pub(in crate::partition) fn commit(
        &self,
        head: &mut Head,
        mut batch: Batch,
        change: impl FnOnce(&mut Head),
    ) -> Result<(), PartitionError> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(PartitionError::Closed);
        }
        let mut next = Head {
            seq: head.seq + 1,
            ..head.clone()
        };
        change(&mut next);
        // One more for the head itself.
        let chamber = self.chamber.load();
        next.messages = chamber.key.messages() + 1;
        let key = StorageKey::head();
        batch.put(key, chamber.seal(key, &next.encode())?);
        chamber.family.commit(&batch)?;
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
            written: Written {
                first: head.next_row,
                points: Vec::new(),
            },
            gone: Vec::new(),
            sweep: None,
        };
        let first = head.seq + 1;
        let planned: Vec<Result<Done, PartitionError>> = (first..)
            .zip(mutations)
            .map(|(seq, mutation)| self.plan(&mut work, seq, mutation))
            .collect();
        let last = head.seq + planned.len() as u64;
        let commit = || {
            self.note_sweep(work.sweep)?;
            self.commit(&mut head, work.batch, |next| {
                next.seq = last;
                next.next_row = work.written.next_row();
                for (number, planned) in &work.views {
                    if let Some(note) = next.segments.get_mut(number) {
                        note.tombstones += planned.tombstones;
                    }
                }
            })
        };
        let committed = commit();
        match committed {
            Ok(()) => {
                self.note_gone(work.gone);
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
    fn plan(&self, work: &mut Work, seq: u64, mutation: Mutation) -> Result<Done, PartitionError> {
        let (collection, now) = (mutation.collection, mutation.now);
        self.must_be_there(&collection)?;
        let before = work.points(&self.collections.load());
        let planned = work
            .views
            .entry(collection.number)
            .or_insert_with(|| Planned::new(&collection));
        let view = &mut planned.view;
        let mut draft = Draft::new(self, &collection, view, &work.written);
        for operation in mutation.operations {
            draft.take(operation)?;
        }
        let changed = draft.done();
        let standing = view.ends.standing().cloned();
        let (mut removed, mut kept, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (id, point) in changed {
            let end = point.as_ref().and_then(|point| {
                let standing = standing.as_ref()?;
                standing.end_of(Some(now), &point.payload)
            });
            match point {
                // What has ended before it is written is never there.
                Some(point) if end.is_none_or(|end| end > now) => {
                    kept.push((id, point));
                    ends.push(end);
                }
                Some(_) | None => removed.push(id),
            }
        }
        let ids = removed.iter().chain(kept.iter().map(|(id, _)| id));
        let gone: Vec<Slot> = ids.filter_map(|id| Some(view.slot(*id)?.1)).collect();
        let after = before + kept.len() as u64 - gone.len() as u64;
        let points_max = self.points_max.load(Ordering::Relaxed);
        if after > before && after > points_max {
            return Err(PartitionError::Quota { points_max });
        }
        let first_row = work.written.next_row();
        let sealed = self.seal_rows(&collection, (seq, now), &kept, first_row)?;
        planned.tombstones += self.remove_rows(&collection, seq, &gone, &mut work.batch)?;
        planned.changed += (kept.len() + gone.len()) as u64;
        let rows = gone
            .iter()
            .map(|slot| Gone::Row(collection.number, slot.row));
        work.gone.extend(rows);
        let done = Done {
            seq,
            removed: removed.len() as u64,
        };
        let standing = standing.as_deref();
        let bound = self.sweep_of_removed(standing, now);
        let ended = ends.iter().flatten().min();
        let ended = ended.and_then(|end| Some(standing?.sweep_of_ended(*end)));
        let removed_by = bound.filter(|_| !gone.is_empty());
        let sweep = removed_by.into_iter().chain(ended).min();
        for id in removed {
            view.remove(id);
        }
        let rows = (first_row..).zip(ends).zip(sealed);
        for ((id, point), ((row, end), sealed)) in kept.into_iter().zip(rows) {
            work.batch
                .put(StorageKey::row(collection.number, row), sealed);
            let vectors = point.vectors.iter();
            let vectors = vectors.map(|vector| vector.as_ref().map(Vector::as_slice));
            let at = view.put(Slot { id, row, seq }, vectors);
            view.index(at, &point.payload);
            view.ends_at(at, end);
            work.written.points.push(point);
        }
        work.sweep_by(sweep);
        Ok(done)
    }

    /// Removes rows. Those that a segment may know leave a tombstone: how many were left.
    pub(in crate::partition) fn remove_rows(
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
            batch.put(key, self.chamber.load().seal(key, &plain)?);
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
        (seq, now): (u64, Timestamp),
        points: &[(PointId, Point)],
        first_row: u64,
    ) -> Result<Vec<Sealed>, PartitionError> {
        let chamber = self.chamber.load();
        let seal = |((id, point), place): (&(PointId, Point), usize)| {
            let key = StorageKey::row(collection.number, first_row + place as u64);
            let vectors = collection.schema.vectors.iter().zip(&point.vectors);
            let vectors: Vec<(&str, &[f32])> = vectors
                .filter_map(|(schema, vector)| {
                    Some((schema.name.as_str(), vector.as_ref()?.as_slice()))
                })
                .collect();
            let plain = Row::encode((seq, Some(now)), *id, &vectors, &point.json);
            chamber.seal(key, &plain)
        };
        let sealed: Result<Vec<Sealed>, _> = if points.len() < PARALLEL_POINTS_MIN {
            points.iter().zip(0..).map(seal).collect()
        } else {
            points.par_iter().zip(0..points.len()).map(seal).collect()
        };
        Ok(sealed?)
    }
}

/// Below this, handing rows to other threads costs more than sealing them.
const PARALLEL_POINTS_MIN: usize = 32;
