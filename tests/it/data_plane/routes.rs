//! Every route that takes a body, with a body that is right.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Node};

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub body: Value,
}

/// `docs` is there and has the points of [`stocked`]; `new` isn't there.
pub fn all() -> Vec<Route> {
    let filter = json!({
        "must": [{"key": "n", "range": {"gte": 0, "lt": 10}}],
        "should": [{"key": "colour", "match": {"any": ["red", "green"]}}, {"has_id": [1, 2]}],
        "must_not": [
            {"is_null": {"key": "n"}},
            {"key": "colour", "match": {"except": ["red"]}},
            {"key": "n", "match": {"text": "some words"}},
            {"key": "n", "geo_radius": {"center": {"lon": 1, "lat": 2}, "radius": 3}},
            {"key": "n", "geo_polygon": {"exterior": {"points": [
                {"lon": 0, "lat": 0}, {"lon": 1, "lat": 0}, {"lon": 1, "lat": 1}, {"lon": 0, "lat": 0},
            ]}}},
            {"nested": {"key": "n", "filter": {"must": [{"key": "a", "match": {"phrase": "a b"}}]}}},
            {"has_vector": "none"},
            {"slice": {"total": 1_000_000_007, "index": 0}},
        ],
        "min_should": {"conditions": [{"is_empty": {"key": "tags"}}], "min_count": 1},
    });
    let query = json!({
        "query": [1.0, 0.0, 0.0],
        "filter": filter,
        "params": {"hnsw_ef": 64, "exact": false},
        "limit": 3,
        "offset": 0,
        "with_payload": {"include": ["n"]},
        "with_vector": true,
        "score_threshold": -1.0,
        "using": "",
    });
    let search = json!({
        "vector": [1.0, 0.0, 0.0],
        "filter": filter,
        "limit": 3,
        "with_payload": ["n"],
    });
    let points = json!([{"id": 7, "vector": [0.5, 0.5, 0.0], "payload": {"n": 7, "tags": ["a"]}}]);
    let batch = json!({"ids": [8], "vectors": [[0.1, 0.2, 0.3]], "payloads": [{"n": 8}]});
    let schema = json!({
        "vectors": {"size": 3, "distance": "Dot"},
        "hnsw_config": {"m": 8},
        "on_disk_payload": true,
    });
    let put = |path, body| Route {
        method: Method::PUT,
        path,
        body,
    };
    let post = |path, body| Route {
        method: Method::POST,
        path,
        body,
    };
    vec![
        put("/collections/new", schema),
        put("/collections/docs/points", json!({"points": points})),
        put(
            "/collections/docs/points?wait=true",
            json!({"batch": batch}),
        ),
        post(
            "/collections/docs/points",
            json!({"ids": [1, 2], "with_payload": true, "with_vector": true}),
        ),
        post("/collections/docs/points/delete", json!({"points": [7, 8]})),
        post(
            "/collections/docs/points/delete",
            json!({"filter": {"must": [{"key": "n", "match": {"value": 7}}]}}),
        ),
        post(
            "/collections/docs/points/scroll",
            json!({"offset": 1, "limit": 2, "filter": filter}),
        ),
        post(
            "/collections/docs/points/count",
            json!({"filter": filter, "exact": true}),
        ),
        put(
            "/collections/docs/index?wait=true",
            json!({"field_name": "n", "field_schema": {"type": "integer", "lookup": true}}),
        ),
        post(
            "/collections/docs/points/payload?wait=true",
            json!({"points": [1], "payload": {"n": 1}, "key": "a.b[]"}),
        ),
        put(
            "/collections/docs/points/payload?ordering=strong",
            json!({"filter": filter, "payload": {"n": 1}}),
        ),
        post(
            "/collections/docs/points/payload/delete?timeout=3",
            json!({"points": [1], "keys": ["a.b[].c", "a[0]"]}),
        ),
        post(
            "/collections/docs/points/payload/clear",
            json!({"filter": {"must": [{"key": "n", "match": {"value": 7}}]}}),
        ),
        put(
            "/collections/docs/points/vectors",
            json!({"points": [{"id": 1, "vector": [0.5, 0.5, 0.0]}, {"id": 2, "vector": {}}]}),
        ),
        post(
            "/collections/docs/points/vectors/delete",
            json!({"points": [3], "vector": [""]}),
        ),
        post(
            "/collections/docs/points/batch",
            json!({"operations": [
                {"upsert": {"points": points, "update_mode": "insert_only", "update_filter": filter}},
                {"delete": {"points": [7]}},
                {"set_payload": {"points": [1], "payload": {"n": 1}}},
            ]}),
        ),
        post(
            "/collections/aliases",
            json!({"actions": [
                {"create_alias": {"alias_name": "latest", "collection_name": "docs"}},
                {"rename_alias": {"old_alias_name": "latest", "new_alias_name": "newest"}},
                {"delete_alias": {"alias_name": "newest"}},
            ]}),
        ),
        Route {
            method: Method::PATCH,
            path: "/collections/docs",
            body: json!({
                "hnsw_config": {"m": 8},
                "metadata": {"a": 1},
                "params": {"replication_factor": 2},
                "vectors": {"": {"on_disk": true, "hnsw_config": {"m": 4}}},
            }),
        },
        put(
            "/collections/docs/index?wait=true",
            json!({"field_name": "colour", "field_schema": {
                "type": "text", "tokenizer": "prefix", "min_token_len": 1, "max_token_len": 9,
            }}),
        ),
        post("/collections/docs/points/query", query.clone()),
        post(
            "/collections/docs/points/query",
            json!({
                "prefetch": [
                    {"query": {"nearest": 1, "mmr": {"diversity": 0.3, "candidates_limit": 9}}, "limit": 5},
                    {"query": {"recommend": {"positive": [1, [0, 1, 0]], "negative": [2],
                        "strategy": "best_score"}}, "filter": filter, "score_threshold": 0.1},
                    {"prefetch": {"query": {"sample": "random"}, "limit": 2},
                        "query": {"order_by": {"key": "n", "direction": "desc", "start_from": 2}}},
                ],
                "query": {"rrf": {"k": 3, "weights": [1.0, 0.5, 2]}},
                "limit": 4,
            }),
        ),
        post(
            "/collections/docs/points/query",
            json!({"prefetch": {"limit": 3}, "query": {"fusion": "dbsf"}, "offset": 1}),
        ),
        post(
            "/collections/docs/points/query/groups",
            json!({"query": [1.0, 0.0, 0.0], "group_by": "colour", "group_size": 2, "limit": 3}),
        ),
        post(
            "/collections/docs/points/recommend",
            json!({"positive": [1], "negative": [[1, 1, 1]], "strategy": "sum_scores", "limit": 3}),
        ),
        post(
            "/collections/docs/points/scroll",
            json!({"order_by": {"key": "n", "start_from": 1}, "limit": 2, "filter": filter}),
        ),
        post(
            "/collections/docs/points/count",
            json!({"filter": filter, "exact": false}),
        ),
        post(
            "/collections/docs/facet",
            json!({"key": "colour", "limit": 3, "filter": filter, "exact": true}),
        ),
        post(
            "/collections/docs/points/query/batch",
            json!({"searches": [query]}),
        ),
        post("/collections/docs/points/search", search.clone()),
        post(
            "/collections/docs/points/search/batch",
            json!({"searches": [search]}),
        ),
    ]
}

/// A node with one tenant, and its owner.
pub fn owner() -> (Node, Actor) {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    (node, owner)
}

/// A node with one tenant, whose owner has three points in `docs`.
pub fn stocked() -> (Node, Actor) {
    let (node, owner) = owner();
    owner.create_collection("docs", 3, "Dot");
    for id in 1..=3 {
        let vector = [f32::from(u8::try_from(id).unwrap()), 1.0, 0.0];
        owner.put_point("docs", id, &vector, json!({"n": id, "colour": "red"}));
    }
    (node, owner)
}

impl Route {
    pub fn send(&self, actor: &Actor, body: &str) -> Answer {
        let body = body.as_bytes().to_vec();
        actor.send(self.method.clone(), self.path, &[], Some(body))
    }
}

/// A refusal that says why, in the dialect's shape.
#[track_caller]
pub fn refused(answer: &Answer, because: &str) {
    assert!(
        answer.message().contains(because),
        "{} {} doesn't say {because:?}",
        answer.status,
        answer.text
    );
    assert!(
        (400..500).contains(&answer.status),
        "{} {}",
        answer.status,
        answer.text
    );
}

pub fn count(actor: &Actor, collection: &str) -> u64 {
    let path = format!("/collections/{collection}/points/count");
    actor.post(&path, json!({})).expect(200)["result"]["count"]
        .as_u64()
        .unwrap()
}
