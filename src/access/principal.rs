//! Who is asking. Made in this folder alone, from a verified credential.

use std::{
    borrow::Cow,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    api_key::KnownKey,
    message::Signer,
    origin::Origin,
    role::{Action, Role},
    token::{IssuedToken, OwnToken},
    watched::{SubjectId, WatchedId},
};
use crate::{
    audit::Actor,
    clock::Timestamp,
    tenant::{CollectionName, TenantId, TenantUuid},
};

/// Someone with a verified credential, who sent one request.
#[derive(Clone, Debug)]
pub struct Principal {
    identity: Identity,
    origin: Origin,
    request: u64,
    /// How many requests it counts as; none any more once they were taken from what may be asked. One number
    /// for all clones.
    cost: Arc<AtomicU32>,
}

/// By what someone is known.
#[derive(Clone, Debug)]
pub(in crate::access) enum Identity {
    /// An API key.
    Key(Arc<KnownKey>),
    /// A token of the node's own, and the key that it was given to.
    Token(Arc<KnownKey>, Arc<OwnToken>),
    /// A token of an issuer that the operator believes.
    Issued(Scope, Arc<IssuedToken>, SubjectId),
    /// A webhook, whose secret signed a message.
    Webhook(Arc<Signer>),
}

/// What a principal belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// One tenant, and no other.
    Tenant(TenantUuid, TenantId),
    /// The node: no tenant's data at all.
    Node,
}

impl Scope {
    /// The tenant's number, if there is a tenant.
    pub const fn tenant(&self) -> Option<TenantUuid> {
        match self {
            Self::Tenant(uuid, _) => Some(*uuid),
            Self::Node => None,
        }
    }

    /// The tenant's name, if there is a tenant.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Tenant(_, id) => Some(id.as_str()),
            Self::Node => None,
        }
    }

    /// Who someone who belongs to it is in the audit log.
    pub const fn named<'a>(&self, name: &'a str) -> Actor<'a> {
        match self {
            Self::Tenant(..) => Actor::Key(name),
            Self::Node => Actor::Operator(name),
        }
    }
}

impl Principal {
    pub(in crate::access) fn new(identity: Identity, origin: Origin, request: u64) -> Self {
        Self {
            identity,
            origin,
            request,
            cost: Arc::new(AtomicU32::new(1)),
        }
    }

    /// Has the request count as so many, unless it was counted already.
    pub fn counts_as(&self, requests: usize) {
        if self.cost().is_some() {
            let requests = u32::try_from(requests).unwrap_or(u32::MAX).max(1);
            self.cost.store(requests, Ordering::Relaxed);
        }
    }

    /// How many requests it counts as, if they weren't taken yet.
    pub(in crate::access) fn cost(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.cost.load(Ordering::Relaxed))
    }

    /// They were taken.
    pub(in crate::access) fn paid(&self) {
        self.cost.store(0, Ordering::Relaxed);
    }

    /// What it belongs to.
    pub fn scope(&self) -> &Scope {
        match &self.identity {
            Identity::Key(key) | Identity::Token(key, _) => &key.record().scope,
            Identity::Issued(scope, ..) => scope,
            Identity::Webhook(signer) => &signer.scope,
        }
    }

    /// Its tenant's number, if it has a tenant.
    pub fn tenant(&self) -> Option<TenantUuid> {
        self.scope().tenant()
    }

    /// Its role.
    pub fn role(&self) -> Role {
        match &self.identity {
            Identity::Key(key) => key.record().role,
            Identity::Token(_, token) => token.role,
            Identity::Issued(_, token, _) => token.role,
            Identity::Webhook(_) => Role::Owner,
        }
    }

    /// Whether it may ever do this: what its role may, or less. A webhook's messages ask for erasures
    /// in its owner's place, and for nothing else.
    pub fn may(&self, action: Action) -> bool {
        let erases = action == Action::Erase;
        self.role().may(action) && (erases || !matches!(self.identity, Identity::Webhook(_)))
    }

    /// Who it is in the audit log: its key's id, an issuer's name for it, or the webhook.
    pub fn actor(&self) -> Cow<'_, str> {
        match &self.identity {
            Identity::Key(key) | Identity::Token(key, _) => key.record().id.to_string().into(),
            Identity::Issued(_, token, _) => token.actor.as_str().into(),
            Identity::Webhook(signer) => signer.actor.as_str().into(),
        }
    }

    /// The actor of its entries in the audit log, where it has that name.
    pub fn named<'a>(&self, name: &'a str) -> Actor<'a> {
        self.scope().named(name)
    }

    /// The collections that it is bound to; all, if none are named.
    pub fn collections(&self) -> Option<&Arc<[CollectionName]>> {
        self.known()?.record().collections.as_ref()
    }

    /// Its key, or its token's: never the key itself.
    pub const fn known(&self) -> Option<&Arc<KnownKey>> {
        match &self.identity {
            Identity::Key(key) | Identity::Token(key, _) => Some(key),
            Identity::Issued(..) | Identity::Webhook(_) => None,
        }
    }

    /// Whose behaviour its own is. A webhook's messages are watched by nobody: its secret signed them.
    pub fn watched(&self) -> Option<WatchedId> {
        match &self.identity {
            Identity::Key(key) | Identity::Token(key, _) => Some(WatchedId::Key(key.record().id)),
            Identity::Issued(_, _, subject) => Some(WatchedId::Subject(*subject)),
            Identity::Webhook(_) => None,
        }
    }

    /// Whether it came with its key, and not with a token.
    pub const fn has_key(&self) -> bool {
        match &self.identity {
            Identity::Key(_) => true,
            Identity::Token(..) | Identity::Issued(..) | Identity::Webhook(_) => false,
        }
    }

    /// When its credential ends.
    pub fn expires(&self) -> Option<Timestamp> {
        match &self.identity {
            Identity::Key(key) => key.record().expires,
            Identity::Token(_, token) => Some(token.expires),
            Identity::Issued(_, token, _) => Some(token.expires),
            Identity::Webhook(_) => None,
        }
    }

    pub(in crate::access) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(in crate::access) const fn origin(&self) -> Origin {
        self.origin
    }

    /// Where it asks from.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.origin.ip
    }

    /// The request's number.
    pub const fn request(&self) -> u64 {
        self.request
    }
}
