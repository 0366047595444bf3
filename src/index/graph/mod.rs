//! The graph: HNSW (Malkov and Yashunin, arXiv 1603.09320), built by `hnsw_rs`, then frozen.
//!
//! `hnsw_rs` builds over slot numbers and is dropped once its links have been walked out into
//! flat lists. Its own search, dump and reload are not used: its search is several times slower
//! than the frozen one, its dump writes plain text, its reload can exit the process.

mod build;
mod repair;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

/// A frozen graph over the first slots of an arena.
pub struct Graph {
    /// Links at layer 0, `stride` a slot, the unused ones [`NO_SLOT`].
    ground: Vec<u32>,
    stride: usize,
    /// The layers above, the topmost last: slot and links, sorted by slot.
    upper: Vec<Vec<(u32, Box<[u32]>)>>,
    /// Where a search starts: a slot of the topmost layer.
    entry: u32,
    len: usize,
}

impl Graph {
    /// How many slots it covers.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it covers none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn links(&self, slot: u32) -> impl Iterator<Item = u32> {
        let start = slot as usize * self.stride;
        let links = self
            .ground
            .get(start..start + self.stride)
            .unwrap_or_default();
        links.iter().copied().take_while(|link| *link != NO_SLOT)
    }

    fn upper_links(&self, layer: usize, slot: u32) -> &[u32] {
        let Some(nodes) = self.upper.get(layer) else {
            return &[];
        };
        match nodes.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(position) => nodes.get(position).map_or(&[], |(_, links)| links),
            Err(_) => &[],
        }
    }

    /// Bytes of links.
    pub fn bytes(&self) -> usize {
        let upper: usize = self
            .upper
            .iter()
            .flatten()
            .map(|(_, links)| 24 + 4 * links.len())
            .sum();
        4 * self.ground.len() + upper
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} slots)", self.len)
    }
}

/// No slot has this number.
const NO_SLOT: u32 = u32::MAX;
/// Links a slot may have above layer 0; twice as many at it.
const LINKS_MAX: usize = 16;
/// Candidates while building. Must be over twice [`LINKS_MAX`], or `hnsw_rs` skips the rule that
/// keeps links diverse.
const EF_CONSTRUCTION: usize = 200;
/// Layers that `hnsw_rs` may use.
const LAYERS_MAX: usize = 16;
