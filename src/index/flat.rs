//! The flat scan: every slot of a range or a set. Finds what an exact search finds, but reads a
//! third of the bytes: codes first, all bits of the few that may be among the nearest.

use std::ops::Range;

use super::{
    arena::{Arena, Rows},
    kernels,
    query::Query,
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

/// Offers slots that lie anywhere: each is asked for before it is read.
pub(super) fn scan_scattered(
    arena: &Arena,
    query: &Query,
    mut slots: impl Iterator<Item = u32>,
    list: &mut Shortlist,
) {
    let rows = &arena.rows();
    let mut ring = [0_u32; RING];
    let (mut taken, mut done) = (0, 0);
    loop {
        while taken < done + RING {
            let Some(slot) = slots.next() else { break };
            query.prefetch(rows, slot);
            ring[taken % RING] = slot;
            taken += 1;
        }
        if taken == done {
            return;
        }
        // Four at a time: the ring's length is a multiple of four.
        let at = done % RING;
        let four = (taken - done).min(4);
        offer(rows, query, &ring[at..at + four], list);
        done += four;
    }
}

/// Offers at most four slots.
#[inline]
fn offer(rows: &Rows<'_>, query: &Query, slots: &[u32], list: &mut Shortlist) {
    for (slot, near) in slots.iter().zip(query.near_some(rows, slots)) {
        list.offer(*slot, near, query.margin(rows, *slot));
    }
}

/// What scans run on, for whoever prints it.
pub fn kernel_name() -> &'static str {
    kernels::Kernels::chosen().name()
}

/// Rows that are asked for before they are read.
const RING: usize = 16;
