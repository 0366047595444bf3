//! The flat scan: every slot of a range or a set. Finds what an exact search finds, but reads a
//! third of the bytes: codes first, all bits of the few that may be among the nearest.

use std::ops::Range;

use super::{
    arena::Arena,
    kernels,
    query::{BLOCK, Query},
    shortlist::Shortlist,
};

/// Offers the slots of a range that `keep` keeps.
pub(super) fn scan(
    arena: &Arena,
    query: &Query,
    slots: Range<u32>,
    keep: impl Fn(u32) -> bool,
    list: &mut Shortlist,
) {
    for (first, chunk, rows) in arena.blocks(slots) {
        query.offer_rows(chunk, rows, first, &keep, list);
    }
}

/// Offers slots that lie anywhere.
pub(super) fn scan_scattered(
    arena: &Arena,
    query: &Query,
    mut slots: impl Iterator<Item = u32>,
    list: &mut Shortlist,
) {
    let rows = arena.rows();
    let mut block = [0; BLOCK];
    loop {
        let places = block.iter_mut();
        let taken = places
            .zip(slots.by_ref())
            .map(|(place, slot)| *place = slot);
        let block = match taken.count() {
            0 => return,
            count => &block[..count],
        };
        for (slot, near) in block.iter().zip(query.near_all(&rows, block)) {
            list.offer(*slot, near, query.margin(&rows, *slot));
        }
    }
}

/// What scans run on, for whoever prints it.
pub fn kernel_name() -> &'static str {
    kernels::Kernels::chosen().name()
}
