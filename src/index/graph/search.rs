//! Searching: best-first from the entry, with a pool of the nearest candidates.

use fixedbitset::FixedBitSet;

use super::{Graph, Links, NO_SLOT, pool::Pool};
use crate::index::{
    arena::Rows,
    query::{BLOCK, Query},
};

/// What a walk needs, kept by its thread so that a walk allocates nothing. It holds slot numbers
/// and nearness of whichever walk was last, never vectors.
#[derive(Default)]
pub(in crate::index) struct Walker {
    /// In which walk a slot was last met.
    met: Vec<u8>,
    walk: u8,
    pool: Pool,
    fresh: Vec<u32>,
}

/// Which slots a walk goes by.
#[derive(Clone, Copy)]
pub(in crate::index) enum Through<'a> {
    /// All of them.
    All,
    /// All of them, but these don't count.
    AllBut(&'a FixedBitSet),
    /// All of them, but only these count.
    AllFor(&'a FixedBitSet),
    /// These alone, and where a link leads to another one, on to that one's links: two hops
    /// instead of one (ACORN, arXiv 2403.04871).
    These(&'a FixedBitSet),
}

impl Walker {
    /// The candidates of the last walk, nearest first.
    pub(in crate::index) fn candidates(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.pool.candidates()
    }

    /// Searches a graph for the `ef` nearest that count, by their codes. What doesn't count is
    /// passed through.
    pub(in crate::index) fn walk(
        &mut self,
        graph: &Graph,
        rows: &Rows<'_>,
        query: &Query,
        ef: usize,
        through: Through<'_>,
    ) {
        let links = graph.links();
        match through {
            Through::All => self.walk_from(links, rows, query, ef, |_| true),
            Through::AllBut(dead) => {
                let living = |slot: u32| !dead.contains(slot as usize);
                self.walk_from(links, rows, query, ef, living);
            }
            Through::AllFor(mask) => {
                let meant = |slot: u32| mask.contains(slot as usize);
                self.walk_from(links, rows, query, ef, meant);
            }
            Through::These(mask) => {
                self.walk_from(links, rows, query, ef, |_| true);
                self.narrow(links, rows, query, ef, mask);
            }
        }
    }

    /// As [`Self::walk`], on links that aren't a graph yet.
    pub(super) fn walk_from(
        &mut self,
        links: Links<'_>,
        rows: &Rows<'_>,
        query: &Query,
        ef: usize,
        counts: impl Fn(u32) -> bool + Copy,
    ) {
        let Links { len, entry, .. } = links;
        self.begin(len);
        if len == 0 {
            return;
        }
        self.fresh.clear();
        let step = (len as usize / STARTS).max(1);
        let linked = |start: u32| {
            let near = start..len.min(start.saturating_add(START_SLOTS));
            near.into_iter().find(|slot| links.is_linked(*slot))
        };
        let spread = (0..len).step_by(step).filter_map(linked);
        for start in std::iter::once(entry).chain(spread) {
            if self.meet(start) {
                self.fresh.push(start);
            }
        }
        self.offer_fresh(links, rows, query, ef, &mut 0, counts);
        let mut next = 0;
        while let Some(slot) = self.pool.expand(&mut next) {
            self.meet_links(links.row(slot));
            // Likely the next one to be expanded.
            if let Some(likely) = self.pool.slot(next) {
                links.prefetch(likely);
            }
            self.offer_fresh(links, rows, query, ef, &mut next, counts);
        }
    }

    /// From where the last walk ended, goes on through the slots of a set alone.
    fn narrow(
        &mut self,
        links: Links<'_>,
        rows: &Rows<'_>,
        query: &Query,
        ef: usize,
        mask: &FixedBitSet,
    ) {
        let near: Vec<u32> = self.pool.candidates().map(|(slot, _)| slot).collect();
        self.begin(links.len);
        self.fresh.clear();
        for slot in near {
            if self.meet(slot) && mask.contains(slot as usize) {
                self.fresh.push(slot);
            }
            self.two_hops(links, slot, mask);
        }
        self.offer_fresh(links, rows, query, ef, &mut 0, |_| true);
        let mut next = 0;
        while let Some(slot) = self.pool.expand(&mut next) {
            self.fresh.clear();
            self.two_hops(links, slot, mask);
            self.offer_fresh(links, rows, query, ef, &mut next, |_| true);
        }
    }

    /// Collects the slots of a set within two links of a slot.
    fn two_hops(&mut self, links: Links<'_>, slot: u32, mask: &FixedBitSet) {
        for link in links.of(slot) {
            if !self.meet(link) {
                continue;
            }
            if mask.contains(link as usize) {
                self.fresh.push(link);
                continue;
            }
            for further in links.of(link) {
                // Others aren't marked: their own links are still to be looked through.
                if mask.contains(further as usize) && self.meet(further) {
                    self.fresh.push(further);
                }
            }
        }
    }

    /// Compares what was freshly met with the query.
    fn offer_fresh(
        &mut self,
        links: Links<'_>,
        rows: &Rows<'_>,
        query: &Query,
        ef: usize,
        next: &mut usize,
        counts: impl Fn(u32) -> bool + Copy,
    ) {
        let fresh = std::mem::take(&mut self.fresh);
        for slots in fresh.chunks(BLOCK) {
            for (slot, near) in slots.iter().zip(query.near_all(rows, slots)) {
                let at = self.pool.offer(*slot, near, ef, counts);
                if at < *next || at == *next && at < self.pool.len() {
                    *next = at;
                    links.prefetch(*slot);
                }
            }
        }
        self.fresh = fresh;
    }

    fn begin(&mut self, slots: u32) {
        let slots = slots as usize;
        if self.met.len() < slots {
            self.met.resize(slots, 0);
        }
        if self.walk == u8::MAX {
            self.met.fill(0);
            self.walk = 0;
        }
        self.walk += 1;
        self.pool.clear();
    }

    /// Leaves in `fresh` those of a slot's links that weren't met before. There is no branch on
    /// which of them those are: nothing could foretell it.
    #[inline]
    fn meet_links(&mut self, row: &[u32]) {
        self.fresh.resize(row.len(), 0);
        let mut count = 0;
        for link in row.iter().take_while(|link| **link != NO_SLOT) {
            self.fresh[count] = *link;
            count += usize::from(self.meet(*link));
        }
        self.fresh.truncate(count);
    }

    /// Marks a slot as met; whether it wasn't before.
    #[inline]
    fn meet(&mut self, slot: u32) -> bool {
        let walk = self.walk;
        std::mem::replace(&mut self.met[slot as usize], walk) != walk
    }
}

/// Slots, evenly spread, that a walk starts from beside the entry. In data that falls into clusters
/// one start is often the wrong one: with inner products of clustered vectors it found 67 in 100.
const STARTS: usize = 16;
/// Slots that are looked at for one that is in the graph, to start from.
const START_SLOTS: u32 = 16;
