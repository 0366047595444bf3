//! Groups: the best points of each payload value, the groups with the best points first.

use std::collections::{HashMap, hash_map::Entry};

use super::{Kind, Query, Ranked, Ranking, Wanted, evaluate::Evaluation};
use crate::{
    access::{Grant, Read, Search},
    partition::{Partition, PartitionError, read::parsed, search::ScoredPoint},
    payload::{
        path::Path,
        values::{GroupId, OrderValue},
    },
    tenant::CollectionName,
};

/// How points are grouped.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// Where the values are that points are grouped by.
    pub path: Path,
    /// How many points a group shows.
    pub size: usize,
}

/// The best points with one value.
#[derive(Clone, Debug)]
pub struct Group {
    /// The value.
    pub id: GroupId,
    /// Its points, best first.
    pub points: Vec<ScoredPoint>,
}

/// A group that is still being filled.
struct Filling {
    id: GroupId,
    points: Ranking,
}

impl Partition {
    /// The groups of the points that a query ranks first: `query.limit` groups. A point
    /// with several values is in several groups, one with none in none.
    ///
    /// Up to `CANDIDATES_MAX` points are looked through until the groups are full. Prefetches find
    /// as many as they may, whatever their limits.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn query_groups(
        &self,
        grant: &Grant<Search>,
        reads: Option<&Grant<Read>>,
        name: &CollectionName,
        query: &Query,
        grouping: &Grouping,
        wanted: Wanted,
    ) -> Result<Vec<Group>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.permitted(grant, reads, name, query, wanted)?;
        let most = grant.neighbours_max();
        let size = grouping.size.clamp(1, most);
        let count = query.limit.min(most / size);
        let mut query = query.clone();
        widen(&mut query.prefetch);
        (query.limit, query.offset) = (CANDIDATES_MAX, 0);
        if let Kind::Diverse(_, diversity) = &mut query.kind {
            // As many as may be shown, not as many as are looked through.
            diversity.candidates.get_or_insert(count * size);
        }
        query.check().map_err(PartitionError::Query)?;
        self.on_snapshots(&collection, grant.now(), |evaluation| {
            let groups = evaluation.groups(&query, &grouping.path, (count, size))?;
            let groups = groups.into_iter().map(|group| {
                Ok(Group {
                    points: evaluation.show(&group.points, wanted)?,
                    id: group.id,
                })
            });
            groups.collect()
        })
    }
}

/// Which points a group holds mustn't depend on how few a prefetch was asked for.
fn widen(prefetches: &mut [Query]) {
    for prefetch in prefetches {
        prefetch.limit = CANDIDATES_MAX;
        widen(&mut prefetch.prefetch);
    }
}

impl Evaluation<'_> {
    /// At most `count` groups of at most `size` points.
    fn groups(
        &self,
        query: &Query,
        path: &Path,
        (count, size): (usize, usize),
    ) -> Result<Vec<Filling>, PartitionError> {
        let mut candidates = (count * size * CANDIDATES_PER_POINT).min(CANDIDATES_MAX);
        // The groups that each slot is in, for when more candidates are asked for.
        let mut known: HashMap<u32, Vec<GroupId>> = HashMap::new();
        loop {
            let ranking = self.rank(query, candidates)?;
            let all = ranking.points.len() < candidates;
            let mut groups = Groups::new(count, size);
            for (place, ranked) in ranking.points.iter().enumerate() {
                if groups.are_full() {
                    break;
                }
                let ids = match known.entry(ranked.slot) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => unknown.insert(self.groups_of(ranked.slot, path)?),
                };
                for id in ids {
                    groups.add(id, *ranked, ranking.values.get(place).copied());
                }
            }
            if groups.are_full() || all || candidates == CANDIDATES_MAX {
                return Ok(groups.filled);
            }
            candidates = (candidates * CANDIDATES_GROWTH).min(CANDIDATES_MAX);
        }
    }

    /// The groups that a point is in.
    fn groups_of(&self, slot: u32, path: &Path) -> Result<Vec<GroupId>, PartitionError> {
        match self.row(slot)? {
            Some(row) => Ok(GroupId::all(&parsed(&row)?, path)),
            None => Ok(Vec::new()),
        }
    }
}

/// Groups in the order of their first points.
struct Groups {
    count: usize,
    size: usize,
    filled: Vec<Filling>,
    places: HashMap<GroupId, usize>,
    full: usize,
}

impl Groups {
    fn new(count: usize, size: usize) -> Self {
        Self {
            count,
            size,
            filled: Vec::new(),
            places: HashMap::new(),
            full: 0,
        }
    }

    const fn are_full(&self) -> bool {
        self.full == self.count
    }

    fn add(&mut self, id: &GroupId, ranked: Ranked, value: Option<OrderValue>) {
        if !self.places.contains_key(id) && self.filled.len() < self.count {
            self.places.insert(id.clone(), self.filled.len());
            self.filled.push(Filling {
                id: id.clone(),
                points: Ranking::default(),
            });
        }
        let place = self.places.get(id);
        let Some(group) = place.and_then(|place| self.filled.get_mut(*place)) else {
            return;
        };
        if group.points.points.len() < self.size {
            group.points.points.push(ranked);
            group.points.values.extend(value);
            self.full += usize::from(group.points.points.len() == self.size);
        }
    }
}

/// Most points that groups are made from: as many as any query may find.
const CANDIDATES_MAX: usize = super::PREFETCH_LIMIT_MAX;
/// Points looked through for each that may be shown, at first.
const CANDIDATES_PER_POINT: usize = 4;
/// How many times more are looked through when groups aren't full.
const CANDIDATES_GROWTH: usize = 8;
