//! Leaving slots out of a graph without building it anew.
//!
//! A slot that loses links gets those of the lost ones to choose from, as DiskANN's consolidation
//! does; one that is left with few is put in anew by a search.

use fixedbitset::FixedBitSet;
use rayon::prelude::*;

use super::{
    EF_CONSTRUCTION, Graph, LINKS_MAX, NO_SLOT, fill, prune::Pruner, repair, search::Walker,
};
use crate::index::{
    Arena,
    memory::Memory,
    query::{Likeness, Query},
};

impl Graph {
    /// The graph over the slots that stay, under their new numbers.
    ///
    /// `numbers` has the new number of each old slot, nothing for one that goes; numbers keep the
    /// order. `arena` is the new one: its first slots are the graph's that stay. `dead` are those
    /// of them, by their new numbers, that stay without being in the graph.
    pub fn compacted(&self, arena: &Arena, numbers: &[Option<u32>], dead: &FixedBitSet) -> Self {
        let number = |slot: u32| {
            numbers
                .get(slot as usize)
                .copied()
                .flatten()
                .unwrap_or(NO_SLOT)
        };
        let staying: Vec<u32> = (0..self.len)
            .filter(|slot| number(*slot) != NO_SLOT)
            .collect();
        let len = u32::try_from(staying.len()).unwrap_or(NO_SLOT);
        if len == 0 {
            return Self::build(arena, 0, &FixedBitSet::new());
        }
        let likeness = Likeness::for_building(arena, len);
        let old = self.links();
        let rows: Vec<Vec<u32>> = staying
            .par_iter()
            .map_init(
                || Pruner::new(arena, likeness),
                |pruner, slot| {
                    let own = old.of(*slot);
                    let (lost, kept): (Vec<u32>, Vec<u32>) =
                        own.partition(|link| number(*link) == NO_SLOT);
                    let kept = kept.into_iter().map(number);
                    if lost.is_empty() {
                        return kept.collect();
                    }
                    let heirs = lost.iter().flat_map(|link| old.of(*link));
                    let heirs = heirs.map(number).filter(|heir| *heir != NO_SLOT);
                    pruner.choose_among(number(*slot), kept.chain(heirs))
                },
            )
            .collect();
        let mut links = Memory::zeroed(staying.len() * LINKS_MAX * size_of::<u32>());
        let flat: &mut [u32] = bytemuck::cast_slice_mut(links.bytes_mut());
        for (places, chosen) in flat.chunks_exact_mut(LINKS_MAX).zip(&rows) {
            fill(places, chosen);
        }
        let entry = match number(self.entry) {
            NO_SLOT => (0..len)
                .find(|slot| !dead.contains(*slot as usize))
                .unwrap_or(0),
            entry => entry,
        };
        let mut compacted = Self { links, len, entry };
        compacted.relink_lonely(arena, likeness, dead);
        repair::connect(&mut compacted, arena, likeness, dead);
        compacted
    }

    /// Puts slots that have few links in anew.
    fn relink_lonely(&mut self, arena: &Arena, likeness: Likeness, dead: &FixedBitSet) {
        let lonely: Vec<u32> = (0..self.len)
            .filter(|slot| !dead.contains(*slot as usize))
            .filter(|slot| self.links().of(*slot).count() < LONELY_LINKS)
            .collect();
        let rows = arena.rows();
        let found: Vec<(u32, Vec<u32>)> = lonely
            .par_iter()
            .map_init(
                || {
                    (
                        Walker::default(),
                        Query::new(),
                        Pruner::new(arena, likeness),
                    )
                },
                |(walker, query, pruner), slot| {
                    query.ask_slot(arena, likeness, *slot);
                    let (links, ef) = (self.links(), EF_CONSTRUCTION);
                    walker.walk_from(links, &rows, query, ef, |_| true);
                    let own = links
                        .of(*slot)
                        .map(|link| (link, query.near_one(&rows, link)));
                    let all: Vec<(u32, f32)> = own.chain(walker.candidates()).collect();
                    (*slot, pruner.choose(*slot, all.into_iter()))
                },
            )
            .collect();
        let flat: &mut [u32] = bytemuck::cast_slice_mut(self.links.bytes_mut());
        for (slot, chosen) in found {
            let at = slot as usize * LINKS_MAX;
            fill(&mut flat[at..at + LINKS_MAX], &chosen);
        }
    }
}

/// Fewer links than this are too few to be found by.
const LONELY_LINKS: usize = LINKS_MAX / 4;
