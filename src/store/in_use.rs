//! The hold that everything open has on the data directory.
//!
//! Databases are closed by whoever lets go last, which may be a thread in the background. `RocksDB`
//! must not be in use when the process ends, so a node that stops waits until nobody holds this.

use std::{
    convert::Infallible,
    fs::File,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

/// Held by whatever is open in a directory. The lock on the directory is let go with the last.
#[derive(Debug)]
pub struct InUse {
    _lock: File,
    /// Nothing is ever sent: it tells by being gone.
    _holder: Sender<Infallible>,
}

/// Tells when nothing is open in a directory any more.
#[derive(Debug)]
pub struct Released(Receiver<Infallible>);

impl InUse {
    /// The first hold, by the file that is locked for as long as there is one.
    pub fn new(lock: File) -> (Arc<Self>, Released) {
        let (holder, released) = channel();
        let held = Self {
            _lock: lock,
            _holder: holder,
        };
        (Arc::new(held), Released(released))
    }
}

impl Released {
    /// Waits until nothing is open, but no longer than `patience`. Whether nothing is.
    pub fn wait(&self, patience: Duration) -> bool {
        matches!(
            self.0.recv_timeout(patience),
            Err(RecvTimeoutError::Disconnected)
        )
    }
}
