//! What is stored of credentials: keys' records, their extras, families of refresh tokens, the
//! numbers of token keys, what keys were answered, webhooks. Never a credential.

use serde::Serialize;

use super::{Router, RouterError};
use crate::{
    access::{
        AnsweredId, ApiKeyId, ApiKeyRecord, Family, FamilyId, KeyExtras, StoredExtras,
        StoredFamily, TokenKeyRecord, Unwritten, WatchedId,
    },
    store::CatalogKind,
    tenant::{TenantId, TenantUuid},
};

impl Router {
    /// Stores an API key's record and its extras, together.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep_key(&self, record: &ApiKeyRecord, extras: &KeyExtras) -> Result<(), RouterError> {
        let id = record.id.catalog_id();
        Ok(self.catalog.put_both(
            (CatalogKind::ApiKey, id, record),
            (CatalogKind::KeyExtras, id, &StoredExtras::from(extras)),
        )?)
    }

    /// Stores API keys' extras, all or none.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep_extras(&self, extras: &[(ApiKeyId, KeyExtras)]) -> Result<(), RouterError> {
        let stored = extras
            .iter()
            .map(|(id, extras)| (id.catalog_id(), StoredExtras::from(extras)));
        let stored: Vec<_> = stored.collect();
        Ok(self.catalog.put_all(CatalogKind::KeyExtras, &stored)?)
    }

    /// Removes API keys' records.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_keys(&self, keys: &[ApiKeyId]) -> Result<(), RouterError> {
        let ids: Vec<_> = keys.iter().map(|id| id.catalog_id()).collect();
        self.catalog.remove(CatalogKind::ApiKey, &ids)?;
        self.catalog.remove(CatalogKind::KeyExtras, &ids)?;
        keys.iter()
            .try_for_each(|id| self.drop_answered(WatchedId::Key(*id)))
    }

    /// Stores what those who asked were answered.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep_answered(&self, records: &[Unwritten]) -> Result<(), RouterError> {
        for some in records.chunks(ANSWERED_AT_ONCE) {
            let some = some.iter().map(|(_, id, stored)| (id.catalog_id(), stored));
            let some: Vec<_> = some.collect();
            self.catalog.put_all(CatalogKind::Answered, &some)?;
        }
        Ok(())
    }

    /// Removes what somebody was answered.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_answered(&self, who: WatchedId) -> Result<(), RouterError> {
        let ids = self.catalog.ids(CatalogKind::Answered, &who.bytes())?;
        self.drop_all_answered(&ids)
    }

    /// Removes what they were answered before a day.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_answered_before(&self, day: u32) -> Result<(), RouterError> {
        let mut ids = self.catalog.ids(CatalogKind::Answered, &[])?;
        ids.retain(|id| AnsweredId::from_catalog_id(*id).day < day);
        self.drop_all_answered(&ids)
    }

    fn drop_all_answered(&self, ids: &[[u8; 16]]) -> Result<(), RouterError> {
        for some in ids.chunks(IDS_AT_ONCE) {
            self.catalog.remove(CatalogKind::Answered, some)?;
        }
        Ok(())
    }

    /// Stores what has become of a family of refresh tokens.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep_family(&self, id: FamilyId, family: Family) -> Result<(), RouterError> {
        let stored = StoredFamily::V1(family);
        Ok(self
            .catalog
            .put(CatalogKind::RefreshFamily, id.0, &stored)?)
    }

    /// Removes families of refresh tokens.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_families(&self, ids: &[FamilyId]) -> Result<(), RouterError> {
        let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
        Ok(self.catalog.remove(CatalogKind::RefreshFamily, &ids)?)
    }

    /// Stores that a token key was made.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep_token_key(&self, record: TokenKeyRecord) -> Result<(), RouterError> {
        let id = u128::from(record.number).to_be_bytes();
        Ok(self.catalog.put(CatalogKind::TokenKey, id, &record)?)
    }

    /// Removes the records of token keys.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_token_keys(&self, numbers: &[u32]) -> Result<(), RouterError> {
        let ids: Vec<_> = numbers
            .iter()
            .map(|number| u128::from(*number).to_be_bytes())
            .collect();
        Ok(self.catalog.remove(CatalogKind::TokenKey, &ids)?)
    }

    /// Stores a record of one of the kinds that nothing here looks into.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn keep<R: Serialize>(
        &self,
        kind: CatalogKind,
        id: [u8; 16],
        record: &R,
    ) -> Result<(), RouterError> {
        Ok(self.catalog.put(kind, id, record)?)
    }

    /// Removes records of such a kind.
    ///
    /// # Errors
    /// [`RouterError::Catalog`].
    pub fn drop_kept(&self, kind: CatalogKind, ids: &[[u8; 16]]) -> Result<(), RouterError> {
        Ok(self.catalog.remove(kind, ids)?)
    }

    /// The number of a tenant that isn't deleted, for an issuer's token that names it. It gives no
    /// way to the tenant's data: that takes a grant.
    pub fn living(&self, id: &TenantId) -> Option<TenantUuid> {
        self.tenants.living_named(id)
    }
}

/// Records of what was answered that are written at once: 2 MiB at most.
const ANSWERED_AT_ONCE: usize = 64;
/// Records that are removed at once.
const IDS_AT_ONCE: usize = 10_000;
