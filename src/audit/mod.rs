//! The audit log: what was asked, by whom, and what the answer was.
//!
//! Owns: its own append-only files, outside every column family, the hash chains over them (one of
//! the whole log, one for each tenant), and their signed checkpoints.
//! **Invariant:** an entry is written before the act is allowed; if it can't be, the answer is
//! no (`it/audit`). **Invariant:** no payload, vector, point id, collection name or key ever
//! stands in an entry: its fields can't hold them.
//! Called by: `access` (every decision), `engine` (what the node did by itself, extracts).
//!
//! How it is written: one line after the other, each handed to the operating system while the lock
//! is held; whoever needs more waits for an fsync outside the lock, which does for all that came
//! before it. So reads never wait for an fsync, and a queue that
//! could fill up isn't there. Why no thread that writes: it would have to be waited for.

mod chain;
mod checkpoint;
mod counts;
mod entry;
mod extract;
mod files;
mod keep;
mod line;
mod open;
mod overwrite;
mod read;
mod reduce;
mod salt;
mod sync;
mod verify;

use std::{collections::HashSet, io, time::Duration};

use parking_lot::Mutex;

use self::{
    chain::Chains, counts::Counts, entry::Repeats, files::Files, line::Circumstances, salt::Salts,
    sync::Sync,
};
pub use self::{
    chain::{Break, ChainError},
    checkpoint::{Checkpoint, Forged},
    entry::{Actor, Durability, Entry, Outcome},
    extract::{Act, Extract},
    line::Link,
    verify::{Verified, verify, verify_directory, verify_extract},
};
use crate::{
    clock::Timestamp,
    seal::{SealError, SigningKey},
};

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct AuditOptions {
    /// How reads are recorded.
    pub reads: Reads,
    /// A new file is begun when one is so long.
    pub file_bytes: u64,
    /// How long files are kept; for ever, if that isn't said.
    pub keep: Option<Duration>,
}

/// How reads are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// Each.
    Each,
    /// The first of a key, address and minute; then how many more there were.
    Counted,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            reads: Reads::Each,
            file_bytes: 32 << 20,
            keep: None,
        }
    }
}

/// The open audit log.
#[derive(Debug)]
pub struct AuditLog {
    options: AuditOptions,
    key: SigningKey,
    state: Mutex<State>,
    sync: Sync,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct State {
    files: Files,
    /// Where the chains have got to.
    chains: Chains,
    /// When the last entry was made.
    time: Timestamp,
    /// The number of the last entry that a checkpoint tells of.
    checkpoint_seq: u64,
    /// Set by a failed fsync: what is on disk is no longer known, so nothing is allowed.
    poisoned: bool,
    /// Acts that were refused because they couldn't be recorded.
    refused: u64,
    line: Vec<u8>,
    salts: Salts,
    /// Tenants whose entries were reduced: what is still written of them names nobody.
    reduced: HashSet<Box<str>>,
}

impl AuditLog {
    /// Appends an entry. Reads may only be counted, and so are refusals past so many alike in a minute.
    ///
    /// # Errors
    /// [`AuditError`]: then whatever was to be recorded must not happen.
    pub fn record(&self, now: Timestamp, entry: &Entry<'_>) -> Result<Recorded, AuditError> {
        if entry.durability == Durability::Counted && self.options.reads == Reads::Counted {
            return self.count(now, entry);
        }
        if entry.outcome.is_refusal() && entry.durability == Durability::Written {
            return self.count_refusal(now, entry);
        }
        let (seq, recorded) = self.append(&mut self.state.lock(), now, entry, None)?;
        if entry.durability == Durability::Synced {
            self.sync_to(seq)?;
        }
        Ok(recorded)
    }

    /// The end of a tenant's own chain, or of the node's.
    pub fn end_of(&self, tenant: Option<&str>) -> Link {
        self.state.lock().chains.end_of(tenant)
    }

    /// The same, signed.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn signed_end_of(
        &self,
        now: Timestamp,
        tenant: Option<&str>,
    ) -> Result<(Link, String), AuditError> {
        let end = self.end_of(tenant);
        let checkpoint = Checkpoint::of_chain(now, tenant, end);
        Ok((end, checkpoint.signed(&self.key)?))
    }

    /// How it is kept.
    pub const fn options(&self) -> AuditOptions {
        self.options
    }

    /// What is due from time to time: writes what was counted, and a checkpoint; removes files that
    /// were kept long enough.
    ///
    /// # Errors
    /// [`AuditError`]; what isn't done now is done the next time.
    pub fn settle(&self, now: Timestamp) -> Result<(), AuditError> {
        let mut counts = self.counts.lock();
        self.write_counts(&mut self.state.lock(), &mut counts, now)?;
        drop(counts);
        self.write_checkpoint(now)?;
        self.remove_old(now)
    }

    /// Counts a read, or appends the first of its key, address and minute.
    fn count(&self, now: Timestamp, entry: &Entry<'_>) -> Result<Recorded, AuditError> {
        let mut counts = self.counts.lock();
        if counts.add(now, entry) {
            let state = self.state.lock();
            // A log that can't be written allows nothing, also what would only be counted.
            if state.poisoned {
                return Err(AuditError::Poisoned);
            }
            return Ok(Recorded::at(state.chains.end_of(entry.tenant)));
        }
        let mut state = self.state.lock();
        self.write_counts(&mut state, &mut counts, now)?;
        let (_, recorded) = self.append(&mut state, now, entry, None)?;
        counts.begin(entry, now);
        Ok(recorded)
    }

    /// Appends a refusal, or counts it if there were many like it in this minute.
    fn count_refusal(&self, now: Timestamp, entry: &Entry<'_>) -> Result<Recorded, AuditError> {
        let mut counts = self.counts.lock();
        let mut state = self.state.lock();
        self.write_counts(&mut state, &mut counts, now)?;
        if counts.add_refusal(now, entry) {
            return Ok(Recorded::at(state.chains.end_of(entry.tenant)));
        }
        let (_, recorded) = self.append(&mut state, now, entry, None)?;
        Ok(recorded)
    }

    /// Writes what was counted in minutes that are over.
    fn write_counts(
        &self,
        state: &mut State,
        counts: &mut Counts,
        now: Timestamp,
    ) -> Result<(), AuditError> {
        while let Some(counted) = counts.due(now) {
            self.append(state, now, &counted.entry(), Some(counted.repeats))?;
            counts.written();
        }
        Ok(())
    }

    fn append(
        &self,
        state: &mut State,
        now: Timestamp,
        entry: &Entry<'_>,
        repeats: Option<Repeats>,
    ) -> Result<(u64, Recorded), AuditError> {
        if state.poisoned {
            return Err(AuditError::Poisoned);
        }
        let written = self.rotate_when_full(state, now);
        let written = written.and_then(|()| state.write(now, entry, repeats));
        let place = (
            state.chains.log.seq,
            Recorded::at(state.chains.end_of(entry.tenant)),
        );
        if written.is_err() {
            state.refused += 1;
        } else if state.refused > 0 {
            let refused = std::mem::take(&mut state.refused);
            let resumed = Entry {
                actor: Actor::Node,
                tenant: None,
                action: "audit_resumed",
                outcome: Outcome::Allowed,
                ip: None,
                request: 0,
                durability: Durability::Written,
            };
            let repeats = Repeats {
                count: refused,
                since: now,
            };
            // The act has its entry; that others before it were refused may be told later.
            if state.write(now, &resumed, Some(repeats)).is_err() {
                state.refused = refused;
            }
        }
        written?;
        Ok(place)
    }

    fn rotate_when_full(&self, state: &mut State, now: Timestamp) -> Result<(), AuditError> {
        if state.files.position().1 < self.options.file_bytes {
            return Ok(());
        }
        // Everything before the checkpoint is on disk before it says so.
        if let Err(error) = state.files.current().sync_data() {
            state.poisoned = true;
            return Err(error.into());
        }
        let checkpoint = state.checkpoint(now);
        checkpoint
            .write(state.files.directory(), &self.key)?
            .put()?;
        Ok(state.files.rotate()?)
    }
}

/// Where an entry stands in its tenant's own chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Recorded {
    const fn at(Link { seq, hash }: Link) -> Self {
        Self { seq, hash }
    }
}

impl State {
    fn write(
        &mut self,
        now: Timestamp,
        entry: &Entry<'_>,
        repeats: Option<Repeats>,
    ) -> Result<(), AuditError> {
        let ends = (self.chains.log, self.chains.end_of(entry.tenant));
        let circumstances = Circumstances {
            now,
            repeats,
            salt: self.salts.next()?,
            nameless: self.is_to_be_nameless(entry),
        };
        let (log, own) = line::write(&mut self.line, ends, entry, &circumstances);
        self.files.append(&self.line)?;
        self.chains.set(log, entry.tenant, own);
        self.time = now;
        Ok(())
    }

    fn checkpoint(&self, now: Timestamp) -> Checkpoint {
        Checkpoint::of_log(now, self.files.position(), &self.chains)
    }
}

/// Why the log can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The directory or a file can't be used.
    #[error("the audit log can't be read or written")]
    Io(#[from] io::Error),
    /// A line isn't an entry that follows from the ones before, or lines that a checkpoint tells
    /// of are gone.
    #[error(
        "the audit log is damaged: {0}; move the audit directory aside, keep it, and start again"
    )]
    Damaged(#[from] ChainError),
    /// No random bytes.
    #[error("no random bytes")]
    Seal(#[from] SealError),
    /// An earlier fsync failed.
    #[error("the audit log's disk failed; nothing is allowed until a restart")]
    Poisoned,
}

#[cfg(test)]
mod tests;
