//! How long points are kept: what the node makes of it, and what a map would.

use std::{collections::BTreeMap, time::Duration};

use locule::{
    clock::{Clock, Timestamp},
    engine::ErrorKind,
    partition::Retention,
};
use proptest::{prelude::*, sample::select};

use super::{
    oracle::{Expected, Point},
    step::Place,
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
    fn expire(&mut self, now: Timestamp) {
        let kept = &self.kept;
        self.points
            .retain(|_, point| kept.end(point).is_none_or(|end| end > now));
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
            expected.expire(now);
        }
    }
}
