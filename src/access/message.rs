//! Signed messages as credentials (Standard Webhooks): whose secret signed one, and when.
//!
//! **Invariant:** a message is believed for its signature over its id, its time and its body, within
//! [`TOLERANCE_SECONDS`] of its time: a byte that was changed anywhere shows (tests below,
//! `it/webhooks/inbound.rs`). Whether it came before isn't known here.
//! Called by: `gate.rs`; `http` reads heads.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{api_key::Unauthenticated, principal::Scope};
use crate::{clock::Timestamp, seal::WebhookSecret};

/// The head of a message: sound by its form, and nothing of it believed yet.
#[derive(Clone, Copy, Debug)]
pub struct MessageHead<'a> {
    id: &'a str,
    timestamp: &'a str,
    seconds: u64,
    signatures: &'a str,
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its head.
    pub head: MessageHead<'a>,
    /// Its body, to the byte.
    pub body: &'a [u8],
}

/// Whose messages a webhook's secret signs.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Its tenant.
    pub scope: Scope,
    /// The webhook's name in the audit log.
    pub actor: String,
}

impl<'a> MessageHead<'a> {
    /// Reads `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    ///
    /// # Errors
    /// [`Unauthenticated::MessageHead`].
    pub fn read(
        id: &'a str,
        timestamp: &'a str,
        signatures: &'a str,
    ) -> Result<Self, Unauthenticated> {
        // What is signed joins id, time and body by full stops: one within an id could stand for
        // another message that is signed alike.
        let plain = |b: u8| b.is_ascii_graphic() && b != b'.';
        let sound = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain);
        let digits = (1..=TIMESTAMP_DIGITS_MAX).contains(&timestamp.len())
            && timestamp.bytes().all(|b| b.is_ascii_digit());
        let seconds = timestamp.parse().ok().filter(|_| digits && sound);
        let few = signatures.split(' ').count() <= SIGNATURES_MAX;
        let seconds = seconds
            .filter(|_| few)
            .ok_or(Unauthenticated::MessageHead)?;
        Ok(Self {
            id,
            timestamp,
            seconds,
            signatures,
        })
    }

    /// The message's id.
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// Whether its time is near enough, before or after.
    fn is_near(&self, now: Timestamp) -> bool {
        self.seconds.abs_diff(now.0 / 1000) <= TOLERANCE_SECONDS
    }
}

impl Message<'_> {
    /// Whether one of its signatures is this secret's, and its time is near.
    ///
    /// # Errors
    /// [`Unauthenticated`].
    pub fn judge(&self, secret: &WebhookSecret, now: Timestamp) -> Result<(), Unauthenticated> {
        let head = &self.head;
        if !head.is_near(now) {
            return Err(Unauthenticated::MessageTime);
        }
        let (id, time) = (head.id.as_bytes(), head.timestamp.as_bytes());
        let signed = [id, b".", time, b".", self.body].concat();
        // Several: a sender that goes over from one secret to another signs with both.
        let signatures = head.signatures.split(' ').filter_map(|text| {
            let code = text.strip_prefix("v1,")?;
            STANDARD.decode(code).ok()
        });
        if secret.signed(&signed, &signatures.collect::<Vec<_>>()) {
            Ok(())
        } else {
            Err(Unauthenticated::Message)
        }
    }
}

/// How far a message's time may be from now: as Standard Webhooks' own libraries have it.
pub(super) const TOLERANCE_SECONDS: u64 = 300;
const ID_BYTES_MAX: usize = 256;
const TIMESTAMP_DIGITS_MAX: usize = 12;
const SIGNATURES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        seal::{Keyring, RootKeySource, WebhookRoot},
        tenant::{Generation, TenantUuid},
    };

    static ROOT: LazyLock<WebhookRoot> = LazyLock::new(|| {
        let directory = tempfile::tempdir().unwrap();
        let root = RootKeySource::File(directory.path().join("root.key"));
        let keyring = Keyring::open(&directory.path().join("ring"), root.fetch().unwrap()).unwrap();
        let system = keyring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
        system.derive_webhook_root()
    });

    fn secret() -> WebhookSecret {
        ROOT.derive_secret([7; 16])
    }

    fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        format!("v1,{}", STANDARD.encode(secret().sign(&signed)))
    }

    fn judged(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
        MessageHead::read(id, timestamp, signatures).is_ok_and(|head| {
            let message = Message { head, body };
            message.judge(&secret(), NOW).is_ok()
        })
    }

    #[test]
    fn a_head_that_could_be_read_in_two_ways_isnt_read() {
        let sound = |id: &str, time: &str| MessageHead::read(id, time, "v1,").is_ok();
        assert!(sound("msg_1", "1800000000"));
        assert!(sound(&"a".repeat(256), "0"));
        for id in ["", "a.b", "a b", "a\n", "ä", &"a".repeat(257)] {
            assert!(!sound(id, "1800000000"), "{id}");
        }
        for time in ["", "+1", "-1", "1.5", " 1", "1800000000000", "0x10"] {
            assert!(!sound("msg_1", time), "{time}");
        }
        assert!(MessageHead::read("a", "1", &["v1,"; 8].join(" ")).is_ok());
        assert!(MessageHead::read("a", "1", &["v1,"; 9].join(" ")).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_isnt_believed(
            id in "[!-\\-/-~]{1,40}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            part in 0..4_usize,
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let time = (NOW.0 / 1000).to_string();
            let signed = signature(&id, &time, &body);
            prop_assert!(judged(&id, &time, &signed, &body));
            let mut parts = [id.into_bytes(), time.into_bytes(), signed.into_bytes(), body];
            if parts[part].is_empty() {
                return Ok(());
            }
            let at = at.index(parts[part].len());
            parts[part][at] ^= flip;
            let [id, time, signed, body] = &parts;
            let texts = [id, time, signed].map(|part| std::str::from_utf8(part));
            if let [Ok(id), Ok(time), Ok(signed)] = texts {
                prop_assert!(!judged(id, time, signed, body));
            }
        }

        #[test]
        fn no_head_makes_this_panic(id in ".*", time in ".*", signed in ".*") {
            judged(&id, &time, &signed, b"{}");
        }
    }

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
}
