//! The arena: one collection's vectors, in slots.
//!
//! A base in one piece, then a tail of small chunks. A clone shares everything, so a reader keeps
//! its arena while a writer appends to its own: only the last chunk is copied.

use std::{fmt, sync::Arc};

use ndarray::{ArcArray2, Array2, ArrayView1};

/// The vectors of a collection, by slot.
#[derive(Clone)]
pub struct Arena {
    dimension: usize,
    /// Row-major, one slot a row.
    base: ArcArray2<f32>,
    tail: Vec<Arc<Vec<f32>>>,
    tail_len: usize,
    chunk_slots: usize,
}

impl Arena {
    /// An arena without vectors.
    pub fn new(dimension: usize) -> Self {
        Self::from_base(dimension, Vec::new())
    }

    /// An arena of the vectors that stand one after the other in `values`.
    pub fn from_base(dimension: usize, values: Vec<f32>) -> Self {
        let rows = values.len() / dimension.max(1);
        let base = Array2::from_shape_vec((rows, dimension), values)
            .unwrap_or_else(|_| Array2::zeros((0, dimension)));
        let chunk_slots = (CHUNK_BYTES / (4 * dimension.max(1))).max(1);
        Self {
            dimension,
            base: base.into_shared(),
            tail: Vec::new(),
            tail_len: 0,
            chunk_slots,
        }
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.base.nrows() + self.tail_len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of vectors.
    pub fn bytes(&self) -> usize {
        self.len() * self.dimension * size_of::<f32>()
    }

    /// Appends a vector. Its slot is the length before.
    pub fn push(&mut self, vector: &[f32]) {
        debug_assert_eq!(vector.len(), self.dimension);
        if self.tail_len.is_multiple_of(self.chunk_slots) {
            self.tail.push(Arc::new(Vec::with_capacity(
                self.chunk_slots * self.dimension,
            )));
        }
        if let Some(last) = self.tail.last_mut() {
            // Copied if a reader holds it too.
            Arc::make_mut(last).extend_from_slice(vector);
            self.tail_len += 1;
        }
    }

    /// Whether the tail has grown so long that [`Self::merged`] pays: a quarter of the base, so
    /// that a bulk load copies each vector a bounded number of times.
    pub fn wants_merging(&self) -> bool {
        self.tail_len * self.dimension * size_of::<f32>() > TAIL_BYTES_MIN
            && self.tail_len > self.base.nrows() / 4
    }

    /// The same vectors in the same slots, in one piece.
    pub fn merged(&self) -> Self {
        let mut values = Vec::with_capacity(self.len() * self.dimension);
        values.extend_from_slice(self.base.as_slice().unwrap_or_default());
        for chunk in &self.tail {
            values.extend_from_slice(chunk);
        }
        Self::from_base(self.dimension, values)
    }

    /// The vector in a slot.
    ///
    /// # Panics
    /// When there is no such slot.
    pub fn vector(&self, slot: usize) -> &[f32] {
        let base_len = self.base.nrows();
        let (values, row) = match slot.checked_sub(base_len) {
            None => (self.base.as_slice().unwrap_or_default(), slot),
            Some(in_tail) => {
                let chunk = &self.tail[in_tail / self.chunk_slots];
                (chunk.as_slice(), in_tail % self.chunk_slots)
            }
        };
        &values[row * self.dimension..(row + 1) * self.dimension]
    }

    /// The vectors that stand in one piece: the graph's.
    pub(super) fn base(&self) -> &ArcArray2<f32> {
        &self.base
    }

    /// Every vector, as rows, for whoever checks a search from outside.
    pub fn rows(&self) -> impl Iterator<Item = ArrayView1<'_, f32>> {
        (0..self.len()).map(|slot| ArrayView1::from(self.vector(slot)))
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} x {})", self.len(), self.dimension)
    }
}

/// A write copies at most this much of the arena: the chunk that readers may hold.
const CHUNK_BYTES: usize = 48 << 10;
/// Below this, chunks cost nothing worth saving.
const TAIL_BYTES_MIN: usize = 4 << 20;
