//! Changes to points that are there: payloads, vectors, and any number of operations at once.

use std::thread;

use serde_json::{Value, json};

use super::routes::{count, owner, refused, stocked};
use crate::harness::Actor;

const POINTS: &str = "/collections/docs/points";

fn at(route: &str) -> String {
    format!("{POINTS}/{route}")
}

fn point(owner: &Actor, id: u64) -> Value {
    let shown = owner.get(&format!("{POINTS}/{id}")).expect(200);
    shown["result"].clone()
}

fn payload(owner: &Actor, id: u64) -> Value {
    point(owner, id)["payload"].clone()
}

/// Everything there is, to see that nothing changed.
fn everything(owner: &Actor) -> Value {
    let body = json!({"limit": 100, "with_vector": true});
    owner.post(&at("scroll"), body).expect(200)["result"].clone()
}

#[test]
fn fields_are_set_in_payloads_and_nothing_else_changes() {
    let (_node, owner) = stocked();
    let set = json!({"points": [1, 2], "payload": {"colour": "blue", "size": {"w": 1}}});
    let done = owner.post(&at("payload"), set).expect(200);
    assert_eq!(done["result"]["status"], "completed");
    let expected = json!({"n": 1, "colour": "blue", "size": {"w": 1}});
    assert_eq!(payload(&owner, 1), expected);
    assert_eq!(payload(&owner, 3), json!({"n": 3, "colour": "red"}));
    assert_eq!(point(&owner, 2)["vector"], json!([2.0, 1.0, 0.0]));
    // A null removes a field; a key leads further in.
    let null = json!({"points": [1], "payload": {"colour": null, "n": 7}});
    owner.post(&at("payload"), null).expect(200);
    assert_eq!(payload(&owner, 1), json!({"n": 7, "size": {"w": 1}}));
    let inner = json!({"points": [1], "payload": {"h": 2}, "key": "size"});
    owner.post(&at("payload"), inner).expect(200);
    assert_eq!(
        payload(&owner, 1),
        json!({"n": 7, "size": {"w": 1, "h": 2}})
    );
    // Filters and their indexes see it at once.
    let index = json!({"field_name": "colour", "field_schema": "keyword"});
    owner.put("/collections/docs/index", index).expect(200);
    let red = json!({"must": [{"key": "colour", "match": {"value": "red"}}]});
    let green = json!({"filter": red, "payload": {"colour": "green"}});
    owner.post(&at("payload"), green).expect(200);
    let found = |colour: &str| {
        let filter = json!({"must": [{"key": "colour", "match": {"value": colour}}]});
        let count = owner.post(&at("count"), json!({"filter": filter}));
        count.expect(200)["result"]["count"].as_u64().unwrap()
    };
    assert_eq!((found("red"), found("green"), found("blue")), (0, 1, 1));
}

#[test]
fn payloads_are_overwritten_pruned_and_cleared() {
    let (_node, owner) = stocked();
    let over = json!({"points": [1, 2, 3], "payload": {"a": [{"b": 1, "c": 2}, {"b": 3}], "d": 4}});
    owner.put(&at("payload"), over).expect(200);
    assert_eq!(
        payload(&owner, 1),
        json!({"a": [{"b": 1, "c": 2}, {"b": 3}], "d": 4})
    );
    let keys = json!({"points": [1], "keys": ["a[].b", "d", "nothing.here"]});
    owner.post(&at("payload/delete"), keys).expect(200);
    assert_eq!(payload(&owner, 1), json!({"a": [{"c": 2}, {}]}));
    let keys = json!({"points": [2], "keys": ["a[0].b", "a[1]"]});
    owner.post(&at("payload/delete"), keys).expect(200);
    let left = json!({"a": [{"c": 2}, {"b": 3}], "d": 4});
    assert_eq!(payload(&owner, 2), left, "an element is never taken out");
    let matching = json!({"filter": {"must": [{"key": "a[].b", "match": {"value": 3}}]}});
    owner.post(&at("payload/clear"), matching).expect(200);
    assert_eq!(payload(&owner, 2), json!({}));
    assert_eq!(payload(&owner, 3), json!({}));
    assert_eq!(payload(&owner, 1), json!({"a": [{"c": 2}, {}]}));
}

#[test]
fn vectors_are_put_into_points_and_taken_out() {
    let (_node, owner) = owner();
    let vectors = json!({"a": {"size": 2, "distance": "Dot"}, "b": {"size": 1, "distance": "Dot"}});
    owner
        .put("/collections/docs", json!({"vectors": vectors}))
        .expect(200);
    let points = json!([
        {"id": 1, "vector": {"a": [1, 0]}, "payload": {"n": 1}},
        {"id": 2, "vector": {"a": [2, 0], "b": [2]}, "payload": {"n": 2}},
    ]);
    owner.put(POINTS, json!({"points": points})).expect(200);
    let put = json!({"points": [
        {"id": 1, "vector": {"b": [5]}},
        {"id": 2, "vector": {"a": [3, 0]}},
    ]});
    owner.put(&at("vectors"), put).expect(200);
    assert_eq!(
        point(&owner, 1)["vector"],
        json!({"a": [1.0, 0.0], "b": [5.0]})
    );
    assert_eq!(
        point(&owner, 2)["vector"],
        json!({"a": [3.0, 0.0], "b": [2.0]})
    );
    assert_eq!(payload(&owner, 1), json!({"n": 1}));
    let only = json!({
        "points": [{"id": 1, "vector": {"a": [9, 9]}}, {"id": 2, "vector": {"a": [9, 9]}}],
        "update_filter": {"must": [{"key": "n", "match": {"value": 2}}]},
    });
    owner.put(&at("vectors"), only).expect(200);
    assert_eq!(point(&owner, 1)["vector"]["a"], json!([1.0, 0.0]));
    assert_eq!(point(&owner, 2)["vector"]["a"], json!([9.0, 9.0]));
    let out = json!({"points": [2], "vector": ["a"]});
    owner.post(&at("vectors/delete"), out).expect(200);
    assert_eq!(point(&owner, 2)["vector"], json!({"b": [2.0]}));
    let out = json!({"filter": {}, "vector": ["a", "b"]});
    owner.post(&at("vectors/delete"), out).expect(200);
    assert_eq!(point(&owner, 1)["vector"], json!({}));
    let query = json!({"query": [1], "using": "b"});
    let found = owner.post(&at("query"), query).expect(200);
    assert_eq!(found["result"]["points"], json!([]));
    assert_eq!(count(&owner, "docs"), 2);
}

#[test]
fn an_upsert_may_be_bound_to_what_is_there() {
    let (_node, owner) = stocked();
    let upsert = |rule: Value| {
        let points = json!([
            {"id": 1, "vector": [9, 9, 9], "payload": {"new": true}},
            {"id": 9, "vector": [9, 9, 9], "payload": {"new": true}},
        ]);
        let mut body = json!({"points": points});
        let fields = body.as_object_mut().unwrap();
        fields.extend(rule.as_object().unwrap().clone());
        owner.put(POINTS, body).expect(200);
        let there = owner.get(&format!("{POINTS}/9")).status == 200;
        let replaced = payload(&owner, 1) == json!({"new": true});
        // As it was.
        owner
            .post(&at("delete"), json!({"points": [9]}))
            .expect(200);
        owner.put_point("docs", 1, &[1.0, 1.0, 0.0], json!({"n": 1}));
        (replaced, there)
    };
    assert_eq!(upsert(json!({})), (true, true));
    assert_eq!(upsert(json!({"update_mode": "insert_only"})), (false, true));
    assert_eq!(upsert(json!({"update_mode": "update_only"})), (true, false));
    let n = |n: u64| json!({"must": [{"key": "n", "match": {"value": n}}]});
    assert_eq!(upsert(json!({"update_filter": n(1)})), (true, true));
    assert_eq!(upsert(json!({"update_filter": n(2)})), (false, true));
    let both = json!({"update_filter": n(2), "update_mode": "update_only"});
    assert_eq!(upsert(both), (false, false));
}

#[test]
fn operations_of_a_batch_see_what_those_before_them_did() {
    let (_node, owner) = stocked();
    let blue = json!({"must": [{"key": "colour", "match": {"value": "blue"}}]});
    let operations = json!([
        {"upsert": {"points": [{"id": 9, "vector": [9, 0, 0], "payload": {"colour": "blue"}}]}},
        {"set_payload": {"points": [1], "payload": {"colour": "blue"}}},
        {"set_payload": {"filter": blue, "payload": {"seen": true}}},
        {"update_vectors": {"points": [{"id": 9, "vector": [7, 0, 0]}]}},
        {"delete_payload": {"filter": blue, "keys": ["colour"]}},
        {"clear_payload": {"points": [2]}},
        {"overwrite_payload": {"points": [2], "payload": {"over": 1}}},
        {"delete": {"filter": {"must": [{"key": "n", "match": {"value": 3}}]}}},
        {"delete_vectors": {"points": [2], "vector": [""]}},
    ]);
    let done = owner.post(&at("batch"), json!({"operations": operations}));
    let done = done.expect(200);
    let results = done["result"].as_array().unwrap();
    assert_eq!(results.len(), 9);
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(payload(&owner, 1), json!({"n": 1, "seen": true}));
    assert_eq!(payload(&owner, 2), json!({"over": 1}));
    assert_eq!(point(&owner, 2)["vector"], json!({}));
    assert_eq!(payload(&owner, 9), json!({"seen": true}));
    assert_eq!(point(&owner, 9)["vector"], json!([7.0, 0.0, 0.0]));
    assert_eq!(count(&owner, "docs"), 3);
    assert_eq!(owner.get(&format!("{POINTS}/3")).status, 404);
}

#[test]
fn a_change_that_can_t_be_made_changes_nothing() {
    let (_node, owner) = stocked();
    let before = everything(&owner);
    let large = "x".repeat(600_000);
    let half = json!({"points": [1], "payload": {"a": large}});
    owner.post(&at("payload"), half).expect(200);
    let missing = "No point with id 77 found";
    for (route, body, because) in [
        (
            "payload",
            json!({"points": [2, 77], "payload": {"n": 5}}),
            missing,
        ),
        (
            "payload",
            json!({"points": [], "payload": {"n": 5}}),
            "Empty update request",
        ),
        (
            "payload",
            json!({"payload": {"n": 5}}),
            "`points` or `filter`",
        ),
        (
            "payload",
            json!({"points": [2], "payload": {"n": 5}, "key": "a..b"}),
            "payload path",
        ),
        (
            "payload",
            json!({"points": [2, 1], "payload": {"b": large}}),
            "the limit of 1048576",
        ),
        (
            "payload/delete",
            json!({"points": [2, 77], "keys": ["n"]}),
            missing,
        ),
        ("payload/clear", json!({"points": [2, 77]}), missing),
        (
            "vectors/delete",
            json!({"points": [2, 77], "vector": [""]}),
            missing,
        ),
        (
            "vectors/delete",
            json!({"points": [2], "vector": []}),
            "vector names",
        ),
        (
            "vectors/delete",
            json!({"points": [2], "vector": ["x"]}),
            "Not existing vector name error: x",
        ),
        (
            "batch",
            json!({"operations": [
                {"delete": {"points": [2]}},
                {"set_payload": {"points": [2], "payload": {"n": 5}}},
            ]}),
            "No point with id 2 found",
        ),
        (
            "batch",
            json!({"operations": [
                {"upsert": {"points": [{"id": 9, "vector": [1, 0, 0]}]}},
                {"upsert": {"points": [{"id": 9, "vector": [1, 0]}]}},
            ]}),
            "expected dim: 3, got 2",
        ),
        ("batch", json!({"operations": []}), "Empty update request"),
        ("batch", json!({"operations": [{"rename": {}}]}), "rename"),
    ] {
        refused(&owner.post(&at(route), body), because);
    }
    for (route, body, because) in [
        (
            "vectors",
            json!({"points": [{"id": 77, "vector": [1, 0, 0]}]}),
            missing,
        ),
        ("vectors", json!({"points": []}), "points to update"),
        (
            "vectors",
            json!({"points": [{"id": 2, "vector": {"x": [1]}}]}),
            "vector name error: x",
        ),
        (
            "vectors",
            json!({"points": [{"id": 2, "vector": [1]}]}),
            "expected dim: 3, got 1",
        ),
        (
            "payload",
            json!({"points": [2], "payload": {}, "key": "a"}),
            "`key`",
        ),
        (
            "payload?wait=maybe",
            json!({"points": [2], "payload": {}}),
            "wait",
        ),
        (
            "payload?ordering=none",
            json!({"points": [2], "payload": {}}),
            "ordering",
        ),
        (
            "payload?timeout=0",
            json!({"points": [2], "payload": {}}),
            "timeout",
        ),
    ] {
        refused(&owner.put(&at(route), body), because);
    }
    let many: Vec<u64> = (0..6_000).collect();
    let clear = json!({"clear_payload": {"points": many}});
    let over = json!({"operations": [clear, clear]});
    refused(&owner.post(&at("batch"), over), "the limit of 10000");
    let undo = json!({"points": [1], "keys": ["a"]});
    owner.post(&at("payload/delete"), undo).expect(200);
    assert_eq!(everything(&owner), before);
}

#[test]
fn what_was_changed_is_there_after_a_restart() {
    let (node, owner) = stocked();
    let key = owner.key.clone().unwrap();
    let set = json!({"points": [1], "payload": {"colour": "blue"}});
    owner.post(&at("payload"), set).expect(200);
    let out = json!({"points": [2], "vector": [""]});
    owner.post(&at("vectors/delete"), out).expect(200);
    let before = everything(&owner);
    let node = node.restart();
    assert_eq!(everything(&node.actor(&key)), before);
}

/// Writers that come together are planned together: each sees what those before it did, though it
/// isn't on disk yet.
#[test]
fn changes_that_come_together_lose_nothing_of_each_other() {
    let (_node, owner) = stocked();
    thread::scope(|scope| {
        for writer in 0..8_u64 {
            let owner = owner.clone();
            scope.spawn(move || {
                for turn in 0..40_u64 {
                    let fields = json!({format!("w{writer}"): turn});
                    let meant = if writer % 2 == 0 {
                        json!({"points": [1], "payload": fields})
                    } else {
                        let filter = json!({"must_not": [{"is_empty": {"key": "n"}}]});
                        json!({"filter": filter, "payload": fields})
                    };
                    owner.post(&at("payload"), meant).expect(200);
                }
            });
        }
    });
    let payload = payload(&owner, 1);
    for writer in 0..8 {
        assert_eq!(payload[format!("w{writer}")], 39, "{payload}");
    }
    assert_eq!(payload["n"], 1);
}
