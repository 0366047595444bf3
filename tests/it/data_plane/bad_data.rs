//! Well-formed requests for what can't be stored.

use serde_json::{Value, json};

use super::routes::{count, refused, stocked};

#[test]
fn a_batch_with_one_bad_point_stores_none() {
    let (_node, owner) = stocked();
    let good = |id: u64| json!({"id": id, "vector": [1.0, 0.0, 0.0]});
    let bad: [(Value, &str); 9] = [
        (
            json!({"id": 12, "vector": [1.0, 0.0]}),
            "expected dim: 3, got 2",
        ),
        (
            json!({"id": 12, "vector": [1.0, 0.0, 0.0, 0.0]}),
            "expected dim: 3, got 4",
        ),
        (json!({"id": 12, "vector": []}), "expected dim: 3, got 0"),
        (
            json!({"id": 12, "vector": [1e39, 0.0, 0.0]}),
            "out of range",
        ),
        (json!({"id": 12, "vector": [3e19, 0.0, 0.0]}), "square norm"),
        (
            json!({"id": 12, "vector": {"colour": [1.0]}}),
            "Wrong input: Not existing vector name error: colour",
        ),
        (
            json!({"id": 12, "vector": {"": {"indices": [1], "values": [1.0]}}}),
            "sparse vectors",
        ),
        (
            json!({"id": 12, "vector": [[1.0, 0.0, 0.0]]}),
            "list of numbers",
        ),
        (json!({"id": 12}), "vector"),
    ];
    for (bad, because) in bad {
        let points = json!({"points": [good(10), good(1), good(11), bad]});
        refused(&owner.put("/collections/docs/points", points), because);
    }
    let uneven = [
        json!({"ids": [10, 11], "vectors": [[1, 0, 0]]}),
        json!({"ids": [10], "vectors": [[1, 0, 0], [1, 0, 0]]}),
        json!({"ids": [10], "vectors": [[1, 0, 0]], "payloads": []}),
        json!({"ids": [10, 11], "vectors": [[1, 0, 0], [1, 0]]}),
    ];
    for batch in uneven {
        let answer = owner.put("/collections/docs/points", json!({"batch": batch}));
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(count(&owner, "docs"), 3);
    let first = owner.get("/collections/docs/points/1").expect(200);
    assert_eq!(first["result"]["payload"]["n"], 1, "not replaced either");
}

#[test]
fn collections_that_can_t_be_are_refused_with_the_reason() {
    let (_node, owner) = stocked();
    for (body, because) in [
        (
            json!({"vectors": {"size": 0, "distance": "Dot"}}),
            "1 to 65536",
        ),
        (
            json!({"vectors": {"size": 65_537, "distance": "Dot"}}),
            "1 to 65536",
        ),
        (json!({"vectors": {"size": -1, "distance": "Dot"}}), "`-1`"),
        (
            json!({"vectors": {"size": 3, "distance": "Hamming"}}),
            "Hamming",
        ),
        (json!({"vectors": {"size": 3}}), "distance"),
        (json!({"vectors": []}), "vectors"),
        (json!({"vectors": {"title": {"size": 3}}}), "distance"),
        (
            json!({"vectors": {"t".repeat(256): {"size": 3, "distance": "Dot"}}}),
            "255 bytes",
        ),
        (
            json!({"vectors": (0..65).map(|n| (n.to_string(), json!({"size": 3, "distance": "Dot"})))
                .collect::<serde_json::Map<_, _>>()}),
            "the limit of 64",
        ),
        (
            json!({"vectors": {"title": {"size": 3, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}}}}),
            "multivector_config",
        ),
        (
            json!({"vectors": {"size": 3, "distance": "Dot", "datatype": "uint8"}}),
            "datatype",
        ),
        (
            json!({"vectors": {"size": 3, "distance": "Dot"}, "sparse_vectors": {"s": {}}}),
            "sparse_vectors",
        ),
        (
            json!({"vectors": {"size": 3, "distance": "Dot"}, "metadata": "m".repeat(20_000)}),
            "16384 bytes",
        ),
    ] {
        refused(&owner.put("/collections/new", body), because);
    }
    assert_eq!(owner.get("/collections/new").status, 404);
    owner.create_collection("widest", 65_536, "Cosine");
}
