//! What is to be sent: stored, tried, tried again, given up, replayed.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Delivery, Direction, Event, State, StoredDelivery, WebhookId};
use crate::{
    access::{Grant, ManageWebhooks, Principal},
    clock::Timestamp,
    engine::{Engine, Error, ErrorKind},
    router::RouterError,
    seal,
    store::CatalogKind,
    tenant::TenantUuid,
};

/// Something that is to be sent now, with all that is sent.
#[derive(Clone, Debug)]
pub struct Due {
    /// The delivery.
    pub id: WebhookId,
    /// Where to.
    pub url: String,
    /// `webhook-id`: the same at every attempt.
    pub message_id: String,
    /// `webhook-timestamp`: of this attempt.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
    /// The body.
    pub body: String,
}

impl Engine {
    /// Tells a tenant's webhooks of an event. It is stored before this returns; a failure is logged,
    /// since what has happened has happened.
    pub fn notify(&self, tenant: TenantUuid, event: &Event) {
        if let Err(error) = self.store_deliveries(tenant, event) {
            let (error, event) = (error.chain(), event.kind().name());
            tracing::error!(error, event, "webhooks couldn't be told of an event");
        }
    }

    fn store_deliveries(&self, tenant: TenantUuid, event: &Event) -> Result<(), Error> {
        let now = self.clock.now();
        let mut state = self.webhooks.state.lock();
        let wants = |direction: &Direction| match direction {
            Direction::Out { events, .. } => events.contains(&event.kind()),
            Direction::In => false,
        };
        let told = state
            .webhooks
            .iter()
            .filter(|(_, hook)| hook.tenant == tenant && wants(&hook.direction));
        let told: Vec<_> = told.map(|(id, _)| *id).collect();
        for webhook in told {
            let id = WebhookId(seal::random_bytes().map_err(RouterError::from)?);
            let delivery = Delivery {
                webhook,
                event: event.kind(),
                body: event.body(now),
                created: now,
                attempts: 0,
                next: Some(now),
                failure: None,
            };
            self.make_room(&mut state, webhook)?;
            self.keep_delivery(&mut state, id, delivery)?;
        }
        Ok(())
    }

    /// A webhook that has all it may have to be sent loses the oldest, the dead first.
    fn make_room(&self, state: &mut State, webhook: WebhookId) -> Result<(), Error> {
        let theirs = state
            .deliveries
            .iter()
            .filter(|(_, delivery)| delivery.webhook == webhook);
        let mut theirs: Vec<_> = theirs
            .map(|(id, delivery)| (delivery.next.is_some(), delivery.created, *id))
            .collect();
        if theirs.len() < DELIVERIES_MAX {
            return Ok(());
        }
        theirs.sort_unstable_by_key(|(alive, created, id)| (*alive, created.0, *id));
        let Some((_, _, oldest)) = theirs.first() else {
            return Ok(());
        };
        tracing::warn!(webhook = %webhook, "a webhook that hears nothing loses its oldest delivery");
        self.drop_delivery(state, *oldest)
    }

    /// What is to be sent now, at most so much, one a webhook. It counts as under way until
    /// [`Self::attempted`] is told what came of it.
    pub fn due(&self, most: usize) -> Vec<Due> {
        let now = self.clock.now();
        let mut state = self.webhooks.state.lock();
        let mut due: Vec<_> = state
            .deliveries
            .iter()
            .filter_map(|(id, delivery)| {
                let next = delivery.next.filter(|next| *next <= now)?;
                Some((next, delivery.created, *id, delivery.webhook))
            })
            .collect();
        due.sort_unstable_by_key(|(next, created, id, _)| (*next, *created, *id));
        let mut taken = Vec::new();
        for (_, _, id, webhook) in due {
            if taken.len() == most {
                break;
            }
            if state.busy.values().any(|busy| *busy == webhook) {
                continue;
            }
            if let Some(due) = self.signed(&state, id, now) {
                state.busy.insert(id, webhook);
                taken.push(due);
            }
        }
        taken
    }

    fn signed(&self, state: &State, id: WebhookId, now: Timestamp) -> Option<Due> {
        let delivery = state.deliveries.get(&id)?;
        let webhook = state.webhooks.get(&delivery.webhook)?;
        let Direction::Out { url, .. } = &webhook.direction else {
            return None;
        };
        let message_id = format!("msg_{id}");
        let timestamp = (now.0 / 1000).to_string();
        let message = format!("{message_id}.{timestamp}.{}", delivery.body);
        let secret = self.webhooks.root.derive_secret(delivery.webhook.0);
        let signature = STANDARD.encode(secret.sign(message.as_bytes()));
        Some(Due {
            id,
            url: url.clone(),
            message_id,
            timestamp,
            signature: format!("v1,{signature}"),
            body: delivery.body.clone(),
        })
    }

    /// Tells what came of an attempt.
    pub fn attempted(&self, id: WebhookId, outcome: Result<(), String>) {
        if let Err(error) = self.note_attempt(id, outcome) {
            let error = error.chain();
            tracing::error!(
                error,
                "what came of a delivery couldn't be stored; it is tried again"
            );
        }
    }

    fn note_attempt(&self, id: WebhookId, outcome: Result<(), String>) -> Result<(), Error> {
        let mut state = self.webhooks.state.lock();
        state.busy.remove(&id);
        // It may have been deleted meanwhile.
        let Some(mut delivery) = state.deliveries.get(&id).cloned() else {
            return Ok(());
        };
        let Err(failure) = outcome else {
            self.metrics.webhooks_delivered.inc();
            return self.drop_delivery(&mut state, id);
        };
        self.metrics.webhook_failures.inc();
        let pause = usize::try_from(delivery.attempts).ok();
        let pause = pause.and_then(|attempts| PAUSES_SECONDS.get(attempts));
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.failure = Some(failure);
        delivery.next = match pause {
            Some(seconds) => Some(self.clock.now().plus(jittered(*seconds)?)),
            None => {
                self.metrics.webhooks_dead.inc();
                let event = delivery.event.name();
                tracing::warn!(
                    event,
                    "a webhook didn't hear of an event; it may be replayed"
                );
                None
            }
        };
        self.keep_delivery(&mut state, id, delivery)
    }

    /// What is to be sent to a webhook, or couldn't be, the oldest first.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's webhook.
    pub fn deliveries(
        &self,
        principal: &Principal,
        webhook: WebhookId,
    ) -> Result<Vec<(WebhookId, Delivery)>, Error> {
        let grant: Grant<ManageWebhooks> = self.check(principal, None)?;
        let state = self.webhooks.state.lock();
        state.own(grant.tenant(), webhook)?;
        let to_it = state
            .deliveries
            .iter()
            .filter(|(_, delivery)| delivery.webhook == webhook);
        let mut to_it: Vec<_> = to_it
            .map(|(id, delivery)| (*id, delivery.clone()))
            .collect();
        to_it.sort_by_key(|(id, delivery)| (delivery.created, *id));
        Ok(to_it)
    }

    /// Has a delivery tried again, from the start.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn replay(
        &self,
        principal: &Principal,
        webhook: WebhookId,
        id: WebhookId,
    ) -> Result<Delivery, Error> {
        let grant: Grant<ManageWebhooks> = self.check(principal, None)?;
        let mut state = self.webhooks.state.lock();
        state.own(grant.tenant(), webhook)?;
        let delivery = state.deliveries.get(&id);
        let mut delivery = delivery
            .filter(|delivery| delivery.webhook == webhook)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such delivery"))?;
        delivery.attempts = 0;
        delivery.next = Some(self.clock.now());
        self.keep_delivery(&mut state, id, delivery.clone())?;
        Ok(delivery)
    }

    fn keep_delivery(
        &self,
        state: &mut State,
        id: WebhookId,
        delivery: Delivery,
    ) -> Result<(), Error> {
        let stored = StoredDelivery::V1(delivery.clone());
        self.router.keep(CatalogKind::Delivery, id.0, &stored)?;
        state.deliveries.insert(id, delivery);
        Ok(())
    }

    fn drop_delivery(&self, state: &mut State, id: WebhookId) -> Result<(), Error> {
        self.router.drop_kept(CatalogKind::Delivery, &[id.0])?;
        state.deliveries.remove(&id);
        Ok(())
    }
}

/// A pause, and up to a fifth more: so that all that failed at once doesn't come back at once.
fn jittered(seconds: u64) -> Result<Duration, Error> {
    let chance = seal::random_bytes().map_err(RouterError::from)?;
    let more = seconds * 200 * u64::from(u16::from_be_bytes(chance)) / u64::from(u16::MAX);
    Ok(Duration::from_millis(seconds * 1000 + more))
}

/// Pauses before another attempt, as Standard Webhooks recommends. After the last, it is dead.
pub(super) const PAUSES_SECONDS: [u64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 60 * 60,
    5 * 60 * 60,
    10 * 60 * 60,
    14 * 60 * 60,
    20 * 60 * 60,
    24 * 60 * 60,
];
/// Deliveries that a webhook may have, dead ones too.
const DELIVERIES_MAX: usize = 1_000;
