//! A query as the kernels want it, and nearness: approximate from codes, exact from all bits.
//!
//! Nearness is the higher the nearer, for every metric. From codes it is off by what rounding the
//! vector and the query to 8 bits costs; [`Query::margin`] says how much that may be.

use std::ops::Range;

use super::{
    arena::{Arena, Chunk, Precision, Rows, Terms},
    kernels::{self, Bounds, FINE, Kernels},
    shortlist::Shortlist,
};
use crate::vector::Metric;

/// What nearness is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Likeness {
    /// The inner product.
    Product,
    /// The squared Euclidean distance, negated.
    Euclid,
    /// The sum of absolute differences, negated.
    Manhattan,
    /// The squared Euclidean distance, negated, once every vector has got one more component,
    /// sqrt(longest² - own²), which gives all of them the same length. Ordering by it from a query
    /// whose own extra component is 0 is ordering by inner product (Bachrach et al., RecSys 2014):
    /// a distance to build a graph by, which inner products aren't.
    Lifted {
        /// The square of the longest vector's length.
        longest: f32,
    },
}

impl Likeness {
    /// What the metric's searches go by.
    pub(super) const fn of(metric: Metric) -> Self {
        match metric {
            Metric::Cosine | Metric::Dot => Self::Product,
            Metric::Euclid => Self::Euclid,
            Metric::Manhattan => Self::Manhattan,
        }
    }

    /// What a graph over an arena is built by: a distance, whose least value is 0.
    pub(super) fn for_building(arena: &Arena, slots: u32) -> Self {
        match arena.metric() {
            Metric::Cosine | Metric::Euclid => Self::Euclid,
            Metric::Manhattan => Self::Manhattan,
            Metric::Dot => {
                let norms = (0..slots).map(|slot| {
                    let (chunk, row) = arena.place(slot);
                    chunk.terms(row).norm
                });
                let longest = norms.fold(0.0, f32::max);
                Self::Lifted {
                    longest: longest * longest,
                }
            }
        }
    }

    /// Nearness from the inner product and the lengths of the two.
    #[inline]
    fn combine(self, product: f32, a: f32, b: f32) -> f32 {
        match self {
            Self::Product => product,
            Self::Euclid | Self::Manhattan => 2.0 * product - a * a - b * b,
            Self::Lifted { longest } => {
                let lack = |norm: f32| (longest - norm * norm).max(0.0).sqrt();
                2.0 * (product + lack(a) * lack(b) - longest)
            }
        }
    }
}

/// A vector that others are compared with. Kept and filled anew, so that a search allocates
/// nothing.
pub(super) struct Query {
    kernels: &'static Kernels,
    likeness: Likeness,
    precision: Precision,
    values: Vec<f32>,
    codes: Vec<i8>,
    /// The values, as an arena would keep them.
    row: Vec<u8>,
    residuals: Vec<i16>,
    /// What the codes' product is too high by, since a row's codes are 128 above their value.
    offset: i32,
    scale: f32,
    norm: f32,
}

impl Query {
    pub(super) fn new() -> Self {
        Self {
            kernels: Kernels::chosen(),
            likeness: Likeness::Product,
            precision: Precision::Full,
            values: Vec::new(),
            codes: Vec::new(),
            row: Vec::new(),
            residuals: Vec::new(),
            offset: 0,
            scale: 0.0,
            norm: 0.0,
        }
    }

    /// Becomes a query for an arena, by the arena's metric.
    pub(super) fn ask(&mut self, arena: &Arena, values: &[f32]) {
        self.likeness = Likeness::of(arena.metric());
        self.precision = arena.precision();
        self.values.clear();
        self.values.extend_from_slice(values);
        self.norm = kernels::dot(values, values).max(0.0).sqrt();
        if self.precision == Precision::Codes {
            // The residuals are of no use: the query's own values are there.
            self.row.resize(values.len(), 0);
            self.residuals.resize(values.len(), 0);
            let kernels = self.kernels;
            self.scale = kernels.encode(values, &mut self.row, &mut self.residuals);
            self.codes.clear();
            self.codes.extend(self.row.iter().map(|code| signed(*code)));
            self.sum_up();
        }
    }

    /// Becomes one of an arena's own vectors.
    pub(super) fn ask_slot(&mut self, arena: &Arena, likeness: Likeness, slot: u32) {
        let (chunk, row) = arena.place(slot);
        let terms = chunk.terms(row);
        self.likeness = likeness;
        self.precision = arena.precision();
        self.norm = terms.norm;
        self.scale = terms.scale;
        match self.precision {
            Precision::Full => {
                self.values.clear();
                self.values.extend_from_slice(chunk.values(row));
            }
            Precision::Codes => {
                self.codes.clear();
                self.codes
                    .extend(chunk.codes(row).iter().map(|code| signed(*code)));
                self.sum_up();
            }
        }
    }

    fn sum_up(&mut self) {
        self.offset = 128 * self.codes.iter().map(|code| i32::from(*code)).sum::<i32>();
    }

    /// How near four slots are, from their codes.
    #[inline]
    pub(super) fn near(&self, rows: &Rows<'_>, slots: [u32; 4]) -> [f32; 4] {
        match self.precision {
            Precision::Codes => {
                let codes = slots.map(|slot| rows.codes(slot));
                let products = self.kernels.dot_codes(&self.codes, codes);
                let mut near = [0.0; 4];
                for ((near, product), slot) in near.iter_mut().zip(products).zip(slots) {
                    *near = self.estimate(product, rows.terms(slot));
                }
                near
            }
            Precision::Full => {
                slots.map(|slot| self.full(rows.values(slot), rows.terms(slot).norm))
            }
        }
    }

    /// How near slots are that lie anywhere, at most [`BLOCK`] of them, from their codes.
    #[inline]
    pub(super) fn near_all(&self, rows: &Rows<'_>, slots: &[u32]) -> [f32; BLOCK] {
        let mut near = [0.0; BLOCK];
        for slot in slots {
            kernels::prefetch(bytemuck::cast_slice(rows.known(*slot)));
        }
        match self.precision {
            Precision::Codes => {
                let (mut codes, mut products): ([&[u8]; BLOCK], _) = ([&[]; BLOCK], [0; BLOCK]);
                let (codes, products) = (&mut codes[..slots.len()], &mut products[..slots.len()]);
                for (codes, slot) in codes.iter_mut().zip(slots) {
                    *codes = rows.codes(*slot);
                }
                self.kernels.dot_scattered(&self.codes, codes, products);
                for ((near, product), slot) in near.iter_mut().zip(products).zip(slots) {
                    *near = self.estimate(*product, rows.terms(*slot));
                }
            }
            Precision::Full => {
                for (number, (near, slot)) in near.iter_mut().zip(slots).enumerate() {
                    if let Some(later) = slots.get(number + 1) {
                        kernels::prefetch(bytemuck::cast_slice(rows.values(*later)));
                    }
                    *near = self.full(rows.values(*slot), rows.terms(*slot).norm);
                }
            }
        }
        near
    }

    /// Nearness from the product of the codes.
    #[inline]
    fn estimate(&self, product: i32, terms: Terms) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let product = product.wrapping_sub(self.offset) as f32 * (self.scale * terms.scale);
        self.likeness.combine(product, self.norm, terms.norm)
    }

    /// Offers some rows of a chunk that lie one behind the other, of which the first has slot
    /// `first`, and of which `keep` keeps some.
    #[inline]
    pub(super) fn offer_rows(
        &self,
        chunk: &Chunk,
        rows: Range<usize>,
        first: u32,
        keep: impl Fn(u32) -> bool,
        list: &mut Shortlist,
    ) {
        let (mut products, mut ceilings) = ([0; ROWS], [0.0; ROWS]);
        for (at, start) in rows.clone().step_by(ROWS).zip((first..).step_by(ROWS)) {
            let block = at..rows.end.min(at + ROWS);
            let (products, ceilings) = (&mut products[..block.len()], &mut ceilings[..block.len()]);
            let terms = chunk.terms_of(block.clone());
            match self.precision {
                Precision::Codes => {
                    let codes = chunk.codes_of(block);
                    self.kernels.dot_rows(&self.codes, codes, products);
                    self.kernels
                        .ceilings(self.bounds(), products, terms, ceilings);
                }
                Precision::Full => {
                    for ((ceiling, row), [_, norm]) in ceilings.iter_mut().zip(block).zip(terms) {
                        *ceiling = self.full(chunk.values(row), *norm);
                    }
                }
            }
            let mut floor = list.floor();
            let known = products.chunks(LANES).zip(terms.chunks(LANES));
            let some = ceilings.chunks(LANES).zip(known);
            for ((ceilings, (products, terms)), from) in some.zip((start..).step_by(LANES)) {
                // Nearly all are too far, which is seen of many at once.
                if !ceilings
                    .iter()
                    .fold(false, |any, ceiling| any | (*ceiling >= floor))
                {
                    continue;
                }
                let known = ceilings.iter().zip(products).zip(terms);
                for (((ceiling, product), terms), slot) in known.zip(from..) {
                    if *ceiling >= floor && keep(slot) {
                        let terms = Terms::from(*terms);
                        let (near, margin) = match self.precision {
                            Precision::Codes => {
                                (self.estimate(*product, terms), self.margin_of(terms))
                            }
                            Precision::Full => (*ceiling, 0.0),
                        };
                        list.offer(slot, near, margin);
                        floor = list.floor();
                    }
                }
            }
        }
    }

    /// What makes a ceiling of a product of codes.
    fn bounds(&self) -> Bounds {
        Bounds {
            offset: self.offset,
            scale: self.scale,
            norm: self.norm,
            apart: self.likeness != Likeness::Product,
            deviations: DEVIATIONS,
        }
    }

    /// How near a slot is, from its codes.
    pub(super) fn near_one(&self, rows: &Rows<'_>, slot: u32) -> f32 {
        let [near, ..] = self.near(rows, [slot; 4]);
        near
    }

    /// How near a slot is, from all its bits.
    pub(super) fn exact(&self, arena: &Arena, slot: u32) -> f32 {
        let (chunk, row) = arena.place(slot);
        match self.precision {
            Precision::Full => self.full(chunk.values(row), chunk.terms(row).norm),
            Precision::Codes => {
                let (codes, residuals) = (chunk.codes(row), chunk.residuals(row));
                let Terms { scale, norm } = chunk.terms(row);
                let unit = scale / FINE;
                match self.likeness {
                    Likeness::Product | Likeness::Lifted { .. } => {
                        let product = self.kernels.dot_fine(codes, residuals, &self.values) * unit;
                        self.likeness.combine(product, self.norm, norm)
                    }
                    Likeness::Euclid | Likeness::Manhattan => {
                        -self.kernels.l2sq_fine(codes, residuals, unit, &self.values)
                    }
                }
            }
        }
    }

    fn full(&self, values: &[f32], norm: f32) -> f32 {
        match self.likeness {
            Likeness::Product => kernels::dot(&self.values, values),
            Likeness::Euclid => -kernels::l2sq(&self.values, values),
            Likeness::Manhattan => -kernels::l1(&self.values, values),
            Likeness::Lifted { .. } => {
                let product = kernels::dot(&self.values, values);
                self.likeness.combine(product, self.norm, norm)
            }
        }
    }

    /// By how much a slot's nearness from codes may be off from the exact one.
    ///
    /// Rounding leaves an error of at most half a step a component, spread evenly: over all
    /// components its standard deviation is `scale x norm of the other / sqrt(12)`, for the vector
    /// and for the query. Four of those, added rather than squared, leave out one in 16,000 at the
    /// worst, and at the very edge.
    #[inline]
    pub(super) fn margin(&self, rows: &Rows<'_>, slot: u32) -> f32 {
        match self.precision {
            Precision::Full => 0.0,
            Precision::Codes => self.margin_of(rows.terms(slot)),
        }
    }

    #[inline]
    fn margin_of(&self, terms: Terms) -> f32 {
        let product = DEVIATIONS * (terms.scale * self.norm + self.scale * terms.norm);
        match self.likeness {
            Likeness::Product => product,
            Likeness::Euclid | Likeness::Manhattan | Likeness::Lifted { .. } => 2.0 * product,
        }
    }

    /// Asks for what [`Self::exact`] will read of a slot beyond its codes.
    #[inline]
    pub(super) fn prefetch_fine(&self, arena: &Arena, slot: u32) {
        if self.precision == Precision::Codes {
            let (chunk, row) = arena.place(slot);
            kernels::prefetch(bytemuck::cast_slice(chunk.residuals(row)));
        }
    }
}

/// A code as a query has it: 128 less, as a signed number.
const fn signed(code: u8) -> i8 {
    (code ^ 0x80).cast_signed()
}

/// Rows that are estimated before they are looked at: their products stay in the nearest cache.
const ROWS: usize = 64;
/// Ceilings that are held against the floor at once: a register of them.
const LANES: usize = 16;
/// Slots that are compared in one go: as many as a slot has links.
pub(super) const BLOCK: usize = 32;
/// Four standard deviations of a uniform error of one step: 4 / sqrt(12).
const DEVIATIONS: f32 = 1.155;
