//! Reading points back, and what isn't to be had yet.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::routes::{owner, refused};

#[test]
fn retrieve_answers_in_the_order_asked_and_passes_over_what_isn_t_there() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    for id in 0..10_u64 {
        owner.put_point("docs", id, &[1.0, 0.0], json!({"n": id}));
    }
    let asked = json!({"ids": [7, 99, 3, "936da01f-9abd-4d9d-80c7-02af85c822a8", 0, 3]});
    let found = owner.post("/collections/docs/points", asked).expect(200);
    let ids: Vec<_> = found["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].clone())
        .collect();
    assert_eq!(ids, [7, 3, 0, 3]);
    let empty = owner
        .post("/collections/docs/points", json!({"ids": []}))
        .expect(200);
    assert_eq!(empty["result"], json!([]));
    owner.get("/collections/docs/points/99").expect(404);
}

#[test]
fn a_scroll_comes_by_every_point_once() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let uuid = |n: u64| format!("00000000-0000-4000-8000-{n:012x}");
    let ids: Vec<Value> = (0..97_u64)
        .map(|n| {
            if n % 3 == 0 {
                json!(uuid(n))
            } else {
                json!(n * 1_000)
            }
        })
        .collect();
    let points: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "vector": [1, 0], "payload": {"id": id}}))
        .collect();
    owner
        .put("/collections/docs/points", json!({"points": points}))
        .expect(200);
    for limit in [1, 10, 96, 97, 98] {
        let (mut seen, mut offset, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let body = json!({"limit": limit, "offset": offset});
            let page = owner
                .post("/collections/docs/points/scroll", body)
                .expect(200);
            let points = page["result"]["points"].as_array().unwrap().clone();
            assert!(
                points
                    .iter()
                    .all(|point| point["payload"]["id"] == point["id"])
            );
            seen.extend(points.into_iter().map(|point| point["id"].to_string()));
            pages += 1;
            offset = page["result"]["next_page_offset"].clone();
            if offset.is_null() {
                break;
            }
        }
        assert_eq!(pages, 97_usize.div_ceil(limit));
        assert_eq!(seen.len(), 97);
        let seen: BTreeSet<String> = seen.into_iter().collect();
        assert_eq!(seen, ids.iter().map(Value::to_string).collect());
    }
}

#[test]
fn what_isn_t_supported_is_refused_by_name() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let query = "/collections/docs/points/query";
    for (path, body, name) in [
        (
            query,
            json!({"query": [1, 0], "using": "title"}),
            "Not existing vector name error: title",
        ),
        (
            query,
            json!({"query": [1, 0], "lookup_from": {"collection": "x"}}),
            "lookup_from",
        ),
        (
            query,
            json!({"query": [1, 0], "shard_key": "eu"}),
            "shard_key",
        ),
        (
            query,
            json!({"query": {"discover": {"target": [1, 0], "context": []}}}),
            "discover",
        ),
        (query, json!({"query": {"context": []}}), "context"),
        (
            query,
            json!({"query": {"formula": "$score"}, "prefetch": {}}),
            "formula",
        ),
        (
            query,
            json!({"query": {"relevance_feedback": {}}}),
            "relevance_feedback",
        ),
        (
            query,
            json!({"query": {"text": "cat", "model": "m"}}),
            "text",
        ),
        (query, json!({"query": [[1, 0], [0, 1]]}), "multivectors"),
        (
            query,
            json!({"query": {"recommend": {"positive": [{"indices": [1], "values": [1]}]}}}),
            "sparse vectors",
        ),
        (
            query,
            json!({"query": {"indices": [1], "values": [1.0]}}),
            "sparse vectors",
        ),
        (
            query,
            json!({"prefetch": {"query": [1, 0], "lookup_from": {"collection": "x"}},
                "query": [1, 0]}),
            "lookup_from",
        ),
        (
            "/collections/docs/points/query/groups",
            json!({"query": [1, 0], "group_by": "a", "with_lookup": "docs"}),
            "with_lookup",
        ),
    ] {
        refused(&owner.post(path, body), name);
    }
    let points = json!({"points": [{"id": 1, "vector": [1, 0]}], "shard_key": "eu"});
    refused(&owner.put("/collections/docs/points", points), "shard_key");
    refused(
        &owner.post("/collections/docs/points/discover", json!({})),
        "no such route",
    );
    refused(
        &owner.post("/collections/docs/points/count?tenant=b", json!({})),
        "tenant",
    );
    refused(
        &owner.post("/collections/docs/points/count?exact=true", json!({})),
        "exact",
    );
}
