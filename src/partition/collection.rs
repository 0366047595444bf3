//! One collection: its schema, and the snapshot of it that readers see.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use fixedbitset::FixedBitSet;
use imbl::{OrdMap, Vector as Sequence};
use parking_lot::Mutex;

use super::{format, retention::Ends, schema::Schema, segment::Coverage, space::Space};
use crate::{
    clock::Timestamp,
    payload::{
        Payload,
        index::{Definition, Indexes},
    },
    tenant::{CollectionName, PointId},
};

/// A collection of an open partition.
pub struct Collection {
    pub(super) number: u32,
    pub(super) name: CollectionName,
    /// With the settings that it had when it was opened.
    pub(super) schema: Schema,
    settings: ArcSwap<String>,
    /// What is known about the segment. Only who holds the writer's lock changes it, but for
    /// noting that it gained or failed.
    pub(super) coverage: Mutex<Coverage>,
    view: ArcSwap<View>,
    /// Points that have ended and left, and that no sweep has told of, as it is stored. Only who holds
    /// the writer's lock changes it.
    ended: AtomicU64,
}

impl Collection {
    pub(super) fn new(
        number: u32,
        name: CollectionName,
        schema: Schema,
        (view, coverage): (View, Coverage),
        ended: u64,
    ) -> Self {
        Self {
            number,
            name,
            settings: ArcSwap::from_pointee(schema.settings.clone()),
            schema,
            coverage: Mutex::new(coverage),
            view: ArcSwap::from_pointee(view),
            ended: AtomicU64::new(ended),
        }
    }

    /// The collection as it is now. Whoever holds it sees no later change.
    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub(super) fn publish(&self, view: View) {
        self.view.store(Arc::new(view));
    }

    /// How many points have ended that no sweep has told of yet.
    pub(super) fn have_ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// ... from now on.
    pub(super) fn set_ended(&self, points: u64) {
        self.ended.store(points, Ordering::Relaxed);
    }

    /// Its name.
    pub const fn name(&self) -> &CollectionName {
        &self.name
    }

    /// What it is for.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What else was said about it, as JSON, when that was last changed.
    pub fn settings(&self) -> Arc<String> {
        self.settings.load_full()
    }

    pub(super) fn put_settings(&self, settings: String) {
        self.settings.store(Arc::new(settings));
    }

    /// Its record, with these settings and payload indexes.
    pub(super) fn record(&self, settings: &str, indexes: &Indexes) -> Vec<u8> {
        let definitions: Vec<&Definition> =
            indexes.fields().map(|field| field.definition()).collect();
        let schema = Schema {
            settings: settings.to_owned(),
            vectors: self.schema.vectors.clone(),
        };
        format::encode_collection(&self.name, &schema, &definitions)
    }

    /// How many points it has.
    pub fn points(&self) -> u64 {
        self.view.load().ids.len() as u64
    }

    /// Whether nothing in the background will change how it is searched.
    pub fn is_settled(&self) -> bool {
        self.view.load().chore().is_none()
    }

    /// How many vectors the graphs cover.
    pub fn indexed(&self) -> u64 {
        let view = self.view.load();
        let graphs = view.spaces.iter().filter_map(|space| space.graph.as_ref());
        graphs.map(|graph| u64::from(graph.len())).sum()
    }

    /// Its payload indexes, and how many points each holds.
    pub fn payload_indexes(&self) -> Vec<(Definition, u64)> {
        let view = self.view.load();
        let living = view.living();
        let fields = view.indexes.fields();
        fields
            .map(|field| (field.definition().clone(), field.points(&living)))
            .collect()
    }

    /// Bytes of vectors, links, tables, payload indexes and ends in memory.
    pub fn memory_bytes(&self) -> u64 {
        let view = self.view.load();
        let spaces: usize = view.spaces.iter().map(Space::bytes).sum();
        let tables = view.slots.len() * size_of::<Slot>() + view.ids.len() * ID_BYTES;
        (spaces + tables + view.indexes.bytes() + view.ends.bytes()) as u64
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
    /// The vectors, as the schema orders them. Slots have the same numbers in each.
    pub(super) spaces: Vec<Space>,
    /// What stands in each slot.
    pub(super) slots: Sequence<Slot>,
    /// Slots whose point was deleted, or stands in a later slot.
    pub(super) dead: FixedBitSet,
    /// The living points, in id order.
    pub(super) ids: OrdMap<PointId, u32>,
    /// Which payload values stand in which slots, dead ones included.
    pub(super) indexes: Indexes,
    /// When which slots' points end, those of dead ones included.
    pub(super) ends: Ends,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) id: PointId,
    pub(super) row: u64,
    pub(super) seq: u64,
}

impl View {
    pub(super) fn empty(schema: &Schema) -> Self {
        let spaces = schema.vectors.iter().map(Space::empty).collect();
        Self::of_living(spaces, Sequence::new())
    }

    /// A view in which every slot lives.
    pub(super) fn of_living(spaces: Vec<Space>, slots: Sequence<Slot>) -> Self {
        let ids = (0_u32..)
            .zip(&slots)
            .map(|(number, slot)| (slot.id, number))
            .collect();
        let dead = FixedBitSet::with_capacity(slots.len());
        Self {
            spaces,
            slots,
            dead,
            ids,
            indexes: Indexes::default(),
            ends: Ends::default(),
        }
    }

    pub(super) fn slot(&self, id: PointId) -> Option<(u32, Slot)> {
        let number = *self.ids.get(&id)?;
        Some((number, *self.slots.get(number as usize)?))
    }

    /// Puts a point into the next slot, whose number is returned; the slot it stood in before
    /// dies. `vectors` are those of the spaces, in their order. Its payload is for
    /// [`Self::index`].
    pub(super) fn put<'v>(
        &mut self,
        slot: Slot,
        vectors: impl Iterator<Item = Option<&'v [f32]>>,
    ) -> u32 {
        for (space, vector) in self.spaces.iter_mut().zip(vectors) {
            space.push(vector, &self.dead);
        }
        self.put_slot(slot)
    }

    /// As [`Self::put`], for a point that lives in a slot of another view of the collection.
    pub(super) fn adopt(&mut self, other: &Self, number: u32, slot: Slot) -> u32 {
        for (space, from) in self.spaces.iter_mut().zip(&other.spaces) {
            space.push_slot(from, number, &self.dead);
        }
        self.put_slot(slot)
    }

    fn put_slot(&mut self, slot: Slot) -> u32 {
        let number = self.slot_numbers().end;
        self.slots.push_back(slot);
        self.dead.grow(self.slots.len());
        if let Some(before) = self.ids.insert(slot.id, number) {
            self.bury(before);
        }
        number
    }

    fn bury(&mut self, number: u32) {
        self.dead.insert(number as usize);
        for space in &mut self.spaces {
            space.bury(number);
        }
    }

    /// Adds the payload of the point in a new slot to the indexes.
    pub(super) fn index(&mut self, number: u32, payload: &Payload) {
        if !self.indexes.is_empty() {
            let entry = self.indexes.read(payload);
            self.indexes.insert(number, entry);
        }
    }

    pub(super) fn remove(&mut self, id: PointId) {
        if let Some(number) = self.ids.remove(&id) {
            self.bury(number);
        }
    }

    /// Removes the point that stands in a row, if one does.
    pub(super) fn remove_row(&mut self, row: u64) {
        if let Some((_, slot)) = self.in_row(row) {
            self.remove(slot.id);
        }
    }

    /// The slot of the point that stands in a row, if one does. Later slots have later rows.
    pub(super) fn in_row(&self, row: u64) -> Option<(u32, Slot)> {
        let found = self.slots.binary_search_by(|slot| slot.row.cmp(&row));
        let slot = self.slots.get(found.ok()?)?;
        self.slot(slot.id).filter(|(_, now)| now.row == row)
    }

    /// Notes when the point in a new slot ends, if it does.
    pub(super) fn ends_at(&mut self, number: u32, end: Option<Timestamp>) {
        if let Some(end) = end {
            self.ends.put(number, end);
        }
    }

    /// Every slot's number.
    pub(super) fn slot_numbers(&self) -> Range<u32> {
        // Slots are counted in u32: a point more than that isn't taken.
        0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// What would make searching it faster.
    pub(super) fn chore(&self) -> Option<Chore> {
        let slots = self.slots.len();
        let dead = slots - self.ids.len();
        if dead > DEAD_MIN && dead > slots / DEAD_PART {
            return Some(Chore::Compact);
        }
        let due = |space: &Space| match &space.graph {
            None => space.arena.wants_graph(space.living(self)),
            Some(graph) => {
                let covered = graph.len() as usize;
                slots - covered > TAIL_MIN.max(covered / TAIL_PART)
            }
        };
        self.spaces.iter().position(due).map(Chore::Grow)
    }
}

/// Work that makes searching a collection faster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chore {
    /// The graph of a space grows over the tail, or is made.
    Grow(usize),
    /// Dead slots are left out.
    Compact,
}

/// Dead slots that aren't worth leaving out.
const DEAD_MIN: usize = 1_000;
/// The part of the slots that must be dead: a fifth.
const DEAD_PART: usize = 5;
/// A tail that isn't worth growing the graph for.
const TAIL_MIN: usize = 64;
/// The part of the graph that a tail must have to be.
const TAIL_PART: usize = 512;
/// What an id takes in its table, which is a tree of half-full leaves at the least.
const ID_BYTES: usize = 2 * size_of::<(PointId, u32)>();
