//! *Kernels for x86-64 with AVX-512 VNNI, and the prefetch instruction.*
//!
//! The only `unsafe` code of the crate. Each kernel has a portable twin in `portable.rs`, which is
//! its oracle.
#![expect(
    unsafe_code,
    reason = "SIMD intrinsics read through pointers; every length is checked by the caller in kernels/mod.rs"
)]

use std::arch::x86_64::{
    __m128i, __m512i, _MM_HINT_T0, _mm_add_epi32, _mm_hadd_epi32, _mm_prefetch, _mm_storeu_si128,
    _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm512_add_epi32,
    _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{AHEAD, Bounds, Kernels, portable};

/// The kernels of this machine, if it has what they need.
pub(super) fn kernels() -> Option<Kernels> {
    let vnni = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    if vnni {
        return Some(Kernels {
            name: "AVX-512 VNNI",
            // SAFETY (of all seven): the features that each names were just found, and `Kernels`
            // checks the lengths before it calls one.
            dot_codes: |query, rows| unsafe { dot_codes_vnni(query, rows) },
            dot_scattered: |query, rows, products| unsafe {
                dot_scattered_vnni(query, rows, products)
            },
            dot_rows: |query, rows, products| unsafe { dot_rows_vnni(query, rows, products) },
            ceilings: |bounds, products, terms, ceilings| unsafe {
                ceilings_avx512(bounds, products, terms, ceilings)
            },
            dot_fine: |codes, residuals, query| unsafe { dot_fine_avx512(codes, residuals, query) },
            l2sq_fine: |codes, residuals, unit, query| unsafe {
                l2sq_fine_avx512(codes, residuals, unit, query)
            },
            encode: |values, codes, residuals| unsafe { encode_avx512(values, codes, residuals) },
        });
    }
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    avx2.then_some(Kernels {
        name: "AVX2",
        // SAFETY (of all seven): as above.
        dot_codes: |query, rows| unsafe { dot_codes_avx2(query, rows) },
        dot_scattered: |query, rows, products| unsafe { dot_scattered_avx2(query, rows, products) },
        dot_rows: |query, rows, products| unsafe { dot_rows_avx2(query, rows, products) },
        ceilings: |bounds, products, terms, ceilings| unsafe {
            ceilings_avx2(bounds, products, terms, ceilings)
        },
        dot_fine: |codes, residuals, query| unsafe { dot_fine_avx2(codes, residuals, query) },
        l2sq_fine: |codes, residuals, unit, query| unsafe {
            l2sq_fine_avx2(codes, residuals, unit, query)
        },
        encode: |values, codes, residuals| unsafe { encode_avx2(values, codes, residuals) },
    })
}

/// Asks for the cache lines of a row. Any address may be asked for: nothing is read.
#[inline]
pub(super) fn prefetch(bytes: &[u8]) {
    for line in bytes.chunks(64) {
        // SAFETY: a prefetch is a hint and faults nowhere.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Sixty-four products of an unsigned and a signed byte an instruction, added up four by four
/// into 32 bits: exact, since 4 x 255 x 127 is far below 2^31.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_codes_vnni(query: &[i8], rows: [&[u8]; 4]) -> [i32; 4] {
    let len = query.len();
    let mut sums = [_mm512_setzero_si512(); 4];
    let mut at = 0;
    while at + 64 <= len {
        // SAFETY: query and rows have `len` bytes, of which 64 from `at` on are left.
        unsafe {
            let q = _mm512_loadu_si512(query.as_ptr().add(at).cast());
            for (sum, row) in sums.iter_mut().zip(rows) {
                let r = _mm512_loadu_si512(row.as_ptr().add(at).cast());
                *sum = _mm512_dpbusd_epi32(*sum, r, q);
            }
        }
        at += 64;
    }
    if at < len {
        let mask = (1_u64 << (len - at)) - 1;
        // SAFETY: only the bytes under the mask are read, and those are before `len`.
        unsafe {
            let q = _mm512_maskz_loadu_epi8(mask, query.as_ptr().add(at));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let r = _mm512_maskz_loadu_epi8(mask, row.as_ptr().add(at).cast());
                *sum = _mm512_dpbusd_epi32(*sum, r, q);
            }
        }
    }
    let [a, b, c, d] = sums.map(|sum| fold(sum));
    let totals = _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
    let mut out = [0_i32; 4];
    // SAFETY: `out` has room for 128 bits.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), totals) };
    out
}

/// As [`dot_codes_vnni`], for rows that lie anywhere.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_scattered_vnni(query: &[i8], rows: &[&[u8]], products: &mut [i32]) {
    for row in rows.iter().take(AHEAD) {
        prefetch(row);
    }
    let ((fours, rest), (products, products_rest)) =
        (rows.as_chunks::<4>(), products.as_chunks_mut::<4>());
    for (number, (four, products)) in fours.iter().zip(products).enumerate() {
        for row in rows.iter().skip(4 * number + AHEAD).take(4) {
            prefetch(row);
        }
        *products = dot_codes_vnni(query, *four);
    }
    if let [first, ..] = rest {
        let four = std::array::from_fn(|at| *rest.get(at).unwrap_or(first));
        for (out, product) in products_rest.iter_mut().zip(dot_codes_vnni(query, four)) {
            *out = product;
        }
    }
}

/// As [`dot_codes_vnni`], for rows that lie one behind the other: sixteen side by side, whose sums
/// are then folded together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_rows_vnni(query: &[i8], rows: &[u8], products: &mut [i32]) {
    let len = query.len();
    let (sixteens, rest) = products.as_chunks_mut::<16>();
    let (front, back) = rows.split_at(sixteens.len() * 16 * len);
    for (sixteen, rows) in sixteens.iter_mut().zip(front.chunks_exact(16 * len)) {
        let mut sums = [_mm512_setzero_si512(); 16];
        let mut at = 0;
        while at + 64 <= len {
            // SAFETY: query and rows have `len` bytes each, of which 64 from `at` on are left.
            unsafe {
                let q = _mm512_loadu_si512(query.as_ptr().add(at).cast());
                for (number, sum) in sums.iter_mut().enumerate() {
                    let r = _mm512_loadu_si512(rows.as_ptr().add(number * len + at).cast());
                    *sum = _mm512_dpbusd_epi32(*sum, r, q);
                }
            }
            at += 64;
        }
        if at < len {
            let mask = (1_u64 << (len - at)) - 1;
            // SAFETY: only the bytes under the mask are read, and those are before a row's end.
            unsafe {
                let q = _mm512_maskz_loadu_epi8(mask, query.as_ptr().add(at));
                for (number, sum) in sums.iter_mut().enumerate() {
                    let r =
                        _mm512_maskz_loadu_epi8(mask, rows.as_ptr().add(number * len + at).cast());
                    *sum = _mm512_dpbusd_epi32(*sum, r, q);
                }
            }
        }
        // SAFETY: sixteen numbers have room for 512 bits.
        unsafe { _mm512_storeu_si512(sixteen.as_mut_ptr().cast(), fold_all(sums)) };
    }
    for (product, row) in rest.iter_mut().zip(back.chunks_exact(len)) {
        [*product, ..] = dot_codes_vnni(query, [row; 4]);
    }
}

/// The sum of each of sixteen registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn fold_all(sums: [__m512i; 16]) -> __m512i {
    let (all, _) = sums.as_chunks::<4>();
    let mut fours = [_mm512_setzero_si512(); 4];
    for (out, [a, b, c, d]) in fours.iter_mut().zip(all) {
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(*a, *b), _mm512_unpackhi_epi32(*a, *b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(*c, *d), _mm512_unpackhi_epi32(*c, *d));
        *out = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    }
    let [a, b, c, d] = fours;
    let halves = |a, b| {
        _mm512_add_epi32(
            _mm512_shuffle_i32x4::<0x88>(a, b),
            _mm512_shuffle_i32x4::<0xDD>(a, b),
        )
    };
    halves(halves(a, b), halves(c, d))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn fold(sum: __m512i) -> __m128i {
    let half = _mm256_add_epi32(
        _mm512_castsi512_si256(sum),
        _mm512_extracti64x4_epi64::<1>(sum),
    );
    _mm_add_epi32(
        _mm256_castsi256_si128(half),
        _mm256_extracti128_si256::<1>(half),
    )
}

/// The portable kernels, compiled for wider registers.
macro_rules! widened {
    ($features:literal: $ceilings:ident $dot_fine:ident $l2sq_fine:ident $encode:ident) => {
        #[target_feature(enable = $features)]
        fn $ceilings(bounds: Bounds, products: &[i32], terms: &[[f32; 2]], ceilings: &mut [f32]) {
            portable::ceilings(bounds, products, terms, ceilings);
        }

        #[target_feature(enable = $features)]
        fn $dot_fine(codes: &[u8], residuals: &[i16], query: &[f32]) -> f32 {
            portable::dot_fine(codes, residuals, query)
        }

        #[target_feature(enable = $features)]
        fn $l2sq_fine(codes: &[u8], residuals: &[i16], unit: f32, query: &[f32]) -> f32 {
            portable::l2sq_fine(codes, residuals, unit, query)
        }

        #[target_feature(enable = $features)]
        fn $encode(values: &[f32], codes: &mut [u8], residuals: &mut [i16]) -> f32 {
            portable::encode(values, codes, residuals)
        }
    };
}

widened!("avx512f,avx512bw,avx512vl,fma": ceilings_avx512 dot_fine_avx512 l2sq_fine_avx512 encode_avx512);
widened!("avx2,fma": ceilings_avx2 dot_fine_avx2 l2sq_fine_avx2 encode_avx2);

#[target_feature(enable = "avx2,fma")]
fn dot_rows_avx2(query: &[i8], rows: &[u8], products: &mut [i32]) {
    portable::dot_rows(query, rows, products);
}

#[target_feature(enable = "avx2,fma")]
fn dot_scattered_avx2(query: &[i8], rows: &[&[u8]], products: &mut [i32]) {
    portable::dot_scattered(query, rows, products);
}

#[target_feature(enable = "avx2,fma")]
fn dot_codes_avx2(query: &[i8], rows: [&[u8]; 4]) -> [i32; 4] {
    portable::dot_codes(query, rows)
}
