//! What is counted: who did it, from where, in which minute, how often.
//!
//! Of reads, where the node is set up so, the first of a key, address and minute has an entry of its
//! own, written before it is allowed. Of refusals so many of a key and address do, or of a stranger's
//! address and of all strangers: what costs nothing mustn't fill the disk of a log that everything waits for.
//! What is counted beside them is written when the minute is over, so a crash loses how often, never who
//! (of strangers, past so many, from where).

use std::{collections::HashMap, net::IpAddr};

use super::entry::{Actor, Durability, Entry, Outcome, Repeats};
use crate::clock::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Counts {
    minute: u64,
    by_key: HashMap<&'static str, HashMap<Box<str>, Counted>>,
    /// How many refusals of a kind have an entry, and what was counted beside them. Without an address: all
    /// whose address isn't known, or is one too many.
    refusals: HashMap<Refusal, (u32, Counted)>,
    /// How many refusals of strangers have an entry.
    strangers: u32,
    /// What was counted in minutes that are over, and isn't written yet.
    due: Vec<Counted>,
}

/// What one key did in a minute, or strangers at one address, beside what has an entry.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    by: By,
    tenant: Option<Box<str>>,
    action: &'static str,
    outcome: Outcome,
    ip: Option<IpAddr>,
    pub(super) repeats: Repeats,
}

/// What refusals have in common that are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Refusal {
    by: By,
    action: &'static str,
    outcome: Outcome,
    ip: Option<IpAddr>,
}

/// Who did it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum By {
    Key(Box<str>),
    Operator(Box<str>),
    Strangers,
}

impl By {
    fn of(actor: Actor<'_>) -> Option<Self> {
        match actor {
            Actor::Key(key) => Some(Self::Key(key.into())),
            Actor::Operator(key) => Some(Self::Operator(key.into())),
            Actor::Stranger => Some(Self::Strangers),
            Actor::Node | Actor::NodeAbout(_) => None,
        }
    }

    fn actor(&self) -> Actor<'_> {
        match self {
            Self::Key(key) => Actor::Key(key),
            Self::Operator(key) => Actor::Operator(key),
            Self::Strangers => Actor::Stranger,
        }
    }
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
        let (Some(by), Some(key)) = (By::of(entry.actor), entry.actor.id()) else {
            return;
        };
        self.minute = minute(now);
        let keys = self.by_key.entry(entry.action).or_default();
        // A key that is used from two addresses at once is counted for one of them.
        if keys.len() < KEYS_MAX && !keys.contains_key(key) {
            keys.insert(key.into(), Counted::none(by, entry, entry.ip, now));
        }
    }

    /// Counts one more refusal, if enough of its kind have an entry in this minute. False if this one is to
    /// have one.
    pub(super) fn add_refusal(&mut self, now: Timestamp, entry: &Entry<'_>) -> bool {
        self.minute = minute(now);
        let Some(by) = By::of(entry.actor) else {
            return false;
        };
        let mut kind = Refusal {
            by,
            action: entry.action,
            outcome: entry.outcome,
            ip: entry.ip,
        };
        if self.refusals.len() >= REFUSAL_KINDS_MAX && !self.refusals.contains_key(&kind) {
            kind.ip = None;
        }
        let of_strangers = kind.by == By::Strangers;
        let none = || (0, Counted::none(kind.by.clone(), entry, kind.ip, now));
        let (written, counted) = self.refusals.entry(kind.clone()).or_insert_with(none);
        if *written < REFUSALS_EACH && !(of_strangers && self.strangers >= STRANGERS_MAX) {
            *written += 1;
            self.strangers += u32::from(of_strangers);
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
        let refusals = std::mem::take(&mut self.refusals).into_values();
        let counted = keys.chain(refusals.map(|(_, counted)| counted));
        self.due
            .extend(counted.filter(|counted| counted.repeats.count > 0));
        self.strangers = 0;
        // The earliest is taken first, from the end.
        self.due
            .sort_by_key(|counted| std::cmp::Reverse(counted.repeats.since));
    }
}

impl Counted {
    /// Nothing yet of acts like this one.
    fn none(by: By, entry: &Entry<'_>, ip: Option<IpAddr>, now: Timestamp) -> Self {
        Self {
            by,
            tenant: entry.tenant.map(Into::into),
            action: entry.action,
            outcome: entry.outcome,
            ip,
            repeats: Repeats {
                count: 0,
                since: now,
            },
        }
    }

    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            actor: self.by.actor(),
            tenant: self.tenant.as_deref(),
            action: self.action,
            outcome: self.outcome,
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
/// Refusals of a kind that have an entry in a minute, and of all strangers.
const REFUSALS_EACH: u32 = 60;
const STRANGERS_MAX: u32 = 600;
/// Kinds of refusals in a minute, past which addresses aren't told apart.
const REFUSAL_KINDS_MAX: usize = 1_024;
