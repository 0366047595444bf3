//! The ends of a snapshot's points, the earliest first.
//!
//! Slots are only ever added, as to payload indexes: a slot that died before its end is passed over
//! when that comes, or left behind when the collection is compacted. So removing a point needn't
//! know when it would have ended.

use std::sync::Arc;

use imbl::OrdSet;

use super::Standing;
use crate::clock::Timestamp;

/// A collection's retention, and when the points in its slots end.
#[derive(Clone, Default)]
pub(in crate::partition) struct Ends {
    standing: Option<Arc<Standing>>,
    slots: OrdSet<(u64, u32)>,
}

impl Ends {
    /// No ends yet, under a retention.
    pub(in crate::partition) fn new(standing: Option<Arc<Standing>>) -> Self {
        Self {
            standing,
            slots: OrdSet::new(),
        }
    }

    pub(in crate::partition) const fn standing(&self) -> Option<&Arc<Standing>> {
        self.standing.as_ref()
    }

    /// Whether these were computed under this retention.
    pub(in crate::partition) fn are_under(&self, standing: &Standing) -> bool {
        self.revision() == standing.revision
    }

    /// The revision of that retention; none is 0.
    pub(in crate::partition) fn revision(&self) -> u64 {
        self.standing
            .as_ref()
            .map_or(0, |standing| standing.revision)
    }

    /// Whether something has ended by now, or a slot would have.
    pub(in crate::partition) fn have_come(&self, now: Timestamp) -> bool {
        self.earliest().is_some_and(|end| end <= now)
    }

    pub(in crate::partition) fn earliest(&self) -> Option<Timestamp> {
        self.slots.get_min().map(|(end, _)| Timestamp(*end))
    }

    pub(in crate::partition) fn put(&mut self, slot: u32, end: Timestamp) {
        self.slots.insert((end.0, slot));
    }

    /// Takes out the slots whose end has come, so many at the most.
    pub(super) fn take(&mut self, now: Timestamp, most: usize) -> Vec<u32> {
        let mut ended = Vec::new();
        while ended.len() < most
            && self.have_come(now)
            && let Some((_, slot)) = self.slots.remove_min()
        {
            ended.push(slot);
        }
        ended
    }

    /// As they are once the slots have these new numbers, those that have one.
    pub(in crate::partition) fn renumbered(&self, numbers: &[Option<u32>]) -> Self {
        let renumbered = self.slots.iter().filter_map(|(end, slot)| {
            let number = numbers.get(*slot as usize).copied().flatten()?;
            Some((*end, number))
        });
        Self {
            standing: self.standing.clone(),
            slots: renumbered.collect(),
        }
    }

    /// Every end and its slot, the earliest first.
    pub(in crate::partition) fn iter(&self) -> impl Iterator<Item = (Timestamp, u32)> + '_ {
        self.slots
            .iter()
            .map(|(end, slot)| (Timestamp(*end), *slot))
    }

    pub(in crate::partition) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes in memory.
    pub(in crate::partition) fn bytes(&self) -> usize {
        // A tree of half-full leaves at the least.
        2 * self.slots.len() * size_of::<(u64, u32)>()
    }
}
