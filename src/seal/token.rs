//! Keys that sign access tokens, each derived from the system key and a number.
//!
//! Nothing of them is stored but the numbers that were used: a key that is needed again is derived
//! again, and a new number makes a new key. They are keys of their own, so what they sign (as RFC
//! 7515 has it, without a context before it) can be no receipt.

use super::{
    hazmat::{self, Secret},
    sign::SigningKey,
};

/// What token keys are derived from.
pub struct TokenRoot(Secret);

impl TokenRoot {
    pub(super) const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The token key of a number.
    pub fn derive_key(&self, number: u32) -> SigningKey {
        let mut purpose = b"locule token key v1 ".to_vec();
        purpose.extend_from_slice(&number.to_be_bytes());
        SigningKey::from_secret(&hazmat::derive(&self.0, &purpose))
    }
}

impl std::fmt::Debug for TokenRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenRoot(redacted)")
    }
}
