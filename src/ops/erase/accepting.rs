//! From the record of an erasure to the word that it will be done.
//!
//! Between the two, what is meant is removed from answers, and nobody was told anything yet. So
//! whatever ends there, an error or the process, leaves nothing behind that is waited for.

use serde_json::Value;

use super::{By, Erasure, ErasureId, Erasures, RunError, State};
use crate::{
    clock::Stopwatch,
    failpoint,
    ops::{
        Hex,
        receipt::{ScopeKind, StepName, scope_digest},
    },
    partition::Erased,
    router::TenantState,
    seal,
    store::{CatalogError, CatalogKind},
    tenant::{TenantId, TenantUuid},
};

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
pub enum Accepted<'e> {
    /// It is recorded, and nothing is removed yet.
    New(Accepting<'e>),
    /// It was asked for before: how far it got.
    Before(Box<Erasure>),
}

/// An erasure that is recorded, while what it means is removed. Let go of before that is done, its
/// record goes.
#[must_use]
#[derive(Debug)]
pub struct Accepting<'e> {
    erasures: &'e Erasures,
    id: ErasureId,
    removed: bool,
}

impl Erasures {
    /// Records an erasure, durably, before anything is removed.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn accept(&self, new: NewErasure) -> Result<Accepting<'_>, RunError> {
        let id = ErasureId(seal::random_bytes()?);
        self.accepting(self.asked(id, new))
    }

    /// Records an erasure whose number says who asked for what, unless it was recorded before.
    ///
    /// # Errors
    /// [`RunError::Underway`] while the same is just being recorded, [`RunError::Different`] if what was
    /// asked before under that number is something else.
    pub fn accept_once(&self, id: ErasureId, new: NewErasure) -> Result<Accepted<'_>, RunError> {
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
        Ok(Accepted::New(self.accepting(erasure)?))
    }

    fn accepting(&self, erasure: Erasure) -> Result<Accepting<'_>, RunError> {
        let accepting = Accepting {
            erasures: self,
            id: erasure.id,
            removed: false,
        };
        self.keep(erasure)?;
        failpoint::hit("erase-accepted");
        Ok(accepting)
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

    /// Ends what a crash left between the two. A tenant's deletion that has begun goes on; anything
    /// else nobody was told of, and whoever asked asks again, under the same number maybe.
    pub(super) fn settle(&self) -> Result<(), CatalogError> {
        let left: Vec<Erasure> = {
            let table = self.table.lock();
            let all = table.values();
            all.filter(|own| own.state == State::Accepting)
                .cloned()
                .collect()
        };
        for mut erasure in left {
            let record = self.router.own_record(erasure.tenant);
            let ends = record.is_some_and(|record| record.state == TenantState::Deleting);
            if ends && erasure.kind == ScopeKind::Tenant {
                erasure.state = State::Queued;
                self.keep(erasure)?;
            } else {
                self.forget(erasure.id)?;
            }
        }
        Ok(())
    }

    fn forget(&self, id: ErasureId) -> Result<(), CatalogError> {
        let removed = self.catalog.remove(CatalogKind::Erasure, &[id.0]);
        self.table.lock().remove(&id);
        removed
    }
}

impl Accepting<'_> {
    /// What was meant is removed: from here on the erasure comes to its end by itself.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn removed(mut self, erased: &Erased, watch: &Stopwatch) -> Result<Erasure, RunError> {
        failpoint::hit("erase-removed");
        let done = self.erasures.done(StepName::Removed, watch.elapsed());
        let erasure = self.erasures.change(self.id, |erasure| {
            erasure.state = State::Queued;
            erasure.points = erased.points();
            let collections = erased.collections.iter().take(COLLECTIONS_MAX);
            erasure.collections = collections
                .map(|(name, points)| (name.as_str().to_owned(), *points))
                .collect();
            erasure.samples.clone_from(&erased.samples);
            erasure.steps.push(done);
        })?;
        self.removed = true;
        Ok(erasure)
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        if let Err(error) = self.erasures.forget(self.id) {
            tracing::warn!(%error, "the record of a refused erasure stays until the next start");
        }
    }
}

/// Collections that a record and a receipt name; the points of all are counted.
const COLLECTIONS_MAX: usize = 100;
