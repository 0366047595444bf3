//! Facets: how many points have each value at a path.
//!
//! Whether there is an index decides how long that takes, and never what comes out: what an index
//! doesn't count is counted from rows.

use std::collections::HashMap;

use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::{
    Partition, PartitionError,
    collection::{Collection, View},
    read::parsed,
};
use crate::{
    access::{Grant, Read},
    payload::{filter::Filter, index::FieldIndex, path::Path, values::FacetValue},
    tenant::CollectionName,
};

impl Partition {
    /// The values that most points have, with how many have each: the most frequent first, of
    /// equals the lesser value.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn facet(
        &self,
        grant: &Grant<Read>,
        name: &CollectionName,
        path: &Path,
        filter: Option<&Filter>,
        limit: usize,
    ) -> Result<Vec<(FacetValue, u64)>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = self.current(&collection, grant.now());
        let among = match filter {
            Some(filter) if !filter.is_empty() => self.matching(&collection, &view, filter)?,
            Some(_) | None => view.living(),
        };
        let index = view.indexes.get(path);
        let indexed = index.and_then(|index| Some((index, index.counted(&among)?)));
        let (index, mut counts, rest) = match indexed {
            Some((index, counts)) => (Some(index), counts, index.others() & &among),
            None => (None, HashMap::new(), among),
        };
        self.count_rows(&collection, &view, path, index, &rest, &mut counts)?;
        let mut counts: Vec<(FacetValue, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|(value, count), (other, other_count)| {
            other_count.cmp(count).then_with(|| value.cmp(other))
        });
        counts.truncate(limit);
        Ok(counts)
    }

    /// Adds the values of these points that an index doesn't count. A point that was written since
    /// the snapshot was taken isn't counted.
    fn count_rows(
        &self,
        collection: &Collection,
        view: &View,
        path: &Path,
        index: Option<&FieldIndex>,
        slots: &RoaringBitmap,
        counts: &mut HashMap<FacetValue, u64>,
    ) -> Result<(), PartitionError> {
        let slots: Vec<u32> = slots.iter().collect();
        for chunk in slots.chunks(CHUNK_ROWS) {
            let read = |slot: &u32| {
                let Some(slot) = view.slots.get(*slot as usize) else {
                    return Ok(Vec::new());
                };
                match self.row_of(collection, *slot)? {
                    Some(row) => Ok(FacetValue::all(&parsed(&row)?, path)),
                    None => Ok(Vec::new()),
                }
            };
            let values: Result<Vec<Vec<FacetValue>>, PartitionError> =
                chunk.par_iter().map(read).collect();
            for value in values?.into_iter().flatten() {
                if !index.is_some_and(|index| index.counts(&value)) {
                    *counts.entry(value).or_insert(0) += 1;
                }
            }
        }
        Ok(())
    }
}

/// Rows that are opened together: bounds the memory.
const CHUNK_ROWS: usize = 4_096;
