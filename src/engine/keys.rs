//! A tenant's keys, for its owner: made, listed, rotated, revoked.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;

use super::{Engine, Error, ErrorKind, keeper};
use crate::{
    access::{
        Action, ApiKey, ApiKeyId, ApiKeyRecord, Bounds, Denial, Fingerprint, Grant, KeyExtras,
        KeyLimits, KnownKey, ManageKeys, Principal, Role, Scope,
    },
    clock::Timestamp,
    router::RouterError,
    seal::KeyedHash,
    tenant::CollectionName,
};

/// A key to be made.
#[derive(Debug)]
pub struct NewKey {
    /// Its name, for people.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How long it is good.
    pub lasts: Duration,
    /// The collections it is good for.
    pub collections: Option<Vec<CollectionName>>,
    /// The networks it may be used from.
    pub networks: Option<Vec<IpNet>>,
    /// The client certificate that must come with it.
    pub certificate: Option<Fingerprint>,
    /// What it is good for, within its tenant's quota.
    pub limits: KeyLimits,
}

/// A key that was made: to be shown once.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key.
    pub key: ApiKey,
    /// What the server keeps of it.
    pub record: ApiKeyRecord,
    /// And besides.
    pub extras: KeyExtras,
}

/// A key that took another one's place.
#[derive(Debug)]
pub struct RotatedKey {
    /// The new key.
    pub made: CreatedKey,
    /// When the old one ends, or has ended.
    pub old_ends: Timestamp,
}

impl Engine {
    /// Makes a key for the principal's tenant. What isn't said of its bounds is as with the principal's key.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a role that isn't a tenant's, [`ErrorKind::Denied`] for a key that would
    /// reach further than the principal's.
    pub fn create_key(&self, principal: &Principal, new: NewKey) -> Result<CreatedKey, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        if new.role == Role::Operator {
            return Err(Error::invalid(
                "role must be inference, writer, owner or auditor",
            ));
        }
        let bounds = Bounds {
            collections: new.collections.map(Arc::from),
            networks: new.networks,
            certificate: new.certificate,
        };
        let bounds = bounds.or(&principal.bounds());
        self.may_hand_over(principal, &bounds)?;
        self.record_act(principal, "create_key")?;
        let extras = KeyExtras {
            certificate: bounds.certificate,
            limits: new.limits,
            ..KeyExtras::default()
        };
        let now = self.clock.now();
        self.keep_new_key(principal, extras, |id, hash| ApiKeyRecord {
            id,
            hash,
            scope: principal.scope().clone(),
            role: new.role,
            name: new.name,
            created: now,
            expires: Some(now.plus(new.lasts)),
            collections: bounds.collections,
            networks: bounds.networks,
        })
    }

    /// Makes a key that is what another one is, and lets that one end after a grace period. The new
    /// one is good for as long as the old one was made for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's key; [`ErrorKind::Conflict`] for one that was rotated
    /// before, or has ended.
    pub fn rotate_key(
        &self,
        principal: &Principal,
        id: ApiKeyId,
        grace: Duration,
    ) -> Result<RotatedKey, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        self.may_hand_over(principal, &self.key_of(principal, id)?.bounds())?;
        self.record_act(principal, "rotate_key")?;
        // From here on the old one isn't changed by others, nor revoked: a new key that nobody was
        // told of would stay behind.
        let _changing = self.changing_keys.lock();
        let old = self.key_of(principal, id)?;
        let now = self.clock.now();
        self.may_be_rotated(principal, &old, now)?;
        let extras = KeyExtras {
            replaces: Some(id),
            last_used: None,
            suspended: None,
            ..old.extras().clone()
        };
        let made = self.keep_new_key(principal, extras, |id, hash| {
            let old = old.record();
            let lasts =
                |expires: Timestamp| Duration::from_millis(expires.0.saturating_sub(old.created.0));
            ApiKeyRecord {
                id,
                hash,
                created: now,
                expires: old.expires.map(|expires| now.plus(lasts(expires))),
                ..(**old).clone()
            }
        })?;
        let mut ending = (**old.record()).clone();
        let end = now.plus(grace);
        let old_ends = ending.expires.map_or(end, |expires| expires.min(end));
        ending.expires = Some(old_ends);
        self.router.keep_key(&ending, old.extras())?;
        self.gate.keys().insert_with(ending, old.extras().clone());
        Ok(RotatedKey { made, old_ends })
    }

    /// Whether a key's successor would live for as long as the key was made for: not if its end was brought
    /// forward by a rotation, nor is there a need for one once it has ended. One whose successor was revoked may
    /// be rotated again, for as long as it is good for by now: whoever uses it has to change over to something.
    fn may_be_rotated(
        &self,
        principal: &Principal,
        old: &KnownKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id = old.record().id;
        let keys = self.keys_of(principal);
        let successor = keys.iter().find(|key| key.extras().replaces == Some(id));
        let why = match successor {
            Some(successor) => format!(
                "the key was rotated already; its successor is {}",
                successor.record().id
            ),
            None if old.record().expired(now) => {
                "the key has ended; make a new one in its place".to_owned()
            }
            None => return Ok(()),
        };
        Err(Error::new(ErrorKind::Conflict, why))
    }

    fn keep_new_key(
        &self,
        principal: &Principal,
        extras: KeyExtras,
        record: impl FnOnce(ApiKeyId, KeyedHash) -> ApiKeyRecord,
    ) -> Result<CreatedKey, Error> {
        if self.keys_of(principal).len() >= KEYS_MAX {
            return Err(Error::invalid(format!(
                "a tenant may have {KEYS_MAX} keys; revoke some"
            )));
        }
        self.keep_key_of(extras, record)
    }

    pub(super) fn keep_key_of(
        &self,
        extras: KeyExtras,
        record: impl FnOnce(ApiKeyId, KeyedHash) -> ApiKeyRecord,
    ) -> Result<CreatedKey, Error> {
        let key = ApiKey::make().map_err(RouterError::from)?;
        let record = record(key.id, key.hash(self.gate.keys().hasher()));
        self.router.keep_key(&record, &extras)?;
        self.gate.keys().insert_with(record.clone(), extras.clone());
        Ok(CreatedKey {
            key,
            record,
            extras,
        })
    }

    /// When a principal's key ends, if that is soon.
    pub fn key_ends_soon(&self, principal: &Principal) -> Option<Timestamp> {
        let key = principal.known()?;
        let near = keeper::is_expiring(key, self.clock.now());
        key.record().expires.filter(|_| near)
    }

    /// The keys of the principal's tenant.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keys(&self, principal: &Principal) -> Result<Vec<Arc<KnownKey>>, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        Ok(self.keys_of(principal))
    }

    /// Revokes a key of the principal's tenant. It is good for nothing once this returns.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's key.
    pub fn revoke_key(&self, principal: &Principal, id: ApiKeyId) -> Result<(), Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        self.may_hand_over(principal, &self.key_of(principal, id)?.bounds())?;
        self.record_act(principal, "revoke_key")?;
        let _changing = self.changing_keys.lock();
        self.key_of(principal, id)?;
        self.router.drop_keys(&[id])?;
        self.gate.keys().remove(id);
        self.forget_families_of(&[id])
    }

    /// Whether the principal's own key is bound as little as what it wants to give, show, end or have
    /// believed again. Not while keys are being changed: who is refused too often is suspended.
    pub(super) fn may_hand_over(
        &self,
        principal: &Principal,
        bounds: &Bounds,
    ) -> Result<(), Error> {
        let own = principal.bounds();
        if own.contain(bounds) {
            return Ok(());
        }
        Err(self.refused(principal, Action::ManageKeys, Denial::Bound { to: own }))
    }

    pub(super) fn key_of(
        &self,
        principal: &Principal,
        id: ApiKeyId,
    ) -> Result<Arc<KnownKey>, Error> {
        self.keys_of(principal)
            .into_iter()
            .find(|key| key.record().id == id)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such key"))
    }

    fn keys_of(&self, principal: &Principal) -> Vec<Arc<KnownKey>> {
        principal
            .tenant()
            .map_or_else(Vec::new, |tenant| self.gate.keys().of_tenant(tenant))
    }
}

/// The record of an owner's key that is bound to nothing, as a tenant's first one is.
pub(super) fn owners_key(
    scope: Scope,
    name: String,
    now: Timestamp,
) -> impl FnOnce(ApiKeyId, KeyedHash) -> ApiKeyRecord {
    move |id, hash| ApiKeyRecord {
        id,
        hash,
        scope,
        role: Role::Owner,
        name,
        created: now,
        expires: Some(now.plus(KEY_LASTS_DEFAULT)),
        collections: None,
        networks: None,
    }
}

/// How long a key is good if it isn't said.
const KEY_LASTS_DEFAULT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Keys a tenant may have.
const KEYS_MAX: usize = 1_000;
