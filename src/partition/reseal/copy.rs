//! Copying values from one chamber to another: each is opened, and sealed again for its place there.

use std::ops::ControlFlow;

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::{
    partition::{PartitionError, chamber::Chamber},
    seal::Sealed,
    store::{Batch, KeyRange, StorageKey},
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
}

impl Copied {
    /// This and more.
    #[must_use]
    pub(super) const fn and(self, more: Self) -> Self {
        Self {
            values: self.values + more.values,
            bytes: self.bytes + more.bytes,
        }
    }
}

impl Copy<'_> {
    /// Copies the wanted values of a range where nothing stands yet, through a table file past the
    /// log. Stops, with nothing copied, when `go_on` says no.
    pub(super) fn in_bulk(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Copied, PartitionError> {
        let mut copied = Copied::default();
        self.to.family.ingest(|bulk| {
            self.each_resealed(range, wanted, go_on, |some| {
                for (key, sealed) in some {
                    copied.values += 1;
                    copied.bytes += sealed.as_bytes().len() as u64;
                    bulk.put(key, &sealed)?;
                }
                Ok(())
            })
        })?;
        Ok(copied)
    }

    /// Copies the wanted values of a range by ordinary commits, after what `batch` holds already.
    pub(super) fn by_commits(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        batch: &mut Batch,
    ) -> Result<Copied, PartitionError> {
        let mut copied = Copied::default();
        self.each_resealed(range, wanted, &|| true, |some| {
            for (key, sealed) in some {
                copied.values += 1;
                copied.bytes += sealed.as_bytes().len() as u64;
                batch.put(key, sealed);
            }
            self.to.family.commit(batch)?;
            *batch = Batch::default();
            Ok(())
        })?;
        Ok(copied)
    }

    /// Hands on the values of a range, sealed anew, some at a time and in key order.
    fn each_resealed(
        &self,
        range: &KeyRange,
        wanted: impl Fn(StorageKey) -> bool,
        go_on: &dyn Fn() -> bool,
        mut take: impl FnMut(Vec<(StorageKey, Sealed)>) -> Result<(), PartitionError>,
    ) -> Result<(), PartitionError> {
        let mut some: Vec<(StorageKey, Box<[u8]>)> = Vec::new();
        let (mut bytes, mut failed) = (0, None);
        let mut reseal = |some: &mut Vec<(StorageKey, Box<[u8]>)>| {
            let resealed = self.resealed(some).and_then(&mut take);
            some.clear();
            resealed
        };
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
            let done = if go_on() {
                reseal(&mut some)
            } else {
                Err(PartitionError::Interrupted)
            };
            match done {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None if some.is_empty() => Ok(()),
            None => reseal(&mut some),
        }
    }

    fn resealed(
        &self,
        some: &[(StorageKey, Box<[u8]>)],
    ) -> Result<Vec<(StorageKey, Sealed)>, PartitionError> {
        some.par_iter()
            .map(|(key, sealed)| {
                let plain = Zeroizing::new(self.from.open(*key, sealed)?);
                Ok((*key, self.to.seal(*key, &plain)?))
            })
            .collect()
    }
}

/// Values that are opened and sealed together, on all cores.
const VALUES_TOGETHER: usize = 2_048;
/// ... and their bytes: a chunk of a segment is 1 MiB.
const BYTES_TOGETHER: usize = 8 << 20;
