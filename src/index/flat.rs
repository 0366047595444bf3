//! The exact scan: every slot, or every one of a list. The oracle for every other index.

use std::ops::Range;

use fixedbitset::FixedBitSet;

use super::{
    arena::Arena,
    kernels,
    top::{Hit, Top},
};
use crate::vector::Metric;

/// Offers every living slot of a range.
pub(super) fn scan(
    metric: Metric,
    arena: &Arena,
    query: &[f32],
    slots: Range<usize>,
    dead: &FixedBitSet,
    best: &mut Top,
) {
    let nearness = kernels::nearness(metric);
    for slot in slots {
        if !dead.contains(slot) {
            offer(best, slot, nearness(query, arena.vector(slot)));
        }
    }
}

/// The nearest of a list of slots.
pub(super) fn scan_slots(
    metric: Metric,
    arena: &Arena,
    query: &[f32],
    slots: &[u32],
    k: usize,
) -> Vec<Hit> {
    let nearness = kernels::nearness(metric);
    let mut best = Top::new(k);
    for slot in slots {
        let slot = *slot as usize;
        offer(&mut best, slot, nearness(query, arena.vector(slot)));
    }
    best.into_sorted()
}

fn offer(best: &mut Top, slot: usize, nearness: f32) {
    // Slots are counted in u32 by whoever appends; the arena refuses no slot that doesn't fit.
    if let Ok(slot) = u32::try_from(slot) {
        best.offer(Hit { slot, nearness });
    }
}
