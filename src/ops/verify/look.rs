//! Reading files piece by piece, and what is found in them.

use std::{
    collections::{BTreeMap, btree_map},
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use super::{
    scan::Unread,
    search::{Pattern, Search},
    traces::Trace,
    walk::FileToRead,
};

/// A part of a file that one thread reads.
pub(super) struct Piece<'f> {
    path: &'f Path,
    from: u64,
    /// The last piece of a file ends where the file does by then.
    to: u64,
}

impl<'f> Piece<'f> {
    /// The pieces of a file, one at least.
    pub(super) fn of(file: &'f FileToRead) -> impl Iterator<Item = Self> {
        let last = file.length.saturating_sub(1) / PIECE_BYTES;
        (0..=last).map(move |number| Self {
            path: &file.path,
            from: number * PIECE_BYTES,
            to: if number == last {
                u64::MAX
            } else {
                (number + 1) * PIECE_BYTES
            },
        })
    }
}

/// Where a trace stands, or would if it were whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit<'f> {
    pub(super) path: &'f Path,
    /// Below 0 when its first half would stand before the file.
    pub(super) start: i64,
    pub(super) trace: Trace,
}

/// What one thread saw.
#[derive(Default)]
pub(super) struct Look<'f> {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Which halves of a trace are there.
    pub(super) hits: BTreeMap<Hit<'f>, Halves>,
    /// Hits beyond those that are kept.
    pub(super) more: u64,
    pub(super) unread: Vec<Unread>,
}

/// [`FIRST_HALF`], [`SECOND_HALF`] or both.
pub(super) type Halves = u8;

impl<'f> Look<'f> {
    /// Reads a piece.
    pub(super) fn at(&mut self, piece: &Piece<'f>, search: &Search, buffer: &mut [u8]) {
        match self.read(piece, search, buffer) {
            // A node may be at work, and remove what it no longer needs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => self.unread.push(Unread {
                path: piece.path.to_owned(),
                source,
            }),
            Ok(()) => self.files += u64::from(piece.from == 0),
        }
    }

    fn read(&mut self, piece: &Piece<'f>, search: &Search, buffer: &mut [u8]) -> io::Result<()> {
        let file = File::open(piece.path)?;
        let end = piece.to.saturating_add(search.overlap() as u64);
        let (mut position, mut kept) = (piece.from, 0);
        loop {
            let room = buffer.get_mut(kept..).unwrap_or_default();
            let left = usize::try_from(end - position).unwrap_or(usize::MAX);
            let room = match room.split_at_mut_checked(left) {
                Some((room, _)) => room,
                None => room,
            };
            let read = match file.read_at(room, position) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let base = position - kept as u64;
            let filled = kept + read;
            let text = buffer.get(..filled).unwrap_or_default();
            search.find(text, |at, pattern| {
                self.hit(piece.path, base + at as u64, pattern);
            });
            // What overlaps with the next piece is read twice and counted once.
            let counted = piece.to.min(position + read as u64);
            self.bytes += counted.saturating_sub(position);
            position += read as u64;
            // A pattern may begin in these bytes and end in the next.
            kept = search.overlap().min(filled);
            buffer.copy_within(filled - kept..filled, 0);
        }
    }

    fn hit(&mut self, path: &'f Path, offset: u64, pattern: &Pattern) {
        let at = i64::try_from(pattern.at).unwrap_or(0);
        let hit = Hit {
            path,
            start: i64::try_from(offset).unwrap_or(i64::MAX) - at,
            trace: pattern.trace,
        };
        let half = if at == 0 { FIRST_HALF } else { SECOND_HALF };
        let kept = self.hits.len();
        match self.hits.entry(hit) {
            btree_map::Entry::Occupied(mut halves) => *halves.get_mut() |= half,
            btree_map::Entry::Vacant(place) if kept < HITS_KEPT_MAX => {
                place.insert(half);
            }
            btree_map::Entry::Vacant(_) => self.more += 1,
        }
    }
}

pub(super) const FIRST_HALF: Halves = 1;
pub(super) const SECOND_HALF: Halves = 2;
/// What a thread reads of a file before another may take over the rest.
const PIECE_BYTES: u64 = 64 << 20;
/// What is read at once: fits into a core's cache.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// One find is enough to know that something is left; a thousand to see where.
const HITS_KEPT_MAX: usize = 1_000;
