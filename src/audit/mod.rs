//! The audit log: what was asked, by whom, and what the answer was.
//!
//! Owns: its own append-only files, outside every column family, and the hash chain over them.
//! **Invariant:** an entry is written before the act is allowed; if it can't be, the answer is
//! no (`it/audit.rs`). **Invariant:** no payload, vector, point id, collection name or key ever
//! stands in an entry: its fields can't hold them.
//! Called by: `access` (every decision), `router` (a partition that didn't open).

mod chain;
mod entry;
mod files;

use std::path::Path;

use parking_lot::Mutex;

use self::{chain::Link, files::Files};
pub use self::{
    chain::{ChainError, verify},
    entry::{Actor, Durability, Entry, Outcome},
    files::AuditError,
};
use crate::clock::Timestamp;

/// The open audit log.
#[derive(Debug)]
pub struct AuditLog {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: Files,
    last: Link,
    /// Set by a failed append: what is on disk is no longer known, so nothing is allowed.
    failed: bool,
}

impl AuditLog {
    /// Opens the log in a directory and takes up its chain. A last line that a crash cut short
    /// was never acknowledged and is cut off.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn open(directory: &Path) -> Result<Self, AuditError> {
        let (files, last) = Files::open(directory)?;
        Ok(Self {
            state: Mutex::new(State {
                files,
                last,
                failed: false,
            }),
        })
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`AuditError`]: then whatever was to be recorded must not happen.
    pub fn record(&self, now: Timestamp, entry: &Entry<'_>) -> Result<Recorded, AuditError> {
        let mut state = self.state.lock();
        if state.failed {
            return Err(AuditError::Failed);
        }
        let (line, link) = state.last.extend(now, entry);
        let appended = state.files.append(&line, entry.durability);
        state.failed = appended.is_err();
        appended?;
        state.last = link;
        Ok(Recorded {
            seq: link.seq,
            hash: link.hash,
        })
    }
}

/// Where an entry stands in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry<'static> {
        Entry {
            actor: Actor::Node,
            tenant: Some("acme"),
            action: "open",
            outcome: Outcome::Corrupt,
            ip: None,
            request: 7,
            durability: Durability::Synced,
        }
    }

    #[test]
    fn once_an_entry_cannot_be_written_every_later_one_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::open(directory.path()).unwrap();
        log.record(Timestamp(1), &entry()).unwrap();
        log.state.lock().files.close_for_writing();
        assert!(matches!(
            log.record(Timestamp(2), &entry()),
            Err(AuditError::Io(_))
        ));
        assert!(matches!(
            log.record(Timestamp(3), &entry()),
            Err(AuditError::Failed)
        ));
        let log = AuditLog::open(directory.path()).unwrap();
        log.record(Timestamp(4), &entry()).unwrap();
        let lines = std::fs::read(directory.path().join("000001.jsonl")).unwrap();
        assert_eq!(verify(lines.as_slice()).unwrap(), 2);
    }

    #[test]
    fn the_chain_runs_on_through_the_next_file() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::open(directory.path()).unwrap();
        log.record(Timestamp(1), &entry()).unwrap();
        log.state.lock().files.fill_up();
        log.record(Timestamp(2), &entry()).unwrap();
        drop(log);
        let log = AuditLog::open(directory.path()).unwrap();
        log.record(Timestamp(3), &entry()).unwrap();
        let file =
            |number| std::fs::read(directory.path().join(format!("{number:06}.jsonl"))).unwrap();
        let both = [file(1), file(2)].concat();
        assert_eq!(verify(both.as_slice()).unwrap(), 3);
    }
}
