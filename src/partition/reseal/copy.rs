//! Copying values from one chamber to another: each is opened, and sealed again for its place there.

use std::{mem, ops::ControlFlow, panic, slice, sync::mpsc, thread, time::Duration};

use rayon::prelude::*;

use crate::{
    clock::Stopwatch,
    partition::{PartitionError, chamber::Chamber},
    priority,
    seal::{Nonce, Sealed},
    store::{Batch, KeyRange, StorageKey, StoreError},
};

/// From one chamber to another.
#[derive(Clone, Copy)]
pub(super) struct Copy<'c> {
    pub(super) from: &'c Chamber,
    pub(super) to: &'c Chamber,
}

/// How many values were copied, and how long they are, sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Copied {
    /// Values.
    pub values: u64,
    /// Their bytes as they are stored.
    pub bytes: u64,
    /// How long that took.
    pub took: Duration,
}

impl Copied {
    fn count(&mut self, sealed: &Sealed) {
        self.values += 1;
        self.bytes += sealed.as_bytes().len() as u64;
    }

    /// This and more.
    #[must_use]
    pub(super) const fn and(self, more: Self) -> Self {
        Self {
            values: self.values + more.values,
            bytes: self.bytes + more.bytes,
            took: self.took.saturating_add(more.took),
        }
    }
}

impl Copy<'_> {
    /// Copies the wanted values of a range where nothing stands yet, through a table file past the
    /// log. The next values are read while some are sealed and written. Stops, with nothing copied,
    /// when `go_on` says no.
    pub(super) fn in_bulk(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool + Send,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Copied, PartitionError> {
        let watch = Stopwatch::start();
        let mut copied = Copied::default();
        self.to.family.ingest(|bulk| {
            thread::scope(|scope| {
                let (read, some) = mpsc::sync_channel(READ_AHEAD);
                let send = move |some| match read.send(some) {
                    Ok(()) => ControlFlow::Continue(()),
                    // Whoever took them has stopped.
                    Err(_) => ControlFlow::Break(()),
                };
                let reading = scope.spawn(priority::alike(|| self.read(range, wanted, send)));
                for some in some {
                    if !go_on() {
                        return Err(PartitionError::Interrupted);
                    }
                    for (key, sealed) in self.resealed(&some)? {
                        copied.count(&sealed);
                        bulk.put(key, &sealed)?;
                    }
                }
                match reading.join() {
                    Ok(read) => Ok(read?),
                    Err(panic) => panic::resume_unwind(panic),
                }
            })
        })?;
        copied.took = watch.elapsed();
        Ok(copied)
    }

    /// Copies the values of a range by ordinary commits, after what `batch` holds already.
    pub(super) fn by_commits(
        &self,
        range: &KeyRange,
        batch: &mut Batch,
    ) -> Result<Copied, PartitionError> {
        let watch = Stopwatch::start();
        let mut copied = Copied::default();
        let mut failed = None;
        let mut commit = |some: &Stored| {
            for (key, sealed) in self.resealed(some)? {
                copied.count(&sealed);
                batch.put(key, sealed);
            }
            self.to.family.commit(&mem::take(batch))?;
            Ok(())
        };
        self.read(
            range,
            |_| true,
            |some| match commit(&some) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        copied.took = watch.elapsed();
        failed.map_or(Ok(copied), Err)
    }

    /// Reads the wanted values of a range, some at a time and in key order.
    fn read(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        mut take: impl FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut some = Stored::default();
        self.from
            .family
            .scan_at_once(slice::from_ref(range), |key, sealed| {
                if !wanted(key) {
                    return ControlFlow::Continue(());
                }
                some.push(key, sealed);
                if some.is_enough() {
                    take(mem::take(&mut some))
                } else {
                    ControlFlow::Continue(())
                }
            })?;
        if !some.ends.is_empty() {
            // It is the last there is, or nothing more is wanted.
            let _enough = take(some);
        }
        Ok(())
    }

    fn resealed(&self, some: &Stored) -> Result<Vec<(StorageKey, Sealed)>, PartitionError> {
        let (from, to) = (&self.from.key, &self.to.key);
        let nonces = Nonce::random_many(some.ends.len())?;
        let values = nonces.into_par_iter().enumerate();
        values
            .map(|(place, nonce)| {
                let (key, sealed) = some.get(place).ok_or(PartitionError::Corrupt)?;
                let (kind, at) = (key.kind(), key.as_bytes());
                let sealed = to.reseal::<PartitionError>(from, kind, at, nonce, sealed)?;
                Ok((key, sealed))
            })
            .collect()
    }
}

/// Values as they stand in the old chamber, one behind the other.
#[derive(Default)]
struct Stored {
    bytes: Vec<u8>,
    /// Each one's key, and where it ends.
    ends: Vec<(StorageKey, usize)>,
}

impl Stored {
    fn push(&mut self, key: StorageKey, sealed: &[u8]) {
        if self.ends.is_empty() {
            self.bytes.reserve_exact(BYTES_TOGETHER + sealed.len());
        }
        self.bytes.extend_from_slice(sealed);
        self.ends.push((key, self.bytes.len()));
    }

    fn is_enough(&self) -> bool {
        self.ends.len() >= VALUES_TOGETHER || self.bytes.len() >= BYTES_TOGETHER
    }

    fn get(&self, place: usize) -> Option<(StorageKey, &[u8])> {
        let (key, end) = *self.ends.get(place)?;
        let before = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let start = before.map_or(0, |(_, end)| *end);
        Some((key, self.bytes.get(start..end)?))
    }
}

/// Batches that wait to be sealed.
const READ_AHEAD: usize = 2;
/// Values that are opened and sealed together, on all cores.
const VALUES_TOGETHER: usize = 2_048;
/// ... and their bytes: a chunk of a segment is 1 MiB.
const BYTES_TOGETHER: usize = 4 << 20;
