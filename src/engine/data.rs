//! The data plane.

use std::sync::Arc;

use super::{Engine, Error, query::within_reach};
use crate::{
    access::{Describe, Grant, Principal, Read, Search, Write},
    partition::{
        Collection, Page, Partition, PartitionError, PointRecord, ScoredPoint, SearchQuery,
    },
    payload::{filter::Filter, index::Definition, path::Path},
    tenant::{CollectionName, PointId},
};

/// What is searched for, and what is to come back.
#[derive(Clone, Debug)]
pub struct Query {
    /// The search itself.
    pub search: SearchQuery,
    /// A stored point to search by, in place of the search's vector.
    pub by_point: Option<PointId>,
    /// Which vectors come back.
    pub vectors: VectorsBack,
}

/// Which vectors come back. That takes more than permission to search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VectorsBack {
    /// None.
    No,
    /// All that a point has.
    All,
    /// Those with these names.
    Named(Vec<String>),
}

impl Engine {
    /// The nearest neighbours.
    ///
    /// # Errors
    /// [`Error`].
    pub fn search(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        mut query: Query,
    ) -> Result<Vec<ScoredPoint>, Error> {
        let (grant, vectors) = self.check_query(principal, collection, &query)?;
        let partition = self.partition(principal, &grant)?;
        self.find_vector(principal, &partition, &grant, collection, &mut query)?;
        let answers = partition.search(&grant, vectors.as_ref(), collection, &query.search);
        self.metrics.queries.inc();
        self.tally(principal, |tally| &tally.queries);
        let answers = self.watch(principal, answers.map_err(Error::from))?;
        self.note_answered(principal, collection, &answers)?;
        Ok(answers)
    }

    /// The nearest neighbours of several queries, which are shared out among the cores.
    ///
    /// # Errors
    /// [`Error`] of the first query that fails.
    pub fn search_batch(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        queries: Vec<Query>,
    ) -> Result<Vec<Vec<ScoredPoint>>, Error> {
        let (mut grants, mut searches) = (Vec::new(), Vec::new());
        for mut query in queries {
            let (grant, vectors) = self.check_query(principal, collection, &query)?;
            let partition = self.partition(principal, &grant)?;
            self.find_vector(principal, &partition, &grant, collection, &mut query)?;
            grants.push((grant, vectors));
            searches.push(query.search);
            self.metrics.queries.inc();
            self.tally(principal, |tally| &tally.queries);
        }
        let Some((first, _)) = grants.first() else {
            return Ok(Vec::new());
        };
        let partition = self.partition(principal, first)?;
        let answers = partition.search_batch(&grants, collection, &searches);
        let answers = self.watch(principal, answers.map_err(Error::from))?;
        // Each by itself, as if they had come one after the other.
        for answer in &answers {
            self.note_answered(principal, collection, answer)?;
        }
        Ok(answers)
    }

    /// What a query may do, and whether it may.
    fn check_query(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        query: &Query,
    ) -> Result<(Grant<Search>, Option<Grant<Read>>), Error> {
        let grant: Grant<Search> = self.check(principal, Some(collection))?;
        let vectors: Option<Grant<Read>> = match query.vectors {
            VectorsBack::All | VectorsBack::Named(_) => {
                Some(self.check(principal, Some(collection))?)
            }
            VectorsBack::No => None,
        };
        let wanted = query.search.limit.saturating_add(query.search.offset);
        within_reach(principal, &grant, wanted)?;
        self.may_be_answered(principal)?;
        Ok((grant, vectors))
    }

    /// Puts the vector of the point that a query is about into it.
    fn find_vector(
        &self,
        principal: &Principal,
        partition: &Partition,
        grant: &Grant<Search>,
        collection: &CollectionName,
        query: &mut Query,
    ) -> Result<(), Error> {
        let Some(id) = query.by_point else {
            return Ok(());
        };
        let vector = partition.vector_of(grant, collection, &query.search.using, id);
        let vector = self.watch(principal, vector.map_err(Error::from))?;
        query.search.vector = vector.ok_or(PartitionError::NoPoint { id })?;
        query.search.except = Some(id);
        Ok(())
    }

    /// Points by id.
    ///
    /// # Errors
    /// [`Error`].
    pub fn retrieve(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        ids: &[PointId],
    ) -> Result<Vec<PointRecord>, Error> {
        let grant: Grant<Read> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let points = partition.retrieve(&grant, collection, ids);
        self.watch(principal, points.map_err(Error::from))
    }

    /// A page of points, in id order.
    ///
    /// # Errors
    /// [`Error`].
    pub fn scroll(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        from: Option<PointId>,
        limit: usize,
        filter: Option<&Filter>,
    ) -> Result<Page, Error> {
        let grant: Grant<Read> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let page = partition.scroll(&grant, collection, from, limit, filter);
        self.watch(principal, page.map_err(Error::from))
    }

    /// How many points match.
    ///
    /// # Errors
    /// [`Error`].
    pub fn count(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        filter: Option<&Filter>,
    ) -> Result<u64, Error> {
        let grant: Grant<Read> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let count = partition.count(&grant, collection, filter);
        self.watch(principal, count.map_err(Error::from))
    }

    /// Makes a payload index. Returns the write's sequence number.
    ///
    /// # Errors
    /// [`Error`].
    pub fn create_payload_index(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        definition: Definition,
    ) -> Result<u64, Error> {
        let grant: Grant<Write> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let created = partition.create_payload_index(&grant, collection, definition);
        self.watch(principal, created.map_err(Error::from))
    }

    /// Removes the payload index of a field. Returns the write's sequence number.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_payload_index(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        field: &Path,
    ) -> Result<u64, Error> {
        let grant: Grant<Write> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let deleted = partition.delete_payload_index(&grant, collection, field);
        self.watch(principal, deleted.map_err(Error::from))
    }

    /// A collection, to describe it.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`].
    pub fn describe_collection(
        &self,
        principal: &Principal,
        collection: &CollectionName,
    ) -> Result<Arc<Collection>, Error> {
        let grant: Grant<Describe> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        Ok(partition.describe(&grant, collection)?)
    }

    /// The collections that the principal's key is good for.
    ///
    /// # Errors
    /// [`Error`].
    pub fn collections(&self, principal: &Principal) -> Result<Vec<Arc<Collection>>, Error> {
        let grant: Grant<Describe> = self.check(principal, None)?;
        let partition = self.partition(principal, &grant)?;
        Ok(partition.list(&grant)?)
    }

    /// Whether work in the background will still change how a collection is searched.
    ///
    /// # Errors
    /// [`Error`].
    pub fn is_building(
        &self,
        principal: &Principal,
        collection: &CollectionName,
    ) -> Result<bool, Error> {
        let grant: Grant<Describe> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        partition.describe(&grant, collection)?;
        self.maintain_later(&partition);
        Ok(partition.wants_rebuild())
    }

    pub(super) fn maintain_later(&self, partition: &Arc<Partition>) {
        if partition.wants_maintenance() {
            // A full queue isn't waited for: the next write asks again.
            drop(self.maintenance.try_send(Arc::clone(partition)));
        }
    }
}
