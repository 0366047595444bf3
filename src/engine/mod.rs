//! The API in plain structs: a principal and plain data in, plain data out.
//!
//! Owns: the order of things: find the tenant's standing, ask the gate, find the partition, act.
//! Knows no HTTP and no JSON dialect. **Invariant:** nothing is done without a grant.
//! **Invariant:** there is no engine without an audit log.
//! Called by: `http`, `cli`.

mod audit;
mod backups;
mod contain;
mod control;
mod custody;
mod data;
mod erasures;
mod error;
mod keeper;
mod keys;
mod odd;
mod query;
mod quotas;
mod recovery;
mod report;
mod retention;
mod start;
mod subjects;
mod sweeps;
mod tokens;
mod turns;
mod webhooks;
mod write;

use std::{
    collections::HashSet,
    fmt,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Sender, SyncSender},
    },
    time::Duration,
};

use parking_lot::Mutex;

use self::webhooks::Webhooks;
pub use self::{
    contain::{Accessed, Contained, KeyActs},
    control::{CreatedTenant, SelfReport, TenantSettings, Usage},
    custody::{Exported, PutBack, PutBackError},
    data::{Query, VectorsBack},
    erasures::{Asked as ErasureAsked, EraseScope},
    error::{Error, ErrorKind},
    keeper::EXPIRY_NEAR,
    keys::{CreatedKey, NewKey, RotatedKey},
    query::Asked,
    report::{AuditCoverage, ComplianceReport, Own, Stored},
    start::{EngineOptions, StartError, Started},
    sweeps::{Sweeper, Swept},
    tokens::TokenPair,
    turns::{Asking, Busy, Turn, Turns, Work},
    webhooks::{
        Believed, CreatedWebhook, Delivery, Direction, Due, Event, EventKind, Webhook, WebhookId,
    },
};
use crate::{
    access::{
        Action, ApiKeyId, Denial, Describe, Gate, Grant, KnownKey, Op, Origin, Presented,
        Principal, Refused, Target, Watcher,
    },
    audit::{Actor, AuditLog, Durability, Entry, Outcome},
    clock::Clock,
    ops::{Erasures, backup::Backups, custody::Custody, retain::Rounds},
    partition::Partition,
    router::{self, Router, StoreQuota, Tally, TenantState},
    seal::{self, HashKey, RootKeys, VerifyingKey},
    store::InUse,
    telemetry::{Metrics, Stage},
    tenant::{CollectionName, TenantId, TenantUuid},
};

/// A node.
pub struct Engine {
    router: Arc<Router>,
    gate: Arc<Gate>,
    erasures: Arc<Erasures>,
    /// Held by whoever sweeps.
    rounds: Mutex<Rounds>,
    /// Where the turns of tenants with erasures to be carried out are sent.
    erasing: Sender<router::Turn>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Numbers for requests while the operating system has no random ones.
    requests: AtomicU64,
    /// How old a data key may get before it is replaced.
    data_key_lasts: Duration,
    maintenance: SyncSender<Arc<Partition>>,
    /// What the node's signatures are checked with.
    public_key: VerifyingKey,
    backups: Arc<Backups>,
    custody: Arc<Custody>,
    root_keys: RootKeys,
    turns: Turns,
    watcher: Watcher,
    /// Counts points, for budgets.
    counter: HashKey,
    /// The day of which budgets are kept; none before the first look.
    day_begun: Mutex<Option<u32>>,
    /// Held while a refresh token is looked at and used up.
    renewing: Mutex<()>,
    making_token_key: Mutex<()>,
    /// Held while a key's record or extras are read, changed and stored.
    changing_keys: Mutex<()>,
    webhooks: Webhooks,
    /// Keys of whose end webhooks were told.
    told_of_keys: Mutex<HashSet<ApiKeyId>>,
    /// Quotas of which webhooks were told that they are nearly used up.
    told_of_quotas: Mutex<HashSet<(TenantUuid, StoreQuota)>>,
    /// Tells the keeper, by its end, that the node is gone.
    _keeper: SyncSender<()>,
    /// Tells the thread that looks after the audit log, by being dropped, that the node is gone.
    _settling: SyncSender<()>,
    /// Held as long as anything of the node is open, so that no second one uses the directory.
    _in_use: Arc<InUse>,
}

impl Engine {
    /// The node's metrics.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What receipts and whatever else the node signs are checked with.
    pub const fn public_key(&self) -> VerifyingKey {
        self.public_key
    }

    /// A number for a new request. A random one: the answer carries it, and numbers that follow
    /// each other would tell every tenant how much all the others ask (`it/crossing/`).
    pub fn next_request(&self) -> u64 {
        let counted = self.requests.fetch_add(1, Ordering::Relaxed);
        seal::random_bytes().map_or(counted, u64::from_be_bytes)
    }

    /// Turns a credential into a principal.
    ///
    /// # Errors
    /// [`ErrorKind::Unauthenticated`].
    pub fn authenticate(
        &self,
        presented: &Presented,
        origin: Origin,
        request: u64,
    ) -> Result<Principal, Error> {
        let now = self.clock.now();
        let gate = || self.gate.authenticate(presented, origin, request, now);
        self.metrics
            .stages
            .timed(Stage::Gate, gate)
            .map_err(|refused| self.unauthenticated(&refused))
            .and_then(|principal| self.note_used(&principal).map(|()| principal))
    }

    /// Counts a refused credential; against whose it is, too, if it came from where it may not.
    fn unauthenticated(&self, refused: &Refused) -> Error {
        self.metrics.authentication_failures.inc();
        if let Some(whose) = refused.counts_against() {
            self.note_refused(whose, None);
        }
        refused.why().into()
    }

    /// Waits until it is the turn of the principal's tenant. An operator has none to wait for.
    ///
    /// # Errors
    /// [`ErrorKind::Limited`] when too much of the tenant's work is in flight, or of the key's.
    pub async fn take_turn(
        &self,
        principal: &Principal,
        work: Work,
    ) -> Result<Option<Turn>, Error> {
        let Some(tenant) = principal.tenant() else {
            return Ok(None);
        };
        let size = |most: NonZeroU32| most.get() as usize;
        let of_key = |key: &Arc<KnownKey>| {
            let most = key.extras().limits.concurrent_requests?;
            Some((key.record().id, size(most)))
        };
        let of_tenant = self.router.policy(tenant).allowance.concurrent_requests;
        let asking = Asking {
            tenant,
            at_once_max: of_tenant.map(size),
            key: principal.known().and_then(of_key),
        };
        match self.turns.wait(work, asking, self.clock.now()).await {
            Ok(turn) => Ok(Some(turn)),
            Err(busy) => {
                self.gate
                    .limited(principal, "wait_for_turn", self.clock.now());
                self.note_limited(principal);
                Err(Error::caused(ErrorKind::Limited(BUSY), busy))
            }
        }
    }

    /// Takes a body's bytes from what the principal's key and its tenant may send.
    ///
    /// # Errors
    /// [`ErrorKind::Limited`].
    pub fn take_bytes(&self, principal: &Principal, bytes: u64) -> Result<(), Error> {
        let taken = self.gate.take_bytes(principal, bytes, self.clock.now());
        taken.map_err(|denial| {
            self.note_refused(principal, Some(&denial));
            denial.into()
        })
    }

    /// Whether using the principal's partition waits for no disk.
    pub fn is_warm(&self, principal: &Principal) -> bool {
        principal
            .tenant()
            .is_some_and(|tenant| self.router.is_open(tenant))
    }

    fn check<O: Op>(
        &self,
        principal: &Principal,
        collection: Option<&CollectionName>,
    ) -> Result<Grant<O>, Error> {
        let state = principal
            .tenant()
            .and_then(|tenant| self.router.own_record(tenant))
            .map(|record| record.state);
        let aliased = match collection {
            Some(name) => self.aliased(principal, name)?,
            None => None,
        };
        let target = match (state, aliased.as_ref().or(collection)) {
            (Some(TenantState::Active) | None, Some(name)) => Target::Collection(name),
            (Some(TenantState::Active) | None, None) => Target::Whole,
            (Some(_), _) => Target::Suspended,
        };
        self.ask_gate(principal, target)
    }

    /// Asks for an operator's act on a tenant: it is recorded in the log of the tenant that it is about.
    fn check_about<O: Op>(
        &self,
        principal: &Principal,
        tenant: &TenantId,
    ) -> Result<Grant<O>, Error> {
        let target = if self.router.knows(tenant) {
            Target::Tenant(tenant)
        } else {
            Target::Whole
        };
        self.ask_gate(principal, target)
    }

    fn ask_gate<O: Op>(
        &self,
        principal: &Principal,
        target: Target<'_>,
    ) -> Result<Grant<O>, Error> {
        let gate = || self.gate.check(principal, target, self.clock.now());
        self.metrics
            .stages
            .timed(Stage::Gate, gate)
            .map_err(|denial| {
                self.note_refused(principal, Some(&denial));
                denial.into()
            })
    }

    /// What was granted is refused for what it came to: recorded and counted as the gate's refusals are.
    fn refused(&self, principal: &Principal, action: Action, denial: Denial) -> Error {
        self.note_refused(principal, Some(&denial));
        let recorded = self.record_outcome(principal, action.name(), Outcome::Denied);
        recorded.err().unwrap_or_else(|| denial.into())
    }

    /// The collection that a name stands for, if it is an alias and the key is bound to collections,
    /// of which that is one: the gate knows no aliases.
    fn aliased(
        &self,
        principal: &Principal,
        name: &CollectionName,
    ) -> Result<Option<CollectionName>, Error> {
        let bound = principal.collections();
        if bound.is_none_or(|names| names.contains(name)) {
            return Ok(None);
        }
        let grant: Grant<Describe> = self.check(principal, None)?;
        let partition = self.partition(principal, &grant)?;
        Ok(partition.aliased(&grant, name)?)
    }

    fn tally(&self, principal: &Principal, counter: impl Fn(&Tally) -> &AtomicU64) {
        if let Some(tenant) = principal.tenant() {
            self.router.tally(tenant, |tally| {
                counter(tally).fetch_add(1, Ordering::Relaxed)
            });
        }
    }

    /// The partition that a grant is good for. One that doesn't open is recorded and counted.
    fn partition<O: Op>(
        &self,
        principal: &Principal,
        grant: &Grant<O>,
    ) -> Result<Arc<Partition>, Error> {
        let partition = self.watch(principal, self.router.partition(grant).map_err(Error::from))?;
        if partition.is_first_use() {
            self.maintain_later(&partition);
        }
        Ok(partition)
    }

    /// Records an act that was allowed and is about to happen, on disk before it does: by its own name,
    /// where that of what had to be allowed for it is one of several's.
    fn record_act(&self, principal: &Principal, action: &'static str) -> Result<(), Error> {
        self.record_outcome(principal, action, Outcome::Allowed)
    }

    /// ... an operator's, in the log of the tenant that it is about.
    fn record_act_about(
        &self,
        principal: &Principal,
        tenant: &TenantId,
        action: &'static str,
    ) -> Result<(), Error> {
        // Of one that isn't there nobody has a log.
        let known = Some(tenant).filter(|tenant| self.router.knows(tenant));
        let known = known.map(TenantId::as_str);
        self.record_outcome_in(known, principal, action, Outcome::Allowed)
    }

    /// Records what came of a wish to act, on disk.
    fn record_outcome(
        &self,
        principal: &Principal,
        action: &'static str,
        outcome: Outcome,
    ) -> Result<(), Error> {
        self.record_outcome_in(principal.scope().name(), principal, action, outcome)
    }

    fn record_outcome_in(
        &self,
        tenant: Option<&str>,
        principal: &Principal,
        action: &'static str,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let actor = principal.actor();
        let entry = Entry {
            actor: principal.named(&actor),
            tenant,
            action,
            outcome,
            ip: principal.ip(),
            request: principal.request(),
            durability: Durability::Synced,
        };
        let recorded = self.audit.record(self.clock.now(), &entry);
        recorded.map_err(Denial::from)?;
        Ok(())
    }

    /// Passes a result on. If stored data didn't open, that is recorded and counted.
    fn watch<T>(&self, principal: &Principal, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && error.kind() == ErrorKind::Corrupt
        {
            self.metrics.corrupt.inc();
            let entry = Entry {
                actor: Actor::Node,
                tenant: principal.scope().name(),
                action: "open",
                outcome: Outcome::Corrupt,
                ip: principal.ip(),
                request: principal.request(),
                durability: Durability::Synced,
            };
            if let Err(error) = self.audit.record(self.clock.now(), &entry) {
                tracing::error!(error = %error, "corrupt data couldn't be recorded");
            }
        }
        result
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for (what, done) in [
            ("the last uses of keys", self.write_down_uses()),
            ("what keys were answered", self.write_down_answered()),
        ] {
            if let Err(error) = done {
                tracing::warn!(error = error.chain(), what, "couldn't be written down");
            }
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// When whoever has too much in flight may try again.
const BUSY: Duration = Duration::from_secs(1);
