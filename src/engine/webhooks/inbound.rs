//! Messages that come in: who signed them, when, and whether they came before.

use std::collections::{HashSet, VecDeque};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Direction, Webhook, WebhookId};
use crate::{clock::Timestamp, engine::Engine};

/// A message as it came, not yet believed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or more, with spaces between.
    pub signature: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Messages that were believed within the tolerance.
#[derive(Debug, Default)]
pub(super) struct Seen {
    messages: HashSet<(WebhookId, String)>,
    order: VecDeque<(Timestamp, WebhookId, String)>,
}

/// Why a message isn't believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unbelieved {
    /// No such webhook, or another's signature: the same to whoever asks.
    #[error("the signature isn't that of a webhook that is known here")]
    Signature,
    /// Its time is too far from now.
    #[error("webhook-timestamp is more than {TOLERANCE_SECONDS} seconds from now")]
    Stale,
    /// It came before.
    #[error("a message with this webhook-id was accepted before")]
    Replayed,
    /// Too many came lately to remember one more.
    #[error("too many messages; try again in a few minutes")]
    TooMany,
}

impl Engine {
    /// Believes a message, once: whose webhook signed it.
    ///
    /// # Errors
    /// [`Unbelieved`].
    pub fn believe(
        &self,
        webhook: WebhookId,
        message: Message<'_>,
    ) -> Result<std::sync::Arc<Webhook>, Unbelieved> {
        let now = self.clock.now();
        let mut state = self.webhooks.state.lock();
        let found = state.webhooks.get(&webhook).cloned();
        let found = found.filter(|hook| matches!(hook.direction, Direction::In));
        // Checked all the same when there is none, so that time doesn't tell.
        let secret = self.webhooks.root.derive_secret(webhook.0);
        let signed = [
            message.id.as_bytes(),
            b".",
            message.timestamp.as_bytes(),
            b".",
            message.body,
        ]
        .concat();
        let right = |signature: &str| {
            let code = signature.strip_prefix("v1,")?;
            let code = STANDARD.decode(code).ok()?;
            secret.signed(&signed, &code).then_some(())
        };
        let right = message
            .signature
            .split(' ')
            .take(SIGNATURES_MAX)
            .any(|signature| right(signature).is_some());
        let found = found.filter(|_| right).ok_or(Unbelieved::Signature)?;
        let digits = message.timestamp.bytes().all(|b| b.is_ascii_digit());
        let time: Option<u64> = message.timestamp.parse().ok().filter(|_| digits);
        let near = |time: u64| time.abs_diff(now.0 / 1000) <= TOLERANCE_SECONDS;
        if !time.is_some_and(near) {
            return Err(Unbelieved::Stale);
        }
        state.seen.add(webhook, message.id, now)?;
        Ok(found)
    }
}

impl Seen {
    fn add(&mut self, webhook: WebhookId, id: &str, now: Timestamp) -> Result<(), Unbelieved> {
        // A message may be as far ahead of its time as behind it.
        let kept = TOLERANCE_SECONDS * 2 * 1000;
        while let Some((time, webhook, id)) = self.order.front() {
            if time.0.saturating_add(kept) >= now.0 {
                break;
            }
            self.messages.remove(&(*webhook, id.clone()));
            self.order.pop_front();
        }
        let message = (webhook, id.to_owned());
        if self.messages.contains(&message) {
            return Err(Unbelieved::Replayed);
        }
        if self.messages.len() >= SEEN_MAX || id.len() > ID_BYTES_MAX {
            return Err(Unbelieved::TooMany);
        }
        self.order.push_back((now, webhook, message.1.clone()));
        self.messages.insert(message);
        Ok(())
    }
}

/// How far a message's time may be from now.
const TOLERANCE_SECONDS: u64 = 300;
/// Messages that are remembered.
const SEEN_MAX: usize = 100_000;
const SIGNATURES_MAX: usize = 8;
const ID_BYTES_MAX: usize = 256;
