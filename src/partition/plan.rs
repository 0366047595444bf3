//! Filtered reads and searches: the rows that are opened where indexes leave it open.
//!
//! Indexes leave three kinds of slots: those that match, those that don't, and *open* ones, of
//! which only the payload tells. With no open slots nothing is read. A few are opened, and the
//! filter is exact. Where many are open, a search asks the other way round: it takes the nearest
//! candidates and opens those, nearest first, until enough match.

use std::collections::HashMap;

use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::{
    Partition, PartitionError,
    bits::bits,
    collection::{Collection, View},
    planned::Planned,
    search::Found,
};
use crate::{
    index::{self, Among, Hit, SearchParams},
    payload::filter::Filter,
    store::KeyRange,
    vector::Vector,
};

impl Partition {
    /// The living slots that match.
    pub(super) fn matching(
        &self,
        collection: &Collection,
        view: &View,
        filter: &Filter,
    ) -> Result<RoaringBitmap, PartitionError> {
        self.settled(collection, view, &view.planned(&collection.schema, filter))
    }

    /// Opens the rows of all open slots, and returns the slots that match.
    fn settled(
        &self,
        collection: &Collection,
        view: &View,
        planned: &Planned<'_>,
    ) -> Result<RoaringBitmap, PartitionError> {
        let open = planned.within.open();
        let mut matching = planned.within.sure().clone();
        if open.len() > view.slots.len() as u64 / SCAN_SHARE {
            let rows = KeyRange::rows_of(collection.number);
            self.scan_rows(
                &rows,
                |_, row| {
                    let number = view.ids.get(&row.id).copied();
                    Ok(match number.filter(|number| open.contains(*number)) {
                        Some(number) if planned.accepts(&row)? => Some(number),
                        Some(_) | None => None,
                    })
                },
                |number| matching.extend(number),
            )?;
            return Ok(matching);
        }
        let open: Vec<u32> = open.into_iter().collect();
        let check = |number: &u32| {
            let slot = view.slots.get(*number as usize);
            let row = match slot {
                Some(slot) => self.row(collection, slot.row)?,
                None => None,
            };
            match row {
                Some(row) if planned.accepts(&row)? => Ok(Some(*number)),
                Some(_) | None => Ok(None),
            }
        };
        let checked: Result<Vec<Option<u32>>, PartitionError> = if open.len() < PARALLEL_ROWS_MIN {
            open.iter().map(check).collect()
        } else {
            open.par_iter().map(check).collect()
        };
        matching.extend(checked?.into_iter().flatten());
        Ok(matching)
    }

    /// The nearest of the living points that match, nearest first, by the vectors of one space.
    pub(super) fn nearest(
        &self,
        collection: &Collection,
        view: &View,
        (place, vector): (usize, &Vector),
        filter: Option<&Filter>,
        params: SearchParams,
    ) -> Result<Found, PartitionError> {
        let Some(space) = view.spaces.get(place) else {
            return Ok(Found::default());
        };
        let dead = space.out(&view.dead);
        let search = |among: Among<'_>, params: SearchParams| {
            let graph = space.graph.as_deref();
            index::search(&space.arena, graph, vector.as_slice(), among, params)
        };
        let among = |slots: &RoaringBitmap, params: SearchParams| {
            let count = usize::try_from(slots.len()).unwrap_or(usize::MAX);
            if count == view.ids.len() {
                return search(Among::Living { dead }, params);
            }
            let mut slots = bits(slots, view.slots.len());
            let mut count = count;
            if let Some(absent) = &space.absent {
                slots.difference_with(absent);
                count = slots.count_ones(..);
            }
            let slots = &slots;
            search(Among::Matching { slots, count }, params)
        };
        let Some(filter) = filter.filter(|filter| !filter.is_empty()) else {
            return Ok(Found::all(search(Among::Living { dead }, params)));
        };
        let planned = view.planned(&collection.schema, filter);
        let within = &planned.within;
        let open = within.possible().len() - within.sure().len();
        if open == 0 {
            return Ok(Found::all(among(within.sure(), params)));
        }
        if open > OPENED_MAX && !params.exact {
            let candidates = |wanted: usize| {
                let params = SearchParams {
                    k: wanted,
                    ef: params.ef.max(wanted),
                    ..params
                };
                among(within.possible(), params)
            };
            let found = self.post_checked(collection, view, &planned, params.k, candidates);
            if let Some(found) = found? {
                return Ok(found);
            }
        }
        let matching = self.settled(collection, view, &planned)?;
        Ok(Found::all(among(&matching, params)))
    }

    /// Opens candidates, nearest first, until `k` match. Nothing if too few candidates do.
    fn post_checked(
        &self,
        collection: &Collection,
        view: &View,
        planned: &Planned<'_>,
        k: usize,
        candidates: impl Fn(usize) -> Vec<Hit>,
    ) -> Result<Option<Found>, PartitionError> {
        let mut known: HashMap<u32, bool> = HashMap::new();
        let mut found = Found::default();
        let mut wanted = (CANDIDATES_PER_HIT * k).max(CANDIDATES_MIN);
        while wanted <= CANDIDATES_MAX {
            let nearest = candidates(wanted);
            let all = nearest.len() < wanted;
            found.hits.clear();
            for hit in nearest {
                let matches = match known.get(&hit.slot) {
                    Some(matches) => *matches,
                    None if planned.within.sure().contains(hit.slot) => true,
                    None => match self.checked(collection, view, planned, hit.slot)? {
                        Some(matches) => matches,
                        None => {
                            found.overtaken = true;
                            false
                        }
                    },
                };
                known.insert(hit.slot, matches);
                if matches {
                    found.hits.push(hit);
                }
                if found.hits.len() == k {
                    return Ok(Some(found));
                }
            }
            if all {
                return Ok(Some(found));
            }
            // Where so few match, even the most candidates would fall well short.
            let needed = wanted * k / found.hits.len().max(1);
            if needed > 2 * CANDIDATES_MAX {
                break;
            }
            wanted *= CANDIDATES_GROWTH;
        }
        Ok(None)
    }

    /// Whether the point in a slot matches; nothing if a write has overtaken the snapshot.
    fn checked(
        &self,
        collection: &Collection,
        view: &View,
        planned: &Planned<'_>,
        number: u32,
    ) -> Result<Option<bool>, PartitionError> {
        let Some(slot) = view.slots.get(number as usize) else {
            return Ok(Some(false));
        };
        match self.row(collection, slot.row)? {
            Some(row) if row.id == slot.id && row.seq == slot.seq => {
                Ok(Some(planned.accepts(&row)?))
            }
            Some(_) | None => Ok(None),
        }
    }
}

/// Where more than one in so many slots is open, all rows are read, one after the other. Measured
/// at 20,000 x 384: 2.7 µs a row, against 4.8 µs for one that must be found first.
const SCAN_SHARE: u64 = 2;
/// So many open slots are opened before a search: 1.2 ms at most, and the search is exact.
const OPENED_MAX: u64 = 256;
/// Below this, handing rows to other threads costs more than opening them.
const PARALLEL_ROWS_MIN: usize = 32;
/// Candidates for each neighbour that is wanted, at first.
const CANDIDATES_PER_HIT: usize = 4;
/// Fewest candidates: opening all of them takes 0.3 ms.
const CANDIDATES_MIN: usize = 64;
/// How many times more candidates there are when too few match.
const CANDIDATES_GROWTH: usize = 4;
/// Most candidates: opening them takes 20 ms, on one core. All rows of 21,000 x 384 take 57 ms on
/// all cores.
const CANDIDATES_MAX: usize = 4_096;
