//! A chamber: one generation's family, and the key that opens what is in it.
//!
//! A partition has one at a time. Resealing puts another in its place while reads go on: whoever
//! reads a value looks up the chamber then, and whoever reads many holds on to one. **Invariant:**
//! it is replaced only by who holds the writer's lock, so that a write finds one chamber from its
//! first seal to its commit.

use std::{ops::ControlFlow, sync::Arc};

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{
    PartitionError,
    format::{Head, Row},
};
use crate::{
    seal::{DataKey, GenerationKey, OpenError, SealError, Sealed},
    store::{Family, KeyRange, StorageKey},
};

/// A family and its data key.
pub(super) struct Chamber {
    pub(super) family: Arc<Family>,
    pub(super) key: DataKey,
}

impl Chamber {
    /// A chamber in which nothing stands yet.
    pub(super) fn new(family: Arc<Family>, key: &GenerationKey) -> Self {
        Self {
            family,
            key: key.derive_data_key(0),
        }
    }

    /// Opens a family's head, and takes up the key's count of messages from it.
    pub(super) fn of(
        family: Arc<Family>,
        key: &GenerationKey,
    ) -> Result<(Self, Head), PartitionError> {
        let at = StorageKey::head();
        let sealed = family.find(at)?.ok_or(PartitionError::Corrupt)?;
        let chamber = Self::new(family, key);
        let head = Head::decode(&chamber.open(at, &sealed)?)?;
        chamber.key.resume_at(head.messages);
        Ok((chamber, head))
    }

    /// Seals a value for its place.
    pub(super) fn seal(&self, at: StorageKey, plain: &[u8]) -> Result<Sealed, SealError> {
        self.key.seal(at.kind(), at.as_bytes(), plain)
    }

    /// Opens a stored value.
    pub(super) fn open(&self, at: StorageKey, stored: &[u8]) -> Result<Vec<u8>, OpenError> {
        self.key.open(at.kind(), at.as_bytes(), stored)
    }

    /// Opens every value in a range: one that has few.
    pub(super) fn open_all(
        &self,
        range: &KeyRange,
    ) -> Result<Vec<(StorageKey, Vec<u8>)>, PartitionError> {
        let mut stored = Vec::new();
        self.family.scan(range, |key, sealed| {
            stored.push((key, sealed));
            ControlFlow::Continue(())
        })?;
        let opened = stored.into_iter();
        opened
            .map(|(key, sealed)| Ok((key, self.open(key, &sealed)?)))
            .collect()
    }

    /// Opens a stored row.
    pub(super) fn open_row(&self, at: StorageKey, stored: &[u8]) -> Result<Row, PartitionError> {
        // Wiped once it is read: the point may be erased later, and this copy wouldn't be.
        let plain = Zeroizing::new(self.open(at, stored)?);
        Ok(Row::decode(&plain)?)
    }

    /// Opens every row in a range and hands it to `read`, on all cores; what
    /// that makes of it goes to `take`, in key order. Stops at the first that fails.
    pub(super) fn scan_rows<T: Send>(
        &self,
        range: &KeyRange,
        read: impl Fn(StorageKey, Row) -> Result<T, PartitionError> + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), PartitionError> {
        let mut failed = None;
        let mut chunk: Vec<(StorageKey, Box<[u8]>)> = Vec::with_capacity(CHUNK_ROWS);
        let mut open = |chunk: &mut Vec<(StorageKey, Box<[u8]>)>| {
            let opened: Result<Vec<T>, PartitionError> = chunk
                .par_iter()
                .map(|(key, sealed)| read(*key, self.open_row(*key, sealed)?))
                .collect();
            chunk.clear();
            match opened {
                Ok(opened) => {
                    opened.into_iter().for_each(&mut take);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        self.family.scan(range, |key, sealed| {
            chunk.push((key, sealed));
            if chunk.len() < CHUNK_ROWS {
                ControlFlow::Continue(())
            } else {
                open(&mut chunk)
            }
        })?;
        // After a failure there is nothing left in it.
        let _ended = open(&mut chunk);
        failed.map_or(Ok(()), Err)
    }

    /// A slice of what is stored at a key: of its nonce and ciphertext, which are nowhere else.
    pub(super) fn sample(&self, at: StorageKey) -> Result<Option<Sample>, PartitionError> {
        let found = self.family.look(at, sample)?;
        Ok(found.flatten())
    }
}

/// Slices of what stands in a family: of the head, of segments and of the first rows, each with its
/// record kind. No key is needed for that.
///
/// # Errors
/// [`PartitionError::Store`].
pub fn samples(family: &Family, most: usize) -> Result<Vec<(u8, Sample)>, PartitionError> {
    let mut samples = Vec::new();
    let all = [KeyRange::heads(), KeyRange::chunks(), KeyRange::rows()];
    for range in &all {
        let share = samples.len() + most.div_ceil(all.len());
        family.scan(range, |key, stored| {
            samples.extend(sample(&stored).map(|sample| (key.kind(), sample)));
            if samples.len() < share {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
    }
    samples.truncate(most);
    Ok(samples)
}

fn sample(stored: &[u8]) -> Option<Sample> {
    stored.get(SAMPLE_AT..)?.first_chunk().copied()
}

/// A slice of a sealed value, to look for where it mustn't be any more.
pub type Sample = [u8; 24];

/// Behind the envelope's version and generation: the nonce, then ciphertext.
const SAMPLE_AT: usize = 5;
/// Rows that are opened together.
const CHUNK_ROWS: usize = 1024;
