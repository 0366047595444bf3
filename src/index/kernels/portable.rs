//! *The kernels in plain code: what runs where there is nothing better, what wider registers are
//! compiled from, and the oracle of what is written by hand.*

use super::{AHEAD, Bounds, prefetch};

/// Products of signed query codes and the unsigned codes of four rows.
#[inline(always)]
pub(super) fn dot_codes(query: &[i8], rows: [&[u8]; 4]) -> [i32; 4] {
    rows.map(|row| product(query, row))
}

/// As [`dot_codes`], for rows that lie anywhere.
#[inline(always)]
pub(super) fn dot_scattered(query: &[i8], rows: &[&[u8]], products: &mut [i32]) {
    for (number, (out, row)) in products.iter_mut().zip(rows).enumerate() {
        if let Some(later) = rows.get(number + AHEAD) {
            prefetch(later);
        }
        *out = product(query, row);
    }
}

/// As [`dot_codes`], for rows that lie one behind the other.
#[inline(always)]
pub(super) fn dot_rows(query: &[i8], rows: &[u8], products: &mut [i32]) {
    for (out, row) in products.iter_mut().zip(rows.chunks_exact(query.len())) {
        *out = product(query, row);
    }
}

#[inline(always)]
fn product(query: &[i8], row: &[u8]) -> i32 {
    let pairs = query.iter().zip(row);
    pairs
        .map(|(q, r)| i32::from(i16::from(*q) * i16::from(*r)))
        .fold(0, i32::wrapping_add)
}

/// What the nearness of rows is at most, from the products of their codes.
#[inline(always)]
pub(super) fn ceilings(bounds: Bounds, products: &[i32], terms: &[[f32; 2]], ceilings: &mut [f32]) {
    let Bounds {
        offset,
        scale,
        norm,
        apart,
        deviations,
    } = bounds;
    for ((ceiling, product), [own_scale, own_norm]) in ceilings.iter_mut().zip(products).zip(terms)
    {
        let product = product.wrapping_sub(offset) as f32 * (scale * own_scale);
        let margin = deviations * (own_scale * norm + scale * own_norm);
        *ceiling = if apart {
            2.0 * product - norm * norm - own_norm * own_norm + 2.0 * margin
        } else {
            product + margin
        };
    }
}

/// The product of a query and a row of 24-bit numbers, before the row's unit.
#[inline(always)]
pub(super) fn dot_fine(codes: &[u8], residuals: &[i16], query: &[f32]) -> f32 {
    sum(codes, residuals, query, |sum, fine, q| sum + fine * q)
}

/// The squared Euclidean distance of a query and a row of 24-bit numbers.
#[inline(always)]
pub(super) fn l2sq_fine(codes: &[u8], residuals: &[i16], unit: f32, query: &[f32]) -> f32 {
    sum(codes, residuals, query, |sum, fine, q| {
        let apart = fine * unit - q;
        sum + apart * apart
    })
}

/// Thirty-two sums side by side, so that the compiler can keep them in registers.
#[inline(always)]
fn sum(codes: &[u8], residuals: &[i16], query: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; 32];
    let (codes, codes_rest) = codes.as_chunks::<32>();
    let (residuals, residuals_rest) = residuals.as_chunks::<32>();
    let (query, query_rest) = query.as_chunks::<32>();
    for ((codes, residuals), query) in codes.iter().zip(residuals).zip(query) {
        for (((sum, code), residual), q) in sums.iter_mut().zip(codes).zip(residuals).zip(query) {
            *sum = add(*sum, fine(*code, *residual), *q);
        }
    }
    let rest = codes_rest.iter().zip(residuals_rest).zip(query_rest);
    let rest = rest.fold(0.0, |sum, ((code, residual), q)| {
        add(sum, fine(*code, *residual), *q)
    });
    sums.iter().sum::<f32>() + rest
}

/// A component in units of 2^-16 of the code's: at most 23 bits and a sign, so exact in `f32`.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "23 bits fit")]
pub(in crate::index) fn fine(code: u8, residual: i16) -> f32 {
    // Neither wraps: (255 - 128) x 2^16 + 2^15 is below 2^23.
    ((i32::from(code).wrapping_sub(ZERO)) << 16).wrapping_add(i32::from(residual)) as f32
}

/// Writes a vector as codes and residuals, and returns its scale.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits"
)]
pub(super) fn encode(values: &[f32], codes: &mut [u8], residuals: &mut [i16]) -> f32 {
    let longest = values
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = longest / STEPS;
    // Zero, and numbers so small that their inverse isn't finite.
    let inverse = if (1.0 / scale).is_finite() {
        1.0 / scale
    } else {
        0.0
    };
    for ((value, code), residual) in values.iter().zip(codes).zip(residuals) {
        let steps = (value * inverse).clamp(-STEPS, STEPS);
        let whole = steps.round_ties_even();
        let rest = ((steps - whole) * FINE).round_ties_even();
        *code = (whole + 128.0) as u8;
        *residual = rest.clamp(-32_768.0, 32_767.0) as i16;
    }
    if inverse > 0.0 { scale } else { 0.0 }
}

/// The code of zero.
const ZERO: i32 = 128;
/// A vector's greatest component is so many steps of its scale.
const STEPS: f32 = 127.0;
/// A step is so many units of the residual.
pub(in crate::index) const FINE: f32 = 65_536.0;
