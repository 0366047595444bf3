//! What a value is sealed for: the associated data, from one encoder.

use crate::tenant::{Generation, TenantUuid};

/// The associated data: `tenant uuid (16) | generation u32 BE | record kind u8 | storage key`.
///
/// Every part but the last has a fixed length, so no two contexts have the same bytes.
pub(super) fn associated_data(
    tenant: TenantUuid,
    generation: Generation,
    kind: u8,
    storage_key: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FIXED_BYTES + storage_key.len());
    bytes.extend_from_slice(tenant.as_bytes());
    bytes.extend_from_slice(&generation.0.to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(storage_key);
    bytes
}

const FIXED_BYTES: usize = 16 + 4 + 1;
