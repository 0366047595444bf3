//! The node's root key, and copies of generation keys that are kept outside.

use std::{cmp::Ordering, sync::Arc};

use super::{Router, RouterError, TenantRecord, TenantState};
use crate::{
    access::{Grant, ManageCustody, RotateRoot},
    partition::{Counters, PartitionError},
    seal::{Keeper, KeyringError, Returned, RootKeyId, RootKeys, Rotated},
    tenant::Generation,
};

impl Router {
    /// Puts the next root key in place of the current one. Touches no data.
    ///
    /// # Errors
    /// [`RouterError::Rotation`]; asking again goes on where it stopped.
    pub fn rotate_root(
        &self,
        _grant: &Grant<RotateRoot>,
        keys: &RootKeys,
    ) -> Result<Rotated, RouterError> {
        Ok(keys.rotate(&self.keyring)?)
    }

    /// Which root key new keys are wrapped under.
    pub fn root_key_id(&self, _grant: &Grant<RotateRoot>) -> RootKeyId {
        self.keyring.root_key_id()
    }

    /// Seals the key of the tenant's present generation for a keeper. Which generation that is is
    /// told to `record` before the key is touched.
    ///
    /// # Errors
    /// What `record` fails with; [`RouterError::Custody`].
    pub fn export_key<E: From<RouterError>>(
        &self,
        grant: &Grant<ManageCustody>,
        keeper: &Keeper,
        record: impl FnOnce(Generation) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let tenant = grant.tenant();
        // A reseal would shred the key that is being exported.
        let _turn = self.turns.take(tenant);
        let entry = self.tenants.find(tenant).ok_or(RouterError::NoTenant)?;
        let generation = entry.record().generation;
        record(generation)?;
        let file = self.keyring.export(tenant, generation, keeper);
        Ok(file.map_err(RouterError::from)?)
    }

    /// Puts a key that came back from custody into the keyring, if it is the one that is missing
    /// there: of the tenant's present generation, and good for what stands in its family.
    ///
    /// # Errors
    /// [`RouterError::NotPutBack`], which says why.
    pub fn put_back_key(&self, returned: &Returned) -> Result<Arc<TenantRecord>, RouterError> {
        let refuse = |why: String| Err(RouterError::NotPutBack { why });
        let Some(entry) = self.tenants.find(returned.tenant()) else {
            return refuse("the key is of a tenant that this data directory doesn't know".into());
        };
        let record = entry.record();
        if matches!(record.state, TenantState::Deleting | TenantState::Deleted) {
            return refuse(format!(
                "tenant {} was deleted, and its key shredded for good",
                record.id
            ));
        }
        let (theirs, ours) = (returned.generation().0, record.generation.0);
        match theirs.cmp(&ours) {
            Ordering::Less => {
                return refuse(format!(
                    "the key is of generation {theirs} of tenant {}, which was shredded for good: the tenant is at generation {ours}, and no data of generation {theirs} is left here",
                    record.id
                ));
            }
            Ordering::Greater => {
                return refuse(format!(
                    "the key is of generation {theirs} of tenant {}, but this data directory is at generation {ours}: it is an older one",
                    record.id
                ));
            }
            Ordering::Equal => {}
        }
        let family = self.shelves.shelf(record.shelf)?.family(record.family)?;
        match Counters::read(&family, returned.key()) {
            Ok(_) => {}
            Err(PartitionError::Corrupt) => {
                return refuse(format!(
                    "the key doesn't open what tenant {} has stored: it isn't the one that was lost",
                    record.id
                ));
            }
            Err(error) => return Err(error.into()),
        }
        match self.keyring.take_back(returned) {
            Ok(()) => Ok(record),
            Err(KeyringError::Exists) => refuse(format!(
                "the keyring has a key of generation {ours} of tenant {} already; if that one is damaged, move its file away first",
                record.id
            )),
            Err(error) => Err(error.into()),
        }
    }
}
