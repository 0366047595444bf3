//! What is stored of webhooks and of what is to be sent to them.

use serde::{Deserialize, Serialize};

use super::event::EventKind;
use crate::{
    clock::Timestamp,
    tenant::{TenantId, TenantUuid},
};

/// A webhook's or a delivery's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct WebhookId(pub [u8; 16]);

impl WebhookId {
    /// Parses 32 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(digits) {
            return None;
        }
        Some(Self(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
    }
}

impl std::fmt::Display for WebhookId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// Whose it is.
    pub tenant: TenantUuid,
    /// And by its public name.
    pub tenant_id: TenantId,
    /// Which way it goes.
    pub direction: Direction,
    /// When it was made.
    pub created: Timestamp,
}

/// Which way a webhook goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// The node tells the tenant of events.
    Out {
        /// Where to.
        url: String,
        /// Of which.
        events: Vec<EventKind>,
    },
    /// The tenant's own systems ask for erasures.
    In,
}

/// Something that is to be sent, was, or couldn't be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Where to.
    pub webhook: WebhookId,
    /// Of what.
    pub event: EventKind,
    /// What is sent.
    pub body: String,
    /// When it happened.
    pub created: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; never again, if it is dead.
    pub next: Option<Timestamp>,
    /// What came of the last attempt.
    pub failure: Option<String>,
}

/// How a webhook stands in the catalog: the variant is the version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) enum StoredWebhook {
    /// The first version.
    V1(Webhook),
}

/// How a delivery stands in the catalog: the variant is the version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) enum StoredDelivery {
    /// The first version.
    V1(Delivery),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    const AT: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn golden_webhooks_read_back() {
        let outbound = Webhook {
            tenant: TenantUuid::from_bytes([7; 16]),
            tenant_id: TenantId::parse("acme").unwrap(),
            direction: Direction::Out {
                url: "https://hooks.example/".to_owned(),
                events: EventKind::ALL.to_vec(),
            },
            created: AT,
        };
        let inbound = Webhook {
            direction: Direction::In,
            ..outbound.clone()
        };
        golden(
            &StoredWebhook::V1(outbound),
            include_bytes!("../../../tests/golden/webhook.v1.bin"),
        );
        golden(
            &StoredWebhook::V1(inbound),
            include_bytes!("../../../tests/golden/webhook_inbound.v1.bin"),
        );
    }

    #[test]
    fn golden_deliveries_read_back() {
        let delivery = Delivery {
            webhook: WebhookId([2; 16]),
            event: EventKind::QuotaNear,
            body: "{}".to_owned(),
            created: AT,
            attempts: 3,
            next: Some(Timestamp(AT.0 + 5_000)),
            failure: Some("it answered 500".to_owned()),
        };
        golden(
            &StoredDelivery::V1(delivery),
            include_bytes!("../../../tests/golden/delivery.v1.bin"),
        );
    }
}
