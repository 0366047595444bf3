//! Keys, and subjects of issuers, that behave oddly: counted, recorded, told to the tenant's webhooks,
//! and suspended where its policy says so. What is odd is told by `access::Watcher`.

use std::{sync::Arc, time::Duration};

use super::{Engine, Error, ErrorKind, Event};
use crate::{
    access::{
        ApiKeyId, Denial, Grant, KeyExtras, KnownKey, ManageKeys, Oddity, Principal, Role,
        Unauthenticated, Watch, WatchedId, day, point_hash,
    },
    audit::{Actor, Durability, Entry, Outcome},
    partition::ScoredPoint,
    tenant::CollectionName,
};

impl Engine {
    /// A principal was believed. If it comes from more networks than its tenant bears, it isn't any
    /// more.
    pub(super) fn note_used(&self, principal: &Principal) -> Result<(), Error> {
        let Some((who, watch)) = self.watched(principal) else {
            return Ok(());
        };
        let now = self.clock.now();
        match self.watcher.used(who, principal.ip(), watch, now) {
            None => Ok(()),
            Some(oddity) if self.react(principal, who, oddity) => Err(match who {
                WatchedId::Key(_) => Unauthenticated::Suspended,
                WatchedId::Subject(_) => Unauthenticated::SubjectSuspended,
            }
            .into()),
            Some(_) => Ok(()),
        }
    }

    /// A principal asks more than it may, for now. That is nothing odd: who waits as told is served, and a
    /// key's flood that uses up its tenant's rate mustn't get the others suspended.
    pub(super) fn note_limited(&self, principal: &Principal) {
        self.metrics.denials.inc();
        self.tally(principal, |tally| &tally.rejections);
    }

    /// Something was refused to a principal.
    pub(super) fn note_refused(&self, principal: &Principal, denial: Option<&Denial>) {
        self.note_limited(principal);
        if let Some(Denial::Limited { .. }) = denial {
            return;
        }
        if let Some(
            Denial::Role { .. } | Denial::Collection | Denial::WholeTenant | Denial::Bound { .. },
        ) = denial
        {
            self.metrics.privilege_escalation_attempts.inc();
        }
        if let Some((who, watch)) = self.watched(principal)
            && let Some(oddity) = self.watcher.refused(who, watch, self.clock.now())
        {
            self.react(principal, who, oddity);
        }
    }

    /// Whether a principal may be answered more points today.
    pub(super) fn may_be_answered(&self, principal: &Principal) -> Result<(), Error> {
        let Some((who, watch)) = self.budgeted(principal) else {
            return Ok(());
        };
        let may = self.watcher.may_read(who, watch, self.clock.now());
        may.map_err(|wait| self.read_too_much(principal, wait))
    }

    fn read_too_much(&self, principal: &Principal, wait: Duration) -> Error {
        self.note_limited(principal);
        Error::new(
            ErrorKind::Limited(wait),
            "as many different points were answered as may be in a day",
        )
    }

    /// A principal is to be answered these points, as one query's answer.
    ///
    /// # Errors
    /// [`ErrorKind::Limited`]: it mustn't be.
    pub(super) fn note_answered<'a>(
        &self,
        principal: &Principal,
        collection: &CollectionName,
        points: impl IntoIterator<Item = &'a ScoredPoint>,
    ) -> Result<(), Error> {
        let Some((who, watch)) = self.budgeted(principal) else {
            return Ok(());
        };
        let hashed = |found: &ScoredPoint| point_hash(&self.counter, collection, found.point.id);
        // Before the watcher is asked: it is everyone's, one after the other.
        let points: Vec<_> = points.into_iter().map(hashed).collect();
        let now = self.clock.now();
        let answered = self.watcher.answered(who, points, watch, now);
        if let Some(oddity) = answered.map_err(|wait| self.read_too_much(principal, wait))? {
            self.react(principal, who, oddity);
        }
        Ok(())
    }

    /// Whose behaviour it is, and what the tenant wants done about it.
    fn watched(&self, principal: &Principal) -> Option<(WatchedId, Watch)> {
        let watch = self.router.policy(principal.tenant()?).watch;
        Some((principal.watched()?, watch))
    }

    fn budgeted(&self, principal: &Principal) -> Option<(WatchedId, Watch)> {
        if principal.role() != Role::Inference {
            return None;
        }
        let watched = self.watched(principal)?;
        watched.1.distinct_points_per_day.map(|_| watched)
    }

    /// Counts, records and tells something odd. Whether who did it is suspended for it.
    fn react(&self, principal: &Principal, who: WatchedId, oddity: Oddity) -> bool {
        let (counter, what, suspend) = match oddity {
            Oddity::NewNetwork { suspend } => (
                &self.metrics.unusual_access_patterns,
                "new_network",
                suspend,
            ),
            Oddity::OftenRefused { suspend } => {
                (&self.metrics.api_abuse_detection, "often_refused", suspend)
            }
            Oddity::MuchRead => (&self.metrics.data_access_anomalies, "much_read", false),
        };
        counter.inc();
        self.record_oddity(principal, what, Durability::Written);
        if let Some(tenant) = principal.tenant() {
            let event = Event::SecuritySuspicious {
                what,
                key: principal.known().map(|key| key.record().id),
                actor: principal.actor().into_owned(),
            };
            self.notify(tenant, &event);
        }
        if suspend {
            match who {
                WatchedId::Key(id) => self.suspend_key(principal, id),
                WatchedId::Subject(id) => self.suspend_subject(principal, id),
            }
        }
        suspend
    }

    /// A suspended key isn't believed, from now on and after a restart, until an owner resumes it.
    fn suspend_key(&self, principal: &Principal, id: ApiKeyId) {
        let _changing = self.changing_keys.lock();
        let Some(key) = self.gate.keys().find(id) else {
            return;
        };
        if key.extras().suspended.is_some() {
            return;
        }
        self.record_oddity(principal, "suspend_key", Durability::Synced);
        let extras = KeyExtras {
            suspended: Some(self.clock.now()),
            ..key.extras().clone()
        };
        // In memory in any case: a key that can't be written down as suspended is suspended until
        // the next start.
        if let Err(error) = self.router.keep_key(key.record(), &extras) {
            let error = Error::from(error).chain();
            tracing::error!(error, "a key's suspension couldn't be written down");
        }
        self.gate.keys().extend(id, extras);
    }

    /// Believes a suspended key of the principal's tenant again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's key.
    pub fn resume_key(&self, principal: &Principal, id: ApiKeyId) -> Result<Arc<KnownKey>, Error> {
        let _grant: Grant<ManageKeys> = self.check(principal, None)?;
        self.may_hand_over(principal, &self.key_of(principal, id)?.bounds())?;
        self.record_act(principal, "resume_key")?;
        let _changing = self.changing_keys.lock();
        let key = self.key_of(principal, id)?;
        let extras = KeyExtras {
            suspended: None,
            ..key.extras().clone()
        };
        self.router.keep_key(key.record(), &extras)?;
        self.gate.keys().extend(id, extras);
        self.forget_behaviour(WatchedId::Key(id))?;
        self.key_of(principal, id)
    }

    /// Who was resumed begins anew, with a whole budget.
    pub(super) fn forget_behaviour(&self, who: WatchedId) -> Result<(), Error> {
        self.watcher.forget(who);
        Ok(self.router.drop_answered(who)?)
    }

    /// Writes down what those who ask were answered today, and forgets what they were on other days.
    pub(super) fn write_down_answered(&self) -> Result<(), Error> {
        let _changing = self.changing_keys.lock();
        // Of a key that is gone nothing may stay.
        let records = self.watcher.take_unwritten(|who| match who {
            WatchedId::Key(id) => self.gate.keys().find(id).is_some(),
            WatchedId::Subject(_) => true,
        });
        if let Err(error) = self.router.keep_answered(&records) {
            self.watcher.give_back(records);
            return Err(error.into());
        }
        let today = day(self.clock.now());
        let mut begun = self.day_begun.lock();
        if *begun != Some(today) {
            self.router.drop_answered_before(today)?;
            *begun = Some(today);
        }
        Ok(())
    }

    pub(super) fn record_oddity(
        &self,
        principal: &Principal,
        what: &'static str,
        durability: Durability,
    ) {
        let about = principal.actor();
        let entry = Entry {
            actor: Actor::NodeAbout(&about),
            tenant: principal.scope().name(),
            action: what,
            outcome: Outcome::Allowed,
            ip: principal.ip(),
            request: principal.request(),
            durability,
        };
        if let Err(error) = self.audit.record(self.clock.now(), &entry) {
            tracing::error!(error = %error, "an oddity couldn't be recorded");
        }
    }
}
