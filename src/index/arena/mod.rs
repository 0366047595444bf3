//! The arena: one collection's vectors, in slots.
//!
//! Long chunks, then a tail of short ones. A clone shares them all, so a reader keeps its arena
//! while a writer appends to its own: only the last short chunk is copied.

mod chunk;
mod rows;

use std::{fmt, ops::Range, sync::Arc};

pub use self::chunk::Precision;
pub(super) use self::{
    chunk::{Chunk, Layout, Terms},
    rows::Rows,
};
use crate::vector::Metric;

/// The vectors of a collection, by slot.
#[derive(Clone)]
pub struct Arena {
    metric: Metric,
    layout: Layout,
    /// Full, but for the last one.
    long: Vec<Arc<Chunk>>,
    long_len: usize,
    /// A long chunk has 2 to the power of this many slots.
    long_bits: u32,
    /// Of `short_slots` each, but for the last one.
    short: imbl::Vector<Arc<Chunk>>,
    short_len: usize,
    short_slots: usize,
}

impl Arena {
    /// An arena without vectors.
    pub fn new(metric: Metric, dimension: usize, precision: Precision) -> Self {
        let dimension = dimension.max(1);
        Self {
            metric,
            layout: Layout {
                dimension,
                precision: precision.under(metric),
            },
            long: Vec::new(),
            long_len: 0,
            long_bits: (LONG_BYTES / dimension)
                .next_power_of_two()
                .trailing_zeros(),
            short: imbl::Vector::new(),
            short_len: 0,
            short_slots: (SHORT_BYTES / dimension).max(1),
        }
    }

    /// An arena of the vectors that stand one after the other in `values`.
    pub fn of(metric: Metric, dimension: usize, precision: Precision, values: &[f32]) -> Self {
        let mut arena = Self::new(metric, dimension, precision);
        for vector in values.chunks_exact(arena.layout.dimension) {
            arena.push(vector);
        }
        arena
    }

    /// How its vectors are compared.
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// How its vectors are kept.
    pub const fn precision(&self) -> Precision {
        self.layout.precision
    }

    /// How many components its vectors have.
    pub const fn dimension(&self) -> usize {
        self.layout.dimension
    }

    /// How many slots there are.
    pub const fn len(&self) -> usize {
        self.long_len + self.short_len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let chunks = self.long.iter().chain(&self.short);
        chunks.map(|chunk| chunk.bytes().len()).sum()
    }

    /// Appends a vector. Its slot is the length before.
    pub fn push(&mut self, vector: &[f32]) {
        self.last_short().push(vector);
        self.short_len += 1;
        self.settle();
    }

    /// Appends the vectors of some of another arena's slots, as they are kept there. It has the
    /// same metric, dimension and precision.
    pub fn push_slots(&mut self, other: &Self, slots: impl Iterator<Item = u32>) {
        for slot in slots {
            let (chunk, row) = other.place(slot);
            self.last_short().push_rows(chunk, row, 1);
            self.short_len += 1;
            self.settle();
        }
    }

    /// The same vectors in the same slots, the tail brought into a long chunk too.
    pub fn packed(&self) -> PackedArena {
        let mut packed = self.clone();
        packed.pack();
        PackedArena(packed)
    }

    /// The vector in a slot: to single precision, if it is kept as codes.
    ///
    /// # Panics
    /// When there is no such slot.
    pub fn vector(&self, slot: u32) -> Vec<f32> {
        let (chunk, row) = self.place(slot);
        chunk.vector(row)
    }

    /// Bytes of a vector that a scan reads.
    pub(super) const fn scanned_bytes(&self) -> usize {
        match self.layout.precision {
            Precision::Codes => self.layout.dimension,
            Precision::Full => 4 * self.layout.dimension,
        }
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    /// How many slots a long chunk has.
    pub(super) const fn long_slots(&self) -> usize {
        1 << self.long_bits
    }

    /// Puts long chunks in place of everything. All but the last are full.
    pub(super) fn with_long(mut self, chunks: Vec<Chunk>) -> Self {
        self.long_len = chunks.iter().map(Chunk::len).sum();
        self.long = chunks.into_iter().map(Arc::new).collect();
        self.short.clear();
        self.short_len = 0;
        self
    }

    /// The chunk that a slot is in, and its row there.
    #[inline]
    pub(super) fn place(&self, slot: u32) -> (&Chunk, usize) {
        let slot = slot as usize;
        match slot.checked_sub(self.long_len) {
            None => {
                let row = slot & (self.long_slots() - 1);
                (&self.long[slot >> self.long_bits], row)
            }
            Some(in_tail) => {
                let chunk = &self.short[in_tail / self.short_slots];
                (chunk, in_tail % self.short_slots)
            }
        }
    }

    /// The chunks that a range of slots lies in: the first slot, the chunk, the rows.
    pub(super) fn blocks(
        &self,
        slots: Range<u32>,
    ) -> impl Iterator<Item = (u32, &Chunk, Range<usize>)> {
        let mut next = slots.start;
        std::iter::from_fn(move || {
            if next >= slots.end {
                return None;
            }
            let (chunk, row) = self.place(next);
            let left = (slots.end - next) as usize;
            let rows = row..chunk.len().min(row + left);
            let first = next;
            next += u32::try_from(rows.len()).ok().filter(|count| *count > 0)?;
            Some((first, chunk, rows))
        })
    }

    /// The last short chunk, with room for one more. Copied if a reader holds it too.
    ///
    /// A chunk starts small and doubles, so that a collection of a few points takes little.
    fn last_short(&mut self) -> &mut Chunk {
        let slots = self.short_slots;
        if self.short.back().is_none_or(|last| last.len() == slots) {
            let chunk = Chunk::new(self.layout, 1);
            self.short.push_back(Arc::new(chunk));
        }
        let last = self.short.len() - 1;
        let chunk = &mut self.short[last];
        if chunk.is_full() {
            let mut wider = Chunk::new(self.layout, (2 * chunk.len()).min(slots));
            wider.push_rows(chunk, 0, chunk.len());
            *chunk = Arc::new(wider);
        }
        Arc::make_mut(chunk)
    }

    /// Packs the tail once it completes a long chunk: so that each vector is copied a bounded
    /// number of times.
    fn settle(&mut self) {
        let open = self.long_len & (self.long_slots() - 1);
        if open + self.short_len == self.long_slots() {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let open = self.long_len & (self.long_slots() - 1);
        let mut waiting: Vec<Arc<Chunk>> = Vec::new();
        if open > 0 {
            waiting.extend(self.long.pop());
        }
        waiting.extend(std::mem::take(&mut self.short));
        let mut left = open + self.short_len;
        let mut chunk = Chunk::new(self.layout, left.min(self.long_slots()));
        for part in waiting {
            let mut first = 0;
            while first < part.len() {
                if chunk.is_full() {
                    left -= chunk.len();
                    let next = Chunk::new(self.layout, left.min(self.long_slots()));
                    self.long
                        .push(Arc::new(std::mem::replace(&mut chunk, next)));
                }
                let count = (part.len() - first).min(chunk.room());
                chunk.push_rows(&part, first, count);
                first += count;
            }
        }
        if chunk.len() > 0 {
            self.long.push(Arc::new(chunk));
        }
        self.long_len += self.short_len;
        self.short_len = 0;
    }
}

/// An arena without a tail: all of it is long chunks.
#[derive(Clone, Debug)]
pub struct PackedArena(Arena);

impl PackedArena {
    /// As any other arena.
    pub const fn arena(&self) -> &Arena {
        &self.0
    }

    /// As any other arena, to be appended to.
    pub fn into_arena(self) -> Arena {
        self.0
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.0.long.iter().map(|chunk| &**chunk)
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} x {})", self.len(), self.layout.dimension)
    }
}

/// Codes of a long chunk: a few huge pages.
const LONG_BYTES: usize = 4 << 20;
/// Codes of a short chunk: a write copies at most three times this, the chunk that readers may
/// hold.
const SHORT_BYTES: usize = 16 << 10;
