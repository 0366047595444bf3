//! An index as bytes, and back: what a segment is made of.
//!
//! ```text
//! header  version u8 = 1 | precision u8 (0 codes, 1 full) | slots u32 | slots of a long chunk u32
//!         | has graph u8 | covered u32 | entry u32
//! parts   the memory of each chunk (`arena/chunk.rs`) | links u32 x 32 x covered, if there is a
//!         graph
//! ```
//!
//! Numbers are little-endian. **Invariant:** no header and no parts make reading panic, and
//! nothing is allocated that the caller didn't agree to: it sees the lengths first.

use super::{
    Arena, Graph, Precision,
    arena::{Chunk, Layout, PackedArena},
    graph::{LINKS_MAX, NO_SLOT},
    memory::Memory,
};
use crate::vector::{Dimension, Metric};

#[cfg(target_endian = "big")]
compile_error!("parts are memory as it is: little-endian");

/// What a stored index consists of.
#[derive(Debug)]
pub struct Image<'a> {
    /// Small: what the parts are.
    pub header: Vec<u8>,
    /// Long pieces of memory, in a fixed order.
    pub parts: Vec<&'a [u8]>,
}

impl<'a> Image<'a> {
    /// The image of an arena and of the graph over its first slots.
    pub fn of(arena: &'a PackedArena, graph: Option<&'a Graph>) -> Self {
        let shape = Shape::of(arena.arena(), graph);
        let mut parts: Vec<&[u8]> = arena.chunks().map(Chunk::bytes).collect();
        parts.extend(graph.map(Graph::links_bytes));
        Self {
            header: shape.encode(),
            parts,
        }
    }

    /// How long the parts will be.
    pub fn lengths(arena: &Arena, graph: Option<&Graph>) -> Vec<u64> {
        Shape::of(arena, graph).lengths(arena.layout())
    }
}

/// An index that is being read back: its memory, to be filled.
pub struct Blank {
    arena: Arena,
    chunks: Vec<Chunk>,
    covered: Option<(u32, u32, Memory)>,
}

impl Blank {
    /// The lengths of the parts that belong to a header, for whoever wants to know before so much
    /// memory is taken.
    ///
    /// # Errors
    /// [`InvalidImage`].
    pub fn lengths(
        metric: Metric,
        dimension: Dimension,
        header: &[u8],
    ) -> Result<Vec<u64>, InvalidImage> {
        let (shape, arena) = Shape::decode(metric, dimension, header)?;
        Ok(shape.lengths(arena.layout()))
    }

    /// Takes the memory that the parts of an image need.
    ///
    /// # Errors
    /// [`InvalidImage`].
    pub fn new(metric: Metric, dimension: Dimension, header: &[u8]) -> Result<Self, InvalidImage> {
        let (shape, arena) = Shape::decode(metric, dimension, header)?;
        let layout = arena.layout();
        let chunks = shape.chunk_slots().map(|slots| Chunk::blank(layout, slots));
        let covered = shape.graph.map(|(covered, entry)| {
            let links = Memory::zeroed(covered as usize * LINKS_BYTES);
            (covered, entry, links)
        });
        Ok(Self {
            chunks: chunks.collect(),
            arena,
            covered,
        })
    }

    /// The places that the parts belong in.
    pub fn parts_mut(&mut self) -> Vec<&mut [u8]> {
        let mut parts: Vec<&mut [u8]> = self.chunks.iter_mut().map(Chunk::bytes_mut).collect();
        let links = self.covered.as_mut();
        parts.extend(links.map(|(_, _, links)| links.bytes_mut()));
        parts
    }

    /// The index, if the parts that were filled in make one.
    ///
    /// # Errors
    /// [`InvalidImage`] when a link leads nowhere.
    pub fn finish(self) -> Result<(Arena, Option<Graph>), InvalidImage> {
        let graph = match self.covered {
            Some((covered, entry, links)) => {
                Some(Graph::from_stored(links, covered, entry).ok_or(InvalidImage)?)
            }
            None => None,
        };
        Ok((self.arena.with_long(self.chunks), graph))
    }
}

/// What a header says.
struct Shape {
    precision: Precision,
    slots: u32,
    long_slots: u32,
    /// Slots that the graph covers, and its entry.
    graph: Option<(u32, u32)>,
}

impl Shape {
    fn of(arena: &Arena, graph: Option<&Graph>) -> Self {
        // An arena's slots are counted in u32 by whoever appends.
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            precision: arena.precision(),
            slots: count(arena.len()),
            long_slots: count(arena.long_slots()),
            graph: graph.map(|graph| (graph.len(), graph.entry())),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.push(match self.precision {
            Precision::Codes => 0,
            Precision::Full => 1,
        });
        bytes.extend_from_slice(&self.slots.to_le_bytes());
        bytes.extend_from_slice(&self.long_slots.to_le_bytes());
        let (covered, entry) = self.graph.unwrap_or((0, 0));
        bytes.push(u8::from(self.graph.is_some()));
        bytes.extend_from_slice(&covered.to_le_bytes());
        bytes.extend_from_slice(&entry.to_le_bytes());
        bytes
    }

    /// Reads a header, and makes the empty arena that it is for.
    fn decode(
        metric: Metric,
        dimension: Dimension,
        header: &[u8],
    ) -> Result<(Self, Arena), InvalidImage> {
        let header: &[u8; HEADER_BYTES] = header.try_into().map_err(|_| InvalidImage)?;
        let [version, precision, numbers @ ..] = header;
        let precision = match (*version, *precision) {
            (VERSION, 0) => Precision::Codes,
            (VERSION, 1) => Precision::Full,
            _ => return Err(InvalidImage),
        };
        let [a, b, c, d, e, f, g, h, has_graph, i, j, k, l, m, n, o, p] = *numbers;
        let slots = u32::from_le_bytes([a, b, c, d]);
        let covered = u32::from_le_bytes([i, j, k, l]);
        let entry = u32::from_le_bytes([m, n, o, p]);
        let graph = match has_graph {
            0 => None,
            1 => Some((covered, entry)),
            _ => return Err(InvalidImage),
        };
        let shape = Self {
            precision,
            slots,
            long_slots: u32::from_le_bytes([e, f, g, h]),
            graph,
        };
        let arena = Arena::new(metric, dimension.get(), precision);
        let fits = slots < NO_SLOT
            && covered <= slots
            && arena.precision() == precision
            && arena.long_slots() == shape.long_slots as usize;
        if fits {
            Ok((shape, arena))
        } else {
            Err(InvalidImage)
        }
    }

    fn chunk_slots(&self) -> impl Iterator<Item = usize> {
        let (slots, long) = (self.slots as usize, self.long_slots as usize);
        (0..slots)
            .step_by(long)
            .map(move |first| long.min(slots - first))
    }

    fn lengths(&self, layout: Layout) -> Vec<u64> {
        let chunks = self.chunk_slots().map(|slots| layout.bytes(slots) as u64);
        let links = self
            .graph
            .map(|(covered, _)| u64::from(covered) * LINKS_BYTES as u64);
        chunks.chain(links).collect()
    }
}

/// Not the image of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a stored index isn't in a known format")]
pub struct InvalidImage;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 19;
const LINKS_BYTES: usize = LINKS_MAX * size_of::<u32>();

#[cfg(test)]
mod tests {
    use fixedbitset::FixedBitSet;
    use proptest::prelude::*;

    use super::*;

    const METRIC: Metric = Metric::Euclid;

    fn dimension() -> Dimension {
        Dimension::new(3).unwrap()
    }

    fn an_index(slots: u16, precision: Precision) -> (PackedArena, Graph) {
        let values: Vec<f32> = (0..slots)
            .flat_map(|slot| [slot % 7, slot % 11, slot / 9].map(f32::from))
            .collect();
        let mut arena = Arena::of(METRIC, 3, precision, &values);
        let graph = Graph::build(&arena, u32::from(slots), &FixedBitSet::new());
        for slot in 0..5_u8 {
            arena.push(&[f32::from(slot), 0.5, -0.5]);
        }
        (arena.packed(), graph)
    }

    fn filled(header: &[u8], parts: &[&[u8]]) -> Result<(Arena, Option<Graph>), InvalidImage> {
        let mut blank = Blank::new(METRIC, dimension(), header)?;
        let lengths = Blank::lengths(METRIC, dimension(), header)?;
        let places = blank.parts_mut();
        assert_eq!(places.len(), lengths.len());
        for ((place, part), length) in places.into_iter().zip(parts).zip(lengths) {
            assert_eq!(place.len() as u64, length);
            let length = part.len().min(place.len());
            place[..length].copy_from_slice(&part[..length]);
        }
        blank.finish()
    }

    #[test]
    fn an_index_reads_back_as_it_was() {
        for precision in [Precision::Codes, Precision::Full] {
            let (arena, graph) = an_index(1_500, precision);
            for graph in [Some(&graph), None] {
                let image = Image::of(&arena, graph);
                let lengths: Vec<u64> = image.parts.iter().map(|part| part.len() as u64).collect();
                assert_eq!(Image::lengths(arena.arena(), graph), lengths);
                let (arena_back, graph_back) = filled(&image.header, &image.parts).unwrap();
                assert_eq!(arena_back.len(), 1_505);
                for slot in 0..1_505 {
                    assert_eq!(arena_back.vector(slot), arena.arena().vector(slot));
                }
                let links = |graph: &Graph| (graph.entry(), graph.links_bytes().to_vec());
                assert_eq!(graph_back.as_ref().map(links), graph.map(links));
            }
        }
        let empty = Arena::new(METRIC, 3, Precision::Codes).packed();
        let image = Image::of(&empty, None);
        let (back, _) = filled(&image.header, &image.parts).unwrap();
        assert!(back.is_empty());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        let (arena, graph) = an_index(100, Precision::Codes);
        let image = Image::of(&arena, Some(&graph));
        let mut parts: Vec<Vec<u8>> = image.parts.iter().map(|part| part.to_vec()).collect();
        parts.last_mut().unwrap()[..4].copy_from_slice(&100_u32.to_le_bytes());
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        assert_eq!(filled(&image.header, &parts).unwrap_err(), InvalidImage);
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(
            header in prop::collection::vec(any::<u8>(), 0..30),
            part in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let small = |header: &[u8]| Blank::lengths(METRIC, dimension(), header)
                .is_ok_and(|lengths| lengths.iter().sum::<u64>() < 1 << 20);
            if small(&header) {
                drop(filled(&header, &[&part, &part]));
            }
            let (arena, graph) = an_index(60, Precision::Codes);
            let image = Image::of(&arena, Some(&graph));
            let mut header = image.header.clone();
            let at = at.index(header.len());
            prop_assert!(Blank::lengths(METRIC, dimension(), &header[..at]).is_err());
            header[at] ^= flip;
            if small(&header) {
                drop(filled(&header, &image.parts));
                drop(filled(&header, &[&part, &part]));
            }
        }
    }
}
