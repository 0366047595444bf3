//! Changing points, collections and aliases.

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{CreateCollection, DeleteCollection, Describe, Grant, Op, Principal, Write},
    partition::{AliasAction, Operation, Partition, PointUpsert, Schema, Selection, UpsertRule},
    tenant::{CollectionName, TenantUuid},
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
        // What can't be undone is on record before it is done, on disk.
        if operations.iter().any(Operation::is_destructive) {
            self.record_act(principal, "delete_points")?;
        }
        let grows = operations
            .iter()
            .any(|operation| !matches!(operation, Operation::Remove(_)));
        if grows {
            self.within_disk(&grant, &partition)?;
        }
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

    /// Whether a tenant may store more.
    fn within_disk<O: Op>(&self, grant: &Grant<O>, partition: &Partition) -> Result<(), Error> {
        match self.disk_bytes_max(grant.tenant()) {
            Some(most) if partition.bytes().0 >= most => Err(Error::new(
                ErrorKind::Denied,
                format!("the tenant's quota of {most} bytes on disk is used up; delete something"),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// How many bytes a tenant may have on disk, if that is bounded.
    pub(super) fn disk_bytes_max(&self, tenant: TenantUuid) -> Option<u64> {
        self.router.policy(tenant).allowance.disk_bytes_max
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
