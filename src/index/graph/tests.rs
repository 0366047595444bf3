use fixedbitset::FixedBitSet;
use proptest::prelude::*;

use super::{Graph, LINKS_MAX, repair};
use crate::{
    index::{Among, Arena, Hit, Precision, SearchParams, search},
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
    Arena::of(metric, dimension, Precision::Codes, &values)
}

fn nobody() -> FixedBitSet {
    FixedBitSet::new()
}

fn len(arena: &Arena) -> u32 {
    u32::try_from(arena.len()).unwrap()
}

fn unreached(graph: &Graph) -> usize {
    let mut reached = FixedBitSet::with_capacity(graph.len() as usize);
    repair::spread(graph, &mut reached, graph.entry);
    graph.len() as usize - reached.count_ones(..)
}

const NEAR: SearchParams = SearchParams {
    k: 10,
    ef: 100,
    exact: false,
};
const EXACT: SearchParams = SearchParams {
    exact: true,
    ..NEAR
};

/// How many of the answers to a hundred queries are right. Ties count: what is as near as the
/// exact tenth is right.
fn right(arena: &Arena, graph: &Graph, among: Among<'_>) -> usize {
    right_at(NEAR, arena, graph, among)
}

fn right_at(near: SearchParams, arena: &Arena, graph: &Graph, among: Among<'_>) -> usize {
    let mut right = 0;
    for query in (0..len(arena)).step_by(arena.len() / 100) {
        let query = arena.vector(query);
        let near = search(arena, Some(graph), &query, among, near);
        let exact = search(arena, Some(graph), &query, among, EXACT);
        let tenth = exact.last().map_or(0.0, |hit| hit.nearness) - 1e-5;
        assert_eq!(near.len(), exact.len());
        right += near.iter().filter(|hit| hit.nearness >= tenth).count();
    }
    right
}

#[test]
fn every_slot_of_a_clustered_repetitive_graph_is_reached() {
    for metric in Metric::ALL {
        let arena = clustered(metric, 3_000, 24, 1);
        let graph = Graph::build(&arena, 3_000, &nobody());
        assert_eq!(unreached(&graph), 0, "{metric:?}");
    }
    let equal = Arena::of(Metric::Dot, 4, Precision::Codes, &vec![0.5; 4 * 3_000]);
    assert_eq!(unreached(&Graph::build(&equal, 3_000, &nobody())), 0);
}

#[test]
fn the_graph_finds_what_the_exact_scan_finds() {
    for metric in Metric::ALL {
        let arena = clustered(metric, 4_000, 24, 2);
        let graph = Graph::build(&arena, 4_000, &nobody());
        let dead = nobody();
        let right = right(&arena, &graph, Among::Living { dead: &dead });
        assert!(right >= 960, "{metric:?}: {right} of 1,000");
    }
}

#[test]
fn codes_and_full_precision_answer_the_same_scores() {
    let mut full = Arena::new(Metric::Euclid, 24, Precision::Full);
    let codes = clustered(Metric::Euclid, 2_000, 24, 5);
    (0..2_000).for_each(|slot| full.push(&codes.vector(slot)));
    let dead = nobody();
    for slot in (0..2_000).step_by(50) {
        let query = codes.vector(slot);
        let among = Among::Living { dead: &dead };
        let scores = |hits: Vec<Hit>| hits.into_iter().map(|hit| hit.nearness).collect::<Vec<_>>();
        let (a, b) = (
            scores(search(&codes, None, &query, among, EXACT)),
            scores(search(&full, None, &query, among, EXACT)),
        );
        assert_eq!(a.len(), b.len());
        let near = a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-4);
        assert!(near, "{a:?} {b:?}");
    }
}

#[test]
fn a_graph_that_grew_in_steps_finds_as_much_as_one_built_at_once() {
    let arena = clustered(Metric::Cosine, 4_000, 24, 6);
    let mut graph = Graph::build(&arena, 500, &nobody());
    for step in (600..=4_000).step_by(100) {
        graph = graph.grown(&arena, step, &nobody());
    }
    assert_eq!((graph.len(), unreached(&graph)), (4_000, 0));
    let dead = nobody();
    let right = right(&arena, &graph, Among::Living { dead: &dead });
    assert!(right >= 960, "{right} of 1,000");
}

#[test]
fn a_clustered_half_deleted_and_refilled_is_found_as_well_as_before() {
    // Whole clusters go: every other one of the twelve.
    let arena = clustered(Metric::Euclid, 6_000, 24, 7);
    let graph = Graph::build(&arena, 6_000, &nobody());
    let numbers: Vec<Option<u32>> = (0..6_000_u32)
        .scan(0, |next, slot| {
            let stays = slot % 12 % 2 == 0;
            let number = stays.then_some(*next);
            *next += u32::from(stays);
            Some(number)
        })
        .collect();
    let mut half = Arena::new(Metric::Euclid, 24, Precision::Codes);
    half.push_slots(&arena, (0..6_000).filter(|slot| slot % 12 % 2 == 0));
    let graph = graph.compacted(&half, &numbers, &nobody());
    assert_eq!((graph.len(), unreached(&graph)), (3_000, 0));
    let dead = nobody();
    let found = right(&half, &graph, Among::Living { dead: &dead });
    assert!(found >= 960, "{found} of 1,000 after the deletion");

    half.push_slots(&arena, (0..6_000).filter(|slot| slot % 12 % 2 == 1));
    let graph = graph.grown(&half, 6_000, &nobody());
    assert_eq!(unreached(&graph), 0);
    let found = right(&half, &graph, Among::Living { dead: &dead });
    assert!(found >= 960, "{found} of 1,000 after the refill");
}

/// Where only one slot in `every` has a vector, the others are rows of zeros and never linked.
#[test]
fn slots_without_a_vector_stay_out_of_the_graph() {
    for (metric, every) in [(Metric::Dot, 2), (Metric::Cosine, 5), (Metric::Euclid, 17)] {
        let some = clustered(metric, 3_000, 24, 11);
        let slots = 3_000 * every;
        let mut arena = Arena::new(metric, 24, Precision::Codes);
        let mut absent = FixedBitSet::with_capacity(slots as usize);
        for slot in 0..slots {
            if slot % every == 1 {
                arena.push_slots(&some, std::iter::once(slot / every));
            } else {
                arena.push(&[0.0; 24]);
                absent.insert(slot as usize);
            }
        }
        let mut graph = Graph::build(&arena, slots / 2, &absent);
        for upto in [slots / 2 + 90, slots] {
            graph = graph.grown(&arena, upto, &absent);
        }
        assert_eq!(unreached(&graph), absent.count_ones(..));
        let found = right(&arena, &graph, Among::Living { dead: &absent });
        assert!(
            found >= 950,
            "{found} of 1,000 where one in {every} is there"
        );

        // Every other one of those that are there goes, and half of the others.
        let stays = |slot: u32| (slot / every).is_multiple_of(2);
        let mut numbers = Vec::new();
        let mut next = 0;
        for slot in 0..slots {
            numbers.push(stays(slot).then_some(next));
            next += u32::from(stays(slot));
        }
        let mut half = Arena::new(metric, 24, Precision::Codes);
        half.push_slots(&arena, (0..slots).filter(|slot| stays(*slot)));
        let absent: FixedBitSet = (0..slots)
            .filter(|slot| stays(*slot) && absent.contains(*slot as usize))
            .filter_map(|slot| Some(numbers[slot as usize]? as usize))
            .collect();
        let graph = graph.compacted(&half, &numbers, &absent);
        assert_eq!(unreached(&graph), absent.count_ones(..));
        let found = right(&half, &graph, Among::Living { dead: &absent });
        assert!(
            found >= 950,
            "{found} of 1,000 of what stayed, one in {every}"
        );
    }
}

#[test]
fn points_that_are_replaced_by_nearly_themselves_are_found_as_before() {
    let narrow = SearchParams { ef: 16, ..NEAR };
    let mut arena = clustered(Metric::Cosine, 6_000, 96, 10);
    let mut graph = Graph::build(&arena, 6_000, &nobody());
    let mut dead = FixedBitSet::with_capacity(12_000);
    // A thousand of them, whole clusters, a few at a time.
    let replaced: Vec<u32> = (0..6_000).filter(|slot| slot % 12 < 2).collect();
    for some in replaced.chunks(100) {
        for slot in some {
            let mut vector = arena.vector(*slot);
            vector[0] += 1e-6;
            arena.push(&vector);
            dead.insert(*slot as usize);
        }
        graph = graph.grown(&arena, len(&arena), &dead);
    }
    assert_eq!(unreached(&graph), 0);
    let grown = right_at(narrow, &arena, &graph, Among::Living { dead: &dead });
    let mut living = Arena::new(Metric::Cosine, 96, Precision::Codes);
    let slots = (0..len(&arena)).filter(|slot| !dead.contains(*slot as usize));
    living.push_slots(&arena, slots);
    let graph = Graph::build(&living, len(&living), &nobody());
    let fresh = right_at(narrow, &living, &graph, Among::Living { dead: &nobody() });
    assert!(
        grown + 40 >= fresh,
        "{grown} of 1,000, {fresh} of a fresh graph"
    );
}

#[test]
fn matching_slots_are_found_at_every_selectivity() {
    // Wide enough that a tenth of it isn't simply scanned.
    let arena = clustered(Metric::Cosine, 12_000, 1_024, 8);
    let graph = Graph::build(&arena, 12_000, &nobody());
    for every in [2, 5, 40] {
        let mut slots = FixedBitSet::with_capacity(12_000);
        (0..12_000)
            .step_by(every)
            .for_each(|slot| slots.insert(slot));
        let count = slots.count_ones(..);
        let among = Among::Matching {
            slots: &slots,
            count,
        };
        let query = arena.vector(11);
        let hits = search(&arena, Some(&graph), &query, among, NEAR);
        assert!(hits.iter().all(|hit| slots.contains(hit.slot as usize)));
        let found = right(&arena, &graph, among);
        assert!(found >= 950, "one in {every}: {found} of 1,000");
    }
}

#[test]
fn tiny_and_equal_collections_build_and_answer() {
    for count in [0_usize, 1, 2, 3, 40] {
        let arena = Arena::of(Metric::Euclid, 4, Precision::Codes, &vec![0.5; 4 * count]);
        let graph = Graph::build(&arena, len(&arena), &nobody());
        let dead = nobody();
        let params = SearchParams {
            k: 50,
            ef: 1,
            exact: false,
        };
        let among = Among::Living { dead: &dead };
        let hits = search(&arena, Some(&graph), &[0.0; 4], among, params);
        assert_eq!(hits.len(), count);
    }
}

#[test]
fn links_that_lead_nowhere_are_no_graph() {
    let arena = clustered(Metric::Dot, 100, 8, 9);
    let graph = Graph::build(&arena, 100, &nobody());
    let stored = |change: fn(&mut [u32])| {
        let mut links = graph.links.clone();
        change(bytemuck::cast_slice_mut(links.bytes_mut()));
        Graph::from_stored(links, 100, graph.entry)
    };
    assert!(stored(|_| {}).is_some());
    assert!(stored(|links| links[LINKS_MAX] = 100).is_none());
    assert!(Graph::from_stored(graph.links.clone(), 99, 0).is_none());
    assert!(Graph::from_stored(graph.links.clone(), 100, 100).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn dead_slots_are_never_answered_and_living_ones_always_are(
        dead_slots in prop::collection::hash_set(0_usize..500, 0..500),
        tail in 0_usize..40,
    ) {
        let mut arena = clustered(Metric::Euclid, 500, 8, 3);
        let graph = Graph::build(&arena, 500, &nobody());
        for _ in 0..tail {
            arena.push(&[0.1; 8]);
        }
        let mut dead = FixedBitSet::with_capacity(arena.len());
        for slot in &dead_slots {
            dead.insert(*slot);
        }
        let params = SearchParams { k: 600, ef: 32, exact: false };
        let among = Among::Living { dead: &dead };
        let hits = search(&arena, Some(&graph), &[0.0; 8], among, params);
        prop_assert_eq!(hits.len(), 500 - dead_slots.len() + tail);
        prop_assert!(hits.iter().all(|hit| !dead.contains(hit.slot as usize)));
    }

    #[test]
    fn a_scan_of_codes_answers_what_single_precision_answers(
        metric in prop::sample::select(Metric::ALL.to_vec()),
        dimension in 1_usize..200,
        seed: u64,
        k in 1_usize..30,
    ) {
        let codes = clustered(metric, 600, dimension, seed);
        let mut full = Arena::new(metric, dimension, Precision::Full);
        (0..600).for_each(|slot| full.push(&codes.vector(slot)));
        let dead = nobody();
        let among = Among::Living { dead: &dead };
        let params = SearchParams { k, ..EXACT };
        let query = codes.vector(7);
        let a = search(&codes, None, &query, among, params);
        let b = search(&full, None, &query, among, params);
        prop_assert_eq!(a.len(), b.len());
        let size = a.iter().chain(&b).map(|hit| hit.nearness.abs()).fold(1.0, f32::max);
        let size = size + query.iter().map(|value| value * value).sum::<f32>();
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a.nearness - b.nearness).abs() <= 1e-5 * size, "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn an_arena_gives_back_what_was_put_in_however_it_is_packed(
        pieces in prop::collection::vec((1_usize..900, any::<bool>()), 1..8),
        full: bool,
    ) {
        let precision = if full { Precision::Full } else { Precision::Codes };
        // Long rows, so that long chunks are short.
        let dimension = 9_000;
        let mut arena = Arena::new(Metric::Dot, dimension, precision);
        let mut expected = 0_u32;
        for (count, pack) in pieces {
            for _ in 0..count {
                let mut vector = vec![0.0; dimension];
                vector[expected as usize % dimension] = 1.0;
                arena.push(&vector);
                expected += 1;
            }
            if pack {
                arena = arena.packed().into_arena();
            }
        }
        prop_assert_eq!(len(&arena), expected);
        for slot in 0..expected {
            let place = arena.vector(slot).iter().position(|value| *value == 1.0);
            prop_assert_eq!(place, Some(slot as usize % dimension));
        }
    }
}
