//! Checkpoints from time to time, and files that were kept long enough.

use std::{fs, io};

use super::{
    Actor, AuditError, AuditLog, Checkpoint, Durability, Entry, Outcome,
    checkpoint::EXTENSION,
    files::{self, path},
};
use crate::clock::Timestamp;

/// The act of removing a file, with the file's number for the request's: whoever looks at the log later
/// knows by it that the file isn't missing.
pub(super) const REMOVE: &str = "remove_audit_file";

impl AuditLog {
    /// Writes a checkpoint, if there are entries that the last doesn't tell of.
    pub(super) fn write_checkpoint(&self, now: Timestamp) -> Result<(), AuditError> {
        let checkpoint = {
            let mut state = self.state.lock();
            if state.chains.log.seq == state.checkpoint_seq {
                return Ok(());
            }
            state.checkpoint_seq = state.chains.log.seq;
            state.checkpoint(now)
        };
        // What it tells of is on disk before it says so.
        self.sync_to(checkpoint.seq)?;
        let stored = self.keep(&checkpoint);
        if stored.is_err() {
            self.state.lock().checkpoint_seq = 0;
        }
        Ok(stored?)
    }

    fn keep(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let directory = self.state.lock().files.directory().to_owned();
        let fresh = checkpoint.write(&directory, &self.key)?;
        let state = self.state.lock();
        // The one that was made when the file was full tells more.
        if checkpoint.file == Some(state.files.position().0) {
            fresh.put()
        } else {
            fresh.remove()
        }
    }

    /// Removes files whose last entry is older than what is kept. Their last checkpoint stays, as
    /// the anchor of what follows.
    pub(super) fn remove_old(&self, now: Timestamp) -> Result<(), AuditError> {
        let Some(keep) = self.options.keep else {
            return Ok(());
        };
        let (directory, current) = {
            let state = self.state.lock();
            (state.files.directory().to_owned(), state.files.position().0)
        };
        for number in files::numbers(&directory, "jsonl")? {
            let public = self.key.verifying_key();
            let ended = Checkpoint::load(&directory, number, &public)?
                .and_then(|checkpoint| Timestamp::parse(&checkpoint.at));
            if number >= current || ended.is_none_or(|ended| ended.plus(keep) > now) {
                break;
            }
            let entry = Entry {
                actor: Actor::Node,
                tenant: None,
                action: REMOVE,
                outcome: Outcome::Allowed,
                ip: None,
                request: u64::from(number),
                durability: Durability::Synced,
            };
            self.record(now, &entry)?;
            fs::remove_file(path(&directory, number, "jsonl"))?;
            for earlier in files::numbers(&directory, EXTENSION)? {
                if earlier < number {
                    fs::remove_file(path(&directory, earlier, EXTENSION))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for AuditLog {
    /// Writes what was counted, and where the chains ended, so that the next start reads no lines.
    fn drop(&mut self) {
        self.counts.lock().end_minute();
        let time = self.state.lock().time;
        if let Err(error) = self.settle(time) {
            tracing::warn!(error = %error, "the audit log ends without a checkpoint");
        }
    }
}
