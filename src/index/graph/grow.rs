//! Growing a graph by batches of slots.
//!
//! The slots of a batch search the graph side by side, choose their links, and then every slot
//! that was chosen gets a link back; one whose list is full chooses again. Nothing is locked, and
//! the outcome is the same on any number of cores.

use std::cmp::Reverse;

use fixedbitset::FixedBitSet;
use rayon::prelude::*;

use super::{
    EF_CONSTRUCTION, Graph, LINKS_MAX, Links, NO_SLOT, fill, prune::Pruner, repair, search::Walker,
    seed,
};
use crate::index::{
    Arena,
    memory::Memory,
    query::{Likeness, Query},
};

impl Graph {
    /// A graph over the first `len` slots of an arena.
    ///
    /// Uses every core of the current pool for as long as it takes, seconds for a hundred
    /// thousand vectors: not for a request's own thread.
    pub fn build(arena: &Arena, len: u32, dead: &FixedBitSet) -> Self {
        let nothing = Self {
            links: Memory::zeroed(0),
            len: 0,
            entry: 0,
        };
        nothing.grown(arena, len, dead)
    }

    /// This graph, grown to cover the first `len` slots of its arena. New slots aren't linked to
    /// dead ones, and slots that are dead already get no links.
    pub fn grown(&self, arena: &Arena, len: u32, dead: &FixedBitSet) -> Self {
        let likeness = Likeness::for_building(arena, len);
        let mut growing = Growing::new(self, arena, likeness, len, dead);
        let mut slots: Vec<u32> = (self.len..len)
            .filter(|slot| growing.lives(*slot))
            .collect();
        // What comes in order is often alike; in any other order early links reach everywhere.
        slots.sort_by_cached_key(|slot| Reverse(u64::from(*slot).wrapping_mul(SCATTER) >> 16));
        let mut waiting = slots.as_slice();
        let mut covered = self.len as usize;
        if covered == 0 && !waiting.is_empty() {
            let seeds = SEED_SLOTS_MIN.max(waiting.len() / 16);
            let (first, rest) = waiting.split_at(waiting.len().min(seeds));
            growing.start(seed::seed(arena, likeness, first));
            (waiting, covered) = (rest, first.len());
        }
        while !waiting.is_empty() {
            let size = (covered / 4).clamp(BATCH_MIN, BATCH_MIN.max(len as usize / 50));
            let (batch, rest) = waiting.split_at(size.min(waiting.len()));
            growing.add(batch);
            (waiting, covered) = (rest, covered + batch.len());
        }
        let mut grown = growing.done();
        repair::connect(&mut grown, arena, likeness, dead);
        grown
    }
}

/// Links that are being worked on.
struct Growing<'a> {
    arena: &'a Arena,
    likeness: Likeness,
    dead: &'a FixedBitSet,
    /// [`PLACES`] a slot: some more than in the end, so that a full list isn't chosen anew for
    /// every single link that comes.
    links: Vec<u32>,
    len: u32,
    entry: u32,
}

impl<'a> Growing<'a> {
    fn new(
        from: &Graph,
        arena: &'a Arena,
        likeness: Likeness,
        len: u32,
        dead: &'a FixedBitSet,
    ) -> Self {
        let mut links = vec![NO_SLOT; len as usize * PLACES];
        for (places, slot) in links.chunks_exact_mut(PLACES).zip(0..from.len) {
            places[..LINKS_MAX].copy_from_slice(from.links().row(slot));
        }
        Self {
            arena,
            likeness,
            dead,
            links,
            len,
            entry: from.entry,
        }
    }

    fn start(&mut self, seed: seed::Seed) {
        self.entry = seed.entry;
        self.write(seed.links);
    }

    fn add(&mut self, batch: &[u32]) {
        let (links, rows) = (self.links(), self.arena.rows());
        let new: Vec<(u32, Vec<u32>)> = batch
            .par_iter()
            .map_init(
                || (Walker::default(), Query::new(), self.pruner()),
                |(walker, query, pruner), slot| {
                    query.ask_slot(self.arena, self.likeness, *slot);
                    let ef = EF_CONSTRUCTION;
                    let living = |slot: u32| self.lives(slot);
                    walker.walk_from(links, &rows, query, ef, living);
                    let chosen = walker.candidates().filter(|(other, _)| living(*other));
                    (*slot, pruner.choose(*slot, chosen))
                },
            )
            .collect();
        let mut back: Vec<(u32, u32)> = new
            .iter()
            .flat_map(|(slot, chosen)| chosen.iter().map(|link| (*link, *slot)))
            .collect();
        self.write(new);
        back.par_sort_unstable();
        let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
        let links = self.links();
        let changed: Vec<(u32, Vec<u32>)> = groups
            .par_iter()
            .map_init(
                || self.pruner(),
                |pruner, group| {
                    let slot = group[0].0;
                    let mut all: Vec<u32> = links.of(slot).collect();
                    for (_, from) in *group {
                        if !all.contains(from) {
                            all.push(*from);
                        }
                    }
                    // The dead go first, unless they are needed to get about: one that was replaced
                    // by nearly itself would rule its own successor out.
                    if all.iter().filter(|link| self.lives(**link)).count() >= LINKS_MAX / 2 {
                        all.retain(|link| self.lives(*link));
                    }
                    if all.len() > PLACES {
                        all = pruner.choose_among(slot, all.into_iter());
                    }
                    (slot, all)
                },
            )
            .collect();
        self.write(changed);
    }

    fn lives(&self, slot: u32) -> bool {
        !self.dead.contains(slot as usize)
    }

    fn pruner(&self) -> Pruner<'a> {
        Pruner::new(self.arena, self.likeness)
    }

    fn write(&mut self, rows: Vec<(u32, Vec<u32>)>) {
        for (slot, chosen) in rows {
            let at = slot as usize * PLACES;
            fill(&mut self.links[at..at + PLACES], &chosen);
        }
    }

    fn links(&self) -> Links<'_> {
        Links {
            all: &self.links,
            stride: PLACES,
            len: self.len,
            entry: self.entry,
        }
    }

    /// The graph, every list brought down to [`LINKS_MAX`].
    fn done(self) -> Graph {
        let mut links = Memory::zeroed(self.len as usize * LINKS_MAX * size_of::<u32>());
        let flat: &mut [u32] = bytemuck::cast_slice_mut(links.bytes_mut());
        flat.par_chunks_exact_mut(LINKS_MAX)
            .zip(0..self.len)
            .for_each_init(
                || self.pruner(),
                |pruner, (places, slot)| {
                    let (row, rest) = self.links().row(slot).split_at(LINKS_MAX);
                    if rest.first().is_none_or(|link| *link == NO_SLOT) {
                        places.copy_from_slice(row);
                    } else {
                        let living = self.links().of(slot).filter(|link| self.lives(*link));
                        fill(places, &pruner.choose_among(slot, living));
                    }
                },
            );
        Graph {
            links,
            len: self.len,
            entry: self.entry,
        }
    }
}

/// Links that a slot may have while a graph grows: a quarter more than in the end.
const PLACES: usize = LINKS_MAX / 4 * 5;
/// Smallest batch that is worth handing to all cores.
const BATCH_MIN: usize = 64;
/// Slots that the seed has at least, if there are so many.
const SEED_SLOTS_MIN: usize = 1_000;
/// Multiplying by it scatters what is in order (Fibonacci hashing).
const SCATTER: u64 = 0x9E37_79B9_7F4A_7C15;
