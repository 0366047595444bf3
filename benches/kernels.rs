//! What the parts cost: sealing and opening rows, an exact search, a write.

#![expect(clippy::unwrap_used, reason = "a measurement that can't go on stops")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixedbitset::FixedBitSet;
use locule::{
    index::{Among, Arena, Graph, SearchParams, search},
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

fn searching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    let (count, dimension) = (10_000, 384);
    let mut state = 1_u64;
    let values: Vec<f32> = (0..count * dimension)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect();
    let arena = Arena::from_base(dimension, values);
    let graph = Graph::build(Metric::Dot, &arena);
    let dead = FixedBitSet::with_capacity(count);
    let query = arena.vector(17).to_vec();
    for (name, exact) in [("flat", true), ("graph", false)] {
        let params = SearchParams {
            k: 10,
            ef: 128,
            exact,
        };
        group.bench_function(format!("{name}/dim=384/n=10k/k=10"), |bencher| {
            bencher.iter(|| {
                let among = Among::Living { dead: &dead };
                search(
                    Metric::Dot,
                    &arena,
                    Some(&graph),
                    black_box(&query),
                    among,
                    params,
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sealing, searching);
criterion_main!(benches);
