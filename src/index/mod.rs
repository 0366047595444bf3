//! Nearest neighbours over slots.
//!
//! Owns: the arena of vectors, the exact scan, the graph, the SIMD kernels. A *slot* is a
//! vector's place in the arena; what it stands for is the caller's.
//! **Invariant:** knows no tenant, key, disk or clock. **Invariant:** an arena holds one
//! collection's vectors. **Invariant:** the only `unsafe` code of the crate is in `kernels`, and
//! there is none so far: SIMD is the simsimd crate's.
//!
//! Inside, likeness is *nearness*: the higher the nearer, for every metric. [`score`] turns it
//! into what the metric's users expect.
//! Called by: `partition`.

mod arena;
mod flat;
mod graph;
mod kernels;
mod top;

use fixedbitset::FixedBitSet;

pub use self::{arena::Arena, graph::Graph, kernels::score, top::Hit};
use crate::vector::Metric;

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
    /// These and no others.
    Slots(&'a [u32]),
}

/// The nearest neighbours of `query`, nearest first.
///
/// The graph, where there is one, covers the first slots of the arena; the rest is scanned. A
/// given list of slots is always scanned, and so is everything when the graph comes back with
/// fewer than there are.
pub fn search(
    metric: Metric,
    arena: &Arena,
    graph: Option<&Graph>,
    query: &[f32],
    among: Among<'_>,
    params: SearchParams,
) -> Vec<Hit> {
    let k = params.k.min(arena.len());
    match (among, graph) {
        (Among::Slots(slots), _) => flat::scan_slots(metric, arena, query, slots, k),
        (Among::Living { dead }, Some(graph)) if !params.exact => {
            let mut best = top::Top::new(k);
            graph.search(metric, arena, query, dead, params.ef.max(k), &mut best);
            flat::scan(
                metric,
                arena,
                query,
                graph.len()..arena.len(),
                dead,
                &mut best,
            );
            let living = arena.len() - dead.count_ones(..);
            let hits = best.into_sorted();
            if hits.len() < k.min(living) {
                return exact(metric, arena, query, dead, k);
            }
            hits
        }
        (Among::Living { dead }, _) => exact(metric, arena, query, dead, k),
    }
}

fn exact(metric: Metric, arena: &Arena, query: &[f32], dead: &FixedBitSet, k: usize) -> Vec<Hit> {
    let mut best = top::Top::new(k);
    flat::scan(metric, arena, query, 0..arena.len(), dead, &mut best);
    best.into_sorted()
}

/// Bytes of single-precision vectors from which on a collection gets a graph. The crossover that
/// was measured is 8 MiB of int8 codes, 21,000 vectors of 384 dimensions; so many take 32 MiB
/// here.
pub const GRAPH_BYTES_MIN: usize = 32 << 20;
/// What a query's `ef` is when it names none.
pub const EF_DEFAULT: usize = 128;
