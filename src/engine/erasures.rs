//! Erasures: asked for, carried out by a thread in the background, and shown.

use std::{
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use rayon::ThreadPool;
use serde_json::Value;

use super::{Engine, Error, ErrorKind, Event};
use crate::{
    access::{Erase, Grant, ManageTenants, Principal, ReadReceipts},
    clock::{Stopwatch, Timestamp},
    ops::{
        backup::BackupError,
        erase::{Accepted, Accepting, By, Erasure, ErasureId, NewErasure, RunError},
        receipt::ScopeKind,
    },
    partition::{Erased, Erasing},
    priority::Job,
    router::{TenantRecord, Turn},
    seal::VerifyingKey,
    tenant::{TenantId, TenantUuid},
};

/// What is to be erased.
#[derive(Clone, Debug)]
pub enum EraseScope {
    /// Some of the tenant's data.
    Part(Erasing),
    /// All of it, and the tenant.
    Tenant,
}

/// An erasure as it was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is to be erased.
    pub scope: EraseScope,
    /// What kind of scope that is.
    pub kind: ScopeKind,
    /// The scope in the words of whoever asked: for its digest alone.
    pub words: Value,
    /// Why.
    pub reason: String,
}

impl Engine {
    /// Erases some of the tenant's data, or the tenant. Nothing of it is answered once this returns;
    /// its bytes end in the background.
    ///
    /// # Errors
    /// [`Error`]; then nothing was erased, or some and the erasure can be asked for again.
    pub fn erase(&self, principal: &Principal, asked: Asked) -> Result<Erasure, Error> {
        self.erase_once(principal, asked, None)
    }

    /// Erases, under a number of its own if there is one. What was asked for before under that number
    /// isn't done again: what there is of it is answered.
    pub(super) fn erase_once(
        &self,
        principal: &Principal,
        asked: Asked,
        number: Option<ErasureId>,
    ) -> Result<Erasure, Error> {
        let collection = match &asked.scope {
            EraseScope::Part(
                Erasing::Points { collection, .. } | Erasing::Collection(collection),
            ) => Some(collection),
            EraseScope::Part(Erasing::Matching { collection, .. }) => collection.as_ref(),
            EraseScope::Part(Erasing::Ended) | EraseScope::Tenant => None,
        };
        let grant: Grant<Erase> = self.check(principal, collection)?;
        let record = self
            .router
            .own_record(grant.tenant())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such tenant"))?;
        let new = requested(principal, &record, &asked);
        let accepting = match number {
            None => self.erasures.accept(new)?,
            Some(id) => match self.erasures.accept_once(id, new)? {
                Accepted::New(accepting) => accepting,
                Accepted::Before(erasure) => return Ok(*erasure),
            },
        };
        // What is erased now would be there again once the restore is done. Each of the two is
        // recorded before it looks for the other.
        if self.router.is_restoring(record.uuid) {
            return Err(BackupError::Underway.into());
        }
        let watch = Stopwatch::start();
        let erased = match &asked.scope {
            EraseScope::Part(what) => {
                let erased = self.router.erase(&grant, what).map_err(Error::from);
                self.watch(principal, erased)?
            }
            EraseScope::Tenant => {
                let record = self.router.begin_own_deletion(&grant)?;
                self.refuse_keys(&record);
                Erased::default()
            }
        };
        self.carry_out(grant.tenant(), accepting, &erased, &watch)
    }

    /// Deletes a tenant. Its keys are good for nothing once this returns; its family and its key are
    /// destroyed in the background, and a restart resumes that.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn delete_tenant(&self, principal: &Principal, id: &TenantId) -> Result<Erasure, Error> {
        let grant: Grant<ManageTenants> = self.check_about(principal, id)?;
        self.record_act_about(principal, id, "delete_tenant")?;
        let record = self.router.record(&grant, id)?;
        let asked = Asked {
            scope: EraseScope::Tenant,
            kind: ScopeKind::Tenant,
            words: serde_json::json!({"tenant": true}),
            reason: "deleted by the operator".to_owned(),
        };
        let accepting = self
            .erasures
            .accept(requested(principal, &record, &asked))?;
        let watch = Stopwatch::start();
        // A restore that is under way finds that the tenant is none any more, and leaves nothing.
        let record = self.router.begin_deletion(&grant, id)?;
        self.refuse_keys(&record);
        self.carry_out(record.uuid, accepting, &Erased::default(), &watch)
    }

    /// The tenant's erasures, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn erasures(&self, principal: &Principal) -> Result<Vec<Erasure>, Error> {
        let grant: Grant<ReadReceipts> = self.check(principal, None)?;
        Ok(self.erasures.of_tenant(grant.tenant()))
    }

    /// One of the tenant's erasures; for an operator, the deletion of a tenant.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn erasure(&self, principal: &Principal, id: ErasureId) -> Result<Erasure, Error> {
        let found = if principal.tenant().is_some() {
            let grant: Grant<ReadReceipts> = self.check(principal, None)?;
            let own = self.erasures.find(id);
            own.filter(|erasure| erasure.tenant == grant.tenant())
        } else {
            let _grant: Grant<ManageTenants> = self.check(principal, None)?;
            let any = self.erasures.find(id);
            any.filter(|erasure| erasure.kind == ScopeKind::Tenant)
        };
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such erasure"))
    }

    /// Waits for an erasure that this caller asked for to come to its end, for a while.
    pub fn await_erasure(&self, erasure: &Erasure, patience: Duration) -> Erasure {
        let ended = self.erasures.wait(erasure.id, patience);
        ended.unwrap_or_else(|| erasure.clone())
    }

    /// The key whose signature receipts carry.
    pub fn receipt_key(&self) -> VerifyingKey {
        self.erasures.verifying_key()
    }

    fn carry_out(
        &self,
        tenant: TenantUuid,
        accepting: Accepting<'_>,
        erased: &Erased,
        watch: &Stopwatch,
    ) -> Result<Erasure, Error> {
        let erasure = accepting.removed(erased, watch);
        // Also when that couldn't be recorded: a deletion that has begun goes on.
        self.erase_later(tenant);
        Ok(erasure?)
    }

    /// Has the data keys replaced that are due: those older than the node is told to let them get, and
    /// those that have sealed nearly as many messages as is safe. How many.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rotate_due(&self, now: Timestamp) -> Result<usize, Error> {
        let before = now.minus(self.data_key_lasts);
        let pending = self.erasures.tenants_due();
        let mut due = self.router.keys_due(before)?;
        due.retain(|tenant| !pending.contains(tenant));
        for tenant in &due {
            self.erasures.rotate(*tenant)?;
            self.erase_later(*tenant);
        }
        Ok(due.len())
    }

    /// Has the erasures of a tenant carried out, once it is its turn: a backup or an export of the key
    /// that is under way comes to its end first.
    pub(super) fn erase_later(&self, tenant: TenantUuid) {
        self.router.turns().send(tenant, &self.erasing);
    }

    /// A tenant that is to be deleted can't be asked for anything any more.
    pub(super) fn refuse_keys(&self, record: &TenantRecord) {
        let keys = self.gate.keys().of_tenant(record.uuid);
        let keys: Vec<_> = keys.iter().map(|key| key.record().id).collect();
        for key in &keys {
            self.gate.keys().remove(*key);
        }
        let forgotten = self
            .forget_families_of(&keys)
            .and_then(|()| self.forget_webhooks_of(record.uuid))
            .and_then(|()| self.forget_subjects_of(record.uuid));
        if let Err(error) = forgotten {
            // Without their keys and their tenant they are good for nothing; the keeper tries again.
            let error = error.chain();
            tracing::warn!(
                error,
                "tokens and webhooks of a deleted tenant stay for now"
            );
        }
    }
}

fn requested(principal: &Principal, record: &TenantRecord, asked: &Asked) -> NewErasure {
    NewErasure {
        tenant: record.uuid,
        tenant_id: record.id.clone(),
        kind: asked.kind,
        scope: asked.words.clone(),
        by: principal.known().map_or_else(
            || By::Named(principal.actor().into_owned()),
            |key| By::Key(key.record().id),
        ),
        reason: asked.reason.clone(),
        request: principal.request(),
    }
}

/// Carries erasures out, one tenant after the other, until the node is gone. **Invariant:** it waits
/// for no tenant: whose turn it is was sent, and who failed is tried again later.
pub(super) fn carry_out(due: &Receiver<Turn>, engine: &Weak<Engine>, builders: &ThreadPool) {
    let mut failed: Vec<Attempt> = Vec::new();
    loop {
        let ripe = failed.iter().position(|attempt| attempt.wait().is_zero());
        let attempt = match ripe {
            Some(place) => failed.swap_remove(place),
            None => match next(due, &failed) {
                Ok(turn) => Attempt::first(turn),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            },
        };
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let (job, mut done) = (Job::begin(), Vec::new());
        let ran = builders.install(|| engine.erasures.run(&attempt.turn, &mut done));
        drop(job);
        for erasure in done {
            let event = Event::ErasureDone {
                erasure: erasure.id.to_string(),
                points: erasure.points,
            };
            engine.notify(attempt.turn.tenant(), &event);
        }
        if let Err(error) = ran {
            let attempt = attempt.failed();
            tracing::error!(
                error = Error::from(error).chain(),
                times = attempt.times,
                "an erasure failed; it is tried again"
            );
            failed.push(attempt);
        }
        engine
            .metrics
            .erasures_failing
            .set(i64::try_from(failed.len()).unwrap_or(i64::MAX));
    }
}

/// The next turn, or that it is time for one that failed.
fn next(due: &Receiver<Turn>, failed: &[Attempt]) -> Result<Turn, RecvTimeoutError> {
    match failed.iter().map(Attempt::wait).min() {
        None => Ok(due.recv()?),
        Some(wait) => due.recv_timeout(wait),
    }
}

/// A tenant's turn, and how often it came to nothing.
struct Attempt {
    turn: Turn,
    times: u32,
    /// Since it failed last.
    since: Stopwatch,
}

impl Attempt {
    fn first(turn: Turn) -> Self {
        Self {
            turn,
            times: 0,
            since: Stopwatch::start(),
        }
    }

    fn failed(self) -> Self {
        Self {
            turn: self.turn,
            times: self.times.saturating_add(1),
            since: Stopwatch::start(),
        }
    }

    /// How long until it is tried again.
    fn wait(&self) -> Duration {
        let pause = ATTEMPT_PAUSE.saturating_mul(self.times.saturating_mul(self.times));
        pause
            .min(ATTEMPT_PAUSE_MAX)
            .saturating_sub(self.since.elapsed())
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Router(error) => error.into(),
            RunError::Denied(denial) => denial.into(),
            RunError::Backups(error) => error.into(),
            RunError::Unknown => Self::caused(ErrorKind::NotFound, error),
            RunError::Different => Self::caused(ErrorKind::Conflict, error),
            RunError::Underway => Self::caused(ErrorKind::Unavailable, error),
            RunError::Catalog(_)
            | RunError::Audit(_)
            | RunError::Check(_)
            | RunError::Receipt(_)
            | RunError::Seal(_) => Self::caused(ErrorKind::Unavailable, error),
        }
    }
}

/// The pause behind the first failed attempt; behind the nth, n squared times as long.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);
/// ... up to this.
const ATTEMPT_PAUSE_MAX: Duration = Duration::from_secs(30);
