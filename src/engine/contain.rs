//! Containment: a tenant is closed at once, and told what was done in its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Engine, Error, Event};
use crate::{
    access::{Contain, Grant, ManageTenants, Principal},
    clock::Timestamp,
    router::TenantRecord,
    tenant::TenantId,
};

/// A tenant that was contained.
#[derive(Debug)]
pub struct Contained {
    /// The tenant.
    pub record: Arc<TenantRecord>,
    /// Whether its partition is closed, and its data key out of memory.
    pub closed: bool,
    /// What was done in its name.
    pub accessed: Accessed,
}

/// What was done in a tenant's name since a time.
#[derive(Debug)]
pub struct Accessed {
    /// Since when.
    pub since: Timestamp,
    /// By key; entries that name no key (the node's own acts) under an empty one.
    pub keys: BTreeMap<String, KeyActs>,
}

/// What one key did.
#[derive(Debug, Default)]
pub struct KeyActs {
    /// How often, by action and outcome.
    pub acts: BTreeMap<(String, String), u64>,
    /// The addresses that it came from, the first so many.
    pub ips: BTreeSet<String>,
    /// When first.
    pub first: String,
    /// When last.
    pub last: String,
}

impl Engine {
    /// Closes a tenant at once: its keys and sessions are refused, its partition is closed and its
    /// data key leaves the memory. Only an operator's resuming ends that.
    ///
    /// # Errors
    /// [`super::ErrorKind::NotFound`].
    pub fn contain(
        &self,
        principal: &Principal,
        id: &TenantId,
        since: Timestamp,
    ) -> Result<Contained, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        let record = self.router.suspend(&grant, id)?;
        self.contained(record, since)
    }

    /// The same, by an owner of the tenant.
    ///
    /// # Errors
    /// [`Error`].
    pub fn contain_own(&self, principal: &Principal, since: Timestamp) -> Result<Contained, Error> {
        let grant: Grant<Contain> = self.check(principal, None)?;
        let record = self.router.suspend_own(&grant)?;
        self.contained(record, since)
    }

    fn contained(&self, record: Arc<TenantRecord>, since: Timestamp) -> Result<Contained, Error> {
        let keys = self.gate.keys().of_tenant(record.uuid);
        let keys: Vec<_> = keys.iter().map(|key| key.record().id).collect();
        self.forget_families_of(&keys)?;
        let accessed = self.accessed(&record.id, since)?;
        self.notify(record.uuid, &Event::TenantContained);
        Ok(Contained {
            closed: self.router.is_gone_from_memory(record.uuid),
            accessed,
            record,
        })
    }

    /// What was done in a tenant's name since a time, from the audit log.
    pub(super) fn accessed(&self, id: &TenantId, since: Timestamp) -> Result<Accessed, Error> {
        let mut keys: BTreeMap<String, KeyActs> = BTreeMap::new();
        self.audit.acts_since(id.as_str(), since, |act| {
            let key = keys
                .entry(act.key_id.unwrap_or_default().to_owned())
                .or_default();
            let kind = (act.action.to_owned(), act.outcome.to_owned());
            *key.acts.entry(kind).or_default() += act.count;
            if let Some(ip) = act.ip
                && key.ips.len() < IPS_MAX
            {
                key.ips.insert(ip.to_owned());
            }
            if key.first.is_empty() {
                act.time.clone_into(&mut key.first);
            }
            act.time.clone_into(&mut key.last);
        })?;
        Ok(Accessed { since, keys })
    }
}

/// Addresses of a key that are told.
const IPS_MAX: usize = 100;
