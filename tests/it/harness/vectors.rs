//! Vectors that a seed decides.

/// `count` vectors of `dimension` components in -1..1.
pub fn random(count: usize, dimension: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count)
        .map(|_| (0..dimension).map(|_| next()).collect())
        .collect()
}
