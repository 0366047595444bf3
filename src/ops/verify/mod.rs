//! Looks through every byte of a directory, a backup or a disk image for traces of a generation
//! that was erased.
//!
//! Owns: what a trace is, the search for many at once, the walk over files. The node calls it on
//! its own directory after a purge; `locule verify` calls it on whatever it is given.
//!
//! **Invariant:** a [`Checked`] comes of a scan that read everything and found nothing, and of
//! nothing else. **Invariant:** what couldn't be read is told, never passed over.
//! Called by: `engine` (erasures), `cli`.

mod look;
mod scan;
mod search;
mod traces;
mod walk;

pub use self::{
    scan::{CheckError, Checked, Find, Place, Scan, ScanError, Unread, check, scan},
    traces::{Trace, Traces},
};
