//! The root key.
//!
//! **Invariant:** it can't be read, copied or printed.

use std::fmt;

use super::{
    envelope::{OpenError, SealError},
    hazmat::{self, Cipher, Failed, NONCE_BYTES, Secret},
    key::GenerationKey,
    random_bytes,
};
use crate::tenant::{Generation, TenantUuid};

/// The node's root key: wraps generation keys and does nothing else.
pub struct RootKey {
    cipher: Cipher,
    id: RootKeyId,
}

/// Tells root keys apart, and nothing of what they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootKeyId(pub(super) [u8; ROOT_KEY_ID_BYTES]);

impl fmt::Display for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl RootKey {
    pub(super) fn from_secret(secret: &Secret) -> Self {
        let derived = hazmat::derive(secret, b"locule root id v1");
        let mut id = [0; ROOT_KEY_ID_BYTES];
        id.iter_mut()
            .zip(derived.iter())
            .for_each(|(to, from)| *to = *from);
        Self {
            cipher: Cipher::new(&hazmat::derive(secret, b"locule wrap v1")),
            id: RootKeyId(id),
        }
    }

    /// Which root key it is.
    pub const fn id(&self) -> RootKeyId {
        self.id
    }

    /// Wraps a generation key: `nonce 12 | ciphertext 32 | tag 16`, bound to `header`.
    pub(super) fn wrap(&self, key: &GenerationKey, header: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&**key.secret());
        self.cipher
            .seal(&nonce, header, &mut bytes, NONCE_BYTES)
            .map_err(|Failed| SealError::TooLong)?;
        Ok(bytes)
    }

    pub(super) fn unwrap(
        &self,
        tenant: TenantUuid,
        generation: Generation,
        wrapped: &[u8],
        header: &[u8],
    ) -> Result<GenerationKey, OpenError> {
        let (nonce, body) = wrapped
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError)?;
        let plain = zeroize::Zeroizing::new(
            self.cipher
                .open(nonce, header, body)
                .map_err(|Failed| OpenError)?,
        );
        GenerationKey::from_bytes(tenant, generation, &plain).ok_or(OpenError)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

pub(super) const ROOT_KEY_ID_BYTES: usize = 8;
