//! The graph: each slot linked to some near ones and some far ones, in flat lists.
//!
//! It is grown in batches, as ParlayANN does (arXiv 2305.04359), from a seed that `hnsw_rs` makes,
//! by searching it with its own search and pruning links by the rule of Vamana (DiskANN, NeurIPS
//! 2019). Growing goes on where it stopped: new slots are added to the links that are there.
//! Layers above the ground are not kept: at equal recall a search from one good slot took 841
//! comparisons, and 858 down the layers (117,791 x 384; see also arXiv 2412.01940).

mod compact;
mod grow;
mod pool;
mod prune;
mod repair;
mod search;
mod seed;
#[cfg(test)]
mod tests;

use std::fmt;

pub(super) use self::search::{Through, Walker};
use super::{kernels, memory::Memory};

/// A graph over the first slots of an arena. It doesn't change; growing makes a new one.
#[derive(Clone)]
pub struct Graph {
    /// [`LINKS_MAX`] a slot, the unused ones [`NO_SLOT`].
    links: Memory,
    len: u32,
    /// Where searches start.
    entry: u32,
}

impl Graph {
    /// How many slots it covers.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it covers none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.links.bytes().len()
    }

    pub(super) fn links_bytes(&self) -> &[u8] {
        self.links.bytes()
    }

    fn links(&self) -> Links<'_> {
        Links {
            all: bytemuck::cast_slice(self.links.bytes()),
            stride: LINKS_MAX,
            len: self.len,
            entry: self.entry,
        }
    }

    pub(super) const fn entry(&self) -> u32 {
        self.entry
    }

    /// A graph from stored links, if they are links of so many slots.
    pub(super) fn from_stored(links: Memory, len: u32, entry: u32) -> Option<Self> {
        let graph = Self { links, len, entry };
        let all = graph.links().all;
        let sound = all.len() == len as usize * LINKS_MAX
            && (entry < len || len == 0)
            && all.iter().all(|link| *link < len || *link == NO_SLOT);
        sound.then_some(graph)
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({})", self.len)
    }
}

/// Every slot's links, one after the other.
#[derive(Clone, Copy)]
struct Links<'a> {
    all: &'a [u32],
    /// Places that a slot has.
    stride: usize,
    len: u32,
    /// Where searches start.
    entry: u32,
}

impl<'a> Links<'a> {
    /// A slot's places: those in use come first.
    #[inline]
    fn row(self, slot: u32) -> &'a [u32] {
        let at = slot as usize * self.stride;
        &self.all[at..at + self.stride]
    }

    /// The links of a slot.
    #[inline]
    fn of(self, slot: u32) -> impl Iterator<Item = u32> {
        let places = self.row(slot).iter().copied();
        places.take_while(|link| *link != NO_SLOT)
    }

    /// Whether a slot has links: one that isn't in a growing graph yet has none.
    #[inline]
    fn is_linked(self, slot: u32) -> bool {
        self.row(slot).first().is_some_and(|link| *link != NO_SLOT)
    }

    /// Asks for a slot's links.
    #[inline]
    fn prefetch(self, slot: u32) {
        kernels::prefetch(bytemuck::cast_slice(self.row(slot)));
    }
}

/// Puts a slot's links into its places.
fn fill(places: &mut [u32], chosen: &[u32]) {
    let (used, unused) = places.split_at_mut(chosen.len());
    used.copy_from_slice(chosen);
    unused.fill(NO_SLOT);
}

/// Links that a slot has at most: 128 bytes.
pub(super) const LINKS_MAX: usize = 32;
/// No link.
pub(super) const NO_SLOT: u32 = u32::MAX;
/// Candidates that a slot's links are chosen from.
const EF_CONSTRUCTION: usize = 100;
