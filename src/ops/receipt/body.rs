//! What a receipt says, field by field. `tests/golden/receipt.v2.json` is one, of version 1 is
//! `receipt.v1.json`.
//!
//! Plain data: having it proves nothing. What counts is a [`SignedReceipt`](super::SignedReceipt).
//!
//! **Invariant:** no point id, payload, vector or subject stands in a receipt: the scope is there
//! as a digest.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{clock::Timestamp, ops::Hex, seal::WRAPPED_SAMPLE_BYTES, tenant::TenantId};

/// What a receipt says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Which fields there are: 2. Receipts of version 1 don't say where the node looked.
    pub version: u8,
    /// The erasure's id.
    pub id: Hex<16>,
    /// The node that signed: the id of its key.
    pub node: Hex<8>,
    /// The tenant's public id.
    pub tenant: TenantId,
    /// What everything of the tenant is bound to.
    pub tenant_uuid: Hex<16>,
    /// Who asked for the erasure, and when.
    pub requested: Requested,
    /// What was asked.
    pub scope: Scope,
    /// Points that were erased, in all.
    pub points: u64,
    /// Points that were erased, by collection. Empty for a whole tenant: its names end with it.
    pub collections: Vec<CollectionErased>,
    /// The generation that ended, and the one that follows.
    pub generation: Generations,
    /// The family that was dropped.
    pub family: Family,
    /// The key that was shredded.
    pub key: Key,
    /// Pieces of the dropped generation's ciphertext.
    pub canaries: Vec<Canary>,
    /// Copies that the node knows of.
    pub copies: Copies,
    /// What the node itself looked through after the purge.
    pub checked: CheckedFiles,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The audit entry of the finished erasure.
    pub audit: AuditEntry,
    /// The hash of the tenant's receipt before this one.
    pub previous: Option<Hex<32>>,
}

/// Who asked for an erasure, and when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// When.
    pub at: Time,
    /// A key's id, or `node` for what the node does by itself: retention, rotation.
    pub by: String,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// The request, as the audit log knows it.
    pub request_id: String,
}

/// What was asked, without the words themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Of what kind.
    pub kind: ScopeKind,
    /// [`scope_digest`](super::scope_digest) of the scope as it was asked.
    pub digest: Hex<32>,
}

/// The kinds of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// Points by id.
    Points,
    /// Points that a filter keeps.
    Filter,
    /// Points of a data subject, over all collections.
    Subject,
    /// A collection.
    Collection,
    /// The tenant.
    Tenant,
    /// What expired.
    Retention,
    /// Nothing: a new key.
    Rotation,
}

/// Points erased from one collection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionErased {
    /// The collection.
    pub name: String,
    /// How many.
    pub points: u64,
}

/// The generation that ended, and the one that follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// It is gone.
    pub dropped: u32,
    /// It holds the survivors. None when there is none, because the tenant is gone.
    pub successor: Option<u32>,
}

/// A family that was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its name.
    pub dropped: Hex<16>,
    /// The shelf it was on.
    pub shelf: u32,
}

/// A key that was shredded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Always true: there is no receipt without.
    pub shredded: True,
    /// The name its file had.
    pub file: String,
    /// The last bytes of its file. None when they were gone before they could be noted.
    pub wrapped_sample: Option<Hex<WRAPPED_SAMPLE_BYTES>>,
}

/// A piece of the dropped generation's ciphertext.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// What it was part of.
    pub offset_hint: CanaryOf,
    /// It.
    pub bytes: Hex<CANARY_BYTES>,
}

/// What a canary was part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanaryOf {
    /// A row.
    Row,
    /// The head record.
    Head,
    /// A segment of an index.
    Segment,
}

/// Copies that the node knows of.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    /// Backups of the dropped generation, which can't be opened any more.
    pub backups: Vec<Backup>,
    /// Copies of the generation's key that the node handed out and can't shred.
    pub exports: Vec<Export>,
}

/// A backup that can't be opened any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Its id.
    pub id: String,
    /// Of which generation.
    pub generation: u32,
    /// When it was made.
    pub made_at: Time,
    /// How often it was downloaded.
    pub downloads: u64,
}

/// A copy of a key that the node can't shred.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Its id.
    pub id: String,
    /// Of which generation.
    pub generation: u32,
    /// When it was made.
    pub made_at: Time,
    /// `passphrase`, or the recipient it was sealed to.
    pub to: String,
}

/// What the node looked through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedFiles {
    /// Where in its data directory: every file at and below these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<String>>,
    /// Files.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// One thing that was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What.
    pub name: StepName,
    /// When it was finished.
    pub at: Time,
    /// How long it took.
    pub microseconds: u64,
}

/// What is done in an erasure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// What had to go was removed from all answers.
    Removed,
    /// The survivors were copied to the next generation.
    Copied,
    /// The next generation took over.
    Switched,
    /// The old family was dropped.
    Dropped,
    /// What `RocksDB` keeps of it was purged.
    Purged,
    /// The old key was shredded.
    Shredded,
    /// The directory was looked through.
    Checked,
}

/// An entry of the audit log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Hex<32>,
}

/// A time; in JSON an RFC 3339 text in UTC with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a time like 2027-01-15T08:00:00.000Z"))
    }
}

/// `true`, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, &'static str> {
        value.then_some(Self).ok_or("must be true")
    }
}

impl From<True> for bool {
    fn from(_: True) -> Self {
        true
    }
}

/// Length of a canary: no other ciphertext holds the same 24 bytes by chance.
pub const CANARY_BYTES: usize = 24;
/// Most canaries in a receipt.
pub const CANARIES_MAX: usize = 64;
