//! What is counted: who did it, from where, in which minute, how often.
//!
//! Of reads, where the node is set up so, the first of a key, address and minute has an entry of its
//! own, written before it is allowed. Of refusals of strangers so many of an address and of all do:
//! what costs a stranger nothing mustn't fill the disk of a log that everything waits for. What is
//! counted beside them is written when the minute is over, so a crash loses how often, never who.

use std::{collections::HashMap, net::IpAddr};

use super::entry::{Actor, Durability, Entry, Outcome, Repeats};
use crate::clock::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Counts {
    minute: u64,
    by_key: HashMap<&'static str, HashMap<Box<str>, Counted>>,
    /// Strangers, and how many of an address's refusals have an entry. Without an address: all whose
    /// address isn't known, or is one too many.
    by_address: HashMap<Option<IpAddr>, (u32, Counted)>,
    /// How many refusals of strangers have an entry.
    refusals: u32,
    /// What was counted in minutes that are over, and isn't written yet.
    due: Vec<Counted>,
}

/// What one key did in a minute, or strangers at one address, beside what has an entry.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    by: By,
    tenant: Option<Box<str>>,
    action: &'static str,
    ip: Option<IpAddr>,
    pub(super) repeats: Repeats,
}

/// Who did it.
#[derive(Clone, Debug)]
enum By {
    Key(Box<str>),
    Operator(Box<str>),
    Strangers,
}

impl Counts {
    /// Counts one more act of a key that has an entry in this minute, from the same address. False if
    /// it has none.
    pub(super) fn add(&mut self, now: Timestamp, entry: &Entry<'_>) -> bool {
        let (Actor::Key(key) | Actor::Operator(key)) = entry.actor else {
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
        let (by, key) = match entry.actor {
            Actor::Key(key) => (By::Key(key.into()), key),
            Actor::Operator(key) => (By::Operator(key.into()), key),
            Actor::Stranger | Actor::Node | Actor::NodeAbout(_) => return,
        };
        self.minute = minute(now);
        let keys = self.by_key.entry(entry.action).or_default();
        // A key that is used from two addresses at once is counted for one of them.
        if keys.len() < KEYS_MAX && !keys.contains_key(key) {
            let counted = Counted {
                by,
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

    /// Counts one more refusal of a stranger, if enough of this minute have an entry. False if this one
    /// is to have one.
    pub(super) fn add_refusal(&mut self, now: Timestamp, entry: &Entry<'_>) -> bool {
        self.minute = minute(now);
        let room = self.by_address.len() < ADDRESSES_MAX;
        let known = room || self.by_address.contains_key(&entry.ip);
        let ip = entry.ip.filter(|_| known);
        let (written, counted) = self.by_address.entry(ip).or_insert_with(|| {
            let counted = Counted {
                by: By::Strangers,
                tenant: None,
                action: entry.action,
                ip,
                repeats: Repeats {
                    count: 0,
                    since: now,
                },
            };
            (0, counted)
        });
        if *written < REFUSALS_EACH && self.refusals < REFUSALS_MAX {
            *written += 1;
            self.refusals += 1;
            return false;
        }
        counted.repeats.count += 1;
        true
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
        let keys = std::mem::take(&mut self.by_key).into_values();
        let keys = keys.flat_map(HashMap::into_values);
        let strangers = std::mem::take(&mut self.by_address).into_values();
        let counted = keys.chain(strangers.map(|(_, counted)| counted));
        self.due
            .extend(counted.filter(|counted| counted.repeats.count > 0));
        self.refusals = 0;
        // The earliest is taken first, from the end.
        self.due
            .sort_by_key(|counted| std::cmp::Reverse(counted.repeats.since));
    }
}

impl Counted {
    pub(super) fn entry(&self) -> Entry<'_> {
        let (actor, outcome) = match &self.by {
            By::Key(key) => (Actor::Key(key), Outcome::Allowed),
            By::Operator(key) => (Actor::Operator(key), Outcome::Allowed),
            By::Strangers => (Actor::Stranger, Outcome::Denied),
        };
        Entry {
            actor,
            tenant: self.tenant.as_deref(),
            action: self.action,
            outcome,
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
/// Refusals of strangers that have an entry in a minute: of an address, and of all.
const REFUSALS_EACH: u32 = 60;
const REFUSALS_MAX: u32 = 600;
/// Addresses that are told apart in a minute.
const ADDRESSES_MAX: usize = 1_024;
