//! Queries of every kind, and what is counted.

use super::{Engine, Error, Query, VectorsBack};
use crate::{
    access::{Grant, Principal, Read, Search},
    partition::{self, Group, Grouping, PartitionError, ScoredPoint, Wanted},
    payload::{filter::Filter, path::Path, values::FacetValue},
    tenant::CollectionName,
};

/// A query, and what is to come back of the points that it finds.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The query.
    pub query: partition::Query,
    /// Whether payloads come back.
    pub with_payload: bool,
    /// Which vectors come back.
    pub vectors: VectorsBack,
}

impl Asked {
    fn wanted(&self) -> Wanted {
        Wanted {
            payload: self.with_payload,
            vectors: self.vectors != VectorsBack::No,
        }
    }

    /// Takes out the search that this is, if that is all that it asks for.
    fn take_search(&mut self) -> Option<Query> {
        let (search, by_point) = self.query.take_search(self.with_payload)?;
        Some(Query {
            search,
            by_point,
            vectors: self.vectors.clone(),
        })
    }
}

impl Engine {
    /// The points that a query ranks first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        mut asked: Asked,
    ) -> Result<Vec<ScoredPoint>, Error> {
        asked.query.check().map_err(PartitionError::Query)?;
        if let Some(search) = asked.take_search() {
            return self.search(principal, collection, search);
        }
        let (grant, reads) = self.check_asked(principal, collection, &asked, 1)?;
        let partition = self.partition(principal, &grant)?;
        let wanted = asked.wanted();
        let answers = partition.query(&grant, reads.as_ref(), collection, &asked.query, wanted);
        self.metrics.queries.inc();
        self.tally(principal, |tally| &tally.queries);
        let answers = self.watch(principal, answers.map_err(Error::from))?;
        self.note_answered(principal, collection, &answers)?;
        Ok(answers)
    }

    /// The points that several queries rank first. They are shared out among the cores.
    ///
    /// # Errors
    /// [`Error`] of the first query that fails.
    pub fn query_batch(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        mut batch: Vec<Asked>,
    ) -> Result<Vec<Vec<ScoredPoint>>, Error> {
        principal.counts_as(batch.len());
        for asked in &batch {
            asked.query.check().map_err(PartitionError::Query)?;
        }
        if batch.iter().all(|asked| asked.query.is_search()) {
            let searches = batch.iter_mut().filter_map(Asked::take_search).collect();
            return self.search_batch(principal, collection, searches);
        }
        let (mut grants, mut queries) = (Vec::new(), Vec::new());
        for asked in batch {
            grants.push(self.check_asked(principal, collection, &asked, 1)?);
            let wanted = asked.wanted();
            queries.push((asked.query, wanted));
            self.metrics.queries.inc();
            self.tally(principal, |tally| &tally.queries);
        }
        let Some((first, _)) = grants.first() else {
            return Ok(Vec::new());
        };
        let partition = self.partition(principal, first)?;
        let answers = partition.query_batch(&grants, collection, &queries);
        let answers = self.watch(principal, answers.map_err(Error::from))?;
        // Each by itself, as if they had come one after the other.
        for answer in &answers {
            self.note_answered(principal, collection, answer)?;
        }
        Ok(answers)
    }

    /// The groups of the points that a query ranks first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query_groups(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        asked: &Asked,
        grouping: &Grouping,
    ) -> Result<Vec<Group>, Error> {
        let (grant, reads) = self.check_asked(principal, collection, asked, grouping.size)?;
        let partition = self.partition(principal, &grant)?;
        let (query, wanted) = (&asked.query, asked.wanted());
        let reads = reads.as_ref();
        let groups = partition.query_groups(&grant, reads, collection, query, grouping, wanted);
        self.metrics.queries.inc();
        self.tally(principal, |tally| &tally.queries);
        let groups = self.watch(principal, groups.map_err(Error::from))?;
        let points = groups.iter().flat_map(|group| &group.points);
        self.note_answered(principal, collection, points)?;
        Ok(groups)
    }

    /// What a query may do, and whether it may. `each` is how many points it shows for each that
    /// it counts.
    fn check_asked(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        asked: &Asked,
        each: usize,
    ) -> Result<(Grant<Search>, Option<Grant<Read>>), Error> {
        let grant: Grant<Search> = self.check(principal, Some(collection))?;
        let reads = if asked.vectors != VectorsBack::No || asked.query.enumerates() {
            Some(self.check(principal, Some(collection))?)
        } else {
            None
        };
        let wanted = asked.query.limit.saturating_add(asked.query.offset);
        within_reach(principal, &grant, wanted.saturating_mul(each))?;
        self.may_be_answered(principal)?;
        Ok((grant, reads))
    }

    /// How many points have each value of a field.
    ///
    /// # Errors
    /// [`Error`].
    pub fn facet(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        path: &Path,
        filter: Option<&Filter>,
        limit: usize,
    ) -> Result<Vec<(FacetValue, u64)>, Error> {
        let grant: Grant<Read> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let counts = partition.facet(&grant, collection, path, filter, limit);
        self.watch(principal, counts.map_err(Error::from))
    }

    /// About how many points match, from memory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn estimate(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        filter: Option<&Filter>,
    ) -> Result<u64, Error> {
        let grant: Grant<Read> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let count = partition.estimate(&grant, collection, filter);
        self.watch(principal, count.map_err(Error::from))
    }
}

/// Whether a query may ask for so many points.
pub(super) fn within_reach(
    principal: &Principal,
    grant: &Grant<Search>,
    wanted: usize,
) -> Result<(), Error> {
    let most = grant.neighbours_max();
    if wanted > most {
        return Err(Error::invalid(format!(
            "Wrong input: limit and offset ask for {wanted} neighbours; the role `{}` may ask for {most} at most",
            principal.role().name()
        )));
    }
    Ok(())
}
