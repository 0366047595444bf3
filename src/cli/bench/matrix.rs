//! *Vectors from a NumPy file, and what an exact search of them finds.*

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use ndarray::{Array2, ArrayView1, Axis, s};

use crate::vector::Metric;

/// Reads a matrix of shape (n, d), in float16 or float32.
pub(super) fn read(path: &Path) -> anyhow::Result<Array2<f32>> {
    let bytes = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} can't be used", path.display()))
}

/// The first so many rows of a file, normalised, for each of these sizes.
pub(super) fn first_of(
    path: &Path,
    sizes: &[usize],
    least: usize,
) -> anyhow::Result<impl Iterator<Item = Array2<f32>>> {
    let base = normalised(read(path)?);
    let (shown, most) = (path.display(), base.nrows());
    for size in sizes {
        ensure!(
            (least..=most).contains(size),
            "{shown} holds {most} vectors, not {size}; a size is {least} at the least"
        );
    }
    Ok(sizes
        .iter()
        .map(move |size| base.slice(s![..*size, ..]).to_owned()))
}

/// The NumPy format, version 1 to 3 (numpy.lib.format): magic, version, header length, a header
/// in Python's own notation, then the values. The crates that read it bring a parser of Python
/// literals along, for three fields.
fn parse(bytes: &[u8]) -> anyhow::Result<Array2<f32>> {
    let rest = bytes
        .strip_prefix(b"\x93NUMPY")
        .context("it isn't a .npy file")?;
    let (header, values) = match rest {
        [1, _, a, b, rest @ ..] => rest.split_at_checked(usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes([*a, *b, *c, *d]))?)
        }
        _ => None,
    }
    .context("its header is cut short")?;
    let header = std::str::from_utf8(header).context("its header isn't text")?;
    let field = |name: &str| {
        let (_, after) = header.split_once(&format!("'{name}':"))?;
        Some(after.trim_start())
    };
    if !field("fortran_order").is_some_and(|order| order.starts_with("False")) {
        bail!("it is stored column by column; save it with numpy.ascontiguousarray");
    }
    let shape = field("shape").and_then(|shape| shape.strip_prefix('(')?.split_once(')'));
    let shape: Vec<usize> = shape
        .map(|(shape, _)| {
            shape
                .split(',')
                .filter_map(|n| n.trim().parse().ok())
                .collect()
        })
        .unwrap_or_default();
    let &[rows, columns] = shape.as_slice() else {
        bail!("its shape isn't (n, d)")
    };
    let count = rows
        .checked_mul(columns)
        .context("its shape is too large")?;
    let kind = field("descr").unwrap_or_default();
    let floats: Vec<f32> = if kind.starts_with("'<f4'") {
        let (values, _) = values.as_chunks::<4>();
        values
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .take(count)
            .collect()
    } else if kind.starts_with("'<f2'") {
        type Half = <Float16Type as ArrowPrimitiveType>::Native;
        let (values, _) = values.as_chunks::<2>();
        values
            .iter()
            .map(|value| Half::from_le_bytes(*value).to_f32())
            .take(count)
            .collect()
    } else {
        bail!("it holds neither little-endian float16 nor float32");
    };
    Array2::from_shape_vec((rows, columns), floats)
        .context("it holds fewer values than its shape says")
}

/// The rows with length one, as Cosine stores them.
pub(super) fn normalised(mut rows: Array2<f32>) -> Array2<f32> {
    for mut row in rows.rows_mut() {
        let norm = row.dot(&row).sqrt();
        if norm > 0.0 {
            row /= norm;
        }
    }
    rows
}

/// For each query, the score that the k-th nearest of the allowed rows has: whatever is at least as
/// near is a right answer, so that ties count.
pub(super) fn thresholds(
    base: &Array2<f32>,
    queries: &Array2<f32>,
    metric: Metric,
    k: usize,
    allowed: impl Fn(usize) -> bool + Sync,
) -> Vec<f32> {
    let rows: Vec<usize> = (0..base.nrows()).filter(|row| allowed(*row)).collect();
    let mut thresholds = Vec::with_capacity(queries.nrows());
    for block in queries.axis_chunks_iter(Axis(0), QUERIES_AT_ONCE) {
        let products = block.dot(&base.t());
        for (query, products) in block.rows().into_iter().zip(products.rows()) {
            let near = |row: &usize| match metric {
                Metric::Cosine | Metric::Dot => products[*row],
                Metric::Euclid | Metric::Manhattan => nearness(metric, query, base.row(*row)),
            };
            let mut all: Vec<f32> = rows.iter().map(near).collect();
            let last = k.min(all.len()).saturating_sub(1);
            if all.is_empty() {
                thresholds.push(f32::NEG_INFINITY);
            } else {
                let (_, kth, _) = all.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
                thresholds.push(*kth);
            }
        }
    }
    thresholds
}

/// How near two rows are: the higher the nearer.
pub(super) fn nearness(metric: Metric, a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f32 {
    let pairs = a.iter().zip(b);
    match metric {
        Metric::Cosine | Metric::Dot => a.dot(&b),
        Metric::Euclid => -pairs.map(|(x, y)| (x - y).powi(2)).sum::<f32>(),
        Metric::Manhattan => -pairs.map(|(x, y)| (x - y).abs()).sum::<f32>(),
    }
}

/// Bounds the memory of the products: so many rows of as many columns as there are vectors.
const QUERIES_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
    }

    #[test]
    fn both_precisions_are_read_and_what_does_not_fit_is_refused() {
        let singles: Vec<u8> = [1.5_f32, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let expected = Array2::from_shape_vec((1, 2), vec![1.5, -2.0]).unwrap();
        assert_eq!(parse(&file("<f4", "(1, 2)", &singles)).unwrap(), expected);
        let halves = [0x00, 0x3E, 0x00, 0xC0];
        assert_eq!(parse(&file("<f2", "(1, 2)", &halves)).unwrap(), expected);
        let whole = file("<f4", "(2, 2)", &singles);
        assert!(
            parse(&whole)
                .unwrap_err()
                .to_string()
                .contains("fewer values")
        );
        assert!(parse(&file("<f8", "(1, 1)", &singles)).is_err());
        assert!(parse(&file("<f4", "(2,)", &singles)).is_err());
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err());
        }
    }
}
