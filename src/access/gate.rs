//! The gate: authenticate, limit, policy, audit, then grant. One function, one file.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    api_key::{KeyTable, Presented, Unauthenticated},
    denial::Denial,
    grant::{Grant, Op},
    limit::{Limits, Load},
    message::{Message, Signer},
    origin::Origin,
    principal::{Identity, Principal, Scope},
    refused::Refused,
    role::{Action, Role},
    token::{Checked, Family, FamilyId, OwnToken, Renewal, Tokens},
    watched::SubjectId,
};
use crate::{
    audit::{Actor, AuditLog, Durability, Entry, Outcome},
    clock::Timestamp,
    seal::WebhookSecret,
    tenant::{CollectionName, TenantId, TenantUuid},
};

/// Decides, and records what it decided, in one act.
#[derive(Debug)]
pub struct Gate {
    audit: Arc<AuditLog>,
    keys: KeyTable,
    limits: Limits,
    tokens: Option<Tokens>,
}

/// Why the node acts on a tenant's data by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Survivors move to the next generation.
    Reseal,
    /// What has ended is erased.
    Retention,
}

impl Reason {
    /// Its name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reseal => "reseal",
            Self::Retention => "retention",
        }
    }
}

/// What an act is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// The node, or a tenant as a whole.
    Whole,
    /// One collection of the principal's tenant.
    Collection(&'a CollectionName),
    /// Something of a tenant that was suspended.
    Suspended,
    /// A tenant, as its operator sees it. For anyone else's acts the log of another tenant isn't the
    /// place.
    Tenant(&'a TenantId),
}

impl Gate {
    /// A gate. There is none without an audit log.
    pub const fn new(audit: Arc<AuditLog>, keys: KeyTable, limits: Limits) -> Self {
        Self {
            audit,
            keys,
            limits,
            tokens: None,
        }
    }

    /// The gate, believing tokens too.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// What tokens are judged by, if any are believed.
    pub const fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// The keys that it believes.
    pub const fn keys(&self) -> &KeyTable {
        &self.keys
    }

    /// The limits that it holds tenants to.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Turns a credential into a principal. A refusal is recorded, in the log of whose credential it is if
    /// its secret was right.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn authenticate(
        &self,
        presented: &Presented,
        origin: Origin,
        request: u64,
        now: Timestamp,
    ) -> Result<Principal, Refused> {
        self.identify(presented, now)
            .map_err(Refused::from)
            .and_then(|identity| self.admit(Principal::new(identity, origin, request), now))
            .inspect_err(|refused| self.record_refused(refused, origin, request, now))
    }

    /// Lets someone in whose credential is right, if it is good now and from there.
    fn admit(&self, principal: Principal, now: Timestamp) -> Result<Principal, Refused> {
        let admitted = match principal.identity() {
            // Before anything else of it is looked at: who is late is no more than that.
            Identity::Token(_, token) if token.expires <= now => Err(Unauthenticated::TokenExpired),
            Identity::Issued(_, token, _) if token.expires <= now => {
                Err(Unauthenticated::TokenExpired)
            }
            Identity::Key(key) | Identity::Token(key, _) => {
                let admitted = key.admits(&principal.origin(), now);
                admitted.map(|()| key.used(now))
            }
            Identity::Issued(.., subject) => {
                let suspended = |tokens: &Tokens| tokens.suspensions().has(*subject);
                if self.tokens.as_ref().is_some_and(suspended) {
                    Err(Unauthenticated::SubjectSuspended)
                } else {
                    Ok(())
                }
            }
            Identity::Webhook(_) => Ok(()),
        };
        match admitted {
            Ok(()) => Ok(principal),
            Err(why) => Err(Refused::known(why, principal)),
        }
    }

    /// Whose a credential is, by its secret or its signature alone: it may be past its time.
    fn identify(&self, presented: &Presented, now: Timestamp) -> Result<Identity, Unauthenticated> {
        let tokens = self.tokens.as_ref();
        let Some(tokens) = tokens.filter(|_| Tokens::looks_like_one(presented)) else {
            return Ok(Identity::Key(self.keys.recognise(presented)?));
        };
        match tokens.check(presented, now)? {
            Checked::Own(token) => {
                // The key may have ended since, or been bound to elsewhere.
                let key = self.keys.find(token.key).ok_or(Unauthenticated::Token)?;
                let record = key.record();
                let is_the_keys =
                    record.scope.tenant() == token.tenant && record.role.may_give(token.role);
                if !is_the_keys {
                    return Err(Unauthenticated::Token);
                }
                Ok(Identity::Token(key, token))
            }
            Checked::Issued(token) => {
                let tenant = tokens.tenant(&token.tenant).ok_or(Unauthenticated::Token)?;
                let subject = SubjectId::new(tenant, &token.actor);
                let scope = Scope::Tenant(tenant, token.tenant.clone());
                Ok(Identity::Issued(scope, token, subject))
            }
        }
    }

    /// Turns a refresh token into whom it was given to, as its access tokens would. One that was
    /// used before is told apart: whoever keeps the families has to end its family.
    ///
    /// # Errors
    /// [`Refused`], recorded.
    pub fn renew(
        &self,
        presented: &Presented,
        origin: Origin,
        request: u64,
        now: Timestamp,
    ) -> Result<Renewed, Refused> {
        let tokens = self.tokens.as_ref();
        let renewal = tokens.and_then(|tokens| tokens.families().judge(presented, now));
        let renewed = match renewal {
            None => Err(Unauthenticated::Refresh.into()),
            Some(Renewal::Reused(id, family)) => {
                let (key, known) = (family.key.to_string(), self.keys.find(family.key));
                let scope = known.as_ref().map(|key| &key.record().scope);
                let actor = scope.map_or(Actor::Key(&key), |scope| scope.named(&key));
                let whose = (actor, scope.and_then(Scope::name));
                self.record_refusal("reuse_refresh_token", whose, origin, request, now);
                return Ok(Renewed::Reused(id, family));
            }
            Some(Renewal::Good(id, family)) => self
                .keys
                .find(family.key)
                .ok_or_else(|| Unauthenticated::Refresh.into())
                .and_then(|key| {
                    let token = OwnToken {
                        key: family.key,
                        tenant: key.record().scope.tenant(),
                        role: family.role,
                        family: id,
                        expires: family.expires,
                    };
                    let identity = Identity::Token(key, Arc::new(token));
                    let principal = Principal::new(identity, origin, request);
                    let principal = self.admit(principal, now)?;
                    Ok(Renewed::Good(principal, id, family))
                }),
        };
        renewed.inspect_err(|refused| self.record_refused(refused, origin, request, now))
    }

    /// Turns a signed message into a principal: the webhook whose secret signed it. Where there is no
    /// such webhook, the message is judged all the same, so that time doesn't tell.
    ///
    /// # Errors
    /// [`Unauthenticated`], recorded.
    pub fn believe(
        &self,
        message: &Message<'_>,
        secret: &WebhookSecret,
        signer: Option<Signer>,
        origin: Origin,
        request: u64,
        now: Timestamp,
    ) -> Result<Principal, Unauthenticated> {
        message
            .judge(secret, now)
            .and_then(|()| signer.ok_or(Unauthenticated::Message))
            .map(|signer| Principal::new(Identity::Webhook(Arc::new(signer)), origin, request))
            .inspect_err(|_| {
                let stranger = (Actor::Stranger, None);
                self.record_refusal("authenticate", stranger, origin, request, now);
            })
    }

    fn record_refused(&self, refused: &Refused, origin: Origin, request: u64, now: Timestamp) {
        let name = refused.whose().map(Principal::actor);
        let whose = match (refused.whose(), &name) {
            (Some(whose), Some(name)) => (whose.named(name), whose.scope().name()),
            (None, _) | (_, None) => (Actor::Stranger, None),
        };
        self.record_refusal("authenticate", whose, origin, request, now);
    }

    fn record_refusal(
        &self,
        action: &'static str,
        (actor, tenant): (Actor<'_>, Option<&str>),
        origin: Origin,
        request: u64,
        now: Timestamp,
    ) {
        let entry = Entry {
            actor,
            tenant,
            action,
            outcome: Outcome::Denied,
            ip: origin.ip,
            request,
            durability: Durability::Written,
        };
        self.keep_refusal(now, &entry);
    }

    /// Allows one act, or doesn't. Either way it is recorded before this returns.
    ///
    /// # Errors
    /// [`Denial`]; among them a failed audit entry, since what can't be recorded isn't done.
    pub fn check<O: Op>(
        &self,
        principal: &Principal,
        target: Target<'_>,
        now: Timestamp,
    ) -> Result<Grant<O>, Denial> {
        let decision = self.decide(principal, O::ACTION, target, now);
        let outcome = match &decision {
            Ok(()) => Outcome::Allowed,
            Err(Denial::Limited { .. }) => Outcome::Limited,
            Err(_) => Outcome::Denied,
        };
        let actor = principal.actor();
        let (tenant, tenant_name) = match principal.scope() {
            Scope::Tenant(uuid, id) => (*uuid, Some(id.as_str())),
            Scope::Node => (TenantUuid::SYSTEM, None),
        };
        let about = match target {
            Target::Tenant(id) if tenant_name.is_none() => Some(id.as_str()),
            Target::Tenant(_) | Target::Whole | Target::Collection(_) | Target::Suspended => {
                tenant_name
            }
        };
        let entry = Entry {
            actor: principal.named(&actor),
            tenant: about,
            action: O::ACTION.name(),
            outcome,
            ip: principal.ip(),
            request: principal.request(),
            durability: match &decision {
                Ok(()) => O::ACTION.durability(),
                // What is refused changes nothing, so no one waits for the disk.
                Err(_) => Durability::Written,
            },
        };
        self.audit.record(now, &entry)?;
        decision?;
        Ok(Grant::mint(
            tenant,
            principal.role(),
            principal.collections().cloned(),
            now,
        ))
    }

    /// Allows the node an act of its own on a tenant, which is recorded like any other.
    ///
    /// # Errors
    /// [`Denial::Audit`].
    pub fn own_act<O: Op>(
        &self,
        tenant: TenantUuid,
        id: &TenantId,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Grant<O>, Denial> {
        let entry = Entry {
            actor: Actor::Node,
            tenant: Some(id.as_str()),
            action: reason.name(),
            outcome: Outcome::Allowed,
            ip: None,
            request: 0,
            durability: Durability::Synced,
        };
        self.audit.record(now, &entry)?;
        Ok(Grant::mint(tenant, Role::Owner, None, now))
    }

    /// Takes a body's bytes from what the principal's key and its tenant may send. A refusal is recorded.
    ///
    /// # Errors
    /// [`Denial::Limited`].
    pub fn take_bytes(
        &self,
        principal: &Principal,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let taken = NonZeroU32::new(bytes).map_or(Ok(()), |bytes| {
            self.take(principal, Load::Bytes(bytes), now)
        });
        taken.map_err(|wait| {
            self.limited(principal, "send_bytes", now);
            Denial::Limited { wait }
        })
    }

    /// Records that a principal asked for too much before it came to an act.
    pub fn limited(&self, principal: &Principal, action: &'static str, now: Timestamp) {
        let actor = principal.actor();
        let entry = Entry {
            actor: principal.named(&actor),
            tenant: principal.scope().name(),
            action,
            outcome: Outcome::Limited,
            ip: principal.ip(),
            request: principal.request(),
            durability: Durability::Written,
        };
        self.keep_refusal(now, &entry);
    }

    fn keep_refusal(&self, now: Timestamp, entry: &Entry<'_>) {
        // The answer is no already; it can't become more so if this fails too.
        if let Err(error) = self.audit.record(now, entry) {
            tracing::error!(error = %error, "a refusal couldn't be recorded");
        }
    }

    /// Takes a load from the key's bucket and from its tenant's, or from neither: a key that asks too much doesn't
    /// use up what the others have, and what its tenant is refused doesn't use up the key's own.
    fn take(&self, principal: &Principal, load: Load, now: Timestamp) -> Result<(), Duration> {
        let tenants = || match principal.tenant() {
            Some(tenant) => self.limits.take(tenant, load, now),
            None => Ok(()),
        };
        match principal.known() {
            Some(key) => key.buckets().take(load, now, tenants),
            None => tenants(),
        }
    }

    /// Takes what a request counts as: once, at the first thing that the request asks for; one that was let
    /// in isn't turned away half done.
    fn take_requests(&self, principal: &Principal, now: Timestamp) -> Result<(), Duration> {
        let Some(cost) = principal.cost() else {
            return Ok(());
        };
        self.take(principal, Load::Requests(cost), now)?;
        principal.paid();
        Ok(())
    }

    fn decide(
        &self,
        principal: &Principal,
        action: Action,
        target: Target<'_>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        self.take_requests(principal, now)
            .map_err(|wait| Denial::Limited { wait })?;
        let role = principal.role();
        if !principal.may(action) {
            return Err(Denial::Role { role, action });
        }
        match target {
            Target::Whole if action.reaches_all() && principal.collections().is_some() => {
                Err(Denial::WholeTenant)
            }
            Target::Whole | Target::Tenant(_) => Ok(()),
            Target::Suspended => Err(Denial::Suspended),
            Target::Collection(name) => match principal.collections() {
                Some(names) if !names.contains(name) => Err(Denial::Collection),
                Some(_) | None => Ok(()),
            },
        }
    }
}

/// What came of a refresh token.
#[derive(Debug)]
pub enum Renewed {
    /// It is good: for whom, and of which family.
    Good(Principal, FamilyId, Family),
    /// It was used before.
    Reused(FamilyId, Family),
}
