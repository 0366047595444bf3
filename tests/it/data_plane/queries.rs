//! Queries of every kind: what they rank first, and by what scores.

use serde_json::{Value, json};

use super::routes::{owner, refused};
use crate::harness::{Actor, Node};

const QUERY: &str = "/collections/docs/points/query";

/// Ids and scores.
fn ranked(actor: &Actor, body: Value) -> Vec<(u64, f64)> {
    let answer = actor.post(QUERY, body).expect(200);
    let points = answer["result"]["points"].as_array().unwrap().clone();
    points
        .iter()
        .map(|point| {
            (
                point["id"].as_u64().unwrap(),
                point["score"].as_f64().unwrap(),
            )
        })
        .collect()
}

fn ids(actor: &Actor, body: Value) -> Vec<u64> {
    ranked(actor, body).into_iter().map(|(id, _)| id).collect()
}

#[track_caller]
fn near(found: &[(u64, f64)], expected: &[(u64, f64)]) {
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-5);
    assert!(same, "{found:?} {expected:?}");
}

/// Six points in the plane: three to the east, two to the north, one to the west.
fn plane(metric: &str) -> (Node, Actor) {
    let (node, owner) = owner();
    owner.create_collection("docs", 2, metric);
    let places = [
        [5.0, 0.0],
        [4.0, 1.0],
        [4.5, 0.5],
        [0.0, 3.0],
        [1.0, 2.0],
        [-2.0, 0.0],
    ];
    for (id, place) in (1..).zip(places) {
        let side = if place[0] > 3.0 { "east" } else { "elsewhere" };
        owner.put_point("docs", id, &place, json!({"side": side, "id": id}));
    }
    (node, owner)
}

#[test]
fn a_query_about_a_point_leaves_it_out_and_needs_it_there() {
    let (_node, owner) = plane("Dot");
    assert_eq!(ids(&owner, json!({"query": 1, "limit": 2})), [3, 2]);
    assert_eq!(
        ids(
            &owner,
            json!({"query": {"recommend": {"positive": [1, 3]}}, "limit": 1})
        ),
        [2]
    );
    // Not even what prefetches found of it.
    let rescored = json!({"prefetch": {"query": [1, 0]}, "query": 1, "limit": 2});
    assert_eq!(ids(&owner, rescored), [3, 2]);
    for query in [
        json!({"query": 99}),
        json!({"query": {"nearest": 99, "mmr": {}}}),
        json!({"query": {"recommend": {"positive": [1], "negative": [99]}}}),
        json!({"prefetch": {"query": 99}, "query": {"fusion": "rrf"}}),
    ] {
        let answer = owner.post(QUERY, query);
        assert_eq!(answer.status, 404);
        assert_eq!(answer.message(), "Not found: No point with id 99 found");
    }
}

#[test]
fn a_recommendation_by_mean_is_a_search_for_the_mean() {
    let (_node, owner) = plane("Dot");
    let recommend = json!({"positive": [4, [2, 1]], "negative": [6, [-2, -2]]});
    // Twice the mean of (0, 3) and (2, 1), less that of (-2, 0) and (-2, -2), is (4, 5).
    let found = ranked(&owner, json!({"query": {"recommend": recommend}}));
    near(&found, &[(2, 21.0), (3, 20.5), (1, 20.0), (5, 14.0)]);
    let legacy = owner
        .post("/collections/docs/points/recommend", recommend)
        .expect(200);
    assert_eq!(legacy["result"].as_array().unwrap().len(), 4);
    refused(
        &owner.post(QUERY, json!({"query": {"recommend": {"negative": [1]}}})),
        "at least one positive",
    );
}

#[test]
fn a_recommendation_scores_by_the_best_example_or_by_all() {
    let (_node, owner) = plane("Euclid");
    let squash = |near: f64| 0.5 * (near / (1.0 + near.abs()) + 1.0);
    let by = |strategy: &str| {
        let recommend = json!({"positive": [[4, 0]], "negative": [[0, 2]], "strategy": strategy});
        ranked(
            &owner,
            json!({"query": {"recommend": recommend}, "limit": 6}),
        )
    };
    // Squares of the distances to (4, 0) and to (0, 2), negated.
    let squares = |x: f64, y: f64| (-((x - 4.0).powi(2) + y * y), -(x * x + (y - 2.0).powi(2)));
    let places = [
        (5.0, 0.0),
        (4.0, 1.0),
        (4.5, 0.5),
        (0.0, 3.0),
        (1.0, 2.0),
        (-2.0, 0.0),
    ];
    let mut best: Vec<(u64, f64)> = Vec::new();
    let mut sums: Vec<(u64, f64)> = Vec::new();
    for (id, (x, y)) in (1..).zip(places) {
        let (wanted, not) = squares(x, y);
        best.push((
            id,
            if wanted > not {
                squash(wanted)
            } else {
                -squash(not)
            },
        ));
        sums.push((id, wanted - not));
    }
    for (strategy, mut expected) in [("best_score", best), ("sum_scores", sums)] {
        let mut found = by(strategy);
        // Equals in the order of ids.
        let rounded = |score: f64| (score * 1e4).round();
        let order = |a: &(u64, f64), b: &(u64, f64)| {
            rounded(b.1).total_cmp(&rounded(a.1)).then(a.0.cmp(&b.0))
        };
        expected.sort_by(order);
        found.sort_by(order);
        near(&found, &expected);
    }
    let filtered = json!({
        "query": {"recommend": {"positive": [1], "strategy": "best_score"}},
        "filter": {"must": [{"key": "side", "match": {"value": "east"}}]},
    });
    assert_eq!(ids(&owner, filtered), [3, 2]);
    // There may be nothing but what isn't wanted.
    let away =
        json!({"query": {"recommend": {"negative": [1], "strategy": "sum_scores"}}, "limit": 1});
    assert_eq!(ids(&owner, away), [6]);
}

#[test]
fn diverse_neighbours_arent_all_alike() {
    let (_node, owner) = plane("Cosine");
    let by = |mmr: Value| {
        ids(
            &owner,
            json!({"query": {"nearest": [1, 0.2], "mmr": mmr}, "limit": 3}),
        )
    };
    let nearest = ids(&owner, json!({"query": [1, 0.2], "limit": 3}));
    assert_eq!(by(json!({"diversity": 0.0})), nearest);
    let diverse = by(json!({"diversity": 0.7, "candidates_limit": 6}));
    assert_eq!(diverse[0], nearest[0]);
    assert!(diverse.contains(&6), "{diverse:?}");
    // What is chosen among is no more than what is wanted, unless one asks for more.
    let mut among = by(json!({"diversity": 1.0}));
    among.sort_unstable();
    assert_eq!(among, [1, 2, 3]);
    refused(
        &owner.post(
            QUERY,
            json!({"query": {"nearest": [1, 0], "mmr": {"diversity": 1.5}}}),
        ),
        "between 0 and 1",
    );
    let (limit, candidates) = (10_000, 10_000);
    refused(
        &owner.post(
            QUERY,
            json!({"query": {"nearest": [1, 0], "mmr": {"candidates_limit": candidates}},
                "limit": limit}),
        ),
        "4000000 pairs",
    );
}

#[test]
fn a_fusion_makes_one_ranking_of_several() {
    let (_node, owner) = plane("Dot");
    let prefetch = json!([
        {"query": [1, 0], "limit": 3},
        {"query": [0, 1], "limit": 2},
    ]);
    // East: 1, 3, 2; north: 4, 5.
    let rrf = ranked(
        &owner,
        json!({"prefetch": prefetch, "query": {"fusion": "rrf"}}),
    );
    let expected = [
        (1, 0.5),
        (4, 0.5),
        (3, 1.0 / 3.0),
        (5, 1.0 / 3.0),
        (2, 0.25),
    ];
    near(&rrf, &expected);
    let weighted = json!({"prefetch": prefetch, "query": {"rrf": {"k": 1, "weights": [1.0, 3.0]}},
        "limit": 2, "offset": 1});
    near(&ranked(&owner, weighted), &[(5, 1.5), (1, 1.0)]);
    let good = json!({"prefetch": prefetch, "query": {"fusion": "rrf"}, "score_threshold": 0.5});
    assert_eq!(ids(&owner, good), [1, 4]);
    let dbsf = ranked(
        &owner,
        json!({"prefetch": prefetch, "query": {"fusion": "dbsf"}}),
    );
    // (5, 4.5, 4): half a deviation a step; (3, 2): the deviation is the square root of one half.
    let step = 1.0 / 6.0;
    let half = 0.5 / 0.5_f64.sqrt() / 6.0;
    let expected = [
        (1, 0.5 + step),
        (4, 0.5 + half),
        (3, 0.5),
        (5, 0.5 - half),
        (2, 0.5 - step),
    ];
    near(&dbsf, &expected);
    for (query, because) in [
        (json!({"query": {"fusion": "rrf"}}), "needs prefetches"),
        (
            json!({"prefetch": prefetch}),
            "A query is needed to merge the prefetches",
        ),
        (
            json!({"prefetch": prefetch, "query": {"rrf": {"weights": [1]}}}),
            "one weight for each prefetch",
        ),
        (
            json!({"prefetch": prefetch, "query": {"rrf": {"k": 0}}}),
            "k of 1 or more",
        ),
        (
            json!({"prefetch": prefetch, "query": {"fusion": "rrf"}, "using": "a"}),
            "cannot be combined",
        ),
    ] {
        refused(&owner.post(QUERY, query), because);
    }
}

#[test]
fn a_query_ranks_what_its_prefetches_find_and_its_filter_holds_below() {
    let (_node, owner) = plane("Dot");
    let prefetch = json!([{"query": [0, 1], "limit": 2}, {"query": [-1, 0], "limit": 1}]);
    // North: 4, 5; west: 6. By east:
    let rescored = json!({"prefetch": prefetch, "query": [1, 0]});
    near(&ranked(&owner, rescored), &[(5, 1.0), (4, 0.0), (6, -2.0)]);
    // A filter above is one below: so the prefetch finds two that match it.
    let east = json!({"must": [{"key": "side", "match": {"value": "east"}}]});
    let filtered =
        json!({"prefetch": {"query": [0, 1], "limit": 2}, "query": [1, 0], "filter": east});
    assert_eq!(ids(&owner, filtered), [3, 2]);
    let both = json!({
        "prefetch": {
            "prefetch": {"query": [0, 1], "limit": 4, "filter": {"must_not": [{"has_id": [4]}]}},
            "query": [1, 0], "filter": {"must_not": [{"has_id": [2]}]}, "limit": 2,
        },
        "query": {"order_by": "id"},
        "filter": {"must_not": [{"has_id": [3]}]},
    });
    assert_eq!(ids(&owner, both), [1, 5]);
    let random = json!({"prefetch": prefetch, "query": {"sample": "random"}});
    let mut random = ids(&owner, random);
    random.sort_unstable();
    assert_eq!(random, [4, 5, 6]);
    // The point that it is about isn't among those of the north: so there is room for another.
    let mean = json!({"prefetch": prefetch, "query": {"recommend": {"positive": [4]}}});
    assert_eq!(ids(&owner, mean), [5, 2, 6]);
}

#[test]
fn without_a_query_points_come_by_id_and_a_sample_comes_as_it_likes() {
    let (_node, owner) = plane("Dot");
    near(
        &ranked(&owner, json!({"limit": 2, "offset": 1})),
        &[(2, 1.0), (3, 1.0)],
    );
    let elsewhere = json!({"must_not": [{"key": "side", "match": {"value": "east"}}]});
    assert_eq!(ids(&owner, json!({"filter": elsewhere})), [4, 5, 6]);
    let sample = |limit: usize| {
        let mut ids = ids(
            &owner,
            json!({"query": {"sample": "random"}, "limit": limit}),
        );
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    assert_eq!(sample(6), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sample(3).len(), 3);
    refused(
        &owner.post(QUERY, json!({"score_threshold": 1})),
        "A query is needed",
    );
}

#[test]
fn a_query_is_as_deep_and_as_wide_as_the_limits_say() {
    let (_node, owner) = plane("Dot");
    let nested = |depth: usize| {
        (0..depth).fold(
            json!({"query": [1, 0]}),
            |inner, _| json!({"query": [1, 0], "prefetch": inner}),
        )
    };
    owner.post(QUERY, nested(8)).expect(200);
    refused(&owner.post(QUERY, nested(9)), "8 deep");
    refused(&owner.post(QUERY, nested(60)), "8 deep");
    refused(&owner.post(QUERY, nested(2_000)), "recursion limit");
    let wide = |count: usize| {
        let half = vec![json!({"query": [1, 0]}); count / 2];
        let rest = vec![json!({"query": [1, 0]}); count - count / 2 - 1];
        let mut prefetch = half;
        prefetch.push(json!({"query": {"fusion": "rrf"}, "prefetch": rest}));
        json!({"query": {"fusion": "rrf"}, "prefetch": prefetch})
    };
    owner.post(QUERY, wide(64)).expect(200);
    refused(&owner.post(QUERY, wide(65)), "64 prefetches");
    let limit = |limit: usize| json!({"query": [1, 0], "prefetch": {"query": 1, "limit": limit}});
    owner.post(QUERY, limit(10_000)).expect(200);
    refused(&owner.post(QUERY, limit(10_001)), "10000");
    refused(&owner.post(QUERY, limit(0)), "limit must be 1 or more");
    let examples = vec![json!([1, 0]); 257];
    let recommend = |count: usize| json!({"query": {"recommend": {"positive": examples[..count]}}});
    owner.post(QUERY, recommend(256)).expect(200);
    refused(&owner.post(QUERY, recommend(257)), "256 examples");
    refused(
        &owner.post(
            QUERY,
            json!({"query": {"nearest": [1, 0], "sample": "random"}}),
        ),
        "several",
    );
}

#[test]
fn an_inference_key_may_ask_what_is_near_and_goes_through_nothing() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    tenant
        .owner
        .put_point("docs", 1, &[1.0, 0.0], json!({"n": 1}));
    tenant
        .owner
        .put_point("docs", 2, &[0.0, 1.0], json!({"n": 1}));
    let inference = &tenant.inference;
    for query in [
        json!({"query": 1}),
        json!({"query": {"recommend": {"positive": [1], "strategy": "best_score"}}}),
        json!({"query": {"nearest": [1, 0], "mmr": {}}, "with_payload": true}),
        json!({"prefetch": [{"query": [1, 0], "limit": 10_000}], "query": {"fusion": "rrf"}}),
    ] {
        assert!(!ids(inference, query).is_empty());
    }
    let by = json!({"order_by": "n"});
    for query in [
        json!({}),
        json!({"query": by}),
        json!({"query": {"sample": "random"}}),
        json!({"prefetch": {"query": by}, "query": [1, 0]}),
        json!({"prefetch": {"prefetch": {}, "query": [1, 0]}, "query": {"fusion": "rrf"}}),
        json!({"query": {"fusion": "rrf"}, "prefetch": {"query": [1, 0]}, "with_vector": true}),
    ] {
        assert_eq!(inference.post(QUERY, query.clone()).status, 403, "{query}");
        let batch = json!({"searches": [{"query": [1, 0]}, query]});
        let answer = inference.post(&format!("{QUERY}/batch"), batch);
        assert_eq!(answer.status, 403);
        tenant.owner.post(QUERY, query).expect(200);
    }
    let fused = json!({"prefetch": {"query": [1, 0]}, "query": {"fusion": "rrf"}, "limit": 101});
    refused(&inference.post(QUERY, fused), "100 at most");
    let groups = |limit: usize| {
        let body = json!({"query": [1, 0], "group_by": "n", "group_size": 10, "limit": limit});
        inference.post(&format!("{QUERY}/groups"), body)
    };
    groups(10).expect(200);
    refused(&groups(11), "100 at most");
    for (path, body) in [
        ("/collections/docs/facet", json!({"key": "n"})),
        ("/collections/docs/points/scroll", json!({"order_by": "n"})),
        ("/collections/docs/points/count", json!({"exact": false})),
    ] {
        inference.post(path, body).expect(403);
    }
}

#[test]
fn every_level_may_use_a_vector_of_its_own() {
    let (_node, owner) = owner();
    let vectors = json!({
        "image": {"size": 2, "distance": "Dot"},
        "text": {"size": 3, "distance": "Euclid"},
    });
    owner
        .put("/collections/docs", json!({"vectors": vectors}))
        .expect(200);
    let points = json!([
        {"id": 1, "vector": {"image": [1, 0], "text": [0, 0, 1]}},
        {"id": 2, "vector": {"image": [2, 0], "text": [0, 0, 2]}},
        {"id": 3, "vector": {"image": [3, 0]}},
        {"id": 4, "vector": {"text": [0, 0, 4]}},
    ]);
    owner
        .put("/collections/docs/points", json!({"points": points}))
        .expect(200);
    let image = json!({"query": [1, 0], "using": "image"});
    assert_eq!(ids(&owner, image.clone()), [3, 2, 1]);
    // Those that have no such vector are passed over.
    let rescored = json!({"prefetch": image, "query": [0, 0, 0], "using": "text"});
    near(&ranked(&owner, rescored), &[(1, 1.0), (2, 2.0)]);
    let recommend = |strategy: &str| {
        let recommend = json!({"positive": [1], "strategy": strategy});
        ids(
            &owner,
            json!({"query": {"recommend": recommend}, "using": "text"}),
        )
    };
    for strategy in ["average_vector", "best_score", "sum_scores"] {
        assert_eq!(recommend(strategy), [2, 4], "{strategy}");
    }
    let fused = json!({"prefetch": [image, {"query": 1, "using": "text", "limit": 2}],
        "query": {"fusion": "rrf"}});
    // 3, 2 for one is about the point that the other is about; 2, 4.
    assert_eq!(ids(&owner, fused)[..2], [2, 3]);
    let missing = json!({"query": {"recommend": {"positive": [4]}}, "using": "image"});
    let answer = owner.post(QUERY, missing);
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.message(),
        "Not found: Vector with name image for point 4 not found"
    );
    let unknown =
        json!({"prefetch": {"query": [1], "using": "colour"}, "query": {"fusion": "rrf"}});
    refused(
        &owner.post(QUERY, unknown),
        "Not existing vector name error: colour",
    );
    let wrong = json!({"query": {"recommend": {"positive": [[1, 0], 1]}}, "using": "text"});
    refused(&owner.post(QUERY, wrong), "expected dim: 3, got 2");
}

#[test]
fn a_batch_answers_each_of_its_queries() {
    let (_node, owner) = plane("Dot");
    let searches = json!([
        {"query": [1, 0], "limit": 1},
        {"query": {"order_by": "id"}, "limit": 2},
        {"query": {"fusion": "rrf"}, "prefetch": {"query": [0, 1]}, "limit": 1},
    ]);
    let answer = owner
        .post(&format!("{QUERY}/batch"), json!({"searches": searches}))
        .expect(200);
    let all: Vec<Vec<u64>> = answer["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let points = result["points"].as_array().unwrap().iter();
            points.map(|point| point["id"].as_u64().unwrap()).collect()
        })
        .collect();
    assert_eq!(all, [vec![1], vec![1, 2], vec![4]]);
    // One that can't be asked, and nothing is answered.
    let mut bad = searches;
    bad[2]["prefetch"] = json!([]);
    refused(
        &owner.post(&format!("{QUERY}/batch"), json!({"searches": bad})),
        "needs prefetches",
    );
}
