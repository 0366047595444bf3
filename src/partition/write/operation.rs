//! What can be asked of a collection's points, and the form in which it is planned.

use super::draft::Point;
use crate::{
    partition::{Partition, PartitionError, collection::Collection},
    payload::{Payload, PayloadError, edit, filter::Filter, path::Path},
    tenant::PointId,
    vector::{Vector, Vectors},
};

/// One change to a collection's points.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Stores points, those that the rule lets through.
    Upsert(Vec<PointUpsert>, UpsertRule),
    /// Removes points; ids that aren't there are passed over.
    Remove(Selection),
    /// Changes payloads.
    Payload(Selection, PayloadChange),
    /// Puts vectors into points that are there: with a filter, those that match it.
    PutVectors(Vec<(PointId, Vectors)>, Option<Filter>),
    /// Takes the vectors with these names out of points.
    RemoveVectors(Selection, Vec<String>),
}

impl Operation {
    /// Whether it takes something away, and puts nothing in its place.
    pub const fn is_destructive(&self) -> bool {
        match self {
            Self::Remove(_) | Self::RemoveVectors(..) => true,
            Self::Payload(_, change) => {
                matches!(change, PayloadChange::Remove(_) | PayloadChange::Clear)
            }
            Self::Upsert(..) | Self::PutVectors(..) => false,
        }
    }
}

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

/// Which of the points that come are stored.
#[derive(Clone, Debug, Default)]
pub struct UpsertRule {
    /// Whether new ones are, and those that replace others.
    pub mode: UpsertMode,
    /// What a point that is there must match to be replaced.
    pub replaced: Option<Filter>,
}

/// Whether new points are stored, and those that replace others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UpsertMode {
    /// Both.
    #[default]
    Both,
    /// New ones alone.
    Insert,
    /// Those alone that replace others.
    Update,
}

/// Which points are meant.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These.
    Ids(Vec<PointId>),
    /// All that match.
    Filter(Filter),
}

/// What becomes of a payload.
#[derive(Clone, Debug)]
pub enum PayloadChange {
    /// These fields are set in it, or in the objects that a path leads to; a null removes one.
    Merge(Payload, Option<Path>),
    /// It is this one.
    Replace(Payload),
    /// What these paths lead to goes.
    Remove(Vec<Path>),
    /// Everything goes.
    Clear,
}

impl PayloadChange {
    /// What a payload becomes.
    pub(super) fn applied(&self, payload: &Payload) -> Result<Payload, PayloadError> {
        let mut map = payload.as_map().clone();
        match self {
            Self::Merge(fields, None) => edit::merge(&mut map, fields.as_map()),
            Self::Merge(fields, Some(at)) => at.merge(&mut map, fields.as_map()),
            Self::Replace(payload) => return Ok(payload.clone()),
            Self::Remove(paths) => paths.iter().for_each(|path| path.remove(&mut map)),
            Self::Clear => map.clear(),
        }
        Payload::new(map)
    }
}

/// An operation whose vectors are in their stored form, and whose filters have been looked at.
#[derive(Debug)]
pub(in crate::partition) enum Prepared {
    Upsert(Vec<(PointId, Point)>, UpsertRule),
    Remove(Chosen),
    Payload(Chosen, PayloadChange),
    PutVectors(Vec<(PointId, Vec<Option<Vector>>)>, Option<Filter>),
    /// By the places that the schema gives the vectors.
    RemoveVectors(Chosen, Vec<usize>),
}

/// A selection, once its filter was held against a snapshot.
#[derive(Debug)]
pub(in crate::partition) enum Chosen {
    Ids(Vec<PointId>),
    Matching {
        filter: Filter,
        /// The points of the snapshot that matched, in the versions that did.
        found: Vec<(PointId, u64)>,
        /// The newest version in the snapshot: what is newer hasn't been looked at.
        newest: u64,
    },
}

impl Prepared {
    /// The points that are chosen, as far as a snapshot tells; none for what brings its points.
    pub(in crate::partition) fn points(&self) -> impl Iterator<Item = PointId> + '_ {
        let chosen = match self {
            Self::Remove(chosen) | Self::Payload(chosen, _) | Self::RemoveVectors(chosen, _) => {
                Some(chosen)
            }
            Self::Upsert(..) | Self::PutVectors(..) => None,
        };
        chosen.into_iter().flat_map(Chosen::points)
    }
}

impl Chosen {
    fn points(&self) -> Box<dyn Iterator<Item = PointId> + '_> {
        match self {
            Self::Ids(ids) => Box::new(ids.iter().copied()),
            Self::Matching { found, .. } => Box::new(found.iter().map(|(id, _)| *id)),
        }
    }
}

impl Partition {
    /// Does what can be done of an operation before the writer's lock is held.
    pub(in crate::partition) fn prepare(
        &self,
        collection: &Collection,
        operation: Operation,
    ) -> Result<Prepared, PartitionError> {
        let schema = &collection.schema;
        Ok(match operation {
            Operation::Upsert(points, rule) => {
                let points: Result<Vec<(PointId, Point)>, PartitionError> = points
                    .into_iter()
                    .map(|point| {
                        let vectors = schema.stored(point.vectors)?;
                        Ok((point.id, Point::new(vectors, point.payload)))
                    })
                    .collect();
                Prepared::Upsert(points?, rule)
            }
            Operation::Remove(selection) => Prepared::Remove(self.choose(collection, selection)?),
            Operation::Payload(selection, change) => {
                Prepared::Payload(self.choose(collection, selection)?, change)
            }
            Operation::PutVectors(points, only) => {
                let points: Result<Vec<_>, PartitionError> = points
                    .into_iter()
                    .map(|(id, vectors)| Ok((id, schema.stored(vectors)?)))
                    .collect();
                Prepared::PutVectors(points?, only)
            }
            Operation::RemoveVectors(selection, names) => {
                let places: Result<Vec<usize>, PartitionError> = names
                    .iter()
                    .map(|name| Ok(schema.must_have(name)?.0))
                    .collect();
                Prepared::RemoveVectors(self.choose(collection, selection)?, places?)
            }
        })
    }

    /// Holds a filter against the collection as it is now: that may read every row, and so it is
    /// done while others write.
    fn choose(
        &self,
        collection: &Collection,
        selection: Selection,
    ) -> Result<Chosen, PartitionError> {
        let filter = match selection {
            Selection::Ids(ids) => return Ok(Chosen::Ids(ids)),
            Selection::Filter(filter) => filter,
        };
        let view = collection.view();
        let matching = self.matching(collection, &view, &filter)?;
        let slots = matching
            .into_iter()
            .filter_map(|slot| view.slots.get(slot as usize));
        let found = slots.map(|slot| (slot.id, slot.seq)).collect();
        let newest = view.slots.last().map_or(0, |slot| slot.seq);
        Ok(Chosen::Matching {
            filter,
            found,
            newest,
        })
    }
}
