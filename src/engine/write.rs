//! Changing points, collections and aliases.

use super::{Engine, Error};
use crate::{
    access::{CreateCollection, DeleteCollection, Describe, Grant, Principal, Write},
    partition::{AliasAction, Operation, PointUpsert, Schema, Selection, UpsertRule},
    tenant::CollectionName,
};

impl Engine {
    /// Does operations on points, all of them or none. Returns the write's sequence number.
    ///
    /// # Errors
    /// [`Error`].
    pub fn change(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        operations: Vec<Operation>,
    ) -> Result<u64, Error> {
        let grant: Grant<Write> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let stored = operations.iter().map(|operation| match operation {
            Operation::Upsert(points, _) => points.len() as u64,
            Operation::Remove(_)
            | Operation::Payload(..)
            | Operation::PutVectors(..)
            | Operation::RemoveVectors(..) => 0,
        });
        let stored: u64 = stored.sum();
        let written = partition
            .change(&grant, collection, operations)
            .map_err(Error::from);
        let seq = self.watch(principal, written)?;
        self.metrics.points_written.inc_by(stored);
        self.maintain_later(&partition);
        Ok(seq)
    }

    /// Stores points. Returns the write's sequence number.
    ///
    /// # Errors
    /// [`Error`].
    pub fn upsert(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        points: Vec<PointUpsert>,
    ) -> Result<u64, Error> {
        let operation = Operation::Upsert(points, UpsertRule::default());
        self.change(principal, collection, vec![operation])
    }

    /// Removes points. Returns the write's sequence number.
    ///
    /// # Errors
    /// [`Error`].
    pub fn remove(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        selection: Selection,
    ) -> Result<u64, Error> {
        self.change(principal, collection, vec![Operation::Remove(selection)])
    }

    /// Makes a collection.
    ///
    /// # Errors
    /// [`super::ErrorKind::Conflict`] when the name is taken.
    pub fn create_collection(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        schema: Schema,
    ) -> Result<(), Error> {
        let grant: Grant<CreateCollection> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let created = partition.create_collection(&grant, collection, schema);
        self.watch(principal, created.map_err(Error::from))
    }

    /// Changes what is said about a collection. `change` makes new settings of the ones before.
    ///
    /// # Errors
    /// [`Error`]: that of `change` too.
    pub fn update_collection(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        change: impl FnOnce(&Schema, &str) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let grant: Grant<Write> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let updated = partition.update_collection(&grant, collection, change);
        self.watch(principal, updated)
    }

    /// Removes a collection. Whether there was one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_collection(
        &self,
        principal: &Principal,
        collection: &CollectionName,
    ) -> Result<bool, Error> {
        let grant: Grant<DeleteCollection> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        let deleted = partition.delete_collection(grant, collection);
        self.watch(principal, deleted.map_err(Error::from))
    }

    /// Does all of these to aliases, or none.
    ///
    /// # Errors
    /// [`Error`].
    pub fn change_aliases(
        &self,
        principal: &Principal,
        actions: &[AliasAction],
    ) -> Result<(), Error> {
        let grant: Grant<CreateCollection> = self.check(principal, None)?;
        let partition = self.partition(principal, &grant)?;
        let changed = partition.change_aliases(&grant, actions);
        self.watch(principal, changed.map_err(Error::from))
    }

    /// The aliases of the collections that the principal's key is good for, and whose each is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn aliases(
        &self,
        principal: &Principal,
        of: Option<&CollectionName>,
    ) -> Result<Vec<(CollectionName, CollectionName)>, Error> {
        let grant: Grant<Describe> = self.check(principal, of)?;
        let partition = self.partition(principal, &grant)?;
        let mut aliases = partition.aliases(&grant)?;
        aliases.retain(|(_, collection)| of.is_none_or(|of| of == collection));
        Ok(aliases)
    }
}
