//! How long points are kept, for the tenant's owner.

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Action, Denial, Grant, ManageRetention, Principal},
    partition::{CollectionRetention, Retention},
    tenant::CollectionName,
};

impl Engine {
    /// Sets how long a collection's points are kept, those that are there too.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a collection that isn't there.
    pub fn set_retention(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        retention: Retention,
    ) -> Result<CollectionRetention, Error> {
        let grant: Grant<ManageRetention> = self.check(principal, Some(collection))?;
        self.record_act(principal, "set_retention")?;
        let partition = self.partition(principal, &grant)?;
        let set = partition.set_retention(&grant, collection, retention);
        let set = self.watch(principal, set.map_err(Error::from))?;
        self.maintain_later(&partition);
        Ok(set)
    }

    /// A collection's retention.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for a collection that has none.
    pub fn retention(
        &self,
        principal: &Principal,
        collection: &CollectionName,
    ) -> Result<CollectionRetention, Error> {
        let grant: Grant<ManageRetention> = self.check(principal, Some(collection))?;
        let partition = self.partition(principal, &grant)?;
        partition.retention(&grant, collection)?.ok_or_else(none)
    }

    /// Lets a collection keep its points until they are deleted.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for a collection that has no retention.
    pub fn remove_retention(
        &self,
        principal: &Principal,
        collection: &CollectionName,
    ) -> Result<(), Error> {
        let grant: Grant<ManageRetention> = self.check(principal, Some(collection))?;
        self.record_act(principal, "remove_retention")?;
        let partition = self.partition(principal, &grant)?;
        let removed = partition.remove_retention(&grant, collection);
        let removed = self.watch(principal, removed.map_err(Error::from))?;
        removed.then_some(()).ok_or_else(none)
    }

    /// Every collection that has a retention, of those that the principal's key is good for.
    ///
    /// # Errors
    /// [`Error`].
    pub fn retentions(&self, principal: &Principal) -> Result<Vec<CollectionRetention>, Error> {
        let grant: Grant<ManageRetention> = self.check(principal, None)?;
        let partition = self.partition(principal, &grant)?;
        Ok(partition.retentions(&grant)?)
    }

    /// Sets within how many hours what is deleted or replaced is gone from the disk, in collections
    /// that have no bound of their own.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_purge_within(&self, principal: &Principal, bound: Retention) -> Result<(), Error> {
        let grant: Grant<ManageRetention> = self.check(principal, None)?;
        self.of_all(principal)?;
        self.record_act(principal, "set_purge_within")?;
        let partition = self.partition(principal, &grant)?;
        let set = partition.set_purge_within(&grant, Some(bound));
        self.watch(principal, set.map_err(Error::from))
    }

    /// That bound.
    ///
    /// # Errors
    /// [`Error`].
    pub fn purge_within(&self, principal: &Principal) -> Result<Option<u32>, Error> {
        let grant: Grant<ManageRetention> = self.check(principal, None)?;
        Ok(self.partition(principal, &grant)?.purge_within(&grant)?)
    }

    /// Takes that bound back.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none.
    pub fn remove_purge_within(&self, principal: &Principal) -> Result<(), Error> {
        let grant: Grant<ManageRetention> = self.check(principal, None)?;
        self.of_all(principal)?;
        self.record_act(principal, "remove_purge_within")?;
        let partition = self.partition(principal, &grant)?;
        if partition.purge_within(&grant)?.is_none() {
            let none = "the tenant has no bound for what is deleted";
            return Err(Error::new(ErrorKind::NotFound, none));
        }
        let removed = partition.set_purge_within(&grant, None);
        self.watch(principal, removed.map_err(Error::from))
    }

    /// Whether the principal's key is good for every collection: the bound is one for all, where what is
    /// listed is what the key is good for.
    fn of_all(&self, principal: &Principal) -> Result<(), Error> {
        if principal.collections().is_none() {
            return Ok(());
        }
        Err(self.refused(principal, Action::ManageRetention, Denial::WholeTenant))
    }
}

fn none() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "the collection has no retention: its points stay until they are deleted",
    )
}
