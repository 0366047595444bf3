//! Maintenance in the background: the graph grows over what was written, dead slots go, and
//! indexes are stored.
//!
//! A space has one graph, and a tail that is scanned. The tail joins the graph once it is a
//! 512th of it: growing copies the links, some 30 ms for 100,000 slots, about as long as so short
//! a tail's searches and prunings take, and scanning it costs a query a microsecond or two. Once
//! a fifth of the slots is dead they are left out, which copies the vectors and mends the links
//! around the gaps; nothing is built anew. So a vector is copied a bounded number of times for
//! each time that the collection grows by half or is replaced.

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use imbl::Vector as Sequence;

use super::{
    Lifecycle, Partition,
    collection::{Chore, Collection, Slot, View},
    space::Space,
};
use crate::index::{Arena, Graph};

impl Partition {
    /// Whether a collection would gain from [`Self::maintain`].
    pub fn wants_maintenance(&self) -> bool {
        self.wants_rebuild()
            || self
                .collections
                .load()
                .values()
                .any(|collection| self.wants_checkpoint(collection))
    }

    /// Whether [`Self::maintain`] would change how a collection is searched.
    pub fn wants_rebuild(&self) -> bool {
        let collections = self.collections.load();
        let mut collections = collections.values();
        *self.lifecycle.read() == Lifecycle::Open
            && collections.any(|collection| collection.view().chore().is_some())
    }

    /// Does what the collections would gain from, and stores the indexes that have changed enough.
    /// Reads and writes go on meanwhile. How many were stored.
    pub fn maintain(&self) -> u64 {
        let _one_at_a_time = self.maintenance.lock();
        let mut stored = 0;
        let collections: Vec<_> = self.collections.load().values().cloned().collect();
        for collection in collections {
            while *self.lifecycle.read() == Lifecycle::Open
                && let Some(chore) = collection.view().chore()
            {
                let anew = match chore {
                    Chore::Grow(place) => self.grow(&collection, place),
                    Chore::Compact => self.compact(&collection),
                };
                if anew {
                    collection.coverage.lock().rebuilt();
                }
                // A writer that never stops must not keep a segment from being written.
                if self.wants_checkpoint(&collection) {
                    break;
                }
            }
            if *self.lifecycle.read() == Lifecycle::Open && self.wants_checkpoint(&collection) {
                stored += u64::from(self.checkpoint(&collection));
            }
        }
        stored
    }

    /// Grows the graph of a space over the slots that there are, or makes one. Whether there was
    /// none.
    fn grow(&self, collection: &Arc<Collection>, place: usize) -> bool {
        let before = collection.view();
        let Some(space) = before.spaces.get(place) else {
            return false;
        };
        let packed = space.arena.packed();
        let (len, out) = (before.slot_numbers().end, space.out(&before.dead));
        let graph = match &space.graph {
            Some(graph) => graph.grown(packed.arena(), len, out),
            None => Graph::build(packed.arena(), len, out),
        };
        let _writer = self.writer.lock();
        let mut now = (*collection.view()).clone();
        let slots = len..now.slot_numbers().end;
        if let Some(now) = now.spaces.get_mut(place) {
            // Slots keep their numbers, so whatever happened meanwhile stays as it is.
            let mut arena = packed.into_arena();
            arena.push_slots(&now.arena, slots);
            now.arena = arena;
            now.graph = Some(Arc::new(graph));
        }
        collection.publish(now);
        space.graph.is_none()
    }

    /// Leaves dead slots out. It always changes what a segment should say.
    pub(super) fn compact(&self, collection: &Arc<Collection>) -> bool {
        let before = collection.view();
        let (mut after, mut numbers) = compacted(&before);
        // Writes that came meanwhile are replayed while no more can come.
        let _writer = self.writer.lock();
        let now = collection.view();
        for number in before.slot_numbers().end..now.slot_numbers().end {
            let slot = now.slots.get(number as usize);
            let living = slot.filter(|_| !now.dead.contains(number as usize));
            numbers.push(living.map(|slot| after.adopt(&now, number, *slot)));
        }
        let gone: Vec<_> = after
            .ids
            .keys()
            .filter(|id| !now.ids.contains_key(*id))
            .copied()
            .collect();
        for id in gone {
            after.remove(id);
        }
        after.indexes = now.indexes.renumbered(&numbers);
        after.ends = now.ends.renumbered(&numbers);
        collection.publish(after);
        true
    }
}

/// The living slots of a view in arenas of their own, with the graphs that still have enough to
/// go by; without payload indexes. And the new number of each slot before.
fn compacted(before: &View) -> (View, Vec<Option<u32>>) {
    let mut slots: Sequence<Slot> = Sequence::new();
    let mut numbers = Vec::with_capacity(before.slots.len());
    for (number, slot) in before.slots.iter().enumerate() {
        let living = !before.dead.contains(number);
        numbers.push(u32::try_from(slots.len()).ok().filter(|_| living));
        if living {
            slots.push_back(*slot);
        }
    }
    let spaces = before.spaces.iter();
    let spaces = spaces.map(|space| compacted_space(space, &numbers, slots.len()));
    (View::of_living(spaces.collect(), slots), numbers)
}

fn compacted_space(before: &Space, numbers: &[Option<u32>], living: usize) -> Space {
    let mut arena = Arena::new(
        before.arena.metric(),
        before.arena.dimension(),
        before.arena.precision(),
    );
    let old = (0_u32..).zip(numbers);
    let old = old.filter_map(|(old, new)| Some((old, (*new)?)));
    arena.push_slots(&before.arena, old.clone().map(|(old, _)| old));
    let mut absent = FixedBitSet::with_capacity(living);
    for (_, new) in old.filter(|(old, _)| !before.has(*old)) {
        absent.insert(new as usize);
    }
    let arena = arena.packed();
    let with_vector = living - absent.count_ones(..);
    let graph = before
        .graph
        .as_ref()
        .filter(|_| arena.arena().keeps_graph(with_vector));
    let graph = graph.map(|graph| graph.compacted(arena.arena(), numbers, &absent));
    Space {
        graph: graph.map(Arc::new),
        arena: arena.into_arena(),
        absent: (!absent.is_clear()).then_some(absent),
    }
}
