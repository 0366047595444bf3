//! What the parts cost: sealing and opening rows, an exact search, a write.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on stops")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixedbitset::FixedBitSet;
use locule::{
    index::{Among, Arena, Graph, Precision, SearchParams, kernel_name, search},
    seal::{Keyring, RootKeySource},
    tenant::{Generation, TenantUuid},
    vector::Metric,
};

fn sealing(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let root = RootKeySource::File(directory.path().join("root.key"))
        .fetch()
        .unwrap();
    let keyring = Keyring::open(&directory.path().join("ring"), root).unwrap();
    let key = keyring
        .make(TenantUuid::from_bytes([1; 16]), Generation::FIRST)
        .unwrap();
    let key = key.derive_data_key(0);
    let mut group = criterion.benchmark_group("seal");
    for bytes in [1_600_usize, 1 << 20] {
        let plain = vec![7_u8; bytes];
        let sealed = key.seal(3, b"storage key.", &plain).unwrap();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("seal/bytes={bytes}"), |bencher| {
            bencher.iter(|| key.seal(3, b"storage key.", black_box(&plain)).unwrap());
        });
        group.bench_function(format!("open/bytes={bytes}"), |bencher| {
            bencher.iter(|| {
                key.open(3, b"storage key.", black_box(sealed.as_bytes()))
                    .unwrap()
            });
        });
    }
    group.finish();
}

/// Around the size at which a collection gets a graph: where the lines cross is where it should.
fn searching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    let dimension = 384;
    for count in [5_000, 10_000, 20_000, 40_000] {
        let arena = Arena::of(
            Metric::Cosine,
            dimension,
            Precision::Codes,
            &clustered(count, dimension),
        );
        let arena = arena.packed().into_arena();
        let len = u32::try_from(count).unwrap();
        let graph = Graph::build(&arena, len, &FixedBitSet::new());
        let dead = FixedBitSet::with_capacity(count);
        let query = arena.vector(17);
        for (name, exact) in [("flat", true), ("graph", false)] {
            let params = SearchParams {
                k: 10,
                ef: 128,
                exact,
            };
            group.bench_function(format!("{name}/dim={dimension}/n={count}"), |bencher| {
                bencher.iter(|| {
                    let among = Among::Living { dead: &dead };
                    search(&arena, Some(&graph), black_box(&query), among, params)
                });
            });
        }
    }
    group.finish();
}

/// A whole flat search, exact scores and all, beside a plain read of as many bytes as its codes.
fn scanning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    let (count, dimension) = (10_000, 384);
    let arena = Arena::of(
        Metric::Cosine,
        dimension,
        Precision::Codes,
        &clustered(count, dimension),
    );
    let arena = arena.packed().into_arena();
    let dead = FixedBitSet::with_capacity(count);
    let query = arena.vector(17);
    let params = SearchParams {
        k: 10,
        ef: 128,
        exact: true,
    };
    group.throughput(Throughput::Bytes((count * dimension) as u64));
    group.bench_function(format!("codes/kernel={}", kernel_name()), |bencher| {
        let among = Among::Living { dead: &dead };
        bencher.iter(|| search(&arena, None, black_box(&query), among, params));
    });
    let words = vec![1_u64; count * dimension / 8];
    group.bench_function("plain read", |bencher| {
        bencher.iter(|| {
            let words = black_box(&words).iter();
            words.fold(0_u64, |sum, word| sum.wrapping_add(*word))
        });
    });
    group.finish();
}

/// Vectors of length one around a hundred centres.
fn clustered(count: usize, dimension: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres: Vec<f32> = (0..100 * dimension).map(|_| random()).collect();
    let mut values = Vec::with_capacity(count * dimension);
    for row in 0..count {
        let centre = &centres[row % 100 * dimension..][..dimension];
        let vector: Vec<f32> = centre.iter().map(|value| value + random()).collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.extend(vector.iter().map(|value| value / norm));
    }
    values
}

criterion_group!(benches, sealing, searching, scanning);
criterion_main!(benches);
