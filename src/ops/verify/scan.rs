//! The scan: all files below a path, read by several threads, and what comes of it.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    num::NonZeroUsize,
    panic,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{
    look::{CHUNK_BYTES, FIRST_HALF, Look, Piece, SECOND_HALF},
    search::Search,
    traces::{Trace, Traces},
    walk::Walk,
};
use crate::priority;

/// Looks through every byte at and below a path: a directory, a file, or a disk.
///
/// Symbolic links are followed. A file that is removed meanwhile is passed over: a node may be at
/// work there.
///
/// # Errors
/// [`ScanError`] when there is nothing at the path, or it can't be looked at. What can't be looked
/// at below it is told in [`Scan::unread`].
pub fn scan(path: &Path, traces: &Traces, threads: NonZeroUsize) -> Result<Scan, ScanError> {
    let walk = Walk::over(path, traces).map_err(|source| ScanError {
        path: path.to_owned(),
        source,
    })?;
    let search = Search::new(traces.patterns());
    let pieces: Vec<Piece<'_>> = walk.files.iter().flat_map(Piece::of).collect();
    let next = AtomicUsize::new(0);
    let looks: Vec<Look<'_>> = thread::scope(|scope| {
        let workers = threads.get().min(pieces.len());
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(priority::alike(|| {
                    let mut look = Look::default();
                    let mut buffer = vec![0; CHUNK_BYTES + search.overlap()];
                    while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                        look.at(piece, &search, &mut buffer);
                    }
                    look
                }))
            })
            .collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        // A thread that failed saw something or didn't; nobody may conclude that it didn't.
        joined
            .map(|look| look.unwrap_or_else(|failure| panic::resume_unwind(failure)))
            .collect()
    });
    let mut scan = Scan {
        finds: walk.named,
        unread: walk.unread,
        ..Scan::default()
    };
    let mut hits = BTreeMap::new();
    for look in looks {
        scan.files += look.files;
        scan.bytes += look.bytes;
        scan.more += look.more;
        scan.unread.extend(look.unread);
        // The halves of a trace at the border of two pieces may be two threads' finds.
        for (hit, halves) in look.hits {
            *hits.entry(hit).or_insert(0) |= halves;
        }
    }
    scan.finds
        .extend(hits.into_iter().map(|(hit, halves)| Find {
            path: hit.path.to_owned(),
            place: Place::Content {
                offset: u64::try_from(hit.start).unwrap_or(0),
                whole: halves == FIRST_HALF | SECOND_HALF,
            },
            trace: hit.trace,
        }));
    scan.finds.sort();
    scan.unread
        .sort_by(|left, right| left.path.cmp(&right.path));
    scan.unread.dedup_by(|left, right| left.path == right.path);
    Ok(scan)
}

/// As [`scan`], of several places in a directory, for whoever needs the proof that nothing was found.
///
/// # Errors
/// [`CheckError`] when something was found or couldn't be looked at.
pub fn check(
    directory: &Path,
    places: Vec<String>,
    traces: Traces,
    threads: NonZeroUsize,
) -> Result<Checked, CheckError> {
    if places.is_empty() {
        return Err(CheckError::Nothing);
    }
    let (mut files, mut bytes) = (0, 0);
    for place in &places {
        let scan = scan(&directory.join(place), &traces, threads)?;
        if let Some(Unread { path, source }) = scan.unread.into_iter().next() {
            return Err(ScanError { path, source }.into());
        }
        let finds = scan.finds.len() as u64 + scan.more;
        if let Some(first) = scan.finds.into_iter().next() {
            return Err(CheckError::Found { first, finds });
        }
        files += scan.files;
        bytes += scan.bytes;
    }
    Ok(Checked {
        places,
        files,
        bytes,
        traces,
    })
}

/// Proof that everything was looked through and no trace was found: made by [`check`] alone.
#[must_use]
#[derive(Debug)]
pub struct Checked {
    places: Vec<String>,
    files: u64,
    bytes: u64,
    traces: Traces,
}

impl Checked {
    /// Where: files and directories, in the directory that was given.
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// Files that were read.
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Bytes that were read.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was looked for.
    pub const fn traces(&self) -> &Traces {
        &self.traces
    }
}

/// What a scan came to.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files that were read.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Traces, by path and place.
    pub finds: Vec<Find>,
    /// How many more there are, of which the places weren't kept.
    pub more: u64,
    /// What couldn't be looked at.
    pub unread: Vec<Unread>,
}

impl Scan {
    /// Leaves out what was found in copies of a receipt, which names its own traces. A copy has
    /// exactly these bytes.
    pub fn disregard_copies_of(&mut self, document: &[u8]) {
        let mut known: Option<(PathBuf, bool)> = None;
        self.finds.retain(|find| {
            let known = match &known {
                Some((path, is_copy)) if *path == find.path => *is_copy,
                Some(_) | None => {
                    let is_copy = is_copy(&find.path, document);
                    known = Some((find.path.clone(), is_copy));
                    is_copy
                }
            };
            find.place == Place::Name || !known
        });
    }
}

fn is_copy(path: &Path, document: &[u8]) -> bool {
    let length = document.len() as u64;
    let lengths = length..=length + 1;
    fs::metadata(path).is_ok_and(|metadata| lengths.contains(&metadata.len()))
        && fs::read(path).is_ok_and(|bytes| bytes.strip_suffix(b"\n").unwrap_or(&bytes) == document)
}

/// A trace that is there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Find {
    /// In or on which file.
    pub path: PathBuf,
    /// Where.
    pub place: Place,
    /// Of what kind.
    pub trace: Trace,
}

/// Where a trace is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// In the name.
    Name,
    /// In the content.
    Content {
        /// From which byte on.
        offset: u64,
        /// Whether all of it is there, or only a half.
        whole: bool,
    },
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.place {
            Place::Name => write!(f, "{path}: {}", self.trace),
            Place::Content { offset, whole } => {
                let half = if whole { "" } else { "half of " };
                write!(f, "{path}, byte {offset}: {half}{}", self.trace)
            }
        }
    }
}

/// Something that couldn't be looked at.
#[derive(Debug)]
pub struct Unread {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A path that can't be looked at.
#[derive(Debug, thiserror::Error)]
#[error("can't look at {}", path.display())]
pub struct ScanError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Why there is no proof that nothing is left.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Something is.
    #[error("{finds} traces are left, the first: {first}")]
    Found {
        /// The first of them.
        first: Find,
        /// How many.
        finds: u64,
    },
    /// Not everything could be looked at.
    #[error("not everything could be looked at")]
    Scan(#[from] ScanError),
    /// No place was named.
    #[error("there is no place to look through")]
    Nothing,
}
