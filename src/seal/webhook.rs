//! Secrets of webhooks, each derived from the system key and the webhook's number: none is stored.
//!
//! The scheme is Standard Webhooks: HMAC-SHA256, secrets as `whsec_` and base64. Base64 is the
//! caller's: here there are bytes.

use zeroize::Zeroizing;

use super::hazmat::{self, Secret};

/// What the secrets of webhooks are derived from.
pub struct WebhookRoot(Secret);

impl WebhookRoot {
    pub(super) const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The secret of a webhook.
    pub fn derive_secret(&self, id: [u8; 16]) -> WebhookSecret {
        let mut purpose = b"locule webhook secret v1 ".to_vec();
        purpose.extend_from_slice(&id);
        WebhookSecret(hazmat::derive(&self.0, &purpose))
    }

    /// The number of what a message to a webhook asks for: the same whenever that message comes, and
    /// no other's.
    pub fn derive_number(&self, webhook: [u8; 16], message: &[u8]) -> [u8; 16] {
        let mut purpose = b"locule webhook message v1 ".to_vec();
        purpose.extend_from_slice(&webhook);
        purpose.extend_from_slice(message);
        let derived = hazmat::mac(&self.0, &purpose);
        let mut number = [0; 16];
        for (byte, derived) in number.iter_mut().zip(derived) {
            *byte = derived;
        }
        number
    }
}

/// Signs what goes out to a webhook, and what comes in from one.
pub struct WebhookSecret(Secret);

impl WebhookSecret {
    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        hazmat::mac(&self.0, message)
    }

    /// Whether one of these is the signature of a message. Takes the same time wherever they differ.
    pub fn signed<S: AsRef<[u8]>>(&self, message: &[u8], signatures: &[S]) -> bool {
        let own = self.sign(message);
        let right = |signature: &&S| hazmat::equal_slices(&own, signature.as_ref());
        signatures.iter().filter(right).count() > 0
    }

    /// The secret itself: for the one answer that shows it to whom it is shared with.
    pub fn reveal(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_vec())
    }
}

impl std::fmt::Debug for WebhookRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookRoot(redacted)")
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries. HMAC fills a short
    /// key up with zeros, so their 24 bytes are 32 here.
    #[test]
    fn signatures_are_the_published_ones() {
        let mut secret = Secret::default();
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        secret[..24].copy_from_slice(&key);
        let message = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let signature = WebhookSecret(secret).sign(message);
        assert_eq!(
            STANDARD.encode(signature),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_webhook_has_a_secret_of_its_own() {
        let root = WebhookRoot::new(Secret::new([7; 32]));
        let (one, other) = (root.derive_secret([1; 16]), root.derive_secret([2; 16]));
        let signature = one.sign(b"message");
        assert!(one.signed(b"message", &[signature]));
        assert!(one.signed(b"message", &[[0; 32], signature]));
        assert!(!other.signed(b"message", &[signature]));
        assert!(!one.signed(b"massage", &[signature]));
        assert!(!one.signed(b"message", &[&signature[..31]]));
        assert!(!one.signed::<[u8; 32]>(b"message", &[]));
        let number = root.derive_number([1; 16], b"msg_1");
        assert_eq!(number, root.derive_number([1; 16], b"msg_1"));
        assert_ne!(number, root.derive_number([1; 16], b"msg_2"));
        assert_ne!(number, root.derive_number([2; 16], b"msg_1"));
        assert_eq!(
            format!("{root:?} {one:?}"),
            "WebhookRoot(redacted) WebhookSecret(redacted)"
        );
    }
}
