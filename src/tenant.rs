//! The words that name things: tenants, collections, points.
//!
//! Owns: the parsed forms of every name that reaches the crate from outside. A string stops here;
//! what is behind one of these types is already well formed. Never: I/O, lookups.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The public name of a tenant, as the operator chose it: `[a-z0-9-]{1,63}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Parses a tenant's name.
    ///
    /// # Errors
    /// [`NameError::Tenant`] unless it matches `[a-z0-9-]{1,63}`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let right = (1..=TENANT_ID_BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if right {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Tenant)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TenantId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// The number that seals, families and grants are bound to: random, never shown, never reused.
///
/// A tenant's public name can be chosen by anyone; this can't.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantUuid([u8; 16]);

impl TenantUuid {
    /// The pseudo-tenant that the node's own catalog is sealed under.
    pub const SYSTEM: Self = Self([0; 16]);

    /// Wraps 16 bytes: random ones for a new tenant, stored ones for a known tenant.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for TenantUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantUuid({})", Uuid::from_bytes(self.0).simple())
    }
}

/// Counts a tenant's resealings. Each generation has its own family, its own key, its own index.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, Default,
)]
pub struct Generation(pub u32);

impl Generation {
    /// What a new tenant starts with.
    pub const FIRST: Self = Self(1);

    /// The one that follows, if numbers are left.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

/// The name of a collection within its tenant: 1 to 255 bytes, no control or path characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionName(Arc<str>);

impl CollectionName {
    /// Parses a collection's name.
    ///
    /// # Errors
    /// [`NameError::Collection`] when it is empty, longer than 255 bytes, or holds one of
    /// `< > : " / \ | ? *` or a control character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let right = (1..=COLLECTION_NAME_BYTES_MAX).contains(&text.len())
            && !text
                .chars()
                .any(|c| c.is_control() || "<>:\"/\\|?*".contains(c));
        if right {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Collection)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CollectionName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<CollectionName> for String {
    fn from(name: CollectionName) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// The tenant's own name for a point: an unsigned number or a UUID. Numbers sort first.
///
/// In JSON it is a number or a string.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a point id is an unsigned 64-bit integer or a UUID"
)]
pub enum PointId {
    /// An unsigned 64-bit number.
    Number(u64),
    /// A UUID, in any of its usual spellings.
    Uuid(Uuid),
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}

impl PointId {
    /// Parses what a path segment or a JSON string may hold: a number or a UUID.
    ///
    /// # Errors
    /// [`NameError::Point`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        Uuid::parse_str(text)
            .map(Self::Uuid)
            .map_err(|_| NameError::Point)
    }
}

/// A name from outside that isn't well formed. Says what would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Not a tenant id.
    #[error("a tenant id is 1 to {TENANT_ID_BYTES_MAX} characters of a-z, 0-9 and '-'")]
    Tenant,
    /// Not a collection name.
    #[error(
        "a collection name is 1 to {COLLECTION_NAME_BYTES_MAX} bytes without control characters or any of < > : \" / \\ | ? *"
    )]
    Collection,
    /// Not a point id.
    #[error("a point id is an unsigned 64-bit integer or a UUID")]
    Point,
}

/// Longest tenant id: a DNS label, so that it fits into host names.
pub const TENANT_ID_BYTES_MAX: usize = 63;
/// Longest collection name, as in the Qdrant dialect.
pub const COLLECTION_NAME_BYTES_MAX: usize = 255;
