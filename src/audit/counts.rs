//! Reads that are counted: who read, from where, in which minute, how often.
//!
//! The first of a key, address and minute has an entry of its own, written before it is allowed. What
//! is counted beside it is written when the minute is over, so a crash loses how often, never who.

use std::{collections::HashMap, net::IpAddr};

use super::entry::{Actor, Durability, Entry, Outcome, Repeats};
use crate::clock::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Counts {
    minute: u64,
    by_key: HashMap<&'static str, HashMap<Box<str>, Counted>>,
    /// What was counted in minutes that are over, and isn't written yet.
    due: Vec<Counted>,
}

/// What one key did in a minute, beside the first.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    key: Box<str>,
    tenant: Option<Box<str>>,
    action: &'static str,
    ip: Option<IpAddr>,
    pub(super) repeats: Repeats,
}

impl Counts {
    /// Counts one more act of a key that has an entry in this minute, from the same address. False if
    /// it has none.
    pub(super) fn add(&mut self, now: Timestamp, entry: &Entry<'_>) -> bool {
        let Actor::Key(key) = entry.actor else {
            return false;
        };
        let counted = self
            .by_key
            .get_mut(entry.action)
            .and_then(|keys| keys.get_mut(key));
        match counted {
            Some(counted) if self.minute == minute(now) && counted.ip == entry.ip => {
                counted.repeats.count += 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Begins to count for a key whose first act of the minute has its entry.
    pub(super) fn begin(&mut self, entry: &Entry<'_>, now: Timestamp) {
        let Actor::Key(key) = entry.actor else {
            return;
        };
        self.minute = minute(now);
        let keys = self.by_key.entry(entry.action).or_default();
        // A key that is used from two addresses at once is counted for one of them.
        if keys.len() < KEYS_MAX && !keys.contains_key(key) {
            let counted = Counted {
                key: key.into(),
                tenant: entry.tenant.map(Into::into),
                action: entry.action,
                ip: entry.ip,
                repeats: Repeats {
                    count: 0,
                    since: now,
                },
            };
            keys.insert(key.into(), counted);
        }
    }

    /// What is to be written next: of minutes that are over.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Counted> {
        if self.minute != minute(now) {
            self.end_minute();
        }
        self.due.last().cloned()
    }

    /// What was due last is written.
    pub(super) fn written(&mut self) {
        self.due.pop();
    }

    /// Ends the minute before its time: what was counted is due.
    pub(super) fn end_minute(&mut self) {
        let counted = std::mem::take(&mut self.by_key).into_values();
        let counted = counted.flat_map(HashMap::into_values);
        self.due
            .extend(counted.filter(|counted| counted.repeats.count > 0));
        // The earliest is taken first, from the end.
        self.due
            .sort_by_key(|counted| std::cmp::Reverse(counted.repeats.since));
    }
}

impl Counted {
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            actor: Actor::Key(&self.key),
            tenant: self.tenant.as_deref(),
            action: self.action,
            outcome: Outcome::Allowed,
            ip: self.ip,
            request: 0,
            durability: Durability::Written,
        }
    }
}

const fn minute(now: Timestamp) -> u64 {
    now.0 / 60_000
}

/// Keys that are counted at once, for each action. Past that, each of their reads has an entry.
const KEYS_MAX: usize = 65_536;
