//! Nearest neighbours over slots.
//!
//! Owns: the arena of vectors, the flat scan, the graph, the SIMD kernels. A *slot* is a
//! vector's place in the arena; what it stands for is the caller's.
//! **Invariant:** knows no tenant, key, disk or clock. **Invariant:** an arena holds one
//! collection's vectors. **Invariant:** the only `unsafe` code of the crate is in
//! `kernels/x86.rs`.
//!
//! Inside, likeness is *nearness*: the higher the nearer, for every metric. [`score`] turns it
//! into what the metric's users expect.
//! Called by: `partition`.

mod arena;
mod flat;
mod given;
mod graph;
mod image;
mod kernels;
mod memory;
mod query;
mod shortlist;
mod top;

use std::cell::RefCell;

use fixedbitset::FixedBitSet;

pub use self::{
    arena::{Arena, PackedArena, Precision},
    flat::kernel_name,
    given::nearness,
    graph::Graph,
    image::{Blank, Image, InvalidImage},
    top::Hit,
};
use self::{
    graph::{Through, Walker},
    query::Query,
    shortlist::Shortlist,
};
use crate::vector::Metric;

impl Arena {
    /// Whether so many living vectors are searched faster by a graph.
    pub const fn wants_graph(&self, living: usize) -> bool {
        living * self.scanned_bytes() >= FLAT_BYTES
    }

    /// Whether a graph that is there is still worth its keep: down to half of what it takes to
    /// get one, so that a collection around the threshold doesn't build and drop it in turns.
    pub const fn keeps_graph(&self, living: usize) -> bool {
        living * self.scanned_bytes() >= FLAT_BYTES / 2
    }
}

/// How a search is to be done.
#[derive(Clone, Copy, Debug)]
pub struct SearchParams {
    /// How many neighbours are wanted.
    pub k: usize,
    /// How many candidates the graph keeps while it searches: more is slower and finds more.
    pub ef: usize,
    /// Whether to look at every vector.
    pub exact: bool,
}

/// Which slots may be answered.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    /// All but the dead ones.
    Living {
        /// Slots that were deleted or replaced.
        dead: &'a FixedBitSet,
    },
    /// These living slots and no others.
    Matching {
        /// The slots.
        slots: &'a FixedBitSet,
        /// How many they are.
        count: usize,
    },
}

impl Among<'_> {
    /// How many slots there are to answer.
    fn count(&self, arena: &Arena) -> usize {
        match self {
            Self::Living { dead } => arena.len() - dead.count_ones(..),
            Self::Matching { count, .. } => *count,
        }
    }

    fn holds(&self, slot: u32) -> bool {
        match self {
            Self::Living { dead } => !dead.contains(slot as usize),
            Self::Matching { slots, .. } => slots.contains(slot as usize),
        }
    }
}

/// The nearest neighbours of `query`, nearest first.
///
/// The graph, where there is one, covers the first slots of the arena; the rest is scanned. A
/// small set of matching slots is scanned too, and so is everything when the graph comes back with
/// fewer than there are.
pub fn search(
    arena: &Arena,
    graph: Option<&Graph>,
    query: &[f32],
    among: Among<'_>,
    params: SearchParams,
) -> Vec<Hit> {
    SEARCHER.with_borrow_mut(|searcher| {
        searcher.query.ask(arena, query);
        searcher.list.begin(params.k.min(arena.len()));
        if let Some(graph) = graph.filter(|_| !params.exact) {
            let hits = searcher.through_graph(arena, graph, among, params);
            if let Some(hits) = hits {
                return hits;
            }
            searcher.list.begin(params.k.min(arena.len()));
        }
        searcher.scan(arena, 0, among);
        searcher.list.finish(arena, &searcher.query)
    })
}

/// What a search needs, kept by its thread: of what was searched last it holds the query and slot
/// numbers, and no one's vectors.
struct Searcher {
    query: Query,
    walker: Walker,
    list: Shortlist,
}

impl Searcher {
    /// Searches by the graph, unless a scan is better or finds more.
    fn through_graph(
        &mut self,
        arena: &Arena,
        graph: &Graph,
        among: Among<'_>,
        params: SearchParams,
    ) -> Option<Vec<Hit>> {
        let ef = params.ef.max(params.k).max(1);
        let through = match among {
            Among::Living { dead } if dead.is_clear() => Through::All,
            Among::Living { dead } => Through::AllBut(dead),
            Among::Matching { slots, count } => {
                if count * arena.scanned_bytes() <= MATCHING_BYTES {
                    return None;
                }
                if count >= arena.len() / 100 * PASSABLE_PERCENT {
                    Through::AllFor(slots)
                } else {
                    Through::These(slots)
                }
            }
        };
        let rows = arena.rows();
        self.walker.walk(graph, &rows, &self.query, ef, through);
        for (slot, near) in self.walker.candidates() {
            if among.holds(slot) {
                let margin = self.query.margin(&rows, slot);
                self.list.offer(slot, near, margin);
            }
        }
        self.scan(arena, graph.len(), among);
        let hits = self.list.finish(arena, &self.query);
        let all = hits.len() >= params.k || hits.len() >= among.count(arena);
        all.then_some(hits)
    }

    /// Scans the slots from `first` on.
    fn scan(&mut self, arena: &Arena, first: u32, among: Among<'_>) {
        let len = u32::try_from(arena.len()).unwrap_or(u32::MAX);
        let (query, list) = (&self.query, &mut self.list);
        match among {
            Among::Living { .. } => {
                flat::scan(arena, query, first..len, |slot| among.holds(slot), list);
            }
            Among::Matching { count, .. } if count > arena.len() / 2 => {
                flat::scan(arena, query, first..len, |slot| among.holds(slot), list);
            }
            Among::Matching { slots, .. } => {
                let matching = slots.ones().filter_map(|slot| u32::try_from(slot).ok());
                let matching = matching.skip_while(|slot| *slot < first);
                flat::scan_scattered(arena, query, matching, list);
            }
        }
    }
}

/// What users of the metric call the score: the cosine, the product, or the distance.
pub fn score(metric: Metric, nearness: f32) -> f32 {
    match metric {
        Metric::Cosine | Metric::Dot => nearness,
        Metric::Euclid => nearness.abs().sqrt(),
        Metric::Manhattan => nearness.abs(),
    }
}

thread_local! {
    static SEARCHER: RefCell<Searcher> = RefCell::new(Searcher {
        query: Query::new(),
        walker: Walker::default(),
        list: Shortlist::default(),
    });
}

/// Bytes that are scanned rather than walked: a collection of fewer has no graph. Measured: at
/// 5,000 x 384 a scan, which finds everything, takes as long as a walk that finds .995; at 10,000
/// twice as long.
const FLAT_BYTES: usize = 2 << 20;
/// So many bytes of matching slots are looked at one by one, wherever they lie: 0.2 ms at most. A
/// walk through so few of many takes as long and finds less.
const MATCHING_BYTES: usize = 8 << 20;
/// What a query's `ef` is when it names none.
pub const EF_DEFAULT: usize = 128;
/// Where at least so many of a hundred slots match, a walk passes through all of them.
const PASSABLE_PERCENT: usize = 30;
