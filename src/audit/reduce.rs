//! An erased tenant's entries: what was done stays, and when; who did it, from where and in which request
//! goes.
//!
//! The hashes are over a digest of that ([`line`](super::line)), so the chains hold without. It is
//! overwritten in the files, in its place, after an entry that says so; by that whoever checks the log
//! tells the node's doing from anybody else's. What operators did stays whole: theirs to answer for.
//! A tenant's id is never given out again, so nothing is ever told of another in its name.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    Actor, AuditError, AuditLog, Durability, Entry, Outcome, State,
    chain::{Break, ChainError},
    checkpoint::Checkpoint,
    entry::{NODE, OPERATOR},
    files::{self, path},
    overwrite::Overwrite,
    read::{Read, Who, field, mark_of},
};
use crate::{clock::Timestamp, seal::VerifyingKey};

impl AuditLog {
    /// Reduces the entries of a tenant that was erased, and tells how many there were. What is yet to be
    /// recorded of it names nobody to begin with.
    ///
    /// # Errors
    /// [`AuditError`]; it may be repeated until it succeeds.
    pub fn reduce(&self, now: Timestamp, tenant: &str) -> Result<usize, AuditError> {
        let entry = Entry {
            actor: Actor::Node,
            tenant: Some(tenant),
            action: REDUCE,
            outcome: Outcome::Allowed,
            ip: None,
            request: 0,
            durability: Durability::Synced,
        };
        let (seq, directory, (last, bytes)) = {
            let mut counts = self.counts.lock();
            counts.end_minute();
            let mut state = self.state.lock();
            self.write_counts(&mut state, &mut counts, now)?;
            let (seq, _) = self.append(&mut state, now, &entry, None)?;
            state.reduced.insert(tenant.into());
            let directory = state.files.directory().to_owned();
            (seq, directory, state.files.position())
        };
        self.sync_to(seq)?;
        let (public, mut before, mut entries) = (self.key.verifying_key(), None, 0);
        for number in files::numbers(&directory, "jsonl")? {
            if number > last {
                break;
            }
            let end = end_of_file(&directory, number, tenant, &public)?;
            // The last file goes on behind its checkpoint.
            if number == last || end.is_none() || end != before {
                let to = if number == last { bytes } else { u64::MAX };
                let found = names_in(&path(&directory, number, "jsonl"), to, tenant)?;
                found.carry_out(&directory, number)?;
                entries += found.len();
            }
            before = end;
        }
        Ok(entries)
    }
}

impl State {
    pub(super) fn is_to_be_nameless(&self, entry: &Entry<'_>) -> bool {
        !self.reduced.is_empty()
            && names_someone(entry)
            && entry
                .tenant
                .is_some_and(|tenant| self.reduced.contains(tenant))
    }
}

/// Whether it names somebody who isn't an operator.
const fn names_someone(entry: &Entry<'_>) -> bool {
    !matches!(entry.actor, Actor::Operator(_)) && (entry.actor.id().is_some() || entry.ip.is_some())
}

/// How far a tenant's chain had got at the end of a file, if a checkpoint tells.
fn end_of_file(
    directory: &Path,
    number: u32,
    tenant: &str,
    key: &VerifyingKey,
) -> io::Result<Option<u64>> {
    let checkpoint = Checkpoint::load(directory, number, key)?;
    Ok(checkpoint.map(|checkpoint| checkpoint.chain(Some(tenant)).seq))
}

/// Where, in a file up to a place, somebody is named in a tenant's entries.
pub(super) fn names_in(path: &Path, to: u64, tenant: &str) -> io::Result<Overwrite> {
    let mut found = Overwrite::new();
    let own = mark_of(Some(tenant));
    let looked = files::lines(path, (0, to), |text, place| {
        if text.contains(&own)
            && let Ok(read) = Read::of(text)
            && let Some((entry, linked)) = &read.entry
            && let Some(Who::Told(who, digest)) = &linked.who
            && field(entry, "tenant") == Some(tenant)
            && names_someone_in(entry)
            && let Some(within) = text.find(entry)
        {
            let place = |at: usize| place + (within + at) as u64;
            found.add((place(who.start), place(who.end)), digest);
        }
        true
    });
    match looked {
        // It was kept long enough, and removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        looked => looked?,
    }
    Ok(found)
}

/// The same, of an entry that was written.
fn names_someone_in(entry: &str) -> bool {
    let id = field(entry, "key_id").or_else(|| field(entry, "ip"));
    field(entry, "actor") != Some(OPERATOR) && id.is_some()
}

/// Reduced entries that were seen, and those of which the log is yet to tell that the node reduced them.
#[derive(Debug, Default)]
pub(super) struct Reductions {
    pub(super) entries: u64,
    /// Each tenant's first of which no entry behind it has told yet.
    untold: HashMap<String, Place>,
}

/// Where an entry stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) file: Option<PathBuf>,
    pub(super) line: u64,
}

impl Place {
    pub(super) fn broken(self, kind: Break) -> ChainError {
        ChainError::Broken {
            seq: self.seq,
            file: self.file,
            line: self.line,
            kind,
        }
    }
}

impl Reductions {
    /// Looks at the next entry.
    pub(super) fn see(&mut self, read: &Read<'_>, place: impl FnOnce() -> Place) {
        let (entry, linked) = read.entry();
        let tenant = field(entry, "tenant");
        if matches!(linked.who, Some(Who::Reduced)) {
            self.entries += 1;
            // Of nobody, it stays untold for ever.
            let name = tenant.filter(|_| field(entry, "actor") != Some(OPERATOR));
            self.untold
                .entry(name.unwrap_or_default().to_owned())
                .or_insert_with(place);
        } else if field(entry, "action") == Some(REDUCE)
            && field(entry, "actor") == Some(NODE)
            && let Some(tenant) = tenant
        {
            self.untold.remove(tenant);
        }
    }

    /// The first entry of which nothing says that the node reduced it.
    pub(super) fn untold(self) -> Option<(Place, Break)> {
        let first = self.untold.into_values().min_by_key(|place| place.seq);
        first.map(|place| (place, Break::Reduced))
    }
}

/// The act of reducing a tenant's entries.
const REDUCE: &str = "reduce_audit_entries";
