//! Maintenance in the background: the graph grows over what was written, dead slots go, and
//! indexes are stored.
//!
//! A collection has one graph, and a tail that is scanned. The tail joins the graph once it is a
//! 512th of it: growing copies the links, some 30 ms for 100,000 slots, about as long as so short
//! a tail's searches and prunings take, and scanning it costs a query a microsecond or two. Once
//! a fifth of the slots is dead they are left out, which copies the vectors and mends the links
//! around the gaps; nothing is built anew. So a vector is copied a bounded number of times for
//! each time that the collection grows by half or is replaced.

use std::sync::Arc;

use imbl::Vector as Sequence;

use super::{
    Lifecycle, Partition,
    collection::{Chore, Collection, Slot, View},
};
use crate::index::{Arena, Graph, PackedArena};

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
        collections
            .values()
            .any(|collection| collection.view().chore().is_some())
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
                    Chore::Grow => self.grow(&collection),
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

    /// Grows the graph over the slots that there are, or makes one. Whether there was none.
    fn grow(&self, collection: &Arc<Collection>) -> bool {
        let before = collection.view();
        let packed = before.arena.packed();
        let graph = grown(before.graph.as_deref(), &before, &packed);
        let _writer = self.writer.lock();
        let now = collection.view();
        // Slots keep their numbers, so whatever happened meanwhile stays as it is.
        let mut arena = packed.into_arena();
        arena.push_slots(
            &now.arena,
            before.slot_numbers().end..now.slot_numbers().end,
        );
        collection.publish(View {
            arena,
            graph: Some(Arc::new(graph)),
            ..(*now).clone()
        });
        before.graph.is_none()
    }

    /// Leaves dead slots out. It always changes what a segment should say.
    fn compact(&self, collection: &Arc<Collection>) -> bool {
        let before = collection.view();
        let (mut after, mut numbers) = compacted(&before);
        // Writes that came meanwhile are replayed while no more can come.
        let _writer = self.writer.lock();
        let now = collection.view();
        for number in before.slot_numbers().end..now.slot_numbers().end {
            let slot = now.slots.get(number as usize);
            let living = slot.filter(|_| !now.dead.contains(number as usize));
            numbers.push(living.map(|slot| {
                after.arena.push_slots(&now.arena, number..number + 1);
                after.put_slot(*slot)
            }));
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
        collection.publish(after);
        true
    }
}

fn grown(graph: Option<&Graph>, view: &View, arena: &PackedArena) -> Graph {
    let len = view.slot_numbers().end;
    match graph {
        Some(graph) => graph.grown(arena.arena(), len, &view.dead),
        None => Graph::build(arena.arena(), len, &view.dead),
    }
}

/// The living slots of a view in an arena of their own, with the graph if they are still enough
/// for one; without payload indexes. And the new number of each slot before.
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
    let mut arena = Arena::new(
        before.arena.metric(),
        before.arena.dimension(),
        before.arena.precision(),
    );
    let old = before.slot_numbers();
    let living = old.zip(&numbers).filter(|(_, number)| number.is_some());
    arena.push_slots(&before.arena, living.map(|(number, _)| number));
    let arena = arena.packed();
    let graph = before
        .graph
        .as_ref()
        .filter(|_| arena.arena().keeps_graph());
    let graph = graph.map(|graph| Arc::new(graph.compacted(arena.arena(), &numbers)));
    let view = View {
        graph,
        ..View::from_arena(arena.into_arena(), slots)
    };
    (view, numbers)
}
