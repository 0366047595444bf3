//! Points that have ended and left, and that no sweep has told of yet: a count a collection.
//!
//! It is as durable as their leaving: the commit that clears them raises it, that of the sweep that
//! tells of them takes it back, and it goes with its collection. So a receipt tells of each once,
//! whatever is closed, moved, restored or killed between the two.

use std::{collections::HashMap, sync::Arc};

use super::{PURGE_HOURS_DEFAULT, Standing, sweep};
use crate::{
    clock::Timestamp,
    partition::{Partition, PartitionError, chamber::Chamber, erase::Erased, format},
    store::{Batch, KeyRange, StorageKey},
};

impl Partition {
    /// Counts what has ended and left, in one commit for every collection: it is told of from here on.
    pub(in crate::partition) fn tell_ended(
        &self,
        erased: &mut Erased,
    ) -> Result<(), PartitionError> {
        let mut head = self.writer.lock();
        let collections = self.collections.load();
        let untold = collections.values().filter(|of| of.have_ended() > 0);
        let untold: Vec<_> = untold.collect();
        if untold.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        for of in &untold {
            put_untold(&self.chamber.load(), &mut batch, of.number, 0)?;
        }
        self.commit(&mut head, batch, |_| {})?;
        for of in untold {
            erased.count(of.name.clone(), of.have_ended());
            of.set_ended(0);
        }
        Ok(())
    }
}

/// When the sweep begins that tells of what has ended and left. It is due even where the retention was
/// taken back since.
pub(super) fn sweep_of_untold(standing: Option<&Arc<Standing>>, now: Timestamp) -> Timestamp {
    standing.map_or_else(
        || sweep(now, PURGE_HOURS_DEFAULT),
        |standing| standing.sweep_of_ended(now),
    )
}

/// Adds a collection's count to a batch; nothing isn't stored.
pub(in crate::partition) fn put_untold(
    chamber: &Chamber,
    batch: &mut Batch,
    collection: u32,
    points: u64,
) -> Result<(), PartitionError> {
    let key = StorageKey::untold(collection);
    if points == 0 {
        batch.remove(key);
    } else {
        batch.put(key, chamber.seal(key, &format::encode_untold(points))?);
    }
    Ok(())
}

/// Reads a chamber's counts back, by collection.
pub(in crate::partition) fn stored_untold(
    chamber: &Chamber,
) -> Result<HashMap<u32, u64>, PartitionError> {
    let stored = chamber.open_all(&KeyRange::untold())?;
    let counts = stored.iter().map(|(key, plain)| {
        let points = format::decode_untold(plain)?;
        Ok((key.collection_number(), points))
    });
    counts.collect()
}
