//! A stored segment seen from outside: what it covers, and whether it holds anything that is dead,
//! without loading it.

use super::format::{Manifest, OWN_PARTS};
use crate::{
    partition::{chamber::Chamber, format::SegmentNote},
    store::{KeyRange, StorageKey},
};

/// What there is to know of a segment without loading it.
pub(in crate::partition) struct Outline {
    collection: u32,
    note: SegmentNote,
    manifest: Manifest,
}

/// The segment that the head names for a collection, if its manifest is that one's.
pub(in crate::partition) fn outline(
    chamber: &Chamber,
    collection: u32,
    note: SegmentNote,
) -> Option<Outline> {
    let key = StorageKey::segment(collection);
    let sealed = chamber.family.find(key).ok()??;
    let manifest = Manifest::decode(&chamber.open(key, &sealed).ok()?).ok()?;
    (manifest.epoch == note.epoch).then_some(Outline {
        collection,
        note,
        manifest,
    })
}

impl Outline {
    /// It may know rows below this.
    pub(in crate::partition) const fn bound(&self) -> u64 {
        self.manifest.bound
    }

    /// Where its chunks stand, if none of its slots is dead: then it may be copied as it is.
    pub(in crate::partition) fn copyable(&self, chamber: &Chamber) -> Option<KeyRange> {
        if self.note.tombstones > 0 || !self.all_live(chamber)? {
            return None;
        }
        let first = StorageKey::chunk(self.collection, self.manifest.epoch, 0);
        let chunks = KeyRange::chunks_of(self.collection).starting_at(first);
        Some(match first.behind_epoch() {
            Some(behind) => chunks.ending_before(behind),
            None => chunks,
        })
    }

    fn all_live(&self, chamber: &Chamber) -> Option<bool> {
        let length = u64::from(self.manifest.chunk_bytes);
        // The bits of the dead slots are the second of the slot table's parts.
        let dead = self.manifest.parts.len().checked_sub(OWN_PARTS)? + 1;
        let chunks = |parts: &[u64]| parts.iter().map(|part| part.div_ceil(length)).sum::<u64>();
        let before = chunks(self.manifest.parts.get(..dead)?);
        let through = before + chunks(self.manifest.parts.get(dead..=dead)?);
        for index in before..through {
            let index = u32::try_from(index).ok()?;
            let key = StorageKey::chunk(self.collection, self.manifest.epoch, index);
            let sealed = chamber.family.find(key).ok()??;
            let bits = chamber.open(key, &sealed).ok()?;
            if bits.iter().any(|byte| *byte != 0) {
                return Some(false);
            }
        }
        Some(true)
    }
}
