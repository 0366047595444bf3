//! The log's lines: how they are written. This comment is the spec; [`read`](super::read) reads them.
//!
//! A line is JSON, one object, and so is the entry in it:
//!
//! ```text
//! line   {"v":3,"seq":N,"entry":ENTRY,"prev":"64 hex","hash":"64 hex"}
//! entry  {"v":3,"seq":n,"time":..,"actor":..,"tenant":..,"action":..,"outcome":..,
//!         ["count":..,"since":..,]WHO,"prev":"64 hex","hash":"64 hex"}
//! who    "key_id":..,"ip":..,"request_id":..,"salt":"32 hex"
//! ```
//!
//! An entry is a link of its tenant's own chain (entries without a tenant form the node's), and
//! is numbered there; the line around it is a link of the node's whole log. So what a tenant is
//! given, its entries alone, can be checked without the others', and tells nothing of how many
//! there are. A `count` stands for so many more acts like it since `since`.
//!
//! `hash` is SHA-256 over everything that stands before `,"hash":`, and that includes `prev`, the hash
//! of the one before: so nothing can be changed, removed or moved without breaking the chain. In what is
//! hashed digests stand for the parts: for ENTRY its own `hash`, in quotes; for WHO
//!
//! ```text
//! "who":"64 hex"
//! ```
//!
//! which is SHA-256 over WHO. In an erased tenant's entries that stands there itself, with spaces up to where
//! WHO ended ([`reduce`](super::reduce)): the chains hold with it, and the salt, which went too, keeps
//! anybody from trying out whose address or key it was.
//!
//! In version 2 a hash was over all that stood before it, as it stood, and `key_id` came before `tenant`.
//! Version 1 had no inner chain either: a line was an entry, numbered in the whole log.

use std::{io::Write, ops::Range};

use super::{
    entry::{Entry, Repeats},
    salt::Salt,
};
use crate::{clock::Timestamp, seal};

/// The end of a chain so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Link {
    /// The number of its last entry.
    pub seq: u64,
    /// That entry's hash.
    pub hash: [u8; 32],
}

/// What is written of an entry beside the entry.
pub(super) struct Circumstances {
    pub(super) now: Timestamp,
    pub(super) repeats: Option<Repeats>,
    pub(super) salt: Salt,
    /// Its tenant was erased: who it was isn't written.
    pub(super) nameless: bool,
}

/// Writes the line that follows `log` in the whole log and `stream` in its tenant's own, and tells
/// the links that it makes.
pub(super) fn write(
    line: &mut Vec<u8>,
    (log, stream): (Link, Link),
    entry: &Entry<'_>,
    circumstances: &Circumstances,
) -> (Link, Link) {
    line.clear();
    push(line, b"{\"v\":3,\"seq\":");
    push_display(line, log.seq + 1);
    push(line, b",");
    push(line, ENTRY_FIELD.as_bytes());
    let start = line.len();
    let stream = write_entry(line, stream, entry, circumstances);
    let inner = start..line.len();
    let log = close(line, 0, inner, (b"\"", &stream.hash), log);
    line.push(b'\n');
    (log, stream)
}

fn write_entry(
    line: &mut Vec<u8>,
    last: Link,
    entry: &Entry<'_>,
    circumstances: &Circumstances,
) -> Link {
    let start = line.len();
    push(line, b"{\"v\":3,\"seq\":");
    push_display(line, last.seq + 1);
    push(line, b",\"time\":\"");
    push_display(line, circumstances.now);
    push(line, b"\",\"actor\":\"");
    push(line, entry.actor.name().as_bytes());
    push(line, b"\",\"tenant\":");
    push_text(line, entry.tenant);
    push(line, b",\"action\":\"");
    push(line, entry.action.as_bytes());
    push(line, b"\",\"outcome\":\"");
    push(line, entry.outcome.name().as_bytes());
    push(line, b"\",");
    if let Some(Repeats { count, since }) = circumstances.repeats {
        push(line, b"\"count\":");
        push_display(line, count);
        push(line, b",\"since\":\"");
        push_display(line, since);
        push(line, b"\",");
    }
    let who = line.len();
    write_who(line, entry, circumstances);
    let digest = seal::digest(&[line.get(who..).unwrap_or_default()]);
    let inner = who..line.len();
    close(line, start, inner, (WHO_FIELD.as_bytes(), &digest), last)
}

fn write_who(line: &mut Vec<u8>, entry: &Entry<'_>, circumstances: &Circumstances) {
    let named = !circumstances.nameless;
    push(line, KEY_FIELD.as_bytes());
    push_text(line, entry.actor.id().filter(|_| named));
    push(line, b",\"ip\":");
    match entry.ip.filter(|_| named) {
        Some(ip) => {
            push(line, b"\"");
            push_display(line, ip);
            push(line, b"\"");
        }
        None => push(line, b"null"),
    }
    push(line, b",\"request_id\":");
    if circumstances.repeats.is_some() || circumstances.nameless {
        push(line, b"null");
    } else {
        push(line, b"\"");
        push_hex(line, &entry.request.to_be_bytes());
        push(line, b"\"");
    }
    push(line, b",\"salt\":\"");
    push_hex(line, &circumstances.salt);
    push(line, b"\"");
}

/// What stands for WHO in an entry that was reduced.
pub(super) fn reduced(digest: &[u8; 32]) -> Vec<u8> {
    [WHO_FIELD.as_bytes(), &hex_digits(digest), b"\""].concat()
}

/// Ends the object that starts at `start` with the hash before it and its own, in which a digest stands for
/// what is inside.
fn close(
    line: &mut Vec<u8>,
    start: usize,
    inside: Range<usize>,
    stands_for_it: (&[u8], &[u8; 32]),
    last: Link,
) -> Link {
    push(line, PREV_FIELD.as_bytes());
    push_hex(line, &last.hash);
    push(line, b"\"");
    let part = |range| line.get::<Range<usize>>(range).unwrap_or_default();
    let (before, after) = (part(start..inside.start), part(inside.end..line.len()));
    let hash = digest_of(before, stands_for_it, after);
    push(line, HASH_FIELD.as_bytes());
    push_hex(line, &hash);
    push(line, b"\"}");
    Link {
        seq: last.seq + 1,
        hash,
    }
}

/// The hash of an object, in which a digest stands for what is inside.
pub(super) fn digest_of(
    before: &[u8],
    (name, digest): (&[u8], &[u8; 32]),
    after: &[u8],
) -> [u8; 32] {
    seal::digest(&[before, name, &hex_digits(digest), b"\"", after])
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
        line.extend_from_slice(&digits_of(*byte));
    }
}

fn digits_of(byte: u8) -> [u8; 2] {
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    [digit(byte >> 4), digit(byte & 15)]
}

fn hex_digits(bytes: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&digits_of(*byte));
    }
    digits
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
pub(super) const ENTRY_FIELD: &str = "\"entry\":";
/// How WHO begins.
pub(super) const KEY_FIELD: &str = "\"key_id\":";
/// How what stands for it does.
pub(super) const WHO_FIELD: &str = "\"who\":\"";
pub(super) const PREV_FIELD: &str = ",\"prev\":\"";
/// Stands between what is hashed and the hash.
pub(super) const HASH_FIELD: &str = ",\"hash\":\"";
