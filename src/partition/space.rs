//! A space: one of a collection's vectors, of all its points, and the graph over them.
//!
//! All spaces of a collection share their slot numbers. A point that has no such vector takes a
//! row of zeros, which no search looks at: it costs its memory, and keeps the tables one.

use std::sync::Arc;

use fixedbitset::FixedBitSet;

use super::{collection::View, schema::VectorSchema};
use crate::index::{Arena, Graph};

/// One vector space of a collection. Cloning one shares nearly everything.
#[derive(Clone)]
pub(super) struct Space {
    pub(super) arena: Arena,
    pub(super) graph: Option<Arc<Graph>>,
    /// Slots whose point is dead or has no such vector. Nothing as long as every point has had
    /// one: then the dead slots of the view are all.
    pub(super) absent: Option<FixedBitSet>,
}

impl Space {
    pub(super) fn empty(schema: &VectorSchema) -> Self {
        let dimension = schema.dimension.get();
        Self {
            arena: Arena::new(schema.metric, dimension, schema.precision),
            graph: None,
            absent: None,
        }
    }

    /// The slots that no search may answer, given the view's dead ones.
    pub(super) fn out<'a>(&'a self, dead: &'a FixedBitSet) -> &'a FixedBitSet {
        self.absent.as_ref().unwrap_or(dead)
    }

    /// How many points have such a vector.
    pub(super) fn living(&self, view: &View) -> usize {
        match &self.absent {
            None => view.ids.len(),
            Some(absent) => view.slots.len() - absent.count_ones(..),
        }
    }

    /// Whether the living point in a slot has such a vector.
    pub(super) fn has(&self, slot: u32) -> bool {
        let absent = self.absent.as_ref();
        absent.is_none_or(|absent| !absent.contains(slot as usize))
    }

    /// Takes the vector of the point in the next slot, if it has one.
    pub(super) fn push(&mut self, vector: Option<&[f32]>, dead: &FixedBitSet) {
        if let Some(vector) = vector {
            self.arena.push(vector);
        } else {
            self.arena.push(&vec![0.0; self.arena.dimension()]);
        }
        self.count_slot(vector.is_some(), dead);
    }

    /// As [`Self::push`], for what a living point has in the same space of another view.
    pub(super) fn push_slot(&mut self, from: &Self, number: u32, dead: &FixedBitSet) {
        self.arena.push_slots(&from.arena, std::iter::once(number));
        self.count_slot(from.has(number), dead);
    }

    fn count_slot(&mut self, present: bool, dead: &FixedBitSet) {
        let slots = self.arena.len();
        if !present && self.absent.is_none() {
            self.absent = Some(dead.clone());
        }
        if let Some(absent) = &mut self.absent {
            absent.grow(slots);
            if !present {
                absent.insert(slots - 1);
            }
        }
    }

    /// The point in a slot died.
    pub(super) fn bury(&mut self, number: u32) {
        if let Some(absent) = &mut self.absent {
            absent.insert(number as usize);
        }
    }

    /// Bytes of vectors, links and bits.
    pub(super) fn bytes(&self) -> usize {
        let links = self.graph.as_ref().map_or(0, |graph| graph.bytes());
        let bits = self.absent.as_ref().map_or(0, |bits| bits.len() / 8);
        self.arena.bytes() + links + bits
    }
}
