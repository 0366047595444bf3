//! Segments: a collection's index as it was at one moment, sealed on disk, so that opening a
//! partition reads it back in place of every row.
//!
//! ```text
//! manifest (one record a collection)     epoch, shape, which rows it covers
//! chunks   (1 MiB each, a table file)    vectors, links, what stands in each slot
//! tombstones (one a write)               covered rows that were removed since
//! rows from the bound on                 what was written since
//! ```
//!
//! Rows stay the truth: a segment that is missing, damaged or not the one that the head names
//! costs a rebuild and nothing else. Two rules make that so. Row numbers are never given twice,
//! so "what was written since" is a range of keys. And the head, which every commit rewrites,
//! names the epoch that may be read and counts its tombstones, so an older segment, or a newer
//! one without all of its tombstones, is noticed. One that was once disbelieved is never read
//! again: the commit that next changes anything takes it out of the head.
//!
//! How much is written: a segment is renewed when a quarter of the collection has changed, so
//! each row is written about four times on top of its own record while a collection grows, and
//! about eight times for each time that all of it is replaced: a row that is replaced counts
//! twice, as one removed and one written.

mod checkpoint;
mod ends;
mod format;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod load;
mod outline;
mod table;

pub use self::load::OpeningTimes;
pub(super) use self::{
    format::encode_tombstone,
    load::{Loaded, Times},
    outline::outline,
};

/// What the writers of a collection know about its segment.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The segment that the head names, if there is one.
    segment: Option<Covered>,
    /// The one that is being written.
    coming: Option<Covered>,
    /// Whether the index gained something that no row tells of: a graph.
    stale: bool,
    /// Whether writing one failed. A disk that refused one will refuse the next, so that waits
    /// until the partition is opened again.
    given_up: bool,
}

/// How far a segment goes, and what happened since.
#[derive(Clone, Copy, Debug, Default)]
struct Covered {
    /// It knows rows below this, and no others.
    bound: u64,
    /// Tombstones that were written since.
    tombstones: u64,
    /// Rows that were written or removed since.
    changed: u64,
}

impl Coverage {
    /// Whether a segment may know this row, so that its removal needs a tombstone.
    pub(super) fn covers(&self, row: u64) -> bool {
        let knows = |covered: &Covered| row < covered.bound;
        self.segment.as_ref().is_some_and(knows) || self.coming.as_ref().is_some_and(knows)
    }

    /// Counts what a commit did.
    pub(super) fn count(&mut self, tombstones: u64, changed: u64) {
        for covered in self.segment.iter_mut().chain(&mut self.coming) {
            covered.tombstones += tombstones;
            covered.changed += changed;
        }
    }

    /// The index was rebuilt: a segment that is read back would have to be, too.
    pub(super) const fn rebuilt(&mut self) {
        self.stale = true;
    }

    /// Whether a segment of so many points should be renewed, or made, once so large a part of it
    /// has changed.
    fn is_due(&self, points: u64, part: u64) -> bool {
        let changed = |segment: &Covered| self.stale || segment.changed > points / part;
        !self.given_up && self.coming.is_none() && self.segment.as_ref().is_none_or(changed)
    }
}

/// Bytes of single-precision vectors from which on a collection gets a segment: fewer are read
/// from their rows in a few milliseconds.
const SEGMENT_BYTES_MIN: u64 = 4 << 20;
/// The part of a collection that must have changed before its segment is renewed: a fourth.
const CHANGED_PART: u64 = 4;
/// The part that must have changed when the node stops: there is time then, and the next opening is
/// the quicker for it.
const CHANGED_PART_LAST: u64 = 50;
/// How long a chunk is: long enough that sealing costs nothing a chunk, short enough that opening
/// keeps all cores busy.
const CHUNK_BYTES: usize = 1 << 20;
