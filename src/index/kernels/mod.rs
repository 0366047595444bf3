//! Distances: one function a metric, chosen once a query.
//!
//! The simsimd crate picks AVX-512, AVX2 or NEON at run time. The naive twins in the tests below
//! are the oracles.

use simsimd::SpatialSimilarity;

use crate::vector::Metric;

/// Nearness of two vectors of one length: the higher the nearer.
pub(super) type Nearness = fn(&[f32], &[f32]) -> f32;

/// The nearness of a metric.
pub(super) const fn nearness(metric: Metric) -> Nearness {
    match metric {
        Metric::Cosine | Metric::Dot => dot,
        Metric::Euclid => minus_l2sq,
        Metric::Manhattan => minus_l1,
    }
}

/// What users of the metric call the score: the cosine, the product, or the distance.
pub fn score(metric: Metric, nearness: f32) -> f32 {
    match metric {
        Metric::Cosine | Metric::Dot => nearness,
        Metric::Euclid => nearness.abs().sqrt(),
        Metric::Manhattan => nearness.abs(),
    }
}

/// The inner product.
#[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    f32::dot(a, b).map_or(f32::MIN, |product| product as f32)
}

#[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
fn minus_l2sq(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    f32::l2sq(a, b).map_or(f32::MIN, |distance| -distance as f32)
}

fn minus_l1(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
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
    -(sums.iter().sum::<f32>() + rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        let pairs = a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
        match metric {
            Metric::Cosine | Metric::Dot => pairs.map(|(x, y)| x * y).sum(),
            Metric::Euclid => -pairs.map(|(x, y)| (x - y).powi(2)).sum::<f64>(),
            Metric::Manhattan => -pairs.map(|(x, y)| (x - y).abs()).sum::<f64>(),
        }
    }

    proptest! {
        #[test]
        fn every_kernel_agrees_with_its_naive_twin(
            pairs in prop::collection::vec((-10.0_f32..10.0, -10.0_f32..10.0), 1..400)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            for metric in Metric::ALL {
                let expected = naive(metric, &a, &b);
                let size: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x.abs() + y.abs()).powi(2)).sum();
                let got = f64::from(nearness(metric)(&a, &b));
                prop_assert!((got - expected).abs() <= 1e-5 * size.max(1.0), "{metric:?}: {got} {expected}");
            }
        }
    }
}
