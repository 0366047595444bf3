//! Fsyncs, shared: one does for every entry that was written before it began.

use parking_lot::{Condvar, Mutex};

use super::{AuditError, AuditLog};

#[derive(Debug, Default)]
pub(super) struct Sync {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    synced: u64,
    running: bool,
}

impl AuditLog {
    /// Returns once the entry with this number, and all before it, are on disk.
    pub(super) fn sync_to(&self, seq: u64) -> Result<(), AuditError> {
        let mut progress = self.sync.progress.lock();
        loop {
            if progress.synced >= seq {
                return Ok(());
            }
            if self.state.lock().poisoned {
                return Err(AuditError::Poisoned);
            }
            if !progress.running {
                break;
            }
            self.sync.changed.wait(&mut progress);
        }
        progress.running = true;
        drop(progress);
        // Files before this one were synced when it was begun.
        let (file, written) = {
            let state = self.state.lock();
            (state.files.current(), state.chains.log.seq)
        };
        let synced = file.sync_data();
        if synced.is_err() {
            self.state.lock().poisoned = true;
        }
        let mut progress = self.sync.progress.lock();
        progress.running = false;
        if synced.is_ok() {
            progress.synced = progress.synced.max(written);
        }
        self.sync.changed.notify_all();
        Ok(synced?)
    }
}
