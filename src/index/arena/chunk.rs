//! *A chunk: some slots' vectors, in planes of one piece of memory.*
//!
//! ```text
//! codes:  (scale f32, norm f32) a slot | codes u8, a row a slot | residuals i16, a row a slot
//! full:   (0 f32, norm f32) a slot     | values f32, a row a slot
//! ```
//! Planes start at multiples of 64 bytes. A component of a coded row is
//! `scale x (code - 128 + residual / 65,536)`: 8 bits for traversal and scanning, 24 bits, as good
//! as single precision, for scores.

use std::ops::Range;

use super::super::{
    kernels::{self, FINE, Kernels},
    memory::Memory,
};
use crate::vector::Metric;

/// How vectors are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// As int8 codes with a scale a vector, and 16 more bits a component for the final score.
    Codes,
    /// In single precision, and nothing else.
    Full,
}

impl Precision {
    /// How vectors are kept that are compared by a metric, when this was asked for.
    pub(crate) const fn under(self, metric: Metric) -> Self {
        match metric {
            // Sums of absolute differences gain nothing from integer products.
            Metric::Manhattan => Self::Full,
            Metric::Cosine | Metric::Dot | Metric::Euclid => self,
        }
    }
}

/// What all chunks of an arena have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::index) struct Layout {
    pub(in crate::index) dimension: usize,
    pub(in crate::index) precision: Precision,
}

impl Layout {
    /// Bytes of a chunk of so many slots.
    pub(in crate::index) const fn bytes(self, slots: usize) -> usize {
        let (_, _, end) = self.planes(slots);
        end
    }

    /// Where the rows start, where the residuals start, and where they end.
    const fn planes(self, slots: usize) -> (usize, usize, usize) {
        let rows = (slots * TERMS_BYTES).next_multiple_of(LINE_BYTES);
        let components = slots * self.dimension;
        match self.precision {
            Precision::Codes => {
                let residuals = rows + components.next_multiple_of(LINE_BYTES);
                (rows, residuals, residuals + 2 * components)
            }
            Precision::Full => {
                let end = rows + 4 * components;
                (rows, end, end)
            }
        }
    }
}

/// What is known of a vector beside its components.
#[derive(Clone, Copy, Debug)]
pub(in crate::index) struct Terms {
    /// What a step of its codes is worth; 0 if it has none.
    pub(in crate::index) scale: f32,
    /// Its length.
    pub(in crate::index) norm: f32,
}

impl Terms {
    const NONE: Self = Self {
        scale: 0.0,
        norm: 0.0,
    };
}

impl From<[f32; 2]> for Terms {
    #[inline]
    fn from([scale, norm]: [f32; 2]) -> Self {
        Self { scale, norm }
    }
}

/// Vectors of up to `capacity` slots.
#[derive(Clone)]
pub(in crate::index) struct Chunk {
    layout: Layout,
    capacity: usize,
    len: usize,
    rows_at: usize,
    residuals_at: usize,
    memory: Memory,
}

impl Chunk {
    pub(in crate::index) fn new(layout: Layout, capacity: usize) -> Self {
        let (rows_at, residuals_at, end) = layout.planes(capacity);
        Self {
            layout,
            capacity,
            len: 0,
            rows_at,
            residuals_at,
            memory: Memory::zeroed(end),
        }
    }

    /// A chunk whose memory is filled from outside, to its capacity.
    pub(in crate::index) fn blank(layout: Layout, slots: usize) -> Self {
        Self {
            len: slots,
            ..Self::new(layout, slots)
        }
    }

    pub(in crate::index) const fn len(&self) -> usize {
        self.len
    }

    pub(in crate::index) const fn room(&self) -> usize {
        self.capacity - self.len
    }

    pub(in crate::index) const fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    pub(in crate::index) fn bytes(&self) -> &[u8] {
        self.memory.bytes()
    }

    pub(in crate::index) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.bytes_mut()
    }

    #[inline]
    pub(in crate::index) fn terms(&self, row: usize) -> Terms {
        let terms = self.terms_of(row..row + 1).first();
        terms.map_or(Terms::NONE, |terms| Terms::from(*terms))
    }

    #[inline]
    pub(in crate::index) fn codes(&self, row: usize) -> &[u8] {
        let at = self.rows_at + row * self.layout.dimension;
        &self.memory.bytes()[at..at + self.layout.dimension]
    }

    /// What is known of some rows.
    pub(in crate::index) fn terms_of(&self, rows: Range<usize>) -> &[[f32; 2]] {
        let bytes = &self.memory.bytes()[rows.start * TERMS_BYTES..rows.end * TERMS_BYTES];
        bytemuck::cast_slice(bytes)
    }

    /// The codes of some rows.
    pub(in crate::index) fn codes_of(&self, rows: Range<usize>) -> &[u8] {
        let dimension = self.layout.dimension;
        let at = self.rows_at + rows.start * dimension;
        &self.memory.bytes()[at..at + rows.len() * dimension]
    }

    #[inline]
    pub(in crate::index) fn residuals(&self, row: usize) -> &[i16] {
        let width = 2 * self.layout.dimension;
        let at = self.residuals_at + row * width;
        bytemuck::cast_slice(&self.memory.bytes()[at..at + width])
    }

    /// The values of some rows.
    pub(in crate::index) fn values_of(&self, rows: Range<usize>) -> &[f32] {
        let width = 4 * self.layout.dimension;
        let at = self.rows_at + rows.start * width;
        bytemuck::cast_slice(&self.memory.bytes()[at..at + rows.len() * width])
    }

    #[inline]
    pub(in crate::index) fn values(&self, row: usize) -> &[f32] {
        let width = 4 * self.layout.dimension;
        let at = self.rows_at + row * width;
        bytemuck::cast_slice(&self.memory.bytes()[at..at + width])
    }

    /// The vector, from its codes if need be.
    pub(in crate::index) fn vector(&self, row: usize) -> Vec<f32> {
        match self.layout.precision {
            Precision::Full => self.values(row).to_vec(),
            Precision::Codes => {
                let unit = self.terms(row).scale / FINE;
                let parts = self.codes(row).iter().zip(self.residuals(row));
                parts
                    .map(|(code, residual)| kernels::fine(*code, *residual) * unit)
                    .collect()
            }
        }
    }

    /// Appends a vector. The chunk isn't full.
    pub(in crate::index) fn push(&mut self, vector: &[f32]) {
        let (row, dimension) = (self.len, self.layout.dimension);
        let scale = match self.layout.precision {
            Precision::Full => {
                let at = self.rows_at + row * 4 * dimension;
                let place = &mut self.memory.bytes_mut()[at..at + 4 * dimension];
                place.copy_from_slice(bytemuck::cast_slice(vector));
                0.0
            }
            Precision::Codes => {
                let (rows, residuals) = self.memory.bytes_mut().split_at_mut(self.residuals_at);
                let at = self.rows_at + row * dimension;
                let codes = &mut rows[at..at + dimension];
                let at = row * 2 * dimension;
                let residuals = bytemuck::cast_slice_mut(&mut residuals[at..at + 2 * dimension]);
                Kernels::chosen().encode(vector, codes, residuals)
            }
        };
        let norm = kernels::dot(vector, vector).max(0.0).sqrt();
        let place = &mut self.memory.bytes_mut()[row * TERMS_BYTES..][..TERMS_BYTES];
        place.copy_from_slice(bytemuck::bytes_of(&[scale, norm]));
        self.len += 1;
    }

    /// Appends some rows of another chunk, as they are. There is room for them.
    pub(in crate::index) fn push_rows(&mut self, other: &Self, first: usize, count: usize) {
        let dimension = self.layout.dimension;
        let row_bytes = match self.layout.precision {
            Precision::Codes => dimension,
            Precision::Full => 4 * dimension,
        };
        let mut copy = |own_at: usize, other_at: usize, width: usize| {
            let from = &other.memory.bytes()[other_at + first * width..][..count * width];
            let to = own_at + self.len * width;
            self.memory.bytes_mut()[to..][..count * width].copy_from_slice(from);
        };
        copy(0, 0, TERMS_BYTES);
        copy(self.rows_at, other.rows_at, row_bytes);
        if self.layout.precision == Precision::Codes {
            copy(self.residuals_at, other.residuals_at, 2 * dimension);
        }
        self.len += count;
    }
}

const TERMS_BYTES: usize = size_of::<[f32; 2]>();
const LINE_BYTES: usize = 64;
