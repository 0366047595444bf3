use fixedbitset::FixedBitSet;
use proptest::prelude::*;

use super::{Graph, repair};
use crate::{
    index::{Among, Arena, SearchParams, search},
    vector::{Dimension, Metric, Vector},
};

/// Vectors in clusters, a third of them repeated: the data that loses points.
fn clustered(metric: Metric, count: usize, dimension: usize, seed: u64) -> Arena {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres: Vec<Vec<f32>> = (0..12)
        .map(|_| (0..dimension).map(|_| random() * 4.0).collect())
        .collect();
    let mut values: Vec<f32> = Vec::new();
    for slot in 0..count {
        let vector: Vec<f32> = if slot % 3 == 2 {
            values[values.len() - dimension..].to_vec()
        } else {
            centres[slot % 12]
                .iter()
                .map(|value| value + random() * 0.4)
                .collect()
        };
        let size = Dimension::new(dimension as u64).unwrap();
        values.extend_from_slice(Vector::new(vector, size, metric).unwrap().as_slice());
    }
    Arena::from_base(dimension, values)
}

#[test]
fn every_slot_of_a_clustered_repetitive_graph_is_reached() {
    for metric in Metric::ALL {
        let arena = clustered(metric, 3_000, 24, 1);
        let graph = Graph::build(metric, &arena);
        let ground: Vec<Vec<u32>> = (0..3_000).map(|slot| graph.links(slot).collect()).collect();
        let mut reached = FixedBitSet::with_capacity(3_000);
        repair::walk(&ground, &mut reached, graph.entry);
        assert_eq!(reached.count_ones(..), 3_000, "{metric:?}");
    }
}

#[test]
fn the_graph_finds_what_the_exact_scan_finds() {
    for metric in Metric::ALL {
        let arena = clustered(metric, 4_000, 24, 2);
        let graph = Graph::build(metric, &arena);
        let dead = FixedBitSet::with_capacity(arena.len());
        let mut found = 0;
        for query in (0..4_000).step_by(40) {
            let query = arena.vector(query);
            let params = SearchParams {
                k: 10,
                ef: 200,
                exact: false,
            };
            let among = Among::Living { dead: &dead };
            let near = search(metric, &arena, Some(&graph), query, among, params);
            let exact = search(
                metric,
                &arena,
                Some(&graph),
                query,
                among,
                SearchParams {
                    exact: true,
                    ..params
                },
            );
            // Ties count: what is as near as the exact tenth is right.
            let tenth = exact.last().unwrap().nearness - 1e-6;
            found += near.iter().filter(|hit| hit.nearness >= tenth).count();
        }
        assert!(found >= 950, "{metric:?}: {found} of 1,000");
    }
}

#[test]
fn tiny_and_equal_collections_build_and_answer() {
    for count in [0, 1, 2, 3, 40] {
        let arena = Arena::from_base(4, vec![0.5; 4 * count]);
        let graph = Graph::build(Metric::Euclid, &arena);
        let dead = FixedBitSet::with_capacity(count);
        let params = SearchParams {
            k: 50,
            ef: 1,
            exact: false,
        };
        let among = Among::Living { dead: &dead };
        let hits = search(
            Metric::Euclid,
            &arena,
            Some(&graph),
            &[0.0; 4],
            among,
            params,
        );
        assert_eq!(hits.len(), count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn dead_slots_are_never_answered_and_living_ones_always_are(
        dead_slots in prop::collection::hash_set(0_usize..500, 0..500),
        tail in 0_usize..40,
    ) {
        let mut arena = clustered(Metric::Euclid, 500, 8, 3);
        let graph = Graph::build(Metric::Euclid, &arena);
        for _ in 0..tail {
            arena.push(&[0.1; 8]);
        }
        let mut dead = FixedBitSet::with_capacity(arena.len());
        for slot in &dead_slots {
            dead.insert(*slot);
        }
        let params = SearchParams { k: 600, ef: 32, exact: false };
        let among = Among::Living { dead: &dead };
        let hits = search(Metric::Euclid, &arena, Some(&graph), &[0.0; 8], among, params);
        prop_assert_eq!(hits.len(), 500 - dead_slots.len() + tail);
        prop_assert!(hits.iter().all(|hit| !dead.contains(hit.slot as usize)));
    }
}
