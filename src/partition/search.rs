//! Search: nearest neighbours on a snapshot, then their payloads from disk.

use super::{
    Partition, PartitionError,
    collection::{Collection, Schema},
    read::PointRecord,
};
use crate::{
    access::{Grant, Read, Search},
    index::{self, Among, SearchParams},
    payload::filter::Filter,
    tenant::{CollectionName, PointId},
    vector::Vector,
};

/// What is searched for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// The query vector, as it came.
    pub vector: Vec<f32>,
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
    /// The worst score that is still answered.
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
    /// The point.
    pub point: PointRecord,
}

/// What a search of one snapshot found.
#[derive(Default)]
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
        let Schema {
            dimension, metric, ..
        } = collection.schema;
        let vector = Vector::new(query.vector.clone(), dimension, metric)?;
        let neighbours_max = grant.neighbours_max();
        let mut answers = Answers::default();
        for _ in 0..SNAPSHOTS_MAX {
            answers = self.search_snapshot(&collection, &vector, query, neighbours_max, vectors)?;
            if !answers.overtaken {
                break;
            }
        }
        Ok(answers.points)
    }

    /// Searches the collection as it is now. Payloads are read from disk afterwards, so a write
    /// may have overtaken the snapshot: such a point is left out, never answered with a score of
    /// one version and a payload of another.
    fn search_snapshot(
        &self,
        collection: &Collection,
        vector: &Vector,
        query: &SearchQuery,
        neighbours_max: usize,
        vectors: Option<&Grant<Read>>,
    ) -> Result<Answers, PartitionError> {
        let view = collection.view();
        let metric = collection.schema.metric;
        let spare = usize::from(query.except.is_some());
        let params = SearchParams {
            k: (query.limit + query.offset).min(neighbours_max) + spare,
            ef: query.ef,
            exact: query.exact,
        };
        let listed;
        let among = match &query.filter {
            Some(filter) if !filter.is_empty() => {
                listed = self.matching(collection, &view, filter)?;
                Among::Slots(&listed)
            }
            Some(_) | None => Among::Living { dead: &view.dead },
        };
        let graph = view.graph.as_deref();
        let hits = index::search(metric, &view.arena, graph, vector.as_slice(), among, params);
        let good = |score: f32| {
            query.score_threshold.is_none_or(|threshold| {
                if metric.higher_is_nearer() {
                    score >= threshold
                } else {
                    score <= threshold
                }
            })
        };
        let chosen = hits
            .into_iter()
            .filter_map(|hit| {
                let slot = view.slots.get(hit.slot as usize)?;
                let score = index::score(metric, hit.nearness);
                (good(score) && query.except != Some(slot.id)).then_some((score, hit.slot, *slot))
            })
            .skip(query.offset)
            .take(query.limit);
        let mut answers = Answers::default();
        for (score, number, slot) in chosen {
            let mut payload = None;
            if query.with_payload {
                match self.row(collection, slot.row)? {
                    Some(row) if row.id == slot.id && row.seq == slot.seq => {
                        payload = Some(row.payload);
                    }
                    Some(_) | None => {
                        answers.overtaken = true;
                        continue;
                    }
                }
            }
            let point = PointRecord {
                id: slot.id,
                version: slot.seq,
                payload,
                vector: vectors.map(|_| view.arena.vector(number as usize).to_vec()),
            };
            answers.points.push(ScoredPoint { score, point });
        }
        Ok(answers)
    }

    /// The stored vector of a point, to search by. Never answered.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn vector_of(
        &self,
        grant: &Grant<Search>,
        name: &CollectionName,
        id: PointId,
    ) -> Result<Option<Vec<f32>>, PartitionError> {
        let _open = self.admit(grant)?;
        let view = self.find(grant, name)?.view();
        Ok(view
            .slot(id)
            .map(|(number, _)| view.arena.vector(number as usize).to_vec()))
    }
}

/// How often a search starts over because writes overtake it: then it answers what it has.
const SNAPSHOTS_MAX: usize = 4;
