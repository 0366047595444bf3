//! What clients rely on.

use serde_json::{Value, json};

use super::routes::{count, owner, refused};
use crate::harness::{Node, vectors};

#[test]
fn a_write_is_seen_by_the_next_query() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 4, "Euclid");
    for id in 0..200_u64 {
        let vector = &vectors::random(1, 4, id + 1)[0];
        owner.put_point("docs", id, vector, json!({"n": id}));
        let nearest = owner.query("docs", vector, 1);
        assert_eq!(
            (&nearest[0]["id"], &nearest[0]["payload"]["n"]),
            (&json!(id), &json!(id))
        );
    }
    let vector = &vectors::random(1, 4, 8)[0];
    owner
        .post("/collections/docs/points/delete", json!({"points": [7]}))
        .expect(200);
    assert!(
        owner
            .query("docs", vector, 200)
            .iter()
            .all(|point| point["id"] != 7)
    );
    assert_eq!(count(&owner, "docs"), 199);
}

#[test]
fn a_collection_that_nobody_writes_to_any_more_gets_all_of_its_index() {
    let (_node, owner) = owner();
    // Large enough to be stored on the way: work on the graph stops for that.
    let (dimension, batch, batches) = (2_048, 100, 30_u64);
    owner.create_collection("docs", dimension, "Cosine");
    for number in 0..batches {
        let rows = vectors::random(batch, dimension, number);
        let points = rows.iter().zip(number * batch as u64..);
        let points = points.map(|(vector, id)| json!({"id": id, "vector": vector}));
        let body = json!({"points": points.collect::<Vec<_>>()});
        owner.put("/collections/docs/points", body).expect(200);
    }
    let status = || owner.get("/collections/docs").expect(200)["result"]["status"].clone();
    for _ in 0..2_400 {
        if status() == "green" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("it is {} for good", status());
}

#[test]
fn versions_grow_with_every_write() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let version = || {
        owner.query("docs", &[1.0, 0.0], 1)[0]["version"]
            .as_u64()
            .unwrap()
    };
    let (mut operations, mut versions) = (Vec::new(), Vec::new());
    for turn in 0..5 {
        let point = json!({"points": [{"id": 1, "vector": [1, 0], "payload": {"turn": turn}}]});
        let done = owner
            .put("/collections/docs/points?wait=true", point)
            .expect(200);
        assert_eq!(done["result"]["status"], "completed");
        operations.push(done["result"]["operation_id"].as_u64().unwrap());
        versions.push(version());
    }
    assert!(operations.is_sorted_by(|a, b| a < b), "{operations:?}");
    assert_eq!(versions, operations);
    owner
        .put(
            "/collections/docs/points",
            json!({"points": [{"id": 2, "vector": [0, 1]}]}),
        )
        .expect(200);
    assert_eq!(
        version(),
        versions[4],
        "another point's write doesn't touch it"
    );
}

#[test]
fn an_inference_key_can_ask_and_can_t_copy() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    tenant
        .owner
        .put_point("docs", 1, &[1.0, 0.0], json!({"n": 1}));
    let inference = &tenant.inference;
    assert_eq!(
        inference.query("docs", &[1.0, 0.0], 5)[0]["payload"]["n"],
        1
    );
    let ask = |vectors: Value| json!({"query": [1, 0], "with_vector": vectors});
    for wanted in [json!(true), json!([""])] {
        inference
            .post("/collections/docs/points/query", ask(wanted.clone()))
            .expect(403);
        let batch = json!({"searches": [ask(json!(false)), ask(wanted)]});
        inference
            .post("/collections/docs/points/query/batch", batch)
            .expect(403);
    }
    inference
        .post("/collections/docs/points/query", ask(json!(false)))
        .expect(200);
    let search = json!({"vector": [1, 0], "limit": 1, "with_vector": true});
    inference
        .post("/collections/docs/points/search", search)
        .expect(403);
    inference
        .post("/collections/docs/points", json!({"ids": [1]}))
        .expect(403);
    inference.get("/collections/docs/points/1").expect(403);
    inference
        .post("/collections/docs/points/scroll", json!({}))
        .expect(403);
    inference
        .post("/collections/docs/points/count", json!({}))
        .expect(403);
    inference
        .put(
            "/collections/docs/points",
            json!({"points": [{"id": 1, "vector": [1, 0]}]}),
        )
        .expect(403);
    inference
        .post(
            "/collections/docs/points/payload",
            json!({"points": [1], "payload": {"n": 2}}),
        )
        .expect(403);
    let alias = json!({"create_alias": {"alias_name": "mine", "collection_name": "docs"}});
    inference
        .post("/collections/aliases", json!({"actions": [alias]}))
        .expect(403);
    inference
        .patch("/collections/docs", json!({"metadata": {"n": 1}}))
        .expect(403);
    inference
        .post("/collections/docs/points/delete", json!({"points": [1]}))
        .expect(403);
    inference.delete("/collections/docs").expect(403);
    inference.get("/collections/docs").expect(200);
    inference.get("/collections/docs/exists").expect(200);
}

#[test]
fn a_score_threshold_cuts_off_what_is_farther() {
    let (_node, owner) = owner();
    // On the axis at 1, 2, 3; the query at 1.
    for (metric, threshold, kept, scores) in [
        ("Cosine", 0.9, vec![1, 2, 3], vec![1.0, 1.0, 1.0]),
        ("Dot", 1.5, vec![3, 2], vec![3.0, 2.0]),
        ("Euclid", 1.5, vec![1, 2], vec![0.0, 1.0]),
        ("Manhattan", 1.5, vec![1, 2], vec![0.0, 1.0]),
        // What scores just as well as the threshold isn't better.
        ("Dot", 2.0, vec![3], vec![3.0]),
        ("Euclid", 1.0, vec![1], vec![0.0]),
    ] {
        owner.delete(&format!("/collections/{metric}"));
        owner.create_collection(metric, 2, metric);
        for id in 1..=3_u8 {
            owner.put_point(metric, id, &[f32::from(id), 0.0], json!({}));
        }
        owner.put_point(metric, 4, &[-9.0, 0.0], json!({}));
        for route in ["query", "search"] {
            let name = if route == "query" { "query" } else { "vector" };
            let mut body = json!({"score_threshold": threshold, "limit": 10});
            body[name] = json!([1, 0]);
            let path = format!("/collections/{metric}/points/{route}");
            let mut found = owner.post(&path, body).expect(200)["result"].clone();
            if route == "query" {
                found = found["points"].clone();
            }
            let found = found.as_array().unwrap();
            let ids: Vec<_> = found
                .iter()
                .map(|point| point["id"].as_u64().unwrap())
                .collect();
            let found: Vec<_> = found
                .iter()
                .map(|point| point["score"].as_f64().unwrap())
                .collect();
            assert_eq!((ids, found), (kept.clone(), scores.clone()), "{metric}");
        }
    }
}

#[test]
fn a_zero_vector_has_cosine_0_to_everything() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Cosine");
    owner.put_point("docs", 1, &[0.0, 0.0], json!({}));
    owner.put_point("docs", 2, &[3.0, 4.0], json!({}));
    let nearest = owner.query("docs", &[0.0, 0.0], 5);
    assert_eq!(nearest.len(), 2);
    assert!(
        nearest.iter().all(|point| point["score"] == 0.0),
        "{nearest:?}"
    );
    let nearest = owner.query("docs", &[3.0, 4.0], 5);
    assert_eq!(
        (&nearest[0]["id"], &nearest[1]["score"]),
        (&json!(2), &json!(0.0))
    );
    let stored = owner.get("/collections/docs/points/1").expect(200);
    assert_eq!(stored["result"]["vector"], json!([0.0, 0.0]));
}

#[test]
fn a_batch_of_queries_answers_what_each_would() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 6, "Dot");
    let points = vectors::random(60, 6, 3).into_iter().zip(0_u64..);
    let points: Vec<Value> = points
        .map(|(vector, id)| json!({"id": id, "vector": vector, "payload": {"even": id % 2 == 0}}))
        .collect();
    owner
        .put("/collections/docs/points", json!({"points": points}))
        .expect(200);
    let queries: Vec<Value> = vectors::random(5, 6, 4)
        .into_iter()
        .zip(1_u64..)
        .map(|(vector, n)| {
            json!({
                "query": vector,
                "limit": 3 * n,
                "offset": n,
                "with_payload": n % 2 == 0,
                "with_vector": n == 3,
                "filter": {"must": [{"key": "even", "match": {"value": n % 2 == 1}}]},
            })
        })
        .chain([
            json!({"query": 7, "limit": 2}),
            json!({"query": {"nearest": 8}}),
        ])
        .collect();
    let path = "/collections/docs/points/query";
    let batch = owner
        .post(&format!("{path}/batch"), json!({"searches": queries}))
        .expect(200);
    let singles: Vec<Value> = queries
        .into_iter()
        .map(|query| owner.post(path, query).expect(200)["result"].clone())
        .collect();
    assert_eq!(batch["result"], Value::Array(singles));
    let missing = json!({"searches": [{"query": [1, 0, 0, 0, 0, 0]}, {"query": 999}]});
    refused(&owner.post(&format!("{path}/batch"), missing), "No point");
}
