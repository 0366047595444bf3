//! The sealed envelope: what every value on disk looks like.
//!
//! ```text
//! version u8 = 1 | generation u32 BE | nonce 12 | ciphertext | tag 16
//! ```
//!
//! Version 255 is taken for good: builds with the feature `bench-plain-cipher` write it, and neither
//! build opens what the other wrote.

use super::{
    context::associated_data,
    hazmat::{Cipher, Failed, NONCE_BYTES, TAG_BYTES},
    random_bytes,
};
use crate::tenant::{Generation, TenantUuid};

/// A sealed value. The only thing that `store` accepts.
///
/// It is made by sealing, or by reading back what was sealed; there is no way to make one from
/// plain text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that were opened just now, and so were sealed once.
    pub(super) const fn recognised(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

pub(super) fn seal(
    cipher: &Cipher,
    tenant: TenantUuid,
    generation: Generation,
    kind: u8,
    storage_key: &[u8],
    plain: &[u8],
) -> Result<Sealed, SealError> {
    let nonce: [u8; NONCE_BYTES] = random_bytes()?;
    let mut bytes = Vec::with_capacity(plain.len() + SEALED_OVERHEAD_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&generation.0.to_be_bytes());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plain);
    let aad = associated_data(tenant, generation, kind, storage_key);
    cipher
        .seal(&nonce, &aad, &mut bytes, HEADER_BYTES)
        .map_err(|Failed| SealError::TooLong)?;
    Ok(Sealed(bytes))
}

pub(super) fn open(
    cipher: &Cipher,
    tenant: TenantUuid,
    generation: Generation,
    kind: u8,
    storage_key: &[u8],
    stored: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let length = stored.len().checked_sub(SEALED_OVERHEAD_BYTES);
    let mut plain = vec![0; length.ok_or(OpenError)?];
    open_into(
        cipher,
        tenant,
        generation,
        kind,
        storage_key,
        stored,
        &mut plain,
    )?;
    Ok(plain)
}

pub(super) fn open_into(
    cipher: &Cipher,
    tenant: TenantUuid,
    generation: Generation,
    kind: u8,
    storage_key: &[u8],
    stored: &[u8],
    plain: &mut [u8],
) -> Result<(), OpenError> {
    let (header, body) = stored
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(OpenError)?;
    let (version, rest) = header.split_first().ok_or(OpenError)?;
    let (stored_generation, nonce) = rest.split_first_chunk::<4>().ok_or(OpenError)?;
    // The generation is in the associated data too; looking at it here costs nothing and tells
    // a stale row from a damaged one in a debugger, though never to a caller.
    if *version != VERSION || u32::from_be_bytes(*stored_generation) != generation.0 {
        return Err(OpenError);
    }
    let nonce = nonce.try_into().map_err(|_| OpenError)?;
    let aad = associated_data(tenant, generation, kind, storage_key);
    cipher
        .open_into(nonce, &aad, body, plain)
        .map_err(|Failed| OpenError)
}

/// Why a value couldn't be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// The key has sealed as many messages as is safe.
    #[error("the data key has used up its budget of {max} messages", max = super::MESSAGES_MAX)]
    BudgetUsedUp,
    /// More than 64 GiB.
    #[error("the value is too long to be sealed")]
    TooLong,
}

/// A value didn't open. Wrong key, wrong place, wrong generation, damaged: it isn't told which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a sealed value didn't open")]
pub struct OpenError;

/// By how much a sealed value is longer than its plain text.
pub const SEALED_OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
const VERSION: u8 = if super::ENCRYPTS { 1 } else { 255 };
const HEADER_BYTES: usize = 1 + 4 + NONCE_BYTES;
