//! Whose behaviour is watched: keys, and subjects of issuers. What is done about a key that behaves
//! oddly is kept with it; of subjects nothing else is kept, so those that aren't believed stand here.

use std::collections::{BTreeSet, HashMap};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::api_key::ApiKeyId;
use crate::{clock::Timestamp, seal, tenant::TenantUuid};

/// Whose behaviour is watched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum WatchedId {
    /// A key, and the tokens that it was given.
    Key(ApiKeyId),
    /// A subject of an issuer, at one tenant.
    Subject(SubjectId),
}

/// A subject of an issuer at one tenant: a digest of both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SubjectId([u8; 8]);

impl WatchedId {
    /// What it is known by in the catalog.
    pub const fn bytes(self) -> [u8; 8] {
        match self {
            Self::Key(ApiKeyId(bytes)) | Self::Subject(SubjectId(bytes)) => bytes,
        }
    }

    /// Reads what [`Self::bytes`] gave; a key if `is_key` says so.
    pub fn from_bytes(bytes: [u8; 8], is_key: impl FnOnce(ApiKeyId) -> bool) -> Self {
        let key = ApiKeyId(bytes);
        if is_key(key) {
            Self::Key(key)
        } else {
            Self::Subject(SubjectId(bytes))
        }
    }
}

impl SubjectId {
    /// The subject that is `actor` in the audit log.
    pub fn new(tenant: TenantUuid, actor: &str) -> Self {
        let digest = seal::digest(&[b"subject\n", tenant.as_bytes(), actor.as_bytes()]);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self([a, b, c, d, e, f, g, h])
    }

    /// The id in the catalog.
    pub fn catalog_id(self) -> [u8; 16] {
        u128::from(u64::from_be_bytes(self.0)).to_be_bytes()
    }
}

/// A subject that isn't believed any more, until its tenant's owner resumes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SuspendedSubject {
    /// The tenant that its tokens name.
    pub tenant: TenantUuid,
    /// What it is in the audit log.
    pub actor: String,
    /// Since when.
    pub since: Timestamp,
}

impl SuspendedSubject {
    /// Which one it is.
    pub fn id(&self) -> SubjectId {
        SubjectId::new(self.tenant, &self.actor)
    }
}

/// How it stands in the catalog: the variant is the version, and versions are only ever added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StoredSuspension {
    /// The first version.
    V1(SuspendedSubject),
}

/// The subjects that aren't believed.
#[derive(Debug, Default)]
pub struct Suspensions(RwLock<HashMap<SubjectId, SuspendedSubject>>);

impl Suspensions {
    /// A subject isn't believed from now on.
    pub fn add(&self, subject: SuspendedSubject) {
        self.0.write().insert(subject.id(), subject);
    }

    /// Subjects are believed again.
    pub fn remove(&self, ids: &[SubjectId]) {
        self.0.write().retain(|id, _| !ids.contains(id));
    }

    /// Whether a subject isn't believed.
    pub fn has(&self, id: SubjectId) -> bool {
        self.0.read().contains_key(&id)
    }

    /// The tenants that they are of.
    pub fn tenants(&self) -> BTreeSet<TenantUuid> {
        let all = self.0.read();
        all.values().map(|subject| subject.tenant).collect()
    }

    /// A tenant's, by their names.
    pub fn of_tenant(&self, tenant: TenantUuid) -> Vec<SuspendedSubject> {
        let all = self.0.read();
        let own = all.values().filter(|subject| subject.tenant == tenant);
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by(|one, other| one.actor.cmp(&other.actor));
        own
    }
}
