//! A filter under one snapshot: what its texts mean there, and what ids, vectors and payload
//! indexes tell of it. No row is read.
//!
//! **Invariant:** whoever evaluates a filter gets it here, so scans, searches and updates mean
//! the same.
//! Called by: `plan`, `read`, `query`.

use std::borrow::Cow;

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use super::{PartitionError, collection::View, format::Row, read::parsed, schema::Schema};
use crate::payload::{
    filter::{Candidate, Filter},
    index::{Ids, Points, Within},
};

/// A filter under a view's indexes.
pub(super) struct Planned<'a> {
    filter: Cow<'a, Filter>,
    /// The slots that it means, as far as ids and indexes tell.
    pub(super) within: Within,
}

impl Planned<'_> {
    /// Whether the point in a row is meant.
    pub(super) fn accepts(&self, row: &Row) -> Result<bool, PartitionError> {
        accepts(&self.filter, row)
    }
}

/// Whether a filter, put under its collection's indexes, means the point in a row.
pub(super) fn accepts(filter: &Filter, row: &Row) -> Result<bool, PartitionError> {
    Ok(filter.matches(&Candidate {
        id: row.id,
        payload: &parsed(row)?,
        vectors: &|name| row.vectors.iter().any(|(own, _)| own == name),
    }))
}

impl View {
    /// The slots that aren't dead.
    pub(super) fn living(&self) -> RoaringBitmap {
        if self.ids.len() < self.slots.len() {
            self.all_but(&self.dead)
        } else {
            self.all()
        }
    }

    /// What a filter means here, and what ids, vectors and indexes tell of it.
    pub(super) fn planned<'a>(&self, schema: &Schema, filter: &'a Filter) -> Planned<'a> {
        let filter = self.indexes.bind(filter);
        let within = self.within(schema, &filter);
        Planned { filter, within }
    }

    fn within(&self, schema: &Schema, filter: &Filter) -> Within {
        let living = self.living();
        let by_id = |ids: &Ids<'_>| match ids {
            Ids::Listed(listed) if listed.len() < self.ids.len() => {
                listed.iter().filter_map(|id| self.ids.get(id)).collect()
            }
            Ids::Listed(_) | Ids::Slice(_) => {
                let meant = self.ids.iter().filter(|(id, _)| ids.hold(**id));
                meant.map(|(_, number)| number).collect()
            }
        };
        let by_vector = |name: &str| {
            let space = schema.vector(name).and_then(|(at, _)| self.spaces.get(at));
            space.map_or_else(RoaringBitmap::new, |space| {
                let absent = space.absent.as_ref();
                absent.map_or_else(|| living.clone(), |absent| self.all_but(absent))
            })
        };
        let points = Points {
            living: &living,
            by_id: &by_id,
            by_vector: &by_vector,
        };
        self.indexes.within(filter, &points)
    }

    fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(self.slot_numbers());
        all
    }

    fn all_but(&self, out: &FixedBitSet) -> RoaringBitmap {
        let words = out.as_slice().iter();
        let bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        self.all() - RoaringBitmap::from_lsb0_bytes(0, &bytes)
    }
}
