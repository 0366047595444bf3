//! Connects what no search could reach.
//!
//! Links back are pruned, so in clustered or duplicate-heavy data a slot can lose every link that
//! leads to it. A breadth-first walk finds those slots; each gets a link from a near slot that is
//! reached and has room.

use fixedbitset::FixedBitSet;

use super::{Graph, LINKS_MAX, NO_SLOT, search::Walker};
use crate::index::{
    Arena,
    arena::Rows,
    query::{Likeness, Query},
};

/// Adds links until every slot can be reached from the entry, but for dead ones that never had
/// links.
pub(super) fn connect(graph: &mut Graph, arena: &Arena, likeness: Likeness, dead: &FixedBitSet) {
    if graph.is_empty() {
        return;
    }
    let mut reached = FixedBitSet::with_capacity(graph.len as usize);
    spread(graph, &mut reached, graph.entry);
    let (mut walker, mut query, rows) = (Walker::default(), Query::new(), arena.rows());
    for slot in 0..graph.len {
        let left_out = dead.contains(slot as usize) && !graph.links().is_linked(slot);
        if reached.contains(slot as usize) || left_out {
            continue;
        }
        query.ask_slot(arena, likeness, slot);
        let from = near_with_room(graph, &rows, &query, &mut walker, &reached);
        let links: &mut [u32] = bytemuck::cast_slice_mut(graph.links.bytes_mut());
        let at = from as usize * LINKS_MAX;
        let places = links[at..at + LINKS_MAX].iter_mut();
        // Where nobody has room, the farthest link of the entry makes some.
        let unused = places.rev().take_while(|link| **link == NO_SLOT).last();
        match unused {
            Some(place) => *place = slot,
            None => links[at + LINKS_MAX - 1] = slot,
        }
        spread(graph, &mut reached, slot);
    }
}

/// Marks everything that can be reached from `start`.
pub(super) fn spread(graph: &Graph, reached: &mut FixedBitSet, start: u32) {
    let mut waiting = vec![start];
    reached.insert(start as usize);
    while let Some(slot) = waiting.pop() {
        for link in graph.links().of(slot) {
            if !reached.put(link as usize) {
                waiting.push(link);
            }
        }
    }
}

/// A slot near the query that is reached and has room for one more link.
fn near_with_room(
    graph: &Graph,
    rows: &Rows<'_>,
    query: &Query,
    walker: &mut Walker,
    reached: &FixedBitSet,
) -> u32 {
    let links = graph.links();
    let room = |slot: u32| links.row(slot).last() == Some(&NO_SLOT);
    for ef in [64, 1_024] {
        // Whatever a walk meets is reached.
        walker.walk_from(links, rows, query, ef, |_| true);
        if let Some((slot, _)) = walker.candidates().find(|(slot, _)| room(*slot)) {
            return slot;
        }
    }
    (0..graph.len)
        .find(|slot| reached.contains(*slot as usize) && room(*slot))
        .unwrap_or(graph.entry)
}
