//! Erasures: what was asked for, how far each got, and the receipts.
//!
//! ```text
//! accepting -> queued -> running -> verifying -> done
//!                 (202)   (reseal)   (purge, shred, look)
//! ```
//!
//! Owns: the table of erasures and their records in the catalog. `run.rs` carries them out: all that
//! wait for one tenant share one resealing. **Invariant:** an erasure is recorded before anything
//! is removed, and answered once nothing of it can be. **Invariant:** one whose record says more than
//! `accepting` comes to its end, whatever crashes; one that says just that is forgotten by the next start.
//! **Invariant:** a record doesn't hold the words of a scope: no point id, no field, no value of a
//! data subject (`it/erasure`).
//! Called by: `engine`.

mod record;
mod run;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

pub use self::{
    record::{By, Done, Erasure, ErasureId, State},
    run::RunError,
};
use super::{
    Hex,
    backup::Backups,
    custody::Custody,
    receipt::{ScopeKind, StepName, scope_digest},
};
use crate::{
    access::Gate,
    audit::AuditLog,
    clock::{Clock, Stopwatch},
    partition::Erased,
    router::{Router, TenantState},
    seal::{self, SigningKey, VerifyingKey},
    store::{Catalog, CatalogError, CatalogKind},
    tenant::{TenantId, TenantUuid},
};

/// All erasures of a node.
pub struct Erasures {
    router: Arc<Router>,
    gate: Arc<Gate>,
    catalog: Arc<Catalog>,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    signer: SigningKey,
    backups: Arc<Backups>,
    custody: Arc<Custody>,
    /// The node's data directory, to be looked through.
    directory: PathBuf,
    table: Mutex<BTreeMap<ErasureId, Erasure>>,
    /// Told when one comes to its end.
    ended: Condvar,
}

/// An erasure to be recorded.
#[derive(Clone, Debug)]
pub struct NewErasure {
    /// Whose data.
    pub tenant: TenantUuid,
    /// The tenant's public name.
    pub tenant_id: TenantId,
    /// What kind of scope it has.
    pub kind: ScopeKind,
    /// The scope as it was asked, for its digest.
    pub scope: Value,
    /// Who asked.
    pub by: By,
    /// Why.
    pub reason: String,
    /// The request.
    pub request: u64,
}

/// What came of an erasure that may have been asked for before.
#[derive(Debug)]
pub enum Accepted {
    /// It is recorded, and nothing is removed yet.
    New,
    /// It was asked for before: how far it got.
    Before(Box<Erasure>),
}

/// What the erasures of a node need.
pub struct Parts {
    /// The tenants.
    pub router: Arc<Router>,
    /// What allows the node's own acts.
    pub gate: Arc<Gate>,
    /// Where they are recorded.
    pub catalog: Arc<Catalog>,
    /// Where each one's end is recorded.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What signs receipts.
    pub signer: SigningKey,
    /// The backups, which end with their generation.
    pub backups: Arc<Backups>,
    /// The copies of keys that receipts name.
    pub custody: Arc<Custody>,
    /// The data directory.
    pub directory: PathBuf,
}

impl Erasures {
    /// Takes up the erasures that the catalog knows.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn new(parts: Parts) -> Result<Self, CatalogError> {
        let stored: Vec<(_, Erasure)> = parts.catalog.load(CatalogKind::Erasure)?;
        let mut table: BTreeMap<_, _> = stored
            .into_iter()
            .map(|(_, erasure)| (erasure.id, erasure))
            .collect();
        // Nobody was told of what a crash left there, and whoever asked asks again. The end of a tenant
        // that has begun goes on by itself.
        let given_up = table.values().filter(|own: &&Erasure| {
            let record = parts.router.own_record(own.tenant);
            let ends = record.is_some_and(|record| record.state == TenantState::Deleting);
            own.state == State::Accepting && !ends
        });
        let given_up: Vec<_> = given_up.map(|own| own.id.0).collect();
        parts.catalog.remove(CatalogKind::Erasure, &given_up)?;
        table.retain(|id, _| !given_up.contains(&id.0));
        let Parts {
            router,
            gate,
            catalog,
            audit,
            clock,
            signer,
            backups,
            custody,
            directory,
        } = parts;
        Ok(Self {
            router,
            gate,
            catalog,
            audit,
            clock,
            signer,
            backups,
            custody,
            directory,
            table: Mutex::new(table),
            ended: Condvar::new(),
        })
    }

    /// The key whose signature receipts carry.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.signer.verifying_key()
    }

    /// A tenant's erasures, the oldest first.
    pub fn of_tenant(&self, tenant: TenantUuid) -> Vec<Erasure> {
        let table = self.table.lock();
        let mut own: Vec<Erasure> = table
            .values()
            .filter(|erasure| erasure.tenant == tenant)
            .cloned()
            .collect();
        own.sort_by_key(|erasure| (erasure.requested, erasure.id));
        own
    }

    /// An erasure.
    pub fn find(&self, id: ErasureId) -> Option<Erasure> {
        self.table.lock().get(&id).cloned()
    }

    /// Records an erasure, durably, before anything is removed.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn accept(&self, new: NewErasure) -> Result<ErasureId, RunError> {
        let id = ErasureId(seal::random_bytes()?);
        self.keep(self.asked(id, new))?;
        Ok(id)
    }

    /// Records an erasure whose number says who asked for what, unless it was recorded before.
    ///
    /// # Errors
    /// [`RunError::Underway`] while the same is just being recorded, [`RunError::Different`] if what was
    /// asked before under that number is something else.
    pub fn accept_once(&self, id: ErasureId, new: NewErasure) -> Result<Accepted, RunError> {
        let erasure = self.asked(id, new);
        {
            let mut table = self.table.lock();
            if let Some(before) = table.get(&id) {
                return if before.digest != erasure.digest || before.kind != erasure.kind {
                    Err(RunError::Different)
                } else if before.state == State::Accepting {
                    Err(RunError::Underway)
                } else {
                    Ok(Accepted::Before(Box::new(before.clone())))
                };
            }
            table.insert(id, erasure.clone());
        }
        self.keep(erasure).inspect_err(|_| {
            self.table.lock().remove(&id);
        })?;
        Ok(Accepted::New)
    }

    fn asked(&self, id: ErasureId, new: NewErasure) -> Erasure {
        Erasure {
            id,
            tenant: new.tenant,
            tenant_id: new.tenant_id,
            state: State::Accepting,
            kind: new.kind,
            digest: scope_digest(Hex(id.0), &new.scope).0,
            requested: self.clock.now(),
            by: new.by,
            reason: new.reason,
            request: new.request,
            points: 0,
            collections: Vec::new(),
            samples: Vec::new(),
            copied_bytes: 0,
            steps: Vec::new(),
            finished: None,
            receipt: None,
            place: 0,
            failure: None,
        }
    }

    /// What was meant is removed: from here on the erasure comes to its end by itself.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn removed(
        &self,
        id: ErasureId,
        erased: &Erased,
        watch: &Stopwatch,
    ) -> Result<Erasure, RunError> {
        let done = self.done(StepName::Removed, watch);
        self.change(id, |erasure| {
            erasure.state = State::Queued;
            erasure.points = erased.points();
            let collections = erased.collections.iter().take(COLLECTIONS_MAX);
            erasure.collections = collections
                .map(|(name, points)| (name.as_str().to_owned(), *points))
                .collect();
            erasure.samples.clone_from(&erased.samples);
            erasure.steps.push(done);
        })
    }

    /// Records that a tenant's data key is to be replaced: nothing is removed, and all is resealed.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn rotate(&self, tenant: TenantUuid) -> Result<(), RunError> {
        let record = self.router.own_record(tenant).ok_or(RunError::Unknown)?;
        let id = self.accept(NewErasure {
            tenant,
            tenant_id: record.id.clone(),
            kind: ScopeKind::Rotation,
            scope: json!({"rotation": true}),
            by: By::Node,
            reason: "the data key is to be replaced".to_owned(),
            request: 0,
        })?;
        self.removed(id, &Erased::default(), &Stopwatch::start())?;
        Ok(())
    }

    /// It couldn't be done, and nobody was told that it would be.
    pub fn refuse(&self, id: ErasureId) {
        let removed = self.catalog.remove(CatalogKind::Erasure, &[id.0]);
        if let Err(error) = removed {
            tracing::warn!(%error, "the record of a refused erasure stays");
        }
        self.table.lock().remove(&id);
    }

    /// Waits until an erasure came to its end, but no longer than `patience`.
    pub fn wait(&self, id: ErasureId, patience: Duration) -> Option<Erasure> {
        let mut table = self.table.lock();
        let under_way = |table: &mut BTreeMap<ErasureId, Erasure>| {
            table.get(&id).is_some_and(|own| !own.state.is_final())
        };
        self.ended.wait_while_for(&mut table, under_way, patience);
        table.get(&id).cloned()
    }

    /// Whether a tenant has an erasure under way, or one that is just being asked for.
    pub fn under_way(&self, tenant: TenantUuid) -> bool {
        let table = self.table.lock();
        table
            .values()
            .any(|own| own.tenant == tenant && !own.state.is_final())
    }

    /// Tenants that have erasures under way.
    pub fn tenants_due(&self) -> Vec<TenantUuid> {
        let table = self.table.lock();
        let mut due: Vec<TenantUuid> = table
            .values()
            .filter(|own| !own.state.is_final() && own.state != State::Accepting)
            .map(|own| own.tenant)
            .collect();
        due.sort_unstable_by_key(|tenant| *tenant.as_bytes());
        due.dedup();
        due
    }

    fn done(&self, step: StepName, watch: &Stopwatch) -> Done {
        Done {
            step,
            at: self.clock.now(),
            micros: u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn change(
        &self,
        id: ErasureId,
        change: impl FnOnce(&mut Erasure),
    ) -> Result<Erasure, RunError> {
        let mut erasure = self.find(id).ok_or(RunError::Unknown)?;
        change(&mut erasure);
        self.keep(erasure.clone())?;
        Ok(erasure)
    }

    fn keep(&self, erasure: Erasure) -> Result<(), RunError> {
        self.catalog
            .put(CatalogKind::Erasure, erasure.id.0, &erasure)?;
        self.table.lock().insert(erasure.id, erasure);
        self.ended.notify_all();
        Ok(())
    }
}

impl std::fmt::Debug for Erasures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Erasures")
    }
}

/// Collections that a record and a receipt name; the points of all are counted.
const COLLECTIONS_MAX: usize = 100;
