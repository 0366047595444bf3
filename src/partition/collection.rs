//! One collection: its schema, and the snapshot of it that readers see.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use fixedbitset::FixedBitSet;
use imbl::{OrdMap, Vector as Sequence};

use crate::{
    index::{self, Arena, Graph},
    tenant::{CollectionName, PointId},
    vector::{Dimension, Metric},
};

/// What a collection is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    /// The size of its vectors.
    pub dimension: Dimension,
    /// How they are compared.
    pub metric: Metric,
    /// What else its creator said about it, as JSON: given back as it came.
    pub settings: String,
}

/// A collection of an open partition.
pub struct Collection {
    pub(super) number: u32,
    pub(super) name: CollectionName,
    pub(super) schema: Schema,
    view: ArcSwap<View>,
}

impl Collection {
    pub(super) fn new(number: u32, name: CollectionName, schema: Schema, view: View) -> Self {
        Self {
            number,
            name,
            schema,
            view: ArcSwap::from_pointee(view),
        }
    }

    /// The collection as it is now. Whoever holds it sees no later change.
    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub(super) fn publish(&self, view: View) {
        self.view.store(Arc::new(view));
    }

    /// Its name.
    pub const fn name(&self) -> &CollectionName {
        &self.name
    }

    /// What it is for.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many points it has.
    pub fn points(&self) -> u64 {
        self.view.load().ids.len() as u64
    }

    /// How many points the graph covers.
    pub fn indexed(&self) -> u64 {
        self.view
            .load()
            .graph
            .as_ref()
            .map_or(0, |graph| graph.len()) as u64
    }

    /// Bytes of vectors and links in memory.
    pub fn memory_bytes(&self) -> u64 {
        let view = self.view.load();
        (view.arena.bytes() + view.graph.as_ref().map_or(0, |graph| graph.bytes())) as u64
    }
}

impl fmt::Debug for Collection {
    /// Without the name: that is the tenant's own word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collection({})", self.number)
    }
}

/// A snapshot of a collection. Cloning one shares nearly everything.
#[derive(Clone)]
pub(super) struct View {
    pub(super) arena: Arena,
    pub(super) graph: Option<Arc<Graph>>,
    /// What stands in each slot.
    pub(super) slots: Sequence<Slot>,
    /// Slots whose point was deleted, or stands in a later slot.
    pub(super) dead: FixedBitSet,
    /// The living points, in id order.
    pub(super) ids: OrdMap<PointId, u32>,
    /// The row that the next new point is stored in.
    pub(super) next_row: u64,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) id: PointId,
    pub(super) row: u64,
    pub(super) seq: u64,
}

impl View {
    pub(super) fn empty(dimension: Dimension) -> Self {
        Self::from_arena(Arena::new(dimension.get()), Sequence::new())
    }

    /// A view in which every slot lives.
    pub(super) fn from_arena(arena: Arena, slots: Sequence<Slot>) -> Self {
        let ids = (0_u32..)
            .zip(&slots)
            .map(|(number, slot)| (slot.id, number))
            .collect();
        let next_row = slots.iter().map(|slot| slot.row + 1).max().unwrap_or(0);
        let dead = FixedBitSet::with_capacity(slots.len());
        Self {
            arena,
            graph: None,
            slots,
            dead,
            ids,
            next_row,
        }
    }

    pub(super) fn slot(&self, id: PointId) -> Option<(u32, Slot)> {
        let number = *self.ids.get(&id)?;
        Some((number, *self.slots.get(number as usize)?))
    }

    /// Puts a point into the next slot; the slot it stood in before dies.
    pub(super) fn put(&mut self, slot: Slot, vector: &[f32]) {
        let number = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.arena.push(vector);
        self.slots.push_back(slot);
        self.dead.grow(self.slots.len());
        if let Some(before) = self.ids.insert(slot.id, number) {
            self.dead.insert(before as usize);
        }
        self.next_row = self.next_row.max(slot.row + 1);
    }

    pub(super) fn remove(&mut self, id: PointId) {
        if let Some(number) = self.ids.remove(&id) {
            self.dead.insert(number as usize);
        }
    }

    /// Whether rebuilding pays: a fifth of the slots is dead, or enough of them stand outside
    /// the graph.
    pub(super) fn wants_rebuild(&self) -> bool {
        let slots = self.slots.len();
        let dead = self.dead.count_ones(..);
        if dead > DEAD_MIN && dead > slots / 5 {
            return true;
        }
        let living_bytes = self.arena.bytes() / slots.max(1) * self.ids.len();
        let covered = self.graph.as_ref().map_or(0, |graph| graph.len());
        living_bytes >= index::GRAPH_BYTES_MIN && slots - covered > covered / 4
    }
}

/// Dead slots that aren't worth a rebuild.
const DEAD_MIN: usize = 1_000;
