//! Collections with several vectors, and points that lack some of them.

use serde_json::{Value, json};

use super::routes::{owner, refused};
use crate::harness::Actor;

/// Two vectors, and three points: one has both, each of the others one of them.
fn two_vectors(owner: &Actor) {
    let vectors = json!({
        "image": {"size": 2, "distance": "Dot", "on_disk": true},
        "text": {"size": 3, "distance": "Cosine", "quantization_config": "Disabled"},
    });
    let body = json!({"vectors": vectors});
    owner.put("/collections/docs", body).expect(200);
    let points = json!([
        {"id": 1, "vector": {"image": [1, 0], "text": [0, 3, 0]}},
        {"id": 2, "vector": {"image": [5, 0]}},
        {"id": 3, "vector": {"text": [0, 1, 1]}},
        {"id": 4, "vector": {}, "payload": {"bare": true}},
    ]);
    owner
        .put("/collections/docs/points", json!({"points": points}))
        .expect(200);
}

fn nearest(owner: &Actor, using: &str, query: Value) -> Vec<Value> {
    let body = json!({"query": query, "using": using, "limit": 10});
    let answer = owner.post("/collections/docs/points/query", body);
    let answer = answer.expect(200);
    let points = answer["result"]["points"].as_array().unwrap();
    points.iter().map(|point| point["id"].clone()).collect()
}

fn vector(owner: &Actor, id: u64, wanted: Value) -> Value {
    let body = json!({"ids": [id], "with_vector": wanted});
    let answer = owner.post("/collections/docs/points", body).expect(200);
    answer["result"][0]["vector"].clone()
}

#[test]
fn each_vector_is_searched_among_the_points_that_have_one() {
    let (_node, owner) = owner();
    two_vectors(&owner);
    assert_eq!(nearest(&owner, "image", json!([1, 0])), [2, 1]);
    assert_eq!(nearest(&owner, "text", json!([0, 1, 0])), [1, 3]);
    assert_eq!(nearest(&owner, "text", json!(1)), [3], "by a point's own");
    let legacy = json!({"vector": {"name": "image", "vector": [1, 0]}, "limit": 1});
    let found = owner.post("/collections/docs/points/search", legacy);
    assert_eq!(found.expect(200)["result"][0]["id"], 2);
    // A point that is put anew has the vectors that it came with, and no others.
    let again = json!({"points": [{"id": 1, "vector": {"image": [9, 0]}}]});
    owner.put("/collections/docs/points", again).expect(200);
    assert_eq!(nearest(&owner, "image", json!([1, 0])), [1, 2]);
    assert_eq!(nearest(&owner, "text", json!([0, 1, 0])), [3]);
    let count = owner.post("/collections/docs/points/count", json!({}));
    assert_eq!(count.expect(200)["result"]["count"], 4);
}

#[test]
fn vectors_come_back_by_name() {
    let (_node, owner) = owner();
    two_vectors(&owner);
    assert_eq!(
        vector(&owner, 1, json!(true)),
        json!({"image": [1.0, 0.0], "text": [0.0, 1.0, 0.0]})
    );
    assert_eq!(
        vector(&owner, 1, json!(["image"])),
        json!({"image": [1.0, 0.0]})
    );
    assert_eq!(vector(&owner, 2, json!(true)), json!({"image": [5.0, 0.0]}));
    assert_eq!(vector(&owner, 4, json!(true)), json!({}));
    assert_eq!(vector(&owner, 1, json!(false)), Value::Null);
    let shown = owner.get("/collections/docs/points/2").expect(200);
    assert_eq!(shown["result"]["vector"], json!({"image": [5.0, 0.0]}));
}

#[test]
fn what_was_asked_for_is_described_as_it_came() {
    let (_node, owner) = owner();
    two_vectors(&owner);
    let described = owner.get("/collections/docs").expect(200);
    assert_eq!(
        described["result"]["config"]["params"]["vectors"],
        json!({
            "image": {"size": 2, "distance": "Dot", "on_disk": true},
            "text": {"size": 3, "distance": "Cosine", "quantization_config": "Disabled"},
        })
    );
    let default = json!({"": {"size": 2, "distance": "Dot"}});
    let created = owner.put("/collections/plain", json!({"vectors": default}));
    created.expect(200);
    owner.put_point("plain", 1, &[1.0, 2.0], json!({}));
    let shown = owner.get("/collections/plain/points/1").expect(200);
    assert_eq!(shown["result"]["vector"], json!([1.0, 2.0]));
}

#[test]
fn a_batch_may_bring_its_vectors_by_name() {
    let (_node, owner) = owner();
    two_vectors(&owner);
    let batch = json!({
        "ids": [7, 8],
        "vectors": {"image": [[1, 2], [3, 4]], "text": [[2, 0, 0], [0, 0, 2]]},
    });
    owner
        .put("/collections/docs/points", json!({"batch": batch}))
        .expect(200);
    assert_eq!(
        vector(&owner, 8, json!(true)),
        json!({"image": [3.0, 4.0], "text": [0.0, 0.0, 1.0]})
    );
    let uneven = json!({"ids": [9], "vectors": {"image": [[1, 2]], "text": []}});
    refused(
        &owner.put("/collections/docs/points", json!({"batch": uneven})),
        "`text`",
    );
}

#[test]
fn a_name_that_isn_t_there_is_an_error_clients_know() {
    let (_node, owner) = owner();
    two_vectors(&owner);
    let unknown = "Not existing vector name error: colour";
    let point = json!({"points": [{"id": 9, "vector": {"image": [1, 0], "colour": [1]}}]});
    refused(&owner.put("/collections/docs/points", point), unknown);
    let query = |using: Value| json!({"query": [1, 0], "using": using});
    let path = "/collections/docs/points/query";
    refused(&owner.post(path, query(json!("colour"))), unknown);
    // There is no default vector here.
    refused(
        &owner.post(path, query(json!(null))),
        "Not existing vector name error: ",
    );
    let plain = json!({"points": [{"id": 9, "vector": [1, 0]}]});
    let refusal = owner.put("/collections/docs/points", plain);
    refused(&refusal, "Not existing vector name error: ");
    let count = owner.post("/collections/docs/points/count", json!({}));
    assert_eq!(count.expect(200)["result"]["count"], 4);
}

#[test]
fn a_collection_may_do_without_vectors() {
    let (_node, owner) = owner();
    owner.put("/collections/bare", json!({})).expect(200);
    let points = json!([{"id": 1, "vector": {}, "payload": {"n": 1}}]);
    let stored = owner.put("/collections/bare/points", json!({"points": points}));
    stored.expect(200);
    let wanted = json!({"filter": {"must": [{"key": "n", "match": {"value": 1}}]}});
    let count = owner.post("/collections/bare/points/count", wanted);
    assert_eq!(count.expect(200)["result"]["count"], 1);
    refused(
        &owner.post("/collections/bare/points/query", json!({"query": [1]})),
        "Not existing vector name error: ",
    );
}
