//! Queries, asked: grants, snapshots, and what of the ranked points is shown.

use rayon::prelude::*;

use super::{Query, Ranking, Wanted, evaluate::Evaluation};
use crate::{
    access::{Grant, Read, Search},
    clock::Timestamp,
    partition::{
        Partition, PartitionError, collection::Collection, read::PointRecord, search::ScoredPoint,
    },
    telemetry::Stage,
    tenant::CollectionName,
};

impl Partition {
    /// The points that a query ranks first. One that enumerates takes permission to read points, and
    /// so do vectors.
    ///
    /// # Errors
    /// [`PartitionError::Query`] for one that can't be asked, [`PartitionError::NoPoint`] for one
    /// about a point that isn't there.
    pub fn query(
        &self,
        grant: &Grant<Search>,
        reads: Option<&Grant<Read>>,
        name: &CollectionName,
        query: &Query,
        wanted: Wanted,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.permitted(grant, reads, name, query, wanted)?;
        self.answered(&collection, grant, query, wanted)
    }

    /// Queries on all cores, one a thread. Each has grants of its own, as [`Self::query`] takes
    /// them.
    ///
    /// # Errors
    /// [`PartitionError`] of the first query that fails.
    pub fn query_batch(
        &self,
        grants: &[(Grant<Search>, Option<Grant<Read>>)],
        name: &CollectionName,
        queries: &[(Query, Wanted)],
    ) -> Result<Vec<Vec<ScoredPoint>>, PartitionError> {
        let Some((first, _)) = grants.first() else {
            return Ok(Vec::new());
        };
        // Only here, as in `search_batch`.
        let _open = self.admit(first)?;
        let mut collections = Vec::with_capacity(grants.len());
        for ((grant, reads), (query, wanted)) in grants.iter().zip(queries) {
            self.recognise(grant)?;
            collections.push(self.permitted(grant, reads.as_ref(), name, query, *wanted)?);
        }
        let asked = grants.par_iter().zip(queries).zip(collections);
        asked
            .map(|(((grant, _), (query, wanted)), collection)| {
                self.answered(&collection, grant, query, *wanted)
            })
            .collect()
    }

    /// The collection, if the grants are good for all that is asked of it.
    pub(super) fn permitted(
        &self,
        grant: &Grant<Search>,
        reads: Option<&Grant<Read>>,
        name: &CollectionName,
        query: &Query,
        wanted: Wanted,
    ) -> Result<std::sync::Arc<Collection>, PartitionError> {
        if let Some(reads) = reads {
            self.recognise(reads)?;
        }
        if reads.is_none() && (wanted.vectors || query.enumerates()) {
            return Err(PartitionError::NotGranted);
        }
        query.check().map_err(PartitionError::Query)?;
        self.find(grant, name)
    }

    fn answered(
        &self,
        collection: &Collection,
        grant: &Grant<Search>,
        query: &Query,
        wanted: Wanted,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let most = query.limit.saturating_add(query.offset);
        let most = most.min(grant.neighbours_max());
        self.on_snapshots(collection, grant.now(), |evaluation| {
            let ranked = || evaluation.rank(query, most);
            let mut ranking = self.stages.timed(Stage::Search, ranked)?;
            let passed = query.offset.min(ranking.points.len());
            ranking.points.drain(..passed);
            ranking.values.drain(..passed.min(ranking.values.len()));
            let shown = || evaluation.show(&ranking, wanted);
            self.stages.timed(Stage::Fetch, shown)
        })
    }

    /// Evaluates on the collection as it is now, and again if writes overtake that: rows are read
    /// from disk, and a point is never answered with a score of one version and a payload of
    /// another.
    pub(super) fn on_snapshots<T>(
        &self,
        collection: &Collection,
        now: Timestamp,
        evaluate: impl Fn(&Evaluation<'_>) -> Result<T, PartitionError>,
    ) -> Result<T, PartitionError> {
        self.until_current(|| {
            let view = self.current(collection, now);
            let evaluation = Evaluation::new(self, collection, &view);
            let answer = evaluate(&evaluation)?;
            Ok((answer, evaluation.is_overtaken()))
        })
    }
}

impl Evaluation<'_> {
    /// The points of a ranking, with what is wanted of them.
    pub(super) fn show(
        &self,
        ranking: &Ranking,
        wanted: Wanted,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let mut shown = Vec::with_capacity(ranking.points.len());
        for (place, ranked) in ranking.points.iter().enumerate() {
            let Some(slot) = self.view.slots.get(ranked.slot as usize) else {
                continue;
            };
            let mut point = PointRecord {
                id: slot.id,
                version: slot.seq,
                payload: None,
                vectors: None,
            };
            if wanted.payload || wanted.vectors {
                let Some(row) = self.row(ranked.slot)? else {
                    continue;
                };
                point.payload = wanted.payload.then_some(row.payload);
                point.vectors = wanted.vectors.then(|| row.vectors.into_iter().collect());
            }
            shown.push(ScoredPoint {
                score: ranked.score,
                value: ranking.values.get(place).copied(),
                point,
            });
        }
        Ok(shown)
    }
}
