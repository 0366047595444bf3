//! The only door to encryption.
//!
//! Owns: the key hierarchy, the sealed envelope, the keyring directory, copies of keys that are
//! kept outside.
//!
//! ```text
//! root key (file 0600 / environment / command)
//!   └─ wraps ─> generation key: one per tenant generation, in the keyring directory
//!                 └─ HKDF-SHA256 ─> data key ("locule data v1"): seals every value
//!                 └─ HKDF-SHA256 ─> hash key ("locule hash v1"): keyed hashes of API keys
//!                 └─ HKDF-SHA256 ─> signing key ("locule sign v1"): Ed25519, of the node's own generation
//!                 └─ HKDF-SHA256 ─> manifest key ("locule backup v1"): vouches for backups
//!                 └─ HKDF-SHA256 ─> refresh key ("locule refresh v1"): makes refresh tokens
//!                 └─ HKDF-SHA256 ─> token root ("locule token v1") ─> token keys, by number
//!                 └─ HKDF-SHA256 ─> webhook root ("locule webhook v1") ─> secrets, by webhook
//! ```
//!
//! **Invariant:** plain text leaves only through an `open`, and only under the context it was
//! sealed with: tenant, generation, record kind, storage key (`it/isolation/`).
//! **Invariant:** a key is asked to do work and never shown: no getter, no `Clone`, no
//! `Serialize`, `Debug` is redacted, memory is wiped on drop (`tests/ui`).
//! **Invariant:** no clock; the only I/O is the keyring's and the root key's.
//! **Invariant:** a generation key leaves the node only as an age file (`it/custody`).
//! Called by: `store`, `partition`, `router`, `ops`, `engine`.
//!
//! Why one key per tenant generation and not per record: dropping one key ends every copy of a
//! generation at once, backups included, and a resealed generation starts a new budget.

mod context;
#[cfg(feature = "bench-plain-cipher")]
mod copying;
mod custody;
mod envelope;
mod hazmat;
mod key;
mod keyring;
mod root;
mod root_key;
mod rotation;
mod sign;
mod token;
mod webhook;

pub use self::{
    custody::{CustodyError, Keeper, Opener, Returned},
    envelope::{Nonce, OpenError, SEALED_OVERHEAD_BYTES, SealError, Sealed},
    key::{
        DataKey, GenerationKey, HashKey, KeyedHash, MESSAGES_MAX, MESSAGES_NEAR, ManifestKey,
        Reserve,
    },
    keyring::{KeyShredded, Keyring, KeyringError, WRAPPED_SAMPLE_BYTES, WrappedSample},
    root::{RootKeyError, RootKeySource},
    root_key::{RootKey, RootKeyId},
    rotation::{RootKeys, Rotated, RotationError},
    sign::{Signature, SignatureError, SignerId, SigningKey, VerifyingKey},
    token::TokenRoot,
    webhook::{WebhookRoot, WebhookSecret},
};

/// Whether values are encrypted: not in a build for the bench that tells what that costs.
pub const ENCRYPTS: bool = !cfg!(feature = "bench-plain-cipher");

/// `N` random bytes from the operating system, for ids and secrets.
///
/// # Errors
/// [`SealError::Random`] when the operating system has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    fill_randomly(&mut bytes)?;
    Ok(bytes)
}

fn fill_randomly(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|_| SealError::Random)
}

/// SHA-256, for chains and digests of what isn't secret.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    hazmat::sha256(parts)
}

/// A generation key that tests of formats know.
#[cfg(test)]
pub(crate) fn fixed_generation_key(byte: u8) -> GenerationKey {
    GenerationKey::fixed([byte; 32])
}
