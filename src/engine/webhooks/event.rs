//! What webhooks tell of. Ids and counts alone: no tenant's words, no payloads.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{access::ApiKeyId, clock::Timestamp};

/// Something that happened in a tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// An erasure is done, and its receipt is there.
    ErasureDone {
        /// Its id.
        erasure: String,
        /// Points that were erased.
        points: u64,
    },
    /// A key ends soon.
    KeyExpiring {
        /// The key's id.
        key: ApiKeyId,
        /// When it ends.
        expires: Timestamp,
    },
    /// A quota is nearly used up.
    QuotaNear {
        /// Which.
        quota: &'static str,
        /// How much of it is used.
        used: u64,
        /// How much there is.
        limit: u64,
    },
    /// Something that an attacker might do was done.
    SecuritySuspicious {
        /// What: a word of the node's own.
        what: &'static str,
        /// The key that it was done with.
        key: Option<ApiKeyId>,
        /// Who did it, as in the audit log: the key's id, or an issuer's name for a subject.
        actor: String,
    },
    /// The tenant was closed at once.
    TenantContained,
}

/// A kind of event, as webhooks name it. Its number is stored: append-only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as the events")]
pub enum EventKind {
    ErasureDone,
    KeyExpiring,
    QuotaNear,
    SecuritySuspicious,
    TenantContained,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::ErasureDone,
        Self::KeyExpiring,
        Self::QuotaNear,
        Self::SecuritySuspicious,
        Self::TenantContained,
    ];

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ErasureDone => "erasure.done",
            Self::KeyExpiring => "key.expiring",
            Self::QuotaNear => "quota.near",
            Self::SecuritySuspicious => "security.suspicious",
            Self::TenantContained => "tenant.contained",
        }
    }

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::ErasureDone { .. } => EventKind::ErasureDone,
            Self::KeyExpiring { .. } => EventKind::KeyExpiring,
            Self::QuotaNear { .. } => EventKind::QuotaNear,
            Self::SecuritySuspicious { .. } => EventKind::SecuritySuspicious,
            Self::TenantContained => EventKind::TenantContained,
        }
    }

    /// The body that is sent.
    pub fn body(&self, now: Timestamp) -> String {
        let data = match self {
            Self::ErasureDone { erasure, points } => {
                json!({"erasure_id": erasure, "points": points})
            }
            Self::KeyExpiring { key, expires } => {
                json!({"key_id": key.to_string(), "expires_at": expires.to_string()})
            }
            Self::QuotaNear { quota, used, limit } => {
                json!({"quota": quota, "used": used, "limit": limit})
            }
            Self::SecuritySuspicious { what, key, actor } => {
                json!({"what": what, "key_id": key.map(|key| key.to_string()), "actor": actor})
            }
            Self::TenantContained => Value::Object(serde_json::Map::new()),
        };
        json!({"type": self.kind().name(), "timestamp": now.to_string(), "data": data}).to_string()
    }
}
