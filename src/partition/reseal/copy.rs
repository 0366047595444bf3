//! Copying values from one chamber to another: each is opened, and sealed again for its place there.

use std::{mem, ops::ControlFlow, panic, sync::mpsc, thread, time::Duration};

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::{
    clock::Stopwatch,
    partition::{PartitionError, chamber::Chamber},
    seal::Sealed,
    store::{Batch, KeyRange, StorageKey, StoreError},
};

/// From one chamber to another.
#[derive(Clone, Copy)]
pub(super) struct Copy<'c> {
    pub(super) from: &'c Chamber,
    pub(super) to: &'c Chamber,
}

/// A value as it stands in the old chamber.
type Stored = (StorageKey, Box<[u8]>);

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
                let reading = scope.spawn(|| self.read(range, wanted, send));
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

    /// Copies the wanted values of a range by ordinary commits, after what `batch` holds already.
    pub(super) fn by_commits(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        batch: &mut Batch,
    ) -> Result<Copied, PartitionError> {
        let watch = Stopwatch::start();
        let mut copied = Copied::default();
        let mut failed = None;
        let mut commit = |some: &[Stored]| {
            for (key, sealed) in self.resealed(some)? {
                copied.count(&sealed);
                batch.put(key, sealed);
            }
            self.to.family.commit(&mem::take(batch))?;
            Ok(())
        };
        self.read(range, wanted, |some| match commit(&some) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        copied.took = watch.elapsed();
        failed.map_or(Ok(copied), Err)
    }

    /// Reads the wanted values of a range, some at a time and in key order.
    fn read(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        mut take: impl FnMut(Vec<Stored>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut some = Vec::new();
        let mut bytes = 0;
        self.from.family.scan(range, |key, sealed| {
            if !wanted(key) {
                return ControlFlow::Continue(());
            }
            bytes += sealed.len();
            some.push((key, sealed));
            if some.len() < VALUES_TOGETHER && bytes < BYTES_TOGETHER {
                return ControlFlow::Continue(());
            }
            bytes = 0;
            take(mem::take(&mut some))
        })?;
        if !some.is_empty() {
            // It is the last there is, or nothing more is wanted.
            let _enough = take(some);
        }
        Ok(())
    }

    fn resealed(&self, some: &[Stored]) -> Result<Vec<(StorageKey, Sealed)>, PartitionError> {
        some.par_iter()
            .map(|(key, sealed)| {
                let plain = Zeroizing::new(self.from.open(*key, sealed)?);
                Ok((*key, self.to.seal(*key, &plain)?))
            })
            .collect()
    }
}

/// Batches that wait to be sealed.
const READ_AHEAD: usize = 2;
/// Values that are opened and sealed together, on all cores.
const VALUES_TOGETHER: usize = 2_048;
/// ... and their bytes: a chunk of a segment is 1 MiB.
const BYTES_TOGETHER: usize = 8 << 20;
