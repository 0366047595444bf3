//! What is sent: the same for the same number.

use serde_json::json;

pub(super) fn search(number: u64, limit: usize) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&json!({"query": vector(number * 7 + 3), "limit": limit}))
}

pub(super) fn upsert(first: u64, count: u64) -> serde_json::Result<Vec<u8>> {
    let points = (first..first + count).map(|id| json!({"id": id, "vector": vector(id)}));
    serde_json::to_vec(&json!({"points": points.collect::<Vec<_>>()}))
}

/// A vector near one of a hundred others: the same for the same number.
fn vector(number: u64) -> Vec<f32> {
    let part = |seed: u64, at: u64| {
        // SplitMix64.
        let mut mixed = (seed << 16 | at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = u16::try_from((mixed ^ mixed >> 31) & 0xFFFF).unwrap_or_default();
        f32::from(bits) / 32_768.0 - 1.0
    };
    (0..DIMENSION)
        .map(|at| part(number % 100, at) + part(number + 1_000, at) / 2.0)
        .collect()
}

/// Components of each vector.
pub(super) const DIMENSION: u64 = 384;
