//! After a failed fsync nothing is known to be durable: refuse writes.
//!
//! The kernel may report a failed write-back once and then forget it, so a retry that succeeds
//! proves nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

/// Whether writes are refused.
#[derive(Debug, Default)]
pub(super) struct Poison(AtomicBool);

impl Poison {
    /// Passes unless poisoned.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.0.load(Ordering::Acquire) {
            Err(StoreError::Poisoned)
        } else {
            Ok(())
        }
    }

    /// Passes a write's result on, and remembers if it failed.
    pub(super) fn watch(&self, result: Result<(), rocksdb::Error>) -> Result<(), StoreError> {
        result.map_err(|error| {
            self.0.store(true, Ordering::Release);
            StoreError::Engine(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_write_refuses_every_later_one() {
        let poison = Poison::default();
        assert!(poison.check().is_ok());
        let failed = rocksdb::DB::list_cf(&rocksdb::Options::default(), "/nonexistent/locule");
        assert!(poison.watch(failed.map(|_| ())).is_err());
        assert!(
            matches!(poison.check(), Err(StoreError::Poisoned)),
            "still {poison:?}"
        );
    }
}
