//! What a value is sealed for: the associated data, from one encoder.

use crate::tenant::{Generation, TenantUuid};

/// What a value is sealed for, and opens for alone.
#[derive(Clone, Copy)]
pub(super) struct Context<'k> {
    pub(super) tenant: TenantUuid,
    pub(super) generation: Generation,
    pub(super) kind: u8,
    pub(super) storage_key: &'k [u8],
}

impl Context<'_> {
    /// The associated data: `tenant uuid (16) | generation u32 BE | record kind u8 | storage key`.
    ///
    /// Every part but the last has a fixed length, so no two contexts have the same bytes.
    pub(super) fn associated_data(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.storage_key.len());
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes.extend_from_slice(&self.generation.0.to_be_bytes());
        bytes.push(self.kind);
        bytes.extend_from_slice(self.storage_key);
        bytes
    }
}

const FIXED_BYTES: usize = 16 + 4 + 1;
