//! One entry of the audit log.

use std::net::IpAddr;

use crate::clock::Timestamp;

/// What is recorded. Borrowed, and made of words the crate chose itself, but for the ids.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who asked.
    pub actor: Actor<'a>,
    /// The tenant that it was about, by its public id.
    pub tenant: Option<&'a str>,
    /// What was to be done: a name from the table of actions, or of the node's own acts.
    pub action: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// The request's id, which its answer carried too.
    pub request: u64,
    /// When the entry must be where, before the act.
    pub durability: Durability,
}

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor<'a> {
    /// Someone of a tenant, with a key: its id (not the key).
    Key(&'a str),
    /// An operator: the key's id.
    Operator(&'a str),
    /// Someone without a valid credential.
    Stranger,
    /// The node itself.
    Node,
    /// The node itself, about someone's key: its id.
    NodeAbout(&'a str),
}

impl<'a> Actor<'a> {
    /// The actor's name in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Operator(_) => OPERATOR,
            Self::Stranger => "stranger",
            Self::Node | Self::NodeAbout(_) => NODE,
        }
    }

    /// The id of the key that it is about.
    pub(super) const fn id(self) -> Option<&'a str> {
        match self {
            Self::Key(id) | Self::Operator(id) | Self::NodeAbout(id) => Some(id),
            Self::Stranger | Self::Node => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It was allowed.
    Allowed,
    /// The role or the key's own bounds didn't allow it.
    Denied,
    /// Too many requests.
    Limited,
    /// Something didn't open.
    Corrupt,
}

impl Outcome {
    /// Whether nothing was done.
    pub(super) const fn is_refusal(self) -> bool {
        match self {
            Self::Denied | Self::Limited => true,
            Self::Allowed | Self::Corrupt => false,
        }
    }

    /// The outcome's name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::Corrupt => "corrupt",
        }
    }
}

/// When an entry must be where, before the act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Handed to the operating system: survives the process, not the power. Where the node is set
    /// up to count reads, the first of a key, address and minute is, and the others are counted.
    Counted,
    /// Handed to the operating system. For upserts, and for refusals: past so many alike in a minute those
    /// are counted.
    Written,
    /// Fsynced. For keys, roles, tenants, erasure.
    Synced,
}

/// How many acts an entry stands for, beside the one that has an entry of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Repeats {
    pub(super) count: u64,
    pub(super) since: Timestamp,
}

pub(super) const OPERATOR: &str = "operator";
pub(super) const NODE: &str = "node";
