//! Signatures: Ed25519 (RFC 8032) for receipts and for whatever else a stranger is to check.
//!
//! A signature is over a context and a message, so one that was made for a receipt is good for
//! nothing else. The public half is published and is no secret; the private half is derived from a
//! generation key and stays in here.

use std::fmt;

use ed25519_dalek::Signer;

use super::hazmat::{Secret, sha256};

/// Signs, and does nothing else. Its memory is wiped when it is dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    pub(super) fn from_secret(secret: &Secret) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Signs a message for one context, which must be a fixed text that ends in a line feed.
    pub fn sign(&self, context: &'static [u8], message: &[u8]) -> Signature {
        Signature(self.0.sign(&[context, message].concat()).to_bytes())
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

/// The public half of a [`SigningKey`]: tells whether that key signed something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Wraps the 32 bytes of a public key.
    ///
    /// # Errors
    /// [`SignatureError::Key`] when they aren't one, or one under which anything would verify.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .ok()
            .filter(|key| !key.is_weak())
            .map(Self)
            .ok_or(SignatureError::Key)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's short name: the first 8 bytes of its SHA-256.
    pub fn id(&self) -> SignerId {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(sha256(&[self.as_bytes()])) {
            *to = from;
        }
        SignerId(id)
    }

    /// Tells whether the private half signed this message for this context.
    ///
    /// # Errors
    /// [`SignatureError::Signature`] when it didn't.
    pub fn verify(
        &self,
        context: &'static [u8],
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        // Strict: what else RFC 8032 leaves open is read in one way, so no second spelling of a
        // signature holds.
        self.0
            .verify_strict(
                &[context, message].concat(),
                &ed25519_dalek::Signature::from_bytes(&signature.0),
            )
            .map_err(|_| SignatureError::Signature)
    }
}

/// A signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

/// The short name of a [`VerifyingKey`]: of the node that holds the private half.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SignerId(pub [u8; 8]);

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a signature doesn't count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not a public key.
    #[error("these bytes aren't an Ed25519 public key")]
    Key,
    /// Another key, another message, or changed.
    #[error("the signature doesn't hold")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    /// RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
    const PUBLISHED: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    #[test]
    fn ed25519_gives_the_published_answers() {
        for case in PUBLISHED {
            let [secret, public, message, signature] = case.map(unhex);
            let key = SigningKey::from_secret(&Secret::new(secret.try_into().unwrap()));
            let signature = Signature(signature.try_into().unwrap());
            assert_eq!(key.verifying_key().as_bytes().as_slice(), public);
            assert_eq!(key.sign(b"", &message), signature);
            let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
            assert_eq!(public.verify(b"", &message, &signature), Ok(()));
        }
    }

    #[test]
    fn a_signature_holds_for_its_own_message_context_and_key_alone() {
        let key = |byte| SigningKey::from_secret(&Secret::new([byte; 32]));
        let signature = key(1).sign(b"one\n", b"message");
        let public = key(1).verifying_key();
        assert_eq!(public.verify(b"one\n", b"message", &signature), Ok(()));
        let refused = Err(SignatureError::Signature);
        assert_eq!(public.verify(b"two\n", b"message", &signature), refused);
        assert_eq!(public.verify(b"one\n", b"massage", &signature), refused);
        let other = key(2).verifying_key();
        assert_eq!(other.verify(b"one\n", b"message", &signature), refused);
        assert_ne!(other.id(), public.id());
        for at in 0..64 {
            for bit in 0..8 {
                let mut changed = signature;
                changed.0[at] ^= 1 << bit;
                assert_eq!(public.verify(b"one\n", b"message", &changed), refused);
            }
        }
    }

    #[test]
    fn a_key_under_which_anything_would_verify_is_refused() {
        // The identity and a point of order two, and what is no point at all.
        let mut identity = [0; 32];
        identity[0] = 1;
        for bytes in [identity, [0; 32], [2; 32]] {
            assert_eq!(VerifyingKey::from_bytes(&bytes), Err(SignatureError::Key));
        }
        assert_eq!(
            format!("{:?}", SigningKey::from_secret(&Secret::new([7; 32]))),
            "SigningKey(redacted)"
        );
    }
}
