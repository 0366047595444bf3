//! How long points are kept: what the node makes of it, and what a map would.

use std::{collections::BTreeMap, mem, time::Duration};

use locule::{
    clock::{Clock, Timestamp},
    engine::ErrorKind,
    ops::receipt::ScopeKind,
    partition::Retention,
};
use proptest::{prelude::*, sample::select};

use super::{
    oracle::{Expected, Point},
    step::{Place, Step, TENANTS},
    subject::{Subject, key, missing, name},
};

/// How long points are to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retain {
    Days(u64),
    /// Until the time in the field `until`.
    Field,
    /// Until they are deleted, with a bound for when those are gone from the disk.
    Bound,
    Forever,
}

pub fn any_retain() -> impl Strategy<Value = Retain> {
    let all = [
        Retain::Days(1),
        Retain::Days(3),
        Retain::Field,
        Retain::Bound,
        Retain::Forever,
    ];
    select(all.to_vec())
}

/// What a collection's retention goes by.
#[derive(Debug, Default)]
pub struct Kept {
    retain: Option<Retain>,
    /// When each write was.
    writes: BTreeMap<u64, Timestamp>,
    /// Points that have ended since a sweep told of any.
    untold: u64,
}

impl Kept {
    pub fn wrote(&mut self, version: u64, now: Timestamp) {
        self.writes.insert(version, now);
    }

    fn end(&self, point: &Point) -> Option<Timestamp> {
        match self.retain? {
            Retain::Days(days) => {
                let written = self.writes[&point.version];
                Some(Timestamp(written.0 + days * 24 * 3_600_000))
            }
            Retain::Field => {
                let until = point.payload.get("until")?;
                let seconds = until.as_u64().or_else(|| {
                    (until == "2027-01-16T20:00:00Z").then_some(1_800_000_000 + 36 * 3_600)
                });
                Some(Timestamp(seconds? * 1_000))
            }
            Retain::Bound | Retain::Forever => None,
        }
    }
}

impl Expected {
    /// How many points have ended by now, and are gone.
    fn expire(&mut self, now: Timestamp) -> u64 {
        let (kept, before) = (&self.kept, self.points.len());
        self.points
            .retain(|_, point| kept.end(point).is_none_or(|end| end > now));
        (before - self.points.len()) as u64
    }
}

impl Subject {
    pub fn retain(&mut self, place: Place, retain: Retain) {
        let owner = self.owner(place.tenant);
        let (engine, name) = (self.engine(), name(place));
        let retention = match retain {
            Retain::Days(days) => Retention::new(Some(days), None, None),
            Retain::Field => Retention::new(None, Some("until"), Some(1)),
            Retain::Bound => Retention::new(None, None, Some(7)),
            Retain::Forever => {
                let removed = engine.remove_retention(&owner, &name);
                let expected = self.expected.get_mut(&key(place));
                let before = expected.and_then(|expected| expected.kept.retain.take());
                if before.is_some() {
                    removed.unwrap();
                } else {
                    assert_eq!(removed.unwrap_err().kind(), ErrorKind::NotFound);
                }
                return;
            }
        };
        let set = engine.set_retention(&owner, &name, retention.unwrap());
        match self.expected.get_mut(&key(place)) {
            Some(expected) => {
                set.unwrap();
                expected.kept.retain = Some(retain);
            }
            None => missing(set),
        }
    }

    pub fn wait(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3_600));
    }

    /// What has ended by now is gone.
    pub fn expire(&mut self) {
        let now = self.clock.now();
        for expected in self.expected.values_mut() {
            expected.kept.untold += expected.expire(now);
        }
    }

    /// What had ended when it was written was never there, so no sweep tells of it.
    pub fn expire_written(&mut self, place: Place) {
        let now = self.clock.now();
        if let Some(expected) = self.expected.get_mut(&key(place)) {
            expected.expire(now);
        }
    }

    /// Sweeps the tenants that are due: each is told of what has ended since it was swept before.
    pub fn sweep(&mut self) {
        let before: Vec<_> = (0..TENANTS).map(|tenant| self.sweeps(tenant)).collect();
        self.engine().sweep_due(self.clock.now());
        for (tenant, (times, points)) in before.into_iter().enumerate() {
            let (times_now, points_now) = self.sweeps(tenant);
            if times_now > times {
                let own = self.expected.iter_mut().filter(|(of, _)| of.0 == tenant);
                let untold: u64 = own.map(|(_, own)| mem::take(&mut own.kept.untold)).sum();
                assert_eq!(points_now - points, untold);
            }
        }
    }

    /// How often a tenant was swept, and of how many points it was told.
    fn sweeps(&self, tenant: usize) -> (usize, u64) {
        let erasures = self.engine().erasures(&self.owner(tenant)).unwrap();
        let sweeps = erasures.iter().filter(|of| of.kind == ScopeKind::Retention);
        let points: Vec<u64> = sweeps.map(|sweep| sweep.points).collect();
        (points.len(), points.iter().sum())
    }

    /// In time every sweep comes that is to.
    pub fn check_all_is_told(&mut self) {
        self.take(Step::Wait(1_000));
        self.take(Step::Sweep);
        for expected in self.expected.values() {
            assert_eq!(
                expected.kept.untold, 0,
                "a sweep that is to tell of it comes"
            );
        }
    }
}
