//! *An arena laid open for a search: where each plane of each long chunk starts, so that a row is
//! found with one look at a short table.*

use smallvec::SmallVec;

use super::{Arena, Precision, Terms};

/// The rows of an arena.
#[derive(Clone)]
pub(in crate::index) struct Rows<'a> {
    arena: &'a Arena,
    planes: SmallVec<[Planes<'a>; INLINE]>,
    bits: u32,
    mask: usize,
    dimension: usize,
}

#[derive(Clone, Copy)]
struct Planes<'a> {
    terms: &'a [[f32; 2]],
    codes: &'a [u8],
    values: &'a [f32],
}

impl Arena {
    /// Lays the arena open.
    pub(in crate::index) fn rows(&self) -> Rows<'_> {
        let planes = self.long.iter().map(|chunk| {
            let all = 0..chunk.len();
            let (codes, values): (&[u8], &[f32]) = match self.layout.precision {
                Precision::Codes => (chunk.codes_of(all.clone()), &[]),
                Precision::Full => (&[], chunk.values_of(all.clone())),
            };
            Planes {
                terms: chunk.terms_of(all),
                codes,
                values,
            }
        });
        Rows {
            arena: self,
            planes: planes.collect(),
            bits: self.long_bits,
            mask: self.long_slots() - 1,
            dimension: self.layout.dimension,
        }
    }
}

impl<'a> Rows<'a> {
    pub(in crate::index) const fn arena(&self) -> &'a Arena {
        self.arena
    }

    #[inline]
    pub(in crate::index) fn codes(&self, slot: u32) -> &'a [u8] {
        let (block, row) = self.split(slot);
        let at = row * self.dimension;
        let found = self.planes.get(block);
        match found.and_then(|planes| planes.codes.get(at..at + self.dimension)) {
            Some(codes) => codes,
            None => self.tail(slot, |chunk, row| chunk.codes(row)),
        }
    }

    #[inline]
    pub(in crate::index) fn values(&self, slot: u32) -> &'a [f32] {
        let (block, row) = self.split(slot);
        let at = row * self.dimension;
        let found = self.planes.get(block);
        match found.and_then(|planes| planes.values.get(at..at + self.dimension)) {
            Some(values) => values,
            None => self.tail(slot, |chunk, row| chunk.values(row)),
        }
    }

    #[inline]
    pub(in crate::index) fn terms(&self, slot: u32) -> Terms {
        Terms::from(*self.known(slot))
    }

    /// The terms, as they lie in memory.
    #[inline]
    pub(in crate::index) fn known(&self, slot: u32) -> &'a [f32; 2] {
        let (block, row) = self.split(slot);
        match self
            .planes
            .get(block)
            .and_then(|planes| planes.terms.get(row))
        {
            Some(terms) => terms,
            None => self.tail(slot, |chunk, row| &chunk.terms_of(row..row + 1)[0]),
        }
    }

    #[inline]
    fn split(&self, slot: u32) -> (usize, usize) {
        let slot = slot as usize;
        (slot >> self.bits, slot & self.mask)
    }

    /// A row of a short chunk.
    #[cold]
    fn tail<T>(&self, slot: u32, read: impl Fn(&'a super::Chunk, usize) -> T) -> T {
        let (chunk, row) = self.arena.place(slot);
        read(chunk, row)
    }
}

/// Long chunks that need no memory of their own: at 384 dimensions, those of 260,000 slots.
const INLINE: usize = 16;
