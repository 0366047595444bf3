//! Checking a log, or an extract of one, offline and without any key that opens data.

use std::{collections::BTreeMap, fs, io::BufRead, path::Path};

use super::{
    chain::{Break, ChainError, Chains, follows},
    checkpoint::{self, Checkpoint},
    entry::NODE,
    files,
    keep::REMOVE,
    line::Link,
    read::{Read, field},
    reduce::{Place, Reductions},
};
use crate::seal::VerifyingKey;

/// What a check found to hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// The first entry's number: of a whole log 1, unless files before it were removed.
    pub first: u64,
    /// The last entry.
    pub last: Link,
    /// Files that were read.
    pub files: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// Entries behind the last checkpoint: whether more once followed them can't be told.
    pub unsigned: u64,
    /// Entries of erased tenants of which the log doesn't tell any more who it was.
    pub reduced: u64,
    /// Whether a checkpoint tells of the last file, as one does a minute after a file is begun.
    pub end_told: bool,
    /// Who signed the checkpoints.
    pub signer: Option<VerifyingKey>,
}

/// Checks a chain from its first line on, and tells how many lines hold.
///
/// # Errors
/// [`ChainError::Broken`] at the first line that doesn't follow from the ones before.
pub fn verify(lines: impl BufRead) -> Result<u64, ChainError> {
    let mut chains = Chains::default();
    for (number, text) in (1..).zip(lines.lines()) {
        let text = text?;
        let taken = chains.take(&text);
        taken.map_err(|kind| chains.broken(None, number, kind))?;
    }
    Ok(chains.log.seq)
}

/// Checks an extract: a tenant's own entries, from any one on, perhaps with a checkpoint as its last
/// line. With a key, the checkpoint must be that one's.
///
/// # Errors
/// [`ChainError`].
pub fn verify_extract(
    lines: impl BufRead,
    key: Option<&VerifyingKey>,
) -> Result<Verified, ChainError> {
    let mut found = Verified::default();
    let mut chains = Chains::default();
    let mut reductions = Reductions::default();
    for (number, text) in (1..).zip(lines.lines()) {
        let text = text?;
        let broken = |chains: &Chains, kind| chains.broken(None, number, kind);
        if text.starts_with(CHECKPOINT) {
            let read = Checkpoint::read(&text, key);
            let (checkpoint, signer) = read.map_err(|_| broken(&chains, Break::Forged))?;
            if found.first > 0 && chains.log != checkpoint.last() {
                return Err(broken(&chains, Break::Contradicted));
            }
            chains.log = checkpoint.last();
            found.signer = Some(signer);
            found.checkpoints += 1;
            found.end_told = true;
            found.unsigned = 0;
            continue;
        }
        let read = Read::of(&text).map_err(|unread| broken(&chains, unread.into()))?;
        if found.first == 0 {
            found.first = read.own.link.seq;
            chains.log = Link {
                seq: found.first.saturating_sub(1),
                hash: read.own.prev,
            };
        }
        follows(&chains.log, &read.own).map_err(|kind| broken(&chains, kind))?;
        chains.log = read.own.link;
        reductions.see(&read, || Place {
            seq: read.own.link.seq,
            file: None,
            line: number,
        });
        found.unsigned += 1;
    }
    found.last = chains.log;
    found.reduced = reductions.entries;
    // What tells of it may come later than an extract that ends before the chain does.
    if let Some((place, kind)) = reductions.untold().filter(|_| found.end_told) {
        return Err(place.broken(kind));
    }
    Ok(found)
}

/// Checks a whole log: its files in order, every tenant's own chain in it, and its checkpoints. With
/// a key, those must be that one's; without, all must be of the same.
///
/// # Errors
/// [`ChainError`], with the file, the line and what is wrong there.
pub fn verify_directory(
    directory: &Path,
    key: Option<&VerifyingKey>,
) -> Result<Verified, ChainError> {
    let mut found = Verified {
        signer: key.copied(),
        ..Verified::default()
    };
    let mut chains = Chains::default();
    let mut checkpoints = read_checkpoints(directory, &mut found)?;
    let numbers = files::numbers(directory, "jsonl")?;
    let first = numbers.first().copied().unwrap_or(1);
    // Files before the first were removed; where they ended is signed, and that they were is an entry.
    let removed = first.saturating_sub(1);
    let anchor = checkpoints.remove(&removed);
    let mut removal = anchor.as_ref().map(|_| Removal::of(removed));
    let mut reductions = Reductions::default();
    if let Some(anchor) = &anchor {
        chains = Chains::at(anchor);
        found.checkpoints += 1;
    }
    found.first = chains.log.seq + 1;
    let mut signed = chains.log.seq;
    for (number, expected) in numbers.into_iter().zip(first..) {
        let path = files::path(directory, number, "jsonl");
        if number != expected || (number > 1 && chains.log == Link::default()) {
            return Err(chains.broken(Some(&path), 1, Break::NoFile));
        }
        let checkpoint = checkpoints.remove(&number);
        let vouches = |chains: &Chains, end: u64| {
            let agrees = |it: &Checkpoint| {
                it.last() == chains.log
                    && it.bytes == Some(end)
                    && it
                        .chains()
                        .all(|(name, end)| chains.own.get(&name) == Some(&end))
            };
            checkpoint.as_ref().is_some_and(agrees)
        };
        let mut vouched = vouches(&chains, 0);
        chains.take_file(&path, 0, |chains, read, stands| {
            vouched = vouched || vouches(chains, stands.end);
            removal.take_if(|removal| removal.is_told_by(read.entry().0));
            reductions.see(read, || Place {
                seq: chains.log.seq,
                file: Some(path.clone()),
                line: stands.line,
            });
        })?;
        found.files += 1;
        match &checkpoint {
            Some(checkpoint) if vouched => {
                found.checkpoints += 1;
                signed = checkpoint.seq;
            }
            Some(checkpoint) if checkpoint.seq > chains.log.seq => {
                return Err(chains.cut(directory, number, checkpoint));
            }
            Some(_) => {
                let path = files::path(directory, number, checkpoint::EXTENSION);
                return Err(chains.broken(Some(&path), 1, Break::Contradicted));
            }
            None => {}
        }
        found.end_told = checkpoint.is_some();
    }
    // A checkpoint whose file is gone, though it isn't one of those that were removed.
    if let Some((number, checkpoint)) = checkpoints.range(first..).next() {
        return Err(chains.cut(directory, *number, checkpoint));
    }
    if let (Some(_), Some(anchor)) = (removal, anchor) {
        let path = files::path(directory, first, "jsonl");
        return Err(Chains::at(&anchor).broken(Some(&path), 1, Break::NotRemoved));
    }
    found.reduced = reductions.entries;
    if let Some((place, kind)) = reductions.untold() {
        return Err(place.broken(kind));
    }
    found.last = chains.log;
    found.unsigned = chains.log.seq - signed;
    Ok(found)
}

/// That the node removed a file, as it says in its log.
struct Removal {
    request: String,
}

impl Removal {
    fn of(number: u32) -> Self {
        Self {
            request: format!("{number:016x}"),
        }
    }

    fn is_told_by(&self, entry: &str) -> bool {
        field(entry, "action") == Some(REMOVE)
            && field(entry, "actor") == Some(NODE)
            && field(entry, "request_id") == Some(&self.request)
    }
}

fn read_checkpoints(
    directory: &Path,
    found: &mut Verified,
) -> Result<BTreeMap<u32, Checkpoint>, ChainError> {
    let mut checkpoints = BTreeMap::new();
    for number in files::numbers(directory, checkpoint::EXTENSION)? {
        let path = files::path(directory, number, checkpoint::EXTENSION);
        let text = fs::read(&path)?;
        let read = Checkpoint::read_file(&text, number, found.signer.as_ref());
        let (checkpoint, signer) =
            read.map_err(|_| Chains::default().broken(Some(&path), 1, Break::Forged))?;
        found.signer = Some(signer);
        checkpoints.insert(number, checkpoint);
    }
    Ok(checkpoints)
}

/// How a line that is a checkpoint begins.
const CHECKPOINT: &str = "{\"checkpoint\":";
