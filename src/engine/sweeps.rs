//! Sweeps: what has ended, and what was removed where there is a bound for that, is destroyed in time.
//!
//! A sweep is an erasure like any other, asked for by the node: recorded, carried out by a move to the
//! next generation, with a receipt. Which tenants it is time for is decided in `ops/retain.rs`.

use std::{
    io,
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Erase, Grant, Reason},
    clock::{Stopwatch, Timestamp},
    ops::{
        erase::{By, ErasureId, NewErasure, State},
        receipt::ScopeKind,
    },
    partition::Erasing,
    priority::Priority,
    router::{RouterError, TenantState},
    tenant::TenantUuid,
};

/// Sweeps in time, once it is set going, until the node is gone.
#[derive(Debug)]
pub struct Sweeper {
    pub(super) engine: Weak<Engine>,
    /// Told when a sweep is to come earlier than any before.
    pub(super) earlier: Receiver<()>,
}

/// What a look at what was due came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swept {
    /// Tenants that were swept.
    pub tenants: usize,
    /// How long until the next look.
    pub wait: Duration,
}

impl Sweeper {
    /// Sets it going, on a thread of its own.
    ///
    /// # Errors
    /// When there can't be one more thread.
    pub fn spawn(self) -> io::Result<()> {
        let sweep = move || {
            Priority::Long.take();
            while let Some(engine) = self.engine.upgrade() {
                let swept = engine.sweep_due(engine.now());
                if let Err(error) = engine.rotate_due(engine.now()) {
                    let error = error.chain();
                    tracing::error!(error, "data keys couldn't be replaced; it is tried again");
                }
                drop(engine);
                if self.earlier.recv_timeout(swept.wait.min(LOOK_PAUSE))
                    == Err(RecvTimeoutError::Disconnected)
                {
                    break;
                }
            }
        };
        thread::Builder::new().name("sweeps".into()).spawn(sweep)?;
        Ok(())
    }
}

impl Engine {
    /// Sweeps the tenants whose time has come. What has ended leaves each before any is waited for, so
    /// none is late because of another.
    pub fn sweep_due(&self, now: Timestamp) -> Swept {
        let mut rounds = self.rounds.lock();
        let round = rounds.look(self.router.sweeps().times(), now);
        let due = round.due.into_iter();
        let begun: Vec<_> = due
            .map(|tenant| (tenant, self.sweep(tenant, now)))
            .collect();
        let (mut tenants, watch) = (0, Stopwatch::start());
        for (tenant, begun) in begun {
            let patience = PATIENCE.saturating_sub(watch.elapsed());
            match begun.and_then(|erasure| self.is_swept(erasure, patience)) {
                Ok(swept) => {
                    tenants += usize::from(swept);
                    rounds.swept(tenant);
                }
                Err(error) => {
                    let error = error.chain();
                    tracing::error!(error, "a tenant couldn't be swept; it is tried again");
                    rounds.failed(tenant, now);
                }
            }
        }
        Swept {
            tenants,
            wait: round.wait,
        }
    }

    /// Begins to sweep a tenant, if it is still there: what has ended leaves it.
    fn sweep(&self, tenant: TenantUuid, now: Timestamp) -> Result<Option<ErasureId>, Error> {
        let record = self.router.own_record(tenant);
        let record = record.filter(|record| match record.state {
            TenantState::Active | TenantState::Suspended => true,
            TenantState::Deleting | TenantState::Deleted => false,
        });
        let Some(record) = record else {
            // Its end takes everything with it.
            let sweeps = self.router.sweeps();
            sweeps.done(tenant, None).map_err(RouterError::from)?;
            return Ok(None);
        };
        let grant: Grant<Erase> = self
            .gate
            .own_act(tenant, &record.id, Reason::Retention, now)?;
        let accepting = self.erasures.accept(NewErasure {
            tenant,
            tenant_id: record.id.clone(),
            kind: ScopeKind::Retention,
            scope: json!({"retention": {"ended_by": now.to_string()}}),
            by: By::Node,
            reason: "retention".to_owned(),
            request: 0,
        })?;
        let watch = Stopwatch::start();
        let erased = self.router.erase(&grant, &Erasing::Ended)?;
        let erasure = accepting.removed(&erased, &watch)?;
        self.erase_later(tenant);
        Ok(Some(erasure.id))
    }

    /// Waits for the end of a sweep's bytes: whether there was a sweep.
    fn is_swept(&self, erasure: Option<ErasureId>, patience: Duration) -> Result<bool, Error> {
        let Some(id) = erasure else {
            return Ok(false);
        };
        let ended = self.erasures.wait(id, patience);
        if ended.is_some_and(|erasure| erasure.state == State::Done) {
            Ok(true)
        } else {
            Err(Error::new(
                ErrorKind::Unavailable,
                "what was removed isn't destroyed yet",
            ))
        }
    }
}

/// How long to wait for all sweeps of a look to come to their end: others may be before them.
const PATIENCE: Duration = Duration::from_secs(600);

/// Longest pause between two looks at what is due: data keys tell nobody that they grow old.
const LOOK_PAUSE: Duration = Duration::from_secs(60 * 60);
