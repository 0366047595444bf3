//! A query's levels, ranked from the leaves up on one snapshot.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use super::{
    Diversity, Kind, Query, Ranked, Ranking, Strategy, diversity,
    listing::{self, Open},
};
use crate::{
    index::{self, Among, Hit, SearchParams},
    partition::{
        Partition, PartitionError,
        bits::bits,
        collection::{Collection, View},
        format::Row,
        schema::VectorSchema,
        search::beats,
        space::Space,
    },
    payload::filter::{Condition, Filter},
    tenant::PointId,
    vector::{Metric, Vector},
};

/// A query under way.
pub(super) struct Evaluation<'a> {
    pub(super) partition: &'a Partition,
    pub(super) collection: &'a Collection,
    pub(super) view: &'a View,
    /// Whether a write had overtaken the snapshot by the time a row was read.
    overtaken: AtomicBool,
}

/// One of the collection's vectors, to rank by.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    number: usize,
    pub(super) schema: &'a VectorSchema,
    pub(super) space: &'a Space,
}

/// Which points a level may find, by all levels above it and itself.
#[derive(Default)]
struct Scope<'a> {
    filter: Option<Cow<'a, Filter>>,
    /// The points that queries are about, which aren't answered.
    except: Vec<PointId>,
}

impl<'a> Scope<'a> {
    fn of(query: &'a Query, above: &Self) -> Self {
        let own = query.filter.as_ref().filter(|filter| !filter.is_empty());
        let filter = match (above.filter.as_deref(), own) {
            (None, None) => None,
            (None, Some(own)) => Some(Cow::Borrowed(own)),
            (Some(above), None) => Some(Cow::Owned(above.clone())),
            (Some(above), Some(own)) => Some(Cow::Owned(both(above, own))),
        };
        let mut except = above.except.clone();
        except.extend(query.mentioned());
        Self { filter, except }
    }
}

fn both(a: &Filter, b: &Filter) -> Filter {
    let part = |filter: &Filter| Condition::Filter(Box::new(filter.clone()));
    Filter {
        must: vec![part(a), part(b)],
        ..Filter::default()
    }
}

impl<'a> Evaluation<'a> {
    pub(super) const fn new(
        partition: &'a Partition,
        collection: &'a Collection,
        view: &'a View,
    ) -> Self {
        Self {
            partition,
            collection,
            view,
            overtaken: AtomicBool::new(false),
        }
    }

    /// Where the vectors are that a level ranks by.
    fn place(&self, query: &Query) -> Result<Place<'a>, PartitionError> {
        let (number, schema) = self.collection.schema.must_have(&query.using)?;
        let space = self.view.spaces.get(number);
        // A view has a space for each vector of the schema.
        let space = space.ok_or(PartitionError::Corrupt)?;
        Ok(Place {
            number,
            schema,
            space,
        })
    }

    /// The `wanted` best by a query, those that its offset passes over included.
    pub(super) fn rank(&self, query: &Query, wanted: usize) -> Result<Ranking, PartitionError> {
        self.level(query, &Scope::default(), wanted)
    }

    fn level(
        &self,
        query: &Query,
        above: &Scope<'_>,
        wanted: usize,
    ) -> Result<Ranking, PartitionError> {
        let scope = Scope::of(query, above);
        if query.prefetch.is_empty() {
            return self.ranked(query, &scope, None, wanted);
        }
        let found: Result<Vec<Vec<Ranked>>, PartitionError> = query
            .prefetch
            .iter()
            .map(|prefetch| Ok(self.level(prefetch, &scope, prefetch.limit)?.points))
            .collect();
        let found = found?;
        if let Kind::Fusion(fusion) = &query.kind {
            let mut points = fusion.fuse(&found);
            points.truncate(wanted);
            let threshold = query.score_threshold.unwrap_or(f32::NEG_INFINITY);
            points.retain(|point| point.score >= threshold);
            return Ok(Ranking::of(points));
        }
        let slots = found.iter().flatten().map(|point| point.slot).collect();
        self.ranked(query, &scope, Some(slots), wanted)
    }

    /// Ranks the points of a scope; those that prefetches found, if there are any, which are within
    /// the scope already.
    fn ranked(
        &self,
        query: &Query,
        scope: &Scope<'_>,
        found: Option<RoaringBitmap>,
        wanted: usize,
    ) -> Result<Ranking, PartitionError> {
        match &query.kind {
            Kind::Nearest(example) => {
                let place = self.place(query)?;
                let vector = self.vector(place, example)?;
                let points = self.nearest(query, scope, found, (place, &vector), wanted)?;
                Ok(Ranking::of(points))
            }
            Kind::Diverse(example, diversity) => {
                let place = self.place(query)?;
                let vector = self.vector(place, example)?;
                let limit = wanted.saturating_sub(query.offset);
                let candidates = diversity.candidates.unwrap_or(limit);
                let points = self.nearest(query, scope, found, (place, &vector), candidates)?;
                let points = diverse(place, points, &vector, *diversity, wanted);
                Ok(Ranking::of(points))
            }
            Kind::Recommend {
                positive,
                negative,
                strategy: Strategy::AverageVector,
            } => {
                let place = self.place(query)?;
                let vector = self.average(place, positive, negative)?;
                let points = self.nearest(query, scope, found, (place, &vector), wanted)?;
                Ok(Ranking::of(points))
            }
            Kind::Recommend {
                positive,
                negative,
                strategy,
            } => {
                let place = self.place(query)?;
                let slots = self.candidates(scope, found)?.into_iter();
                let slots: Vec<u32> = slots.filter(|slot| place.space.has(*slot)).collect();
                let scores = self.scores(place, &slots, positive, negative, *strategy)?;
                let points = slots.into_iter().zip(scores);
                let mut points: Vec<Ranked> =
                    points.map(|(slot, score)| Ranked { slot, score }).collect();
                points.sort_by(|a, b| b.score.total_cmp(&a.score));
                points.truncate(wanted);
                cut(&mut points, place.schema.metric, query.score_threshold);
                Ok(Ranking::of(points))
            }
            Kind::Ids => self.by_id(&self.open(scope, found), wanted),
            Kind::Values(order) => self.by_value(order, &self.open(scope, found), wanted),
            Kind::Random => {
                let candidates = self.candidates(scope, found)?;
                listing::sample(candidates, wanted)
            }
            // Of no prefetches. Checked before.
            Kind::Fusion(_) => Ok(Ranking::default()),
        }
    }

    /// The living slots of a scope.
    fn candidates(
        &self,
        scope: &Scope<'_>,
        found: Option<RoaringBitmap>,
    ) -> Result<RoaringBitmap, PartitionError> {
        let slots = match (found, scope.filter.as_deref()) {
            (Some(found), _) => found,
            (None, Some(filter)) => self
                .partition
                .matching(self.collection, self.view, filter)?,
            (None, None) => self.view.living(),
        };
        Ok(slots - self.excepted(scope))
    }

    /// The living slots of a scope, as far as ids and indexes tell.
    fn open<'s>(&self, scope: &'s Scope<'_>, found: Option<RoaringBitmap>) -> Open<'s> {
        let except = self.excepted(scope);
        let (sure, possible, planned) = match (found, scope.filter.as_deref()) {
            (Some(found), _) => (found.clone(), found, None),
            (None, Some(filter)) => {
                let planned = self.view.planned(&self.collection.schema, filter);
                let within = &planned.within;
                let (sure, possible) = (within.sure().clone(), within.possible().clone());
                (sure, possible, Some(planned))
            }
            (None, None) => (self.view.living(), self.view.living(), None),
        };
        Open {
            sure: sure - &except,
            possible: possible - &except,
            planned,
        }
    }

    fn excepted(&self, scope: &Scope<'_>) -> RoaringBitmap {
        let slots = scope.except.iter().filter_map(|id| self.view.slot(*id));
        slots.map(|(slot, _)| slot).collect()
    }

    fn nearest(
        &self,
        query: &Query,
        scope: &Scope<'_>,
        found: Option<RoaringBitmap>,
        (place, vector): (Place<'_>, &Vector),
        wanted: usize,
    ) -> Result<Vec<Ranked>, PartitionError> {
        let params = SearchParams {
            k: wanted.saturating_add(scope.except.len()),
            ef: query.ef,
            exact: query.exact,
        };
        let hits = match found {
            None => {
                let filter = scope.filter.as_deref();
                let (collection, view) = (self.collection, self.view);
                let asked = (place.number, vector);
                let found = self
                    .partition
                    .nearest(collection, view, asked, filter, params)?;
                self.overtaken.fetch_or(found.overtaken, Ordering::Relaxed);
                found.hits
            }
            Some(slots) => {
                let mut slots: FixedBitSet = bits(&slots, self.view.slots.len());
                if let Some(absent) = &place.space.absent {
                    slots.difference_with(absent);
                }
                let among = Among::Matching {
                    slots: &slots,
                    count: slots.count_ones(..),
                };
                let exact = SearchParams {
                    exact: true,
                    ..params
                };
                index::search(&place.space.arena, None, vector.as_slice(), among, exact)
            }
        };
        let metric = place.schema.metric;
        let ranked = |hit: Hit| Ranked {
            slot: hit.slot,
            score: index::score(metric, hit.nearness),
        };
        let mut points: Vec<Ranked> = hits.into_iter().map(ranked).collect();
        if !scope.except.is_empty() {
            let except = self.excepted(scope);
            points.retain(|point| !except.contains(point.slot));
        }
        points.truncate(wanted);
        cut(&mut points, metric, query.score_threshold);
        Ok(points)
    }

    /// The row of a slot. Nothing if a write has overtaken the snapshot.
    pub(super) fn row(&self, slot: u32) -> Result<Option<Row>, PartitionError> {
        let row = match self.view.slots.get(slot as usize) {
            Some(slot) => self.partition.row_of(self.collection, *slot)?,
            None => None,
        };
        if row.is_none() {
            self.overtaken.store(true, Ordering::Relaxed);
        }
        Ok(row)
    }

    /// Whether a write had overtaken the snapshot by the time a row was read.
    pub(super) fn is_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::Relaxed)
    }
}

/// Ends a ranking before the first point that isn't better than the threshold.
fn cut(points: &mut Vec<Ranked>, metric: Metric, threshold: Option<f32>) {
    if let Some(threshold) = threshold {
        let good = |point: &&Ranked| beats(metric, point.score, threshold);
        let count = points.iter().take_while(good).count();
        points.truncate(count);
    }
}

fn diverse(
    place: Place<'_>,
    points: Vec<Ranked>,
    vector: &Vector,
    diversity: Diversity,
    wanted: usize,
) -> Vec<Ranked> {
    let arena = &place.space.arena;
    let slots: Vec<u32> = points.iter().map(|point| point.slot).collect();
    let relevance = index::nearness(arena, vector.as_slice(), &slots);
    let likeness = |one: usize, others: &[usize]| {
        let vector = arena.vector(slots[one]);
        let others: Vec<u32> = others.iter().map(|other| slots[*other]).collect();
        index::nearness(arena, &vector, &others)
    };
    let chosen = diversity::choose(&relevance, wanted, diversity.weight, likeness);
    chosen.into_iter().map(|place| points[place]).collect()
}
