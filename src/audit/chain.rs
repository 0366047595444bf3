//! The hash chain: each line holds the hash of the line before and its own.
//!
//! A line is JSON. Its `hash` is SHA-256 over everything that stands before `,"hash":`, and that
//! includes `prev`, so no line can be changed, removed or moved without breaking the chain.

use std::{fmt, io::BufRead, net::IpAddr};

use serde::Serialize;

use super::entry::{Actor, Entry};
use crate::{clock::Timestamp, seal};

/// The end of the chain so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
}

impl Link {
    /// The next line, and the link that it makes.
    pub(super) fn extend(self, now: Timestamp, entry: &Entry<'_>) -> (String, Self) {
        let seq = self.seq + 1;
        let (actor, key) = match entry.actor {
            Actor::Key(id) => ("key", Some(id)),
            Actor::Stranger => ("stranger", None),
            Actor::Node => ("node", None),
        };
        let fields = Line {
            v: 1,
            seq,
            time: format_args!("{now}"),
            actor,
            key_id: key,
            tenant: entry.tenant,
            action: entry.action,
            outcome: entry.outcome.name(),
            ip: entry.ip,
            request_id: format_args!("{:016x}", entry.request),
            prev: hex(&self.hash),
        };
        // Strings and numbers alone: this can't fail, and an empty line would break the chain.
        let mut line = serde_json::to_string(&fields).unwrap_or_default();
        line.pop();
        let hash = seal::digest(&[line.as_bytes()]);
        line.push_str(HASH_FIELD);
        line.push_str(&hex(&hash));
        line.push_str("\"}\n");
        (line, Self { seq, hash })
    }

    /// The link that a line makes, if the line is whole and its hash right.
    pub(super) fn of_line(line: &str) -> Option<(Self, [u8; 32])> {
        let (body, tail) = line.rsplit_once(HASH_FIELD)?;
        let hash = unhex(tail.strip_suffix("\"}")?)?;
        let fields: serde_json::Value = serde_json::from_str(&format!("{body}}}")).ok()?;
        let prev = unhex(fields.get("prev")?.as_str()?)?;
        let seq = fields.get("seq")?.as_u64()?;
        (seal::digest(&[body.as_bytes()]) == hash).then_some((Self { seq, hash }, prev))
    }
}

/// A line's fields, in their order.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    seq: u64,
    time: fmt::Arguments<'a>,
    actor: &'static str,
    key_id: Option<&'a str>,
    tenant: Option<&'a str>,
    action: &'static str,
    outcome: &'static str,
    ip: Option<IpAddr>,
    request_id: fmt::Arguments<'a>,
    prev: String,
}

/// Checks a chain from its first line on, and tells how many lines hold.
///
/// # Errors
/// [`ChainError::Broken`] at the first line that doesn't follow from the ones before.
pub fn verify(lines: impl BufRead) -> Result<u64, ChainError> {
    let mut last = Link::default();
    for line in lines.lines() {
        let broken = ChainError::Broken { seq: last.seq + 1 };
        match Link::of_line(&line?) {
            Some((link, prev)) if prev == last.hash && link.seq == last.seq + 1 => last = link,
            Some(_) | None => return Err(broken),
        }
    }
    Ok(last.seq)
}

/// Why a chain doesn't hold.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A line was changed, removed, added or moved.
    #[error("the audit chain breaks at entry {seq}")]
    Broken {
        /// The number of the first entry that isn't right.
        seq: u64,
    },
    /// The log can't be read.
    #[error("the audit log can't be read")]
    Io(#[from] std::io::Error),
}

fn hex(bytes: &[u8; 32]) -> String {
    // Twice for every act of the node: so a table, and no formatting machinery.
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Stands between what is hashed and the hash.
const HASH_FIELD: &str = ",\"hash\":\"";
