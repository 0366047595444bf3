//! Opening the log: the chains are taken up where they ended.
//!
//! The newest checkpoint tells where they had got to; the lines after it are read, checked, and
//! followed. Without one (a log of before there were any) every line is.

use std::{collections::HashSet, path::Path};

use parking_lot::Mutex;

use super::{
    AuditError, AuditLog, AuditOptions, State,
    chain::Chains,
    checkpoint::Checkpoint,
    counts::Counts,
    files::{self, Files},
    overwrite,
    salt::Salts,
    sync::Sync,
};
use crate::{clock::Timestamp, seal::SigningKey};

impl AuditLog {
    /// Opens the log in a directory and takes up its chains. A last line that a crash cut short
    /// was never acknowledged and is cut off, and what it kept from being overwritten is.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] when a line doesn't follow from the ones before, or a checkpoint
    /// tells of lines that are gone.
    pub fn open(
        directory: &Path,
        key: SigningKey,
        options: AuditOptions,
    ) -> Result<Self, AuditError> {
        let files = Files::open(directory)?;
        overwrite::resume(directory)?;
        let public = key.verifying_key();
        let newest = files::numbers(directory, super::checkpoint::EXTENSION)?.into_iter();
        // One that isn't this node's is no use; the lines tell then.
        let newest = newest.rev().find_map(|number| {
            let loaded = Checkpoint::load(directory, number, &public).transpose()?;
            Some(loaded.map(|checkpoint| (number, checkpoint)))
        });
        let newest = newest.transpose()?;
        let mut chains = Chains::default();
        let mut start = (0, 0);
        if let Some((number, checkpoint)) = &newest {
            chains = Chains::at(checkpoint);
            start = (*number, checkpoint.bytes.unwrap_or_default());
            // A file that was kept long enough is gone, and the next one is there.
            let removed = files::length(directory, number + 1)?.is_some();
            let there = files::length(directory, *number)?;
            if there.map_or(!removed, |bytes| bytes < start.1) {
                return Err(chains.cut(directory, *number, checkpoint).into());
            }
        }
        for number in files::numbers(directory, "jsonl")? {
            let from = match number.cmp(&start.0) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => start.1,
                std::cmp::Ordering::Greater => 0,
            };
            let path = files::path(directory, number, "jsonl");
            chains.take_file(&path, from, |_, _, _| {})?;
        }
        Ok(Self {
            options,
            key,
            state: Mutex::new(State {
                files,
                chains,
                time: Timestamp(0),
                checkpoint_seq: newest.map_or(0, |(_, checkpoint)| checkpoint.seq),
                poisoned: false,
                refused: 0,
                line: Vec::new(),
                salts: Salts::new(),
                reduced: HashSet::new(),
            }),
            sync: Sync::default(),
            counts: Mutex::new(Counts::default()),
        })
    }
}
