//! What is done now and then, whoever asks: uses of keys are written down, what is over is forgotten.

use std::{
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{Engine, Error, Event};
use crate::{
    access::{ApiKeyId, KnownKey},
    clock::Timestamp,
};

/// Tends a node until it is gone: its end of `gone` goes with it.
pub(super) fn keep(engine: &Weak<Engine>, gone: &Receiver<()>) {
    while gone.recv_timeout(TEND_EVERY) == Err(RecvTimeoutError::Timeout) {
        match engine.upgrade() {
            Some(engine) => engine.tend(),
            None => return,
        }
    }
}

impl Engine {
    /// Does what is done now and then.
    pub fn tend(&self) {
        let now = self.clock.now();
        for (what, done) in [
            ("the last uses of keys", self.write_down_uses()),
            ("what keys were answered", self.write_down_answered()),
            ("families of refresh tokens", self.forget_what_is_over(now)),
            ("webhooks", self.forget_webhooks_of_the_deleted()),
            ("subjects", self.forget_subjects_of_the_deleted()),
        ] {
            if let Err(error) = done {
                tracing::error!(
                    error = error.chain(),
                    what,
                    "couldn't be tended; tried again later"
                );
            }
        }
        self.tell_of_expiring_keys(now);
        self.tell_of_near_quotas();
    }

    /// Counts the keys that end soon, and tells their tenants' webhooks of each, once a start.
    fn tell_of_expiring_keys(&self, now: Timestamp) {
        let mut expiring = self.gate.keys().all();
        expiring.retain(|key| is_expiring(key, now));
        self.metrics
            .keys_expiring
            .set(i64::try_from(expiring.len()).unwrap_or(i64::MAX));
        let mut told = self.told_of_keys.lock();
        told.retain(|id| expiring.iter().any(|key| key.record().id == *id));
        for key in expiring {
            let record = key.record();
            if let (Some(tenant), Some(expires)) = (record.scope.tenant(), record.expires)
                && told.insert(record.id)
            {
                let key = record.id;
                self.notify(tenant, &Event::KeyExpiring { key, expires });
            }
        }
    }

    pub(super) fn write_down_uses(&self) -> Result<(), Error> {
        let _changing = self.changing_keys.lock();
        let unwritten = self.gate.keys().all();
        let unwritten = unwritten.iter().filter_map(|key| {
            // The operator key that the configuration supplies is stored nowhere.
            let stored = key.record().id != ApiKeyId::OPERATOR;
            let extras = key.unwritten().filter(|_| stored)?;
            Some((key.record().id, extras))
        });
        let unwritten: Vec<_> = unwritten.collect();
        for some in unwritten.chunks(AT_ONCE) {
            self.router.keep_extras(some)?;
            for (id, extras) in some {
                self.gate.keys().extend(*id, extras.clone());
            }
        }
        Ok(())
    }

    fn forget_what_is_over(&self, now: Timestamp) -> Result<(), Error> {
        let tokens = self.tokens()?;
        for some in tokens.families().over(now).chunks(AT_ONCE) {
            self.forget(tokens, some)?;
        }
        let numbers = tokens.prune_keys(now);
        if !numbers.is_empty() {
            self.router.drop_token_keys(&numbers)?;
        }
        Ok(())
    }
}

/// Whether a key ends within two weeks, and hasn't yet.
pub(super) fn is_expiring(key: &KnownKey, now: Timestamp) -> bool {
    let expires = key.record().expires;
    expires.is_some_and(|end| now < end && end <= now.plus(EXPIRY_NEAR))
}

/// How long before its end a key is said to be ending.
pub const EXPIRY_NEAR: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const TEND_EVERY: Duration = Duration::from_secs(60);
/// Records that are written at once: a batch of them is well under a megabyte.
const AT_ONCE: usize = 1_000;
