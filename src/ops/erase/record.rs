//! What is kept of an erasure, in the catalog: never the words of its scope.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::ApiKeyId,
    clock::Timestamp,
    ops::receipt::{ScopeKind, StepName},
    partition::Sample,
    tenant::{TenantId, TenantUuid},
};

/// An erasure's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ErasureId(pub [u8; 16]);

impl ErasureId {
    /// Parses 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (text.len() == 32).then_some(Self(*uuid.as_bytes()))
    }
}

impl fmt::Display for ErasureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).simple().fmt(f)
    }
}

/// How far an erasure got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    /// What must go is being removed from answers. Nobody was told yet that it will.
    Accepting,
    /// It is gone from every answer, and waits for the partition to be resealed.
    Queued,
    /// The partition is being resealed.
    Running,
    /// The old generation is destroyed, and the directory looked through.
    Verifying,
    /// Its receipt is signed.
    Done,
    /// It was given up. Nothing is, any more: this was written by versions before.
    Failed,
}

impl State {
    /// The state's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepting | Self::Queued => "queued",
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether it changes no more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Who asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum By {
    /// Whoever has this key.
    Key(ApiKeyId),
    /// The node itself.
    Node,
    /// Whoever has no key here, as the audit log names it: whom an issuer's token is for, or a webhook.
    Named(String),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Node => f.write_str("node"),
            Self::Named(actor) => f.write_str(actor),
        }
    }
}

/// A thing that was done, when it was finished, and how long it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// What.
    pub step: StepName,
    /// When it was finished.
    pub at: Timestamp,
    /// How long it took.
    pub micros: u64,
}

/// An erasure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// Its number.
    pub id: ErasureId,
    /// Whose data.
    pub tenant: TenantUuid,
    /// The tenant's public name.
    pub tenant_id: TenantId,
    /// How far it got.
    pub state: State,
    /// What kind of scope it has.
    pub kind: ScopeKind,
    /// A digest of the scope, from which nobody reads it.
    pub digest: [u8; 32],
    /// When it was asked for.
    pub requested: Timestamp,
    /// By whom.
    pub by: By,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// The request.
    pub request: u64,
    /// Points that it removed.
    pub points: u64,
    /// ... by collection.
    pub collections: Vec<(String, u64)>,
    /// Slices of what was removed, sealed, to look for.
    pub samples: Vec<Sample>,
    /// Sealed bytes of survivors that were copied for it, and for those that shared the resealing.
    pub copied_bytes: u64,
    /// What was done.
    pub steps: Vec<Done>,
    /// When it came to its end.
    pub finished: Option<Timestamp>,
    /// The signed receipt, as the JSON document that it is.
    pub receipt: Option<String>,
    /// Which of the tenant's receipts it is.
    pub place: u64,
    /// Why the last attempt failed, until one doesn't.
    pub failure: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    #[test]
    fn golden_erasures_read_back() {
        let at = Timestamp(1_800_000_000_000);
        let erasure = Erasure {
            id: ErasureId([1; 16]),
            tenant: TenantUuid::from_bytes([7; 16]),
            tenant_id: TenantId::parse("acme").unwrap(),
            state: State::Queued,
            kind: ScopeKind::Subject,
            digest: [2; 32],
            requested: at,
            by: By::Key(ApiKeyId([3; 8])),
            reason: "asked to".to_owned(),
            request: 4,
            points: 1,
            collections: vec![("docs".to_owned(), 1)],
            samples: vec![[5; 24]],
            copied_bytes: 0,
            steps: vec![Done {
                step: StepName::Removed,
                at,
                micros: 900,
            }],
            finished: None,
            receipt: None,
            place: 6,
            failure: None,
        };
        golden(
            &erasure,
            include_bytes!("../../../tests/golden/erasure.v1.bin"),
        );
        let done = Erasure {
            state: State::Done,
            by: By::Named("webhook:00".to_owned()),
            finished: Some(at),
            receipt: Some("{}".to_owned()),
            ..erasure
        };
        golden(
            &done,
            include_bytes!("../../../tests/golden/erasure_done.v1.bin"),
        );
    }
}
