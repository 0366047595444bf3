//! Chains, line by line: what follows from what came before, and how it may fail to.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    checkpoint::{self, Checkpoint},
    files,
    line::Link,
    read::{Linked, Read, Unread, field},
};

/// Whether a link is the next of a chain.
pub(super) fn follows(last: &Link, next: &Linked) -> Result<(), Break> {
    let (seq, expected) = (next.link.seq, last.seq.saturating_add(1));
    if seq > expected {
        return Err(Break::Missing {
            entries: seq - expected,
        });
    }
    if seq < expected {
        return Err(Break::Moved { seq });
    }
    if next.prev != last.hash {
        return Err(Break::Unlinked);
    }
    Ok(())
}

/// The chain of a whole log, and every tenant's own within it.
#[derive(Clone, Debug, Default)]
pub(super) struct Chains {
    pub(super) log: Link,
    /// By tenant; the node's own has an empty name.
    pub(super) own: HashMap<String, Link>,
}

impl Chains {
    /// As a checkpoint tells them.
    pub(super) fn at(checkpoint: &Checkpoint) -> Self {
        Self {
            log: checkpoint.last(),
            own: checkpoint.chains().collect(),
        }
    }

    /// The end of a tenant's own chain, or of the node's.
    pub(super) fn end_of(&self, tenant: Option<&str>) -> Link {
        let name = tenant.unwrap_or_default();
        self.own.get(name).copied().unwrap_or_default()
    }

    /// A line was written that leads to these ends.
    pub(super) fn set(&mut self, log: Link, tenant: Option<&str>, own: Link) {
        self.log = log;
        let name = tenant.unwrap_or_default();
        match self.own.get_mut(name) {
            Some(end) => *end = own,
            None => drop(self.own.insert(name.to_owned(), own)),
        }
    }

    /// Takes the next line into the log's chain, and the entry in it into its tenant's.
    pub(super) fn take<'a>(&mut self, text: &'a str) -> Result<Read<'a>, Break> {
        let read = Read::of(text)?;
        follows(&self.log, &read.own)?;
        if let Some((entry, own)) = &read.entry {
            let tenant = field(entry, "tenant");
            follows(&self.end_of(tenant), own)?;
            self.set(read.own.link, tenant, own.link);
        } else {
            self.log = read.own.link;
        }
        Ok(read)
    }

    /// Takes the lines of a file from `start` on. `each` is called behind each, and is given it and where it
    /// stands.
    pub(super) fn take_file(
        &mut self,
        path: &Path,
        start: u64,
        mut each: impl FnMut(&Self, &Read<'_>, Stands),
    ) -> Result<(), ChainError> {
        let mut line = 0;
        let mut broken = None;
        files::lines(path, (start, u64::MAX), |text, place| {
            line += 1;
            let end = place + text.len() as u64 + 1;
            match self.take(text) {
                Ok(read) => each(self, &read, Stands { line, end }),
                Err(kind) => broken = Some(kind),
            }
            broken.is_none()
        })?;
        match broken {
            Some(kind) => Err(self.broken(Some(path), line, kind)),
            None => Ok(()),
        }
    }

    pub(super) fn broken(&self, file: Option<&Path>, line: u64, kind: Break) -> ChainError {
        ChainError::Broken {
            seq: self.log.seq + 1,
            file: file.map(Path::to_owned),
            line,
            kind,
        }
    }

    /// A file ends before what its checkpoint tells of.
    pub(super) fn cut(&self, directory: &Path, number: u32, checkpoint: &Checkpoint) -> ChainError {
        let path = files::path(directory, number, checkpoint::EXTENSION);
        let seq = checkpoint.seq;
        self.broken(Some(&path), 1, Break::Cut { seq })
    }
}

/// Where a line stands in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stands {
    /// Which one it is, from 1.
    pub(super) line: u64,
    /// Where the next one begins.
    pub(super) end: u64,
}

/// Why a chain doesn't hold.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A line was changed, removed, added or moved.
    #[error(
        "the audit chain breaks at entry {seq} ({}line {line}): {kind}",
        file.as_ref().map(|file| format!("{}, ", file.display())).unwrap_or_default()
    )]
    Broken {
        /// The number of the first entry that isn't right.
        seq: u64,
        /// The file that it stands in, if it is known.
        file: Option<PathBuf>,
        /// The line, from 1, counted from where the check began.
        line: u64,
        /// What is wrong there.
        kind: Break,
    },
    /// The log can't be read.
    #[error("the audit log can't be read")]
    Io(#[from] io::Error),
}

/// What is wrong with a line, or with a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Break {
    /// It isn't an entry.
    #[error("this isn't an entry")]
    Form,
    /// Its hash isn't that of what it says.
    #[error("the entry was changed")]
    Changed,
    /// Entries are missing before it.
    #[error("{entries} entries before this one are missing")]
    Missing {
        /// How many.
        entries: u64,
    },
    /// It belongs further up.
    #[error("entry {seq} doesn't belong here")]
    Moved {
        /// Its number.
        seq: u64,
    },
    /// Who it was isn't told, and no entry says that the node took that out.
    #[error(
        "who it was was taken out, and no entry tells that the node did so for an erased tenant"
    )]
    Reduced,
    /// It follows from another entry than the one before.
    #[error("the entry doesn't follow from the one before it")]
    Unlinked,
    /// A checkpoint isn't signed by the node.
    #[error("the checkpoint isn't one that the node signed")]
    Forged,
    /// A checkpoint says something else than the entries.
    #[error("the entries aren't the ones that the signed checkpoint tells of")]
    Contradicted,
    /// Entries that a checkpoint tells of are gone.
    #[error("the log ends before entry {seq}, which the signed checkpoint tells of")]
    Cut {
        /// The last that there must be.
        seq: u64,
    },
    /// A file before this one is gone.
    #[error("the file before this one is missing, and no signed checkpoint tells how it ended")]
    NoFile,
    /// Files before this one are gone, and the log doesn't say that the node removed them.
    #[error("the file before this one is missing, and no entry tells that the node removed it")]
    NotRemoved,
}

impl From<Unread> for Break {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Form => Self::Form,
            Unread::Hash => Self::Changed,
        }
    }
}
