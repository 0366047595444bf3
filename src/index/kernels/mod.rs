//! Arithmetic on vectors: chosen once for the machine, called for every candidate.
//!
//! Single precision is the simsimd crate's, which picks AVX-512, AVX2 or NEON at run time. On
//! codes it isn't used: its i8 product takes 14.6 ns at 384 dimensions, the loop in `x86.rs`
//! 5.2 ns.

mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::LazyLock;

use simsimd::SpatialSimilarity;

pub(super) use self::portable::{FINE, fine};

/// From products and terms of rows to what their nearness is at most.
type Ceilings = fn(Bounds, &[i32], &[[f32; 2]], &mut [f32]);

/// A query's own part in what nearness from codes is at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// What each product is too high by.
    pub(super) offset: i32,
    pub(super) scale: f32,
    pub(super) norm: f32,
    /// Whether nearness is the squared distance, negated; otherwise it is the product.
    pub(super) apart: bool,
    pub(super) deviations: f32,
}

/// The kernels that this machine runs.
pub(super) struct Kernels {
    name: &'static str,
    dot_codes: fn(&[i8], [&[u8]; 4]) -> [i32; 4],
    dot_scattered: fn(&[i8], &[&[u8]], &mut [i32]),
    dot_rows: fn(&[i8], &[u8], &mut [i32]),
    ceilings: Ceilings,
    dot_fine: fn(&[u8], &[i16], &[f32]) -> f32,
    l2sq_fine: fn(&[u8], &[i16], f32, &[f32]) -> f32,
    encode: fn(&[f32], &mut [u8], &mut [i16]) -> f32,
}

impl Kernels {
    /// The kernels that this machine runs best.
    pub(super) fn chosen() -> &'static Self {
        static CHOSEN: LazyLock<Kernels> = LazyLock::new(|| {
            #[cfg(target_arch = "x86_64")]
            if let Some(kernels) = x86::kernels() {
                return kernels;
            }
            Kernels::PORTABLE
        });
        &CHOSEN
    }

    const PORTABLE: Self = Self {
        name: "portable",
        dot_codes: portable::dot_codes,
        dot_scattered: portable::dot_scattered,
        dot_rows: portable::dot_rows,
        ceilings: portable::ceilings,
        dot_fine: portable::dot_fine,
        l2sq_fine: portable::l2sq_fine,
        encode: portable::encode,
    };

    /// What the kernels need of the processor.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Products of query codes (signed) with the codes of four rows (128 above their value).
    ///
    /// # Panics
    /// When the lengths differ: rows are cut by the arena, so that would be a bug.
    #[inline]
    pub(super) fn dot_codes(&self, query: &[i8], rows: [&[u8]; 4]) -> [i32; 4] {
        let [a, b, c, d] = rows.map(<[u8]>::len);
        assert!(
            a == query.len() && b == a && c == a && d == a,
            "rows of one length"
        );
        (self.dot_codes)(query, rows)
    }

    /// As [`Self::dot_codes`], for rows that lie anywhere: each is asked for before it is read.
    ///
    /// # Panics
    /// When the lengths differ.
    #[inline]
    pub(super) fn dot_scattered(&self, query: &[i8], rows: &[&[u8]], products: &mut [i32]) {
        assert!(
            rows.len() == products.len() && rows.iter().all(|row| row.len() == query.len()),
            "rows of one length, and a place for each"
        );
        (self.dot_scattered)(query, rows, products);
    }

    /// As [`Self::dot_codes`], for as many rows as there are places, one behind the other.
    ///
    /// # Panics
    /// When there aren't that many.
    #[inline]
    pub(super) fn dot_rows(&self, query: &[i8], rows: &[u8], products: &mut [i32]) {
        assert!(
            rows.len() == query.len() * products.len() && !query.is_empty(),
            "a place for each row"
        );
        (self.dot_rows)(query, rows, products);
    }

    /// What the nearness of rows is at most, from the products of their codes.
    #[inline]
    pub(super) fn ceilings(
        &self,
        bounds: Bounds,
        products: &[i32],
        terms: &[[f32; 2]],
        ceilings: &mut [f32],
    ) {
        (self.ceilings)(bounds, products, terms, ceilings);
    }

    /// The product of a query with a row in full, in units of the row.
    #[inline]
    pub(super) fn dot_fine(&self, codes: &[u8], residuals: &[i16], query: &[f32]) -> f32 {
        (self.dot_fine)(codes, residuals, query)
    }

    /// The squared Euclidean distance of a query and a row in full, whose unit is given.
    #[inline]
    pub(super) fn l2sq_fine(
        &self,
        codes: &[u8],
        residuals: &[i16],
        unit: f32,
        query: &[f32],
    ) -> f32 {
        (self.l2sq_fine)(codes, residuals, unit, query)
    }

    /// Writes a vector as codes and residuals; returns the scale, which is zero for zero.
    pub(super) fn encode(&self, values: &[f32], codes: &mut [u8], residuals: &mut [i16]) -> f32 {
        (self.encode)(values, codes, residuals)
    }
}

/// Asks for memory that will be read soon.
#[inline]
pub(super) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(bytes);
    #[cfg(not(target_arch = "x86_64"))]
    let _unused = bytes;
}

/// The inner product.
#[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    f32::dot(a, b).map_or(f32::MIN, |product| product as f32)
}

/// The squared Euclidean distance.
#[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
pub(super) fn l2sq(a: &[f32], b: &[f32]) -> f32 {
    f32::l2sq(a, b).map_or(f32::MAX, |distance| distance as f32)
}

/// The sum of absolute differences.
pub(super) fn l1(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums, so that the compiler can keep them in one register.
    let mut sums = [0.0_f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += (x - y).abs();
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| (x - y).abs()).sum();
    sums.iter().sum::<f32>() + rest
}

/// Rows that are asked for before they are read. With 4 a walk is as fast, with 12 it is slower.
const AHEAD: usize = 8;
