//! Connects what no search could reach.
//!
//! Reverse links are pruned by distance alone, so in clustered or duplicate-heavy data a slot can
//! lose every link that leads to it. A breadth-first walk finds those slots; each gets a link
//! from the nearest slot that is reached and has room.

use fixedbitset::FixedBitSet;

use super::LINKS_MAX;
use crate::{
    index::{Arena, kernels},
    vector::Metric,
};

/// Adds links until every slot can be reached from `entry` at layer 0.
pub(super) fn connect(metric: Metric, arena: &Arena, ground: &mut [Vec<u32>], entry: u32) {
    let mut reached = FixedBitSet::with_capacity(ground.len());
    if ground.is_empty() {
        return;
    }
    walk(ground, &mut reached, entry);
    for slot in 0..ground.len() {
        if reached.contains(slot) {
            continue;
        }
        let from = near_with_room(metric, arena, ground, &reached, slot);
        let Ok(link) = u32::try_from(slot) else {
            continue;
        };
        if let Some(links) = ground.get_mut(from) {
            links.push(link);
        }
        walk(ground, &mut reached, link);
    }
}

/// Marks everything that can be reached from `start`.
pub(super) fn walk(ground: &[Vec<u32>], reached: &mut FixedBitSet, start: u32) {
    let mut waiting = vec![start];
    reached.insert(start as usize);
    while let Some(slot) = waiting.pop() {
        for link in ground.get(slot as usize).into_iter().flatten() {
            if !reached.put(*link as usize) {
                waiting.push(*link);
            }
        }
    }
}

/// The nearest reached slot that has room for one more link. Prefers slots that the lost one
/// itself links to, which are near it; else looks at all.
fn near_with_room(
    metric: Metric,
    arena: &Arena,
    ground: &[Vec<u32>],
    reached: &FixedBitSet,
    slot: usize,
) -> usize {
    let nearness = kernels::nearness(metric);
    let room = |from: &usize| {
        reached.contains(*from) && ground.get(*from).is_some_and(|links| links.len() < ROOM)
    };
    let near = |from: usize| (nearness(arena.vector(slot), arena.vector(from)), from);
    let own = ground
        .get(slot)
        .into_iter()
        .flatten()
        .map(|link| *link as usize);
    let farther = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0);
    own.filter(room)
        .map(near)
        .max_by(farther)
        .or_else(|| reached.ones().filter(room).map(near).max_by(farther))
        .map_or(0, |(_, from)| from)
}

/// Links a slot may have at layer 0 after repair: a few more than the builder gives.
const ROOM: usize = 2 * LINKS_MAX + 8;
