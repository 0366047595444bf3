//! What the catalog knows of a tenant.

use serde::{Deserialize, Serialize};

use crate::{
    access::Quota,
    clock::Timestamp,
    store::FamilyName,
    tenant::{Generation, TenantId, TenantUuid},
};

/// A tenant's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its number.
    pub uuid: TenantUuid,
    /// Its public name.
    pub id: TenantId,
    /// Whether it is served.
    pub state: TenantState,
    /// Its current generation.
    pub generation: Generation,
    /// The shelf that its family stands on.
    pub shelf: u32,
    /// Its family's name.
    pub family: FamilyName,
    /// What it may use.
    pub quota: Quota,
    /// Where its operator wants it; for the operator's own use.
    pub region: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// Whether a tenant is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    /// It is.
    Active,
    /// Not until it is resumed.
    Suspended,
    /// Its data is being destroyed.
    Deleting,
    /// Its data is gone. The record stays, so that its id is never given out again.
    Deleted,
}

impl TenantState {
    /// The state's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}
