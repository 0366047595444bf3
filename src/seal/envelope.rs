//! The sealed envelope: what every value on disk looks like.
//!
//! ```text
//! version u8 = 1 | generation u32 BE | nonce 12 | ciphertext | tag 16
//! ```
//!
//! Version 255 is taken for good: builds with the feature `bench-plain-cipher` write it, and neither
//! build opens what the other wrote.

use zeroize::Zeroize;

use super::{
    context::Context,
    fill_randomly,
    hazmat::{Cipher, Failed, NONCE_BYTES, TAG_BYTES},
    random_bytes,
};

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

/// A random number that seals one message: it can't be copied, and sealing takes it.
pub struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    pub(super) fn random() -> Result<Self, SealError> {
        Ok(Self(random_bytes()?))
    }

    /// So many, in one call to the operating system: for values that are sealed now. Kept ones
    /// would be there twice after the machine's image was.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn random_many(count: usize) -> Result<Vec<Self>, SealError> {
        let mut bytes = vec![0; count * NONCE_BYTES];
        fill_randomly(&mut bytes)?;
        let (nonces, _) = bytes.as_chunks();
        Ok(nonces.iter().copied().map(Self).collect())
    }
}

/// Seals what `write` puts into a place of so many bytes. There the plain text is overwritten, so
/// that nothing is left of it; if it can't be written, there is nothing to be left.
pub(super) fn seal<E: From<SealError>>(
    cipher: &Cipher,
    context: Context<'_>,
    nonce: Nonce,
    length: usize,
    write: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Sealed, E> {
    let mut bytes = Vec::with_capacity(length + SEALED_OVERHEAD_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&context.generation.0.to_be_bytes());
    bytes.extend_from_slice(&nonce.0);
    bytes.resize(HEADER_BYTES + length, 0);
    write(bytes.get_mut(HEADER_BYTES..).unwrap_or_default())?;
    let aad = context.associated_data();
    if let Err(Failed) = cipher.seal(&nonce.0, &aad, &mut bytes, HEADER_BYTES) {
        bytes.zeroize();
        return Err(SealError::TooLong.into());
    }
    Ok(Sealed(bytes))
}

pub(super) fn open(
    cipher: &Cipher,
    context: Context<'_>,
    stored: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let mut plain = vec![0; plain_bytes(stored)?];
    open_into(cipher, context, stored, &mut plain)?;
    Ok(plain)
}

/// How long the plain text of a stored value is.
pub(super) fn plain_bytes(stored: &[u8]) -> Result<usize, OpenError> {
    let length = stored.len().checked_sub(SEALED_OVERHEAD_BYTES);
    length.ok_or(OpenError)
}

pub(super) fn open_into(
    cipher: &Cipher,
    context: Context<'_>,
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
    if *version != VERSION || u32::from_be_bytes(*stored_generation) != context.generation.0 {
        return Err(OpenError);
    }
    let nonce = nonce.try_into().map_err(|_| OpenError)?;
    cipher
        .open_into(nonce, &context.associated_data(), body, plain)
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
