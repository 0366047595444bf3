//! Search: nearest neighbours on a snapshot, then their payloads from disk.

use std::time::Duration;

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, Slot, View},
    read::PointRecord,
};
use crate::{
    access::{Grant, Read, Search},
    index::{self, Hit, SearchParams},
    payload::{filter::Filter, values::OrderValue},
    telemetry::Stage,
    tenant::{CollectionName, PointId},
    vector::{Metric, Vector},
};

/// What is searched for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// The query vector, as it came.
    pub vector: Vec<f32>,
    /// Which of the collection's vectors it is compared with.
    pub using: String,
    /// Which points may be answered.
    pub filter: Option<Filter>,
    /// How many neighbours, after `offset`.
    pub limit: usize,
    /// How many of the nearest to pass over.
    pub offset: usize,
    /// Candidates that the graph keeps.
    pub ef: usize,
    /// Whether to look at every vector.
    pub exact: bool,
    /// A score that those answered must be better than.
    pub score_threshold: Option<f32>,
    /// A point that isn't to be answered: the one that is asked about.
    pub except: Option<PointId>,
    /// Whether payloads are wanted.
    pub with_payload: bool,
}

/// A neighbour.
#[derive(Clone, Debug)]
pub struct ScoredPoint {
    /// Its score, as the metric's users know it.
    pub score: f32,
    /// What it was ordered by, if it was by payload values.
    pub value: Option<OrderValue>,
    /// The point.
    pub point: PointRecord,
}

/// The slots that a search of one snapshot found.
#[derive(Default)]
pub(super) struct Found {
    /// Nearest first.
    pub(super) hits: Vec<Hit>,
    /// Whether a write had overtaken the snapshot by the time a filter read rows.
    pub(super) overtaken: bool,
}

impl Found {
    /// What was found without reading rows.
    pub(super) const fn all(hits: Vec<Hit>) -> Self {
        Self {
            hits,
            overtaken: false,
        }
    }
}

/// What a search of one snapshot is answered.
struct Answers {
    points: Vec<ScoredPoint>,
    /// Whether a write had overtaken the snapshot by the time payloads were read.
    overtaken: bool,
}

impl Partition {
    /// The nearest neighbours of a vector, nearest first. Vectors come back only to who may
    /// read points.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn search(
        &self,
        grant: &Grant<Search>,
        vectors: Option<&Grant<Read>>,
        name: &CollectionName,
        query: &SearchQuery,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let _open = self.admit(grant)?;
        if let Some(vectors) = vectors {
            self.recognise(vectors)?;
        }
        let collection = self.find(grant, name)?;
        self.answer(&collection, grant, vectors, query)
    }

    /// Searches on all cores, one query a thread. Each query has grants of its own, as
    /// [`Self::search`] takes them.
    ///
    /// # Errors
    /// [`PartitionError`] of the first query that fails.
    pub fn search_batch(
        &self,
        grants: &[(Grant<Search>, Option<Grant<Read>>)],
        name: &CollectionName,
        queries: &[SearchQuery],
    ) -> Result<Vec<Vec<ScoredPoint>>, PartitionError> {
        let Some((first, _)) = grants.first() else {
            return Ok(Vec::new());
        };
        // Only here: a thread that helps out with another query must not wait for a closing that
        // waits for its own.
        let _open = self.admit(first)?;
        let mut collections = Vec::with_capacity(grants.len());
        for (grant, vectors) in grants {
            self.recognise(grant)?;
            if let Some(vectors) = vectors {
                self.recognise(vectors)?;
            }
            collections.push(self.find(grant, name)?);
        }
        let asked = grants.par_iter().zip(queries).zip(collections);
        asked
            .map(|(((grant, vectors), query), collection)| {
                self.answer(&collection, grant, vectors.as_ref(), query)
            })
            .collect()
    }

    fn answer(
        &self,
        collection: &Collection,
        grant: &Grant<Search>,
        vectors: Option<&Grant<Read>>,
        query: &SearchQuery,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let (_, schema) = collection.schema.must_have(&query.using)?;
        let vector = Vector::new(query.vector.clone(), schema.dimension, schema.metric)?;
        let neighbours_max = grant.neighbours_max();
        self.until_current(|| {
            let view = self.current(collection, grant.now());
            let answers =
                self.search_snapshot(collection, &view, &vector, query, (neighbours_max, vectors))?;
            Ok((answers.points, answers.overtaken))
        })
    }

    /// Tries one snapshot after the other, until no write overtakes what is tried; each attempt tells.
    /// After so many of them, what the last one came to is the answer.
    pub(super) fn until_current<T>(
        &self,
        attempt: impl Fn() -> Result<(T, bool), PartitionError>,
    ) -> Result<T, PartitionError> {
        let mut tries = 1;
        loop {
            let (answer, overtaken) = attempt()?;
            if !overtaken || tries == SNAPSHOTS_MAX {
                return Ok(answer);
            }
            // What overtook it is shown before its writer lets go of this. Not for ever: what a batch
            // of queries shares its threads with may be the writer's own work.
            drop(self.writer.try_lock_for(WRITER_PATIENCE));
            tries += 1;
        }
    }

    /// Searches a snapshot. Payloads are read from disk afterwards, so a write
    /// may have overtaken the snapshot: such a point is left out, never answered with a score of
    /// one version and a payload of another.
    fn search_snapshot(
        &self,
        collection: &Collection,
        view: &View,
        vector: &Vector,
        query: &SearchQuery,
        (neighbours_max, vectors): (usize, Option<&Grant<Read>>),
    ) -> Result<Answers, PartitionError> {
        let (place, schema) = collection.schema.must_have(&query.using)?;
        let metric = schema.metric;
        let spare = usize::from(query.except.is_some());
        let params = SearchParams {
            k: (query.limit + query.offset).min(neighbours_max) + spare,
            ef: query.ef,
            exact: query.exact,
        };
        let filter = query.filter.as_ref();
        let nearest = || self.nearest(collection, view, (place, vector), filter, params);
        let found = self.stages.timed(Stage::Search, nearest)?;
        let good = |score: f32| {
            let threshold = query.score_threshold;
            threshold.is_none_or(|threshold| beats(metric, score, threshold))
        };
        let chosen = found
            .hits
            .into_iter()
            .filter_map(|hit| {
                let slot = view.slots.get(hit.slot as usize)?;
                let score = index::score(metric, hit.nearness);
                (good(score) && query.except != Some(slot.id)).then_some((score, *slot))
            })
            .skip(query.offset)
            .take(query.limit);
        let overtaken = found.overtaken;
        let fetched = || self.fetched(collection, chosen, query, vectors, overtaken);
        self.stages.timed(Stage::Fetch, fetched)
    }

    /// What is wanted of the points that were found.
    fn fetched(
        &self,
        collection: &Collection,
        chosen: impl Iterator<Item = (f32, Slot)>,
        query: &SearchQuery,
        vectors: Option<&Grant<Read>>,
        overtaken: bool,
    ) -> Result<Answers, PartitionError> {
        let mut answers = Answers {
            points: Vec::new(),
            overtaken,
        };
        for (score, slot) in chosen {
            let mut row = None;
            if query.with_payload || vectors.is_some() {
                row = self.row(collection, slot.row)?;
                if row
                    .as_ref()
                    .is_none_or(|row| row.id != slot.id || row.seq != slot.seq)
                {
                    answers.overtaken = true;
                    continue;
                }
            }
            let (payload, found) = row.map(|row| (row.payload, row.vectors)).unzip();
            let found = found.filter(|_| vectors.is_some());
            let point = PointRecord {
                id: slot.id,
                version: slot.seq,
                payload: payload.filter(|_| query.with_payload),
                vectors: found.map(|found| found.into_iter().collect()),
            };
            answers.points.push(ScoredPoint {
                score,
                value: None,
                point,
            });
        }
        Ok(answers)
    }

    /// One of the stored vectors of a point, to search by. Never answered. Nothing if there is no
    /// such point, or it has no such vector.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn vector_of(
        &self,
        grant: &Grant<Search>,
        name: &CollectionName,
        using: &str,
        id: PointId,
    ) -> Result<Option<Vec<f32>>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        collection.schema.must_have(using)?;
        let Some((_, slot)) = self.current(&collection, grant.now()).slot(id) else {
            return Ok(None);
        };
        let row = self.row(&collection, slot.row)?;
        let mut vectors = row.into_iter().flat_map(|row| row.vectors);
        let found = vectors.find(|(name, _)| name == using);
        Ok(found.map(|(_, vector)| vector))
    }
}

/// Whether a score is better than a threshold.
pub(super) fn beats(metric: Metric, score: f32, threshold: f32) -> bool {
    if metric.higher_is_nearer() {
        score > threshold
    } else {
        score < threshold
    }
}

/// How often a search starts over because writes overtake it: then it answers what it has.
const SNAPSHOTS_MAX: usize = 4;
/// A commit takes a few milliseconds.
const WRITER_PATIENCE: Duration = Duration::from_millis(100);
