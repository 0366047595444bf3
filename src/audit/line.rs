//! The log's lines: how they are written, and how they are read back. This comment is the spec.
//!
//! A line is JSON, one object. Its `hash` is SHA-256 over everything that stands before `,"hash":`,
//! and that includes `prev`, the hash of the line before it: so no line can be changed, removed or
//! moved without breaking the chain.
//!
//! ```text
//! entry  {"v":2,"seq":n,"time":..,"actor":..,"key_id":..,"tenant":..,"action":..,"outcome":..,
//!         ["count":..,"since":..,]"ip":..,"request_id":..,"prev":"64 hex","hash":"64 hex"}
//! line   {"v":2,"seq":N,"entry":ENTRY,"prev":"64 hex","hash":"64 hex"}
//! ```
//!
//! An entry is a link of its tenant's own chain (entries without a tenant form the node's), and
//! is numbered there; the line around it is a link of the node's whole log. So what a tenant is
//! given, its entries alone, can be checked without the others', and tells nothing of how many
//! there are. A `count` stands for so many more acts like it since `since`.
//!
//! Version 1 had no such inner chain: a line was an entry, numbered in the whole log.

use std::io::Write;

use super::entry::{Actor, Entry, Repeats};
use crate::{clock::Timestamp, seal};

/// The end of a chain so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link {
    /// The number of its last entry.
    pub seq: u64,
    /// That entry's hash.
    pub hash: [u8; 32],
}

/// Writes the line that follows `log` in the whole log and `stream` in its tenant's own, and tells
/// the links that it makes.
pub(super) fn write(
    line: &mut Vec<u8>,
    (log, stream): (Link, Link),
    now: Timestamp,
    entry: &Entry<'_>,
    repeats: Option<Repeats>,
) -> (Link, Link) {
    line.clear();
    push(line, b"{\"v\":2,\"seq\":");
    push_display(line, log.seq + 1);
    push(line, b",\"entry\":");
    let stream = write_entry(line, stream, now, entry, repeats);
    let log = close(line, 0, log);
    line.push(b'\n');
    (log, stream)
}

fn write_entry(
    line: &mut Vec<u8>,
    last: Link,
    now: Timestamp,
    entry: &Entry<'_>,
    repeats: Option<Repeats>,
) -> Link {
    let start = line.len();
    let (actor, key) = match entry.actor {
        Actor::Key(id) => ("key", Some(id)),
        Actor::Stranger => ("stranger", None),
        Actor::Node => ("node", None),
        Actor::NodeAbout(id) => ("node", Some(id)),
    };
    push(line, b"{\"v\":2,\"seq\":");
    push_display(line, last.seq + 1);
    push(line, b",\"time\":\"");
    push_display(line, now);
    push(line, b"\",\"actor\":\"");
    push(line, actor.as_bytes());
    push(line, b"\",\"key_id\":");
    push_text(line, key);
    push(line, b",\"tenant\":");
    push_text(line, entry.tenant);
    push(line, b",\"action\":\"");
    push(line, entry.action.as_bytes());
    push(line, b"\",\"outcome\":\"");
    push(line, entry.outcome.name().as_bytes());
    push(line, b"\"");
    if let Some(Repeats { count, since }) = repeats {
        push(line, b",\"count\":");
        push_display(line, count);
        push(line, b",\"since\":\"");
        push_display(line, since);
        push(line, b"\"");
    }
    push(line, b",\"ip\":");
    match entry.ip {
        Some(ip) => {
            push(line, b"\"");
            push_display(line, ip);
            push(line, b"\"");
        }
        None => push(line, b"null"),
    }
    push(line, b",\"request_id\":");
    if repeats.is_some() {
        push(line, b"null");
    } else {
        push(line, b"\"");
        push_hex(line, &entry.request.to_be_bytes());
        push(line, b"\"");
    }
    close(line, start, last)
}

/// Ends the object that starts at `start` with the hash before it and its own.
fn close(line: &mut Vec<u8>, start: usize, last: Link) -> Link {
    push(line, PREV_FIELD.as_bytes());
    push_hex(line, &last.hash);
    push(line, b"\"");
    let hash = seal::digest(&[line.get(start..).unwrap_or_default()]);
    push(line, HASH_FIELD.as_bytes());
    push_hex(line, &hash);
    push(line, b"\"}");
    Link {
        seq: last.seq + 1,
        hash,
    }
}

/// A line, or an entry by itself, as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    /// The link that it makes, if what comes before it is right.
    pub(super) link: Link,
    /// What it says comes before it.
    pub(super) prev: [u8; 32],
    /// The entry within a line of the whole log.
    pub(super) entry: Option<&'a str>,
}

/// Why a line isn't one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// It isn't in the form of an entry.
    Form,
    /// Its hash isn't that of what it says.
    Hash,
}

impl<'a> Read<'a> {
    /// Reads a line of any version, and checks its own hash.
    pub(super) fn of(text: &'a str) -> Result<Self, Unread> {
        let (body, tail) = text.rsplit_once(HASH_FIELD).ok_or(Unread::Form)?;
        let hash = tail.strip_suffix("\"}").and_then(unhex);
        let hash = hash.ok_or(Unread::Form)?;
        let (start, prev) = body.rsplit_once(PREV_FIELD).ok_or(Unread::Form)?;
        let prev = prev.strip_suffix('"').and_then(unhex);
        let prev = prev.ok_or(Unread::Form)?;
        let (_, numbered) = start
            .strip_prefix("{\"v\":")
            .and_then(|rest| rest.split_once(",\"seq\":"))
            .ok_or(Unread::Form)?;
        let digits = numbered.find(',').and_then(|end| numbered.get(..end));
        let seq = digits.and_then(|digits| digits.parse().ok());
        let seq = seq.ok_or(Unread::Form)?;
        if seal::digest(&[body.as_bytes()]) != hash {
            return Err(Unread::Hash);
        }
        let fields = numbered.split_once(',').map(|(_, fields)| fields);
        Ok(Self {
            link: Link { seq, hash },
            prev,
            entry: fields.and_then(|fields| fields.strip_prefix(ENTRY_FIELD)),
        })
    }

    /// The entry in a line of the whole log, unchecked.
    pub(super) fn entry_in(text: &'a str) -> Option<&'a str> {
        let (_, entry) = text.split_once(ENTRY_FIELD)?;
        entry.rsplit_once(PREV_FIELD).map(|(entry, _)| entry)
    }
}

/// A field of an entry that is a text; none if it is null.
pub(super) fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    // No text of an entry has a quote in it that isn't escaped.
    let (_, rest) = entry.split_once(&format!(",\"{name}\":\""))?;
    rest.split_once('"').map(|(text, _)| text)
}

/// A field of an entry that is a number.
pub(super) fn number(entry: &str, name: &str) -> Option<u64> {
    let (_, rest) = entry.split_once(&format!(",\"{name}\":"))?;
    rest.split_once(',')?.0.parse().ok()
}

fn push(line: &mut Vec<u8>, bytes: &[u8]) {
    line.extend_from_slice(bytes);
}

fn push_display(line: &mut Vec<u8>, shown: impl std::fmt::Display) {
    // A vector takes what is written.
    drop(write!(line, "{shown}"));
}

fn push_text(line: &mut Vec<u8>, text: Option<&str>) {
    // A text makes JSON whatever it is, and so does nothing.
    drop(serde_json::to_writer(line, &text));
}

fn push_hex(line: &mut Vec<u8>, bytes: &[u8]) {
    // Several times for every act of the node: so a table, and no formatting machinery.
    for byte in bytes {
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
        line.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    String::from_utf8(text).unwrap_or_default()
}

pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| DIGITS.iter().position(|digit| Some(digit) == pair.get(at));
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(bytes)
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Stands between what is hashed and the hash.
const HASH_FIELD: &str = ",\"hash\":\"";
const ENTRY_FIELD: &str = "\"entry\":";
const PREV_FIELD: &str = ",\"prev\":\"";
