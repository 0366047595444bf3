//! Maintenance in the background: dead slots go, and what stands outside the graph goes into it.

use std::sync::Arc;

use imbl::Vector as Sequence;

use super::{
    Lifecycle, Partition,
    collection::{Collection, Slot, View},
};
use crate::index::{Arena, GRAPH_BYTES_MIN, Graph};

impl Partition {
    /// Whether a collection would gain from [`Self::maintain`].
    pub fn wants_maintenance(&self) -> bool {
        self.collections
            .load()
            .values()
            .any(|collection| collection.view().wants_rebuild())
    }

    /// Rebuilds what would gain from it. Reads and writes go on meanwhile; takes minutes for a
    /// million vectors. Nothing on disk changes.
    pub fn maintain(&self) {
        let collections: Vec<_> = self.collections.load().values().cloned().collect();
        for collection in collections {
            if *self.lifecycle.read() == Lifecycle::Closed {
                return;
            }
            if collection.view().wants_rebuild() {
                self.rebuild(&collection);
            }
        }
    }

    fn rebuild(&self, collection: &Arc<Collection>) {
        let before = collection.view();
        let mut after = rebuilt(&before, collection);
        // Writes that came meanwhile are replayed while no more can come.
        let _writer = self.writer.lock();
        let now = collection.view();
        for number in before.slots.len()..now.slots.len() {
            let Some(slot) = now.slots.get(number) else {
                continue;
            };
            if !now.dead.contains(number) {
                after.put(*slot, now.arena.vector(number));
            }
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
        after.next_row = now.next_row;
        collection.publish(after);
    }
}

/// The living slots of a view in an arena of their own, with a graph if they are enough for one.
fn rebuilt(before: &View, collection: &Collection) -> View {
    let dimension = collection.schema.dimension.get();
    let mut values = Vec::with_capacity(before.ids.len() * dimension);
    let mut slots: Sequence<Slot> = Sequence::new();
    for (number, slot) in before.slots.iter().enumerate() {
        if !before.dead.contains(number) {
            values.extend_from_slice(before.arena.vector(number));
            slots.push_back(*slot);
        }
    }
    let arena = Arena::from_base(dimension, values);
    // Half as much keeps a graph that is there: no flapping around the threshold.
    let enough = if before.graph.is_some() {
        GRAPH_BYTES_MIN / 2
    } else {
        GRAPH_BYTES_MIN
    };
    let graph =
        (arena.bytes() >= enough).then(|| Arc::new(Graph::build(collection.schema.metric, &arena)));
    View {
        graph,
        next_row: before.next_row,
        ..View::from_arena(arena, slots)
    }
}
