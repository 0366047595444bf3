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

mod accepting;
mod record;
mod run;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use serde_json::json;

pub use self::{
    accepting::{Accepted, Accepting, NewErasure},
    record::{By, Done, Erasure, ErasureId, State},
    run::RunError,
};
use super::{
    backup::Backups,
    custody::Custody,
    receipt::{ScopeKind, StepName},
};
use crate::{
    access::Gate,
    audit::AuditLog,
    clock::{Clock, Stopwatch},
    partition::Erased,
    router::{Router, TenantRecord},
    seal::{SigningKey, VerifyingKey},
    store::{Catalog, CatalogError, CatalogKind},
    tenant::TenantUuid,
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
        let table: BTreeMap<_, _> = stored
            .into_iter()
            .map(|(_, erasure)| (erasure.id, erasure))
            .collect();
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
        let erasures = Self {
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
        };
        erasures.settle()?;
        Ok(erasures)
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

    /// Records that a tenant's data key is to be replaced: nothing is removed, and all is resealed.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn rotate(&self, tenant: TenantUuid) -> Result<(), RunError> {
        let record = self.record(tenant)?;
        let accepting = self.accept(NewErasure {
            tenant,
            tenant_id: record.id.clone(),
            kind: ScopeKind::Rotation,
            scope: json!({"rotation": true}),
            by: By::Node,
            reason: "the data key is to be replaced".to_owned(),
            request: 0,
        })?;
        accepting.removed(&Erased::default(), &Stopwatch::start())?;
        Ok(())
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

    /// Has those who follow a tenant's erasures see why the last attempt failed. In memory alone: it may
    /// be the disk that is full.
    fn note_failure(&self, tenant: TenantUuid, error: &RunError) {
        let mut table = self.table.lock();
        let under_way = table
            .values_mut()
            .filter(|own| own.tenant == tenant && !own.state.is_final());
        under_way.for_each(|own| own.failure = Some(format!("{error}; it is tried again")));
    }

    fn done(&self, step: StepName, took: Duration) -> Done {
        Done {
            step,
            at: self.clock.now(),
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
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

    fn record(&self, tenant: TenantUuid) -> Result<Arc<TenantRecord>, RunError> {
        self.router.own_record(tenant).ok_or(RunError::Unknown)
    }

    fn keep(&self, erasure: Erasure) -> Result<(), CatalogError> {
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
