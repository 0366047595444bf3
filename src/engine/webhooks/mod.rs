//! Webhooks: a tenant is told of events, and its own systems ask for erasures, by signed messages
//! (Standard Webhooks).
//!
//! Owns: which webhooks there are, and what is to be sent to them. What is to be sent is stored
//! before anyone is told of it, tried again with growing pauses, and kept as dead once that didn't
//! help, until it is replayed or too old. Sending is `outbound`'s.
//! **Invariant:** a message that comes in is its signer's tenant's, asks for an erasure and nothing
//! else, and makes one erasure however often it comes (`it/webhooks/inbound.rs`).

mod deliver;
mod event;
mod inbound;
mod record;

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use zeroize::Zeroizing;

pub(super) use self::record::{StoredDelivery, StoredWebhook};
pub use self::{
    deliver::Due,
    event::{Event, EventKind},
    inbound::Believed,
    record::{Delivery, Direction, Webhook, WebhookId},
};
use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Grant, ManageWebhooks, Principal, Scope},
    router::RouterError,
    seal::{self, WebhookRoot},
    store::CatalogKind,
    tenant::TenantUuid,
};

/// Every webhook of the node, and what is to be sent.
#[derive(Debug)]
pub(super) struct Webhooks {
    root: WebhookRoot,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    webhooks: HashMap<WebhookId, Arc<Webhook>>,
    deliveries: HashMap<WebhookId, Delivery>,
    /// Deliveries that are under way.
    busy: HashMap<WebhookId, WebhookId>,
}

impl Webhooks {
    pub(super) fn new(
        root: WebhookRoot,
        webhooks: Vec<(WebhookId, Webhook)>,
        deliveries: Vec<(WebhookId, Delivery)>,
    ) -> Self {
        let webhooks = webhooks.into_iter();
        let state = State {
            webhooks: webhooks.map(|(id, hook)| (id, Arc::new(hook))).collect(),
            deliveries: deliveries.into_iter().collect(),
            ..State::default()
        };
        Self {
            root,
            state: Mutex::new(state),
        }
    }
}

/// A webhook that was made, and its secret: to be shown once.
#[derive(Debug)]
pub struct CreatedWebhook {
    /// Its number.
    pub id: WebhookId,
    /// What it is.
    pub webhook: Arc<Webhook>,
    /// `whsec_` and base64.
    pub secret: Zeroizing<String>,
}

impl Engine {
    /// Makes a webhook for the principal's tenant.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] past the limit.
    pub fn create_webhook(
        &self,
        principal: &Principal,
        direction: Direction,
    ) -> Result<CreatedWebhook, Error> {
        let _grant: Grant<ManageWebhooks> = self.check(principal, None)?;
        self.record_act(principal, "create_webhook")?;
        let Scope::Tenant(tenant, tenant_id) = principal.scope().clone() else {
            return Err(Error::new(ErrorKind::Denied, "webhooks are a tenant's"));
        };
        let mut state = self.webhooks.state.lock();
        let own = state.webhooks.values().filter(|hook| hook.tenant == tenant);
        if own.count() >= WEBHOOKS_MAX {
            return Err(Error::invalid(format!(
                "a tenant may have {WEBHOOKS_MAX} webhooks; delete some"
            )));
        }
        let id = WebhookId(seal::random_bytes().map_err(RouterError::from)?);
        let webhook = Webhook {
            tenant,
            tenant_id,
            direction,
            created: self.clock.now(),
        };
        let stored = StoredWebhook::V1(webhook.clone());
        self.router.keep(CatalogKind::Webhook, id.0, &stored)?;
        let webhook = Arc::new(webhook);
        state.webhooks.insert(id, Arc::clone(&webhook));
        let secret = self.webhooks.root.derive_secret(id.0).reveal();
        let mut text = Zeroizing::new("whsec_".to_owned());
        STANDARD.encode_string(&*secret, &mut text);
        Ok(CreatedWebhook {
            id,
            webhook,
            secret: text,
        })
    }

    /// The webhooks of the principal's tenant, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn webhooks(&self, principal: &Principal) -> Result<Vec<(WebhookId, Arc<Webhook>)>, Error> {
        let grant: Grant<ManageWebhooks> = self.check(principal, None)?;
        let state = self.webhooks.state.lock();
        let own = state
            .webhooks
            .iter()
            .filter(|(_, hook)| hook.tenant == grant.tenant());
        let mut own: Vec<_> = own.map(|(id, hook)| (*id, Arc::clone(hook))).collect();
        own.sort_by_key(|(id, hook)| (hook.created, *id));
        Ok(own)
    }

    /// Deletes a webhook and what was to be sent to it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn delete_webhook(&self, principal: &Principal, id: WebhookId) -> Result<(), Error> {
        let grant: Grant<ManageWebhooks> = self.check(principal, None)?;
        self.record_act(principal, "delete_webhook")?;
        let mut state = self.webhooks.state.lock();
        state.own(grant.tenant(), id)?;
        self.drop_webhooks(&mut state, &[id])
    }

    /// Forgets a tenant's webhooks, with the tenant.
    pub(super) fn forget_webhooks_of(&self, tenant: TenantUuid) -> Result<(), Error> {
        let mut state = self.webhooks.state.lock();
        let of_tenant = state
            .webhooks
            .iter()
            .filter(|(_, hook)| hook.tenant == tenant);
        let ids: Vec<_> = of_tenant.map(|(id, _)| *id).collect();
        self.drop_webhooks(&mut state, &ids)
    }

    /// Forgets what the end of a tenant left behind.
    pub(super) fn forget_webhooks_of_the_deleted(&self) -> Result<(), Error> {
        let hooks = self.webhooks.state.lock().webhooks.clone();
        for hook in hooks.into_values() {
            if self.router.living(&hook.tenant_id) != Some(hook.tenant) {
                self.forget_webhooks_of(hook.tenant)?;
            }
        }
        Ok(())
    }

    fn drop_webhooks(&self, state: &mut State, ids: &[WebhookId]) -> Result<(), Error> {
        let to_them = state
            .deliveries
            .iter()
            .filter(|(_, delivery)| ids.contains(&delivery.webhook));
        let deliveries: Vec<_> = to_them.map(|(id, _)| *id).collect();
        let numbers = |ids: &[WebhookId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
        self.router.drop_kept(CatalogKind::Webhook, &numbers(ids))?;
        self.router
            .drop_kept(CatalogKind::Delivery, &numbers(&deliveries))?;
        state.webhooks.retain(|id, _| !ids.contains(id));
        state.deliveries.retain(|id, _| !deliveries.contains(id));
        Ok(())
    }
}

impl State {
    /// A tenant's webhook; another tenant's isn't there.
    fn own(&self, tenant: TenantUuid, id: WebhookId) -> Result<Arc<Webhook>, Error> {
        let found = self.webhooks.get(&id).filter(|hook| hook.tenant == tenant);
        found
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such webhook"))
    }
}

/// Webhooks that a tenant may have.
const WEBHOOKS_MAX: usize = 16;
