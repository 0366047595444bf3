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
        erase::{By, NewErasure, State},
        receipt::ScopeKind,
    },
    partition::Erasing,
    router::{RouterError, TenantRecord, TenantState},
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
    /// Sweeps the tenants whose time has come, one after the other.
    pub fn sweep_due(&self, now: Timestamp) -> Swept {
        let mut rounds = self.rounds.lock();
        let round = rounds.look(self.router.sweeps().times(), now);
        let mut tenants = 0;
        for tenant in round.due {
            match self.sweep(tenant, now) {
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

    /// Sweeps a tenant, if it is still there.
    fn sweep(&self, tenant: TenantUuid, now: Timestamp) -> Result<bool, Error> {
        let sweeps = self.router.sweeps();
        let record = self.router.own_record(tenant);
        let record = record.filter(|record| match record.state {
            TenantState::Active | TenantState::Suspended => true,
            TenantState::Deleting | TenantState::Deleted => false,
        });
        let Some(record) = record else {
            // Its end takes everything with it.
            sweeps.done(tenant, None).map_err(RouterError::from)?;
            return Ok(false);
        };
        sweeps.begin(tenant);
        let next = self.erase_ended(&record, now);
        let next = next.inspect_err(|_| sweeps.failed(tenant))?;
        sweeps.done(tenant, next).map_err(RouterError::from)?;
        Ok(true)
    }

    /// Erases what has ended of a tenant, and waits for the end of its bytes. When the next sweep
    /// begins.
    fn erase_ended(
        &self,
        record: &TenantRecord,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let tenant = record.uuid;
        let grant: Grant<Erase> = self
            .gate
            .own_act(tenant, &record.id, Reason::Retention, now)?;
        let id = self.erasures.accept(NewErasure {
            tenant,
            tenant_id: record.id.clone(),
            kind: ScopeKind::Retention,
            scope: json!({"retention": {"ended_by": now.to_string()}}),
            by: By::Node,
            reason: "retention".to_owned(),
            request: 0,
        })?;
        let watch = Stopwatch::start();
        let erased = self.router.erase(&grant, &Erasing::Ended);
        let erased = erased.inspect_err(|_| self.erasures.refuse(id))?;
        self.erasures.removed(id, &erased, &watch)?;
        self.erase_later(tenant);
        let ended = self.erasures.wait(id, PATIENCE);
        if ended.is_some_and(|erasure| erasure.state == State::Done) {
            Ok(erased.next_sweep)
        } else {
            Err(Error::new(
                ErrorKind::Unavailable,
                "what was removed isn't destroyed yet",
            ))
        }
    }
}

/// How long to wait for an erasure to come to its end: others may be before it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Longest pause between two looks at what is due: data keys tell nobody that they grow old.
const LOOK_PAUSE: Duration = Duration::from_secs(60 * 60);
