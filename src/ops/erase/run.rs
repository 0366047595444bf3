//! Carrying erasures out: one resealing for all that wait for a tenant, then the end of the old
//! generation, a look through the files, and a receipt each.

use std::num::NonZeroUsize;

use super::{Done, Erasure, ErasureId, Erasures, State};
use crate::{
    access::{Denial, Erase, Grant, Reason},
    audit::{Actor, AuditError, Durability, Entry, Outcome},
    clock::{Stopwatch, Timestamp},
    failpoint,
    ops::{
        Hex,
        backup::{BackupError, BackupId, BackupRecord},
        custody::CustodyRecord,
        receipt::{
            AuditEntry, Backup, CANARIES_MAX, Canary, CanaryOf, CollectionErased, Copies, Export,
            Facts, Proofs, Receipt, ReceiptError, Requested, Scope, ScopeKind, SignedReceipt, Step,
            StepName, Time,
        },
        verify::{self, CheckError, Traces},
    },
    partition::PartitionError,
    router::{Intent, RouterError, TenantState, Turn},
    seal::SealError,
    store::{CatalogError, CatalogKind, RecordKind},
    tenant::TenantUuid,
};

impl Erasures {
    /// Carries out what waits for the tenant whose turn it is, and before that what a crash or a
    /// failure left half done. Those that come to their end are added to `done`.
    ///
    /// # Errors
    /// [`RunError`]; it may be repeated until it succeeds.
    pub fn run(&self, turn: &Turn, done: &mut Vec<Erasure>) -> Result<(), RunError> {
        let ran = self.attempt(turn, done);
        if let Err(error) = &ran {
            self.note_failure(turn.tenant(), error);
        }
        ran
    }

    fn attempt(&self, turn: &Turn, done: &mut Vec<Erasure>) -> Result<(), RunError> {
        let tenant = turn.tenant();
        // A family that a restore couldn't drop holds what is to be erased, too.
        self.router.sweep_restores(turn)?;
        // A crash, or a failure, came between.
        if let Some(intent) = self.router.moved(tenant)? {
            self.finish(turn, &intent, done, || {})?;
        }
        match self.record(tenant)?.state {
            TenantState::Deleting => {
                let intent = self.router.end_tenant(tenant)?;
                return self.finish(turn, &intent, done, || {});
            }
            TenantState::Deleted => {
                // What was accepted just before its end went with it.
                return self.forget_before(tenant);
            }
            TenantState::Active | TenantState::Suspended => {}
        }
        let waits = |state| matches!(state, State::Queued | State::Running);
        let waiting = self.set_all(tenant, waits, State::Running)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let sweeps = self.router.sweeps();
        let resealed = self.reseal(tenant, &waiting);
        let finished = resealed.and_then(|(intent, next_sweep)| {
            self.finish(turn, &intent, done, || {
                if let Err(error) = sweeps.done(tenant, next_sweep) {
                    tracing::warn!(%error, "a tenant is swept once more than it needs to be");
                }
            })
        });
        finished.inspect_err(|_| sweeps.failed(tenant))
    }

    /// Moves the survivors to the next generation: the move, and when the next sweep begins.
    fn reseal(
        &self,
        tenant: TenantUuid,
        jobs: &[Erasure],
    ) -> Result<(Intent, Option<Timestamp>), RunError> {
        let grant = self.grant(tenant)?;
        loop {
            let watch = Stopwatch::start();
            // Whatever was removed before this isn't copied, so no other sweep has to destroy it.
            self.router.sweeps().begin(tenant);
            let next_sweep = self.router.next_sweep(&grant)?;
            match self.router.reseal(&grant, self.clock.now()) {
                Ok((intent, copied)) => {
                    tracing::info!(
                        values = copied.values,
                        bytes = copied.bytes,
                        milliseconds = watch.elapsed().as_millis(),
                        "a partition was resealed"
                    );
                    // What isn't copying is taking over: the indexes go along, readers go on to
                    // the new generation.
                    let took_over = watch.elapsed().saturating_sub(copied.took);
                    let switched = self.done(StepName::Switched, took_over);
                    let done = Done {
                        at: switched.at.minus(took_over),
                        ..self.done(StepName::Copied, copied.took)
                    };
                    for job in jobs {
                        self.change(job.id, |job| {
                            job.steps.extend([done, switched]);
                            job.copied_bytes = copied.bytes;
                        })?;
                    }
                    return Ok((intent, next_sweep));
                }
                // Whoever wanted it has it open now, so the next attempt won't be interrupted.
                Err(RouterError::Partition(PartitionError::Interrupted)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Destroys what an intent says has ended, tells of that, and writes the receipts.
    fn finish(
        &self,
        turn: &Turn,
        intent: &Intent,
        done: &mut Vec<Erasure>,
        destroyed: impl FnOnce(),
    ) -> Result<(), RunError> {
        let deleted = intent.to.is_none();
        let jobs = if deleted {
            // All that was asked of a tenant is done with its end.
            let asked = |state: State| !state.is_final() && state != State::Accepting;
            self.set_all(intent.tenant, asked, State::Verifying)?
        } else {
            let of_this = |state| matches!(state, State::Running | State::Verifying);
            self.set_all(intent.tenant, of_this, State::Verifying)?
        };
        let mut steps = Vec::new();
        let family = self.timed(&mut steps, StepName::Dropped, || {
            self.router.drop_ended(intent)
        })?;
        failpoint::hit("erase-dropped");
        let key = self.timed(&mut steps, StepName::Shredded, || {
            self.router.shred_ended(intent)
        })?;
        failpoint::hit("erase-shredded");
        let copies = self.end_copies(turn, intent, jobs.first())?;
        self.timed(&mut steps, StepName::Purged, || {
            self.router.purge_ended(intent)
        })?;
        failpoint::hit("erase-purged");
        let traces = Traces::new(&family, &key, canaries(intent, &jobs));
        let places = self.to_look_through(intent);
        let checked = self.timed(&mut steps, StepName::Checked, || {
            verify::check(&self.directory, places, traces, THREADS)
        })?;
        let proofs = Proofs::new(family, key, checked)?;
        destroyed();
        if deleted {
            let id = self.record(intent.tenant)?.id.clone();
            let reduced = self.audit.reduce(self.clock.now(), id.as_str())?;
            tracing::info!(
                entries = reduced,
                "an erased tenant's audit entries were reduced"
            );
            failpoint::hit("erase-reduced");
        }
        for job in jobs {
            done.push(self.sign(job, intent, &proofs, &copies, &steps)?);
            failpoint::hit("erase-signed");
        }
        if deleted {
            self.router.finish_deletion(intent.tenant)?;
            self.forget_before(intent.tenant)?;
            self.backups.end_all(turn)?;
            self.custody.forget(intent.tenant)?;
        }
        failpoint::hit("erase-ended");
        Ok(self.router.moved_on(intent)?)
    }

    /// Deletes the node's own backups of a generation that ended, and tells of all copies.
    fn end_copies(
        &self,
        turn: &Turn,
        intent: &Intent,
        first: Option<&Erasure>,
    ) -> Result<Copies, RunError> {
        let (generation, by) = (intent.from.generation, first.map(|job| job.id.0));
        let ended = self.backups.end(turn, generation, self.clock.now(), by)?;
        let exports = self.custody.of_generation(intent.tenant, generation);
        let backup = |record: BackupRecord| Backup {
            id: record.id.to_string(),
            generation: generation.0,
            made_at: Time(record.made),
            downloads: record.downloads,
        };
        let export = |record: CustodyRecord| Export {
            id: BackupId(record.id).to_string(),
            generation: generation.0,
            made_at: Time(record.at),
            to: record.to,
        };
        Ok(Copies {
            backups: ended.into_iter().map(backup).collect(),
            exports: exports.into_iter().map(export).collect(),
        })
    }

    /// Signs the receipt of one erasure: its last act.
    fn sign(
        &self,
        job: Erasure,
        intent: &Intent,
        proofs: &Proofs,
        copies: &Copies,
        steps: &[Done],
    ) -> Result<Erasure, RunError> {
        let now = self.clock.now();
        let entry = Entry {
            actor: Actor::Node,
            tenant: Some(job.tenant_id.as_str()),
            action: "finish_erasure",
            outcome: Outcome::Allowed,
            ip: None,
            request: job.request,
            durability: Durability::Synced,
        };
        let recorded = self.audit.record(now, &entry)?;
        let last = self.last_receipt(job.tenant)?;
        let deleted = intent.to.is_none();
        let points = points_of(&job, intent);
        let collections = job.collections.iter().filter(|_| !deleted);
        let all_steps = job.steps.iter().chain(steps);
        let facts = Facts {
            id: Hex(job.id.0),
            tenant: job.tenant_id.clone(),
            requested: Requested {
                at: Time(job.requested),
                by: job.by.to_string(),
                reason: job.reason.clone(),
                request_id: format!("{:016x}", job.request),
            },
            scope: Scope {
                kind: job.kind,
                digest: Hex(job.digest),
            },
            points,
            collections: collections
                .map(|(name, points)| CollectionErased {
                    name: name.clone(),
                    points: *points,
                })
                .collect(),
            successor: intent.to.map(|to| to.generation),
            copies: copies.clone(),
            steps: all_steps
                .map(|done| Step {
                    name: done.step,
                    at: Time(done.at),
                    microseconds: done.micros,
                })
                .collect(),
            audit: AuditEntry {
                seq: recorded.seq,
                hash: Hex(recorded.hash),
            },
            previous: last.as_ref().map(|(_, hash)| *hash),
        };
        let receipt = Receipt::new(facts, proofs)?.sign(&self.signer)?;
        let document = String::from_utf8_lossy(receipt.document()).into_owned();
        self.change(job.id, |job| {
            job.state = State::Done;
            job.failure = None;
            job.steps.extend_from_slice(steps);
            job.finished = Some(now);
            job.points = points;
            job.receipt = Some(document);
            job.place = last.map_or(0, |(place, _)| place + 1);
            // What they were for is done.
            job.samples = Vec::new();
        })
    }

    /// The place and the hash of a tenant's last receipt.
    fn last_receipt(&self, tenant: TenantUuid) -> Result<Option<(u64, Hex<32>)>, RunError> {
        let own = self.of_tenant(tenant);
        let signed = own.iter().filter(|own| own.receipt.is_some());
        let Some(last) = signed.max_by_key(|own| own.place) else {
            return Ok(None);
        };
        let document = last.receipt.as_deref().unwrap_or_default();
        let receipt = SignedReceipt::parse(document.as_bytes())?;
        Ok(Some((last.place, receipt.hash())))
    }

    /// A deleted tenant's earlier receipts name its collections: they go with it.
    fn forget_before(&self, tenant: TenantUuid) -> Result<(), RunError> {
        let own = self.of_tenant(tenant);
        let earlier = own.iter().filter(|own| own.kind != ScopeKind::Tenant);
        let ids: Vec<[u8; 16]> = earlier.map(|own| own.id.0).collect();
        self.catalog.remove(CatalogKind::Erasure, &ids)?;
        let mut table = self.table.lock();
        for id in ids {
            table.remove(&ErasureId(id));
        }
        Ok(())
    }

    /// Where traces of a generation could be: wherever the node keeps what is sealed, and writes
    /// anything on its way there. Not on other shelves, in other tenants' backups, or in the audit log,
    /// where nothing of it ever was.
    fn to_look_through(&self, intent: &Intent) -> Vec<String> {
        let shelves = self.router.shelves_of(intent.tenant, intent.from);
        let shelves = shelves
            .into_iter()
            .map(|shelf| format!("shelves/{shelf:06}"));
        let backups = self.backups.directory(intent.tenant);
        let backups = backups.map(|name| format!("backups/{name}"));
        let always = ["catalog", "keys"].map(str::to_owned);
        always.into_iter().chain(shelves).chain(backups).collect()
    }

    /// Moves the tenant's erasures that are in such states to another, and returns them.
    fn set_all(
        &self,
        tenant: TenantUuid,
        from: impl Fn(State) -> bool,
        to: State,
    ) -> Result<Vec<Erasure>, RunError> {
        let own = self.of_tenant(tenant);
        own.into_iter()
            .filter(|own| from(own.state))
            .map(|own| {
                if own.state == to {
                    return Ok(own);
                }
                self.change(own.id, |own| own.state = to)
            })
            .collect()
    }

    fn timed<T, E: Into<RunError>>(
        &self,
        steps: &mut Vec<Done>,
        step: StepName,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, RunError> {
        let watch = Stopwatch::start();
        let done = act().map_err(Into::into)?;
        steps.push(self.done(step, watch.elapsed()));
        Ok(done)
    }

    fn grant(&self, tenant: TenantUuid) -> Result<Grant<Erase>, RunError> {
        let record = self.record(tenant)?;
        let now = self.clock.now();
        Ok(self.gate.own_act(tenant, &record.id, Reason::Reseal, now)?)
    }
}

/// The points that an erasure removed: of a whole tenant, those that were left at its end.
const fn points_of(job: &Erasure, intent: &Intent) -> u64 {
    match job.kind {
        ScopeKind::Tenant => intent.points,
        ScopeKind::Points
        | ScopeKind::Filter
        | ScopeKind::Subject
        | ScopeKind::Collection
        | ScopeKind::Retention
        | ScopeKind::Rotation => job.points,
    }
}

/// What to look for: what the erasures removed first, then the rest of the old generation.
fn canaries(intent: &Intent, jobs: &[Erasure]) -> Vec<Canary> {
    let canary = |of, sample| Canary {
        offset_hint: of,
        bytes: Hex(sample),
    };
    let removed = jobs.iter().flat_map(|job| &job.samples);
    let removed = removed.map(|sample| canary(CanaryOf::Row, *sample));
    let rest = intent.samples.iter().map(|(kind, sample)| {
        let of = match RecordKind::from_byte(*kind) {
            Some(RecordKind::Head) => CanaryOf::Head,
            Some(RecordKind::Row) => CanaryOf::Row,
            _ => CanaryOf::Segment,
        };
        canary(of, *sample)
    });
    let half = CANARIES_MAX / 2;
    let mut all: Vec<Canary> = removed.take(half).collect();
    all.extend(rest.take(CANARIES_MAX - all.len()));
    all
}

/// Why an erasure couldn't be carried out now.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such erasure, or no such tenant.
    #[error("there is no such erasure")]
    Unknown,
    /// The same erasure is just being recorded.
    #[error("this erasure is just being asked for; try again")]
    Underway,
    /// Something else was asked for under its number.
    #[error("something else was asked for before under this id")]
    Different,
    /// A step of the resealing failed.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// It couldn't be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The backups of the generation couldn't be deleted.
    #[error(transparent)]
    Backups(#[from] BackupError),
    /// It couldn't be recorded in the audit log.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The node may not act: the audit log can't be written.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Something of the old generation is still there, or the files can't be looked through.
    #[error("the look through the files didn't end well")]
    Check(#[from] CheckError),
    /// The receipt couldn't be made.
    #[error("the receipt couldn't be made")]
    Receipt(#[from] ReceiptError),
    /// No random bytes.
    #[error("no random bytes")]
    Seal(#[from] SealError),
}

/// Threads that look through files: a file's bytes come faster than one searches them.
const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
