//! Payload indexes on the wire: made, described, used, replaced, removed.

use serde_json::{Value, json};

use super::routes::{owner, refused, stocked};
use crate::harness::{Actor, Node};

const INDEX: &str = "/collections/docs/index";

fn make(owner: &Actor, field: &str, schema: Value) {
    let body = json!({"field_name": field, "field_schema": schema});
    let made = owner.put(&format!("{INDEX}?wait=true"), body).expect(200);
    assert_eq!(made["result"]["status"], "completed");
    assert!(made["result"]["operation_id"].is_u64(), "{made}");
}

fn schema(owner: &Actor) -> Value {
    owner.get("/collections/docs").expect(200)["result"]["payload_schema"].clone()
}

fn count(owner: &Actor, filter: &Value) -> u64 {
    let body = json!({"filter": filter});
    let path = "/collections/docs/points/count";
    owner.post(path, body).expect(200)["result"]["count"]
        .as_u64()
        .unwrap()
}

#[test]
fn an_index_is_described_with_its_type_and_how_many_points_it_holds() {
    let (node, owner) = stocked();
    assert_eq!(schema(&owner), json!({}));
    make(&owner, "n", json!("integer"));
    let params = json!({"type": "keyword", "is_tenant": true, "on_disk": false, "prefix": true});
    make(&owner, "colour", params.clone());
    make(&owner, "nothing.here", json!({"type": "datetime"}));
    owner.put_point("docs", 4, &[0.0, 1.0, 0.0], json!({"n": 4, "colour": 5}));
    let described = json!({
        "n": {"data_type": "integer", "points": 4},
        "colour": {"data_type": "keyword", "points": 3, "params": params},
        "nothing.here": {"data_type": "datetime", "points": 0, "params": {"type": "datetime"}},
    });
    assert_eq!(schema(&owner), described);
    let key = owner.key.clone().unwrap();
    let node = node.restart();
    assert_eq!(schema(&node.actor(&key)), described, "after a restart");
}

#[test]
fn an_index_follows_every_write() {
    let (node, owner) = stocked();
    let red = json!({"must": [{"key": "colour", "match": {"value": "red"}}]});
    let from_2 = json!({"must": [{"key": "n", "range": {"gte": 2}}]});
    make(&owner, "colour", json!("keyword"));
    make(&owner, "n", json!("float"));
    assert_eq!((count(&owner, &red), count(&owner, &from_2)), (3, 2));
    owner.put_point(
        "docs",
        1,
        &[1.0, 1.0, 0.0],
        json!({"n": 7, "colour": "blue"}),
    );
    owner.put_point(
        "docs",
        9,
        &[1.0, 1.0, 0.0],
        json!({"colour": ["blue", "red"]}),
    );
    assert_eq!((count(&owner, &red), count(&owner, &from_2)), (3, 3));
    let path = "/collections/docs/points/delete";
    owner.post(path, json!({"filter": from_2})).expect(200);
    assert_eq!((count(&owner, &red), count(&owner, &from_2)), (1, 0));
    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    assert_eq!((count(&owner, &red), count(&owner, &from_2)), (1, 0));
}

#[test]
fn making_an_index_again_changes_nothing_and_another_type_replaces_it() {
    let (_node, owner) = stocked();
    make(&owner, "n", json!("integer"));
    make(&owner, "n", json!("integer"));
    assert_eq!(
        schema(&owner),
        json!({"n": {"data_type": "integer", "points": 3}})
    );
    // The same path in another spelling.
    make(&owner, "\"n\"", json!("keyword"));
    assert_eq!(
        schema(&owner),
        json!({"\"n\"": {"data_type": "keyword", "points": 0}})
    );
    let all = json!({"must": [{"key": "n", "range": {"gte": 1}}]});
    assert_eq!(
        count(&owner, &all),
        3,
        "an index of another type hides nothing"
    );
}

#[test]
fn an_index_that_isn_t_there_is_as_good_as_removed() {
    let (_node, owner) = stocked();
    make(&owner, "n", json!("integer"));
    for _ in 0..2 {
        let removed = owner.delete(&format!("{INDEX}/n?wait=true")).expect(200);
        assert_eq!(removed["result"]["status"], "completed");
        assert_eq!(schema(&owner), json!({}));
    }
    make(&owner, "cities[].name", json!("keyword"));
    owner
        .delete(&format!("{INDEX}/cities%5B%5D.name"))
        .expect(200);
    assert_eq!(schema(&owner), json!({}));
    refused(&owner.delete("/collections/none/index/n"), "doesn't exist");
    refused(
        &owner.delete(&format!("{INDEX}/a..b")),
        "isn't a payload path",
    );
}

#[test]
fn what_isn_t_an_index_is_refused_by_name() {
    let (_node, owner) = stocked();
    let long = "x".repeat(1_025);
    for (field, schema, because) in [
        ("n", json!("number"), "there are keyword, integer, float"),
        (
            "n",
            json!({"type": "text", "tokenizer": "multilingual"}),
            "multilingual isn't supported",
        ),
        (
            "n",
            json!({"type": "text", "stopwords": "english"}),
            "`stopwords` isn't supported",
        ),
        (
            "n",
            json!({"type": "text", "stopwords": {"custom": ["the"]}}),
            "`stopwords` isn't supported",
        ),
        (
            "n",
            json!({"type": "text", "stemmer": {"type": "snowball", "language": "english"}}),
            "`stemmer` isn't supported",
        ),
        (
            "n",
            json!({"type": "text", "ascii_folding": true}),
            "`ascii_folding` isn't supported",
        ),
        (
            "n",
            json!({"type": "text", "min_token_len": 5, "max_token_len": 4}),
            "min_token_len is greater",
        ),
        (
            "n",
            json!({"type": "text", "max_token_len": -1}),
            "another type",
        ),
        (
            "n",
            json!({"type": "geo", "lowercase": true}),
            "unknown parameter",
        ),
        (
            "n",
            json!({"type": "keyword", "lookup": true}),
            "unknown parameter",
        ),
        (
            "n",
            json!({"type": "keyword", "is_tenant": 1}),
            "`is_tenant` has another type",
        ),
        (
            "n",
            json!({"type": "integer", "memory": "attic"}),
            "unknown placement",
        ),
        ("n", json!({"lookup": true}), "needs `type`"),
        ("n", json!(7), "name of a type"),
        ("n", Value::Null, "field_schema must be given"),
        ("", json!("keyword"), "isn't a payload path"),
        ("a[", json!("keyword"), "isn't a payload path"),
        (&long, json!("keyword"), "at most 1024 bytes"),
    ] {
        let body = json!({"field_name": field, "field_schema": schema});
        refused(&owner.put(INDEX, body), because);
    }
    refused(
        &owner.put(INDEX, json!({"field_schema": "keyword"})),
        "field_name",
    );
    let body = json!({"field_name": "n", "field_schema": "keyword"});
    refused(&owner.put("/collections/none/index", body), "doesn't exist");
    assert_eq!(schema(&owner), json!({}));
}

#[test]
fn a_collection_may_have_64_indexes() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    for number in 0..64 {
        make(&owner, &format!("f{number}"), json!("bool"));
    }
    let body = |field: &str| json!({"field_name": field, "field_schema": "keyword"});
    refused(&owner.put(INDEX, body("f64")), "64 payload indexes");
    // One that is there may still change, and one that goes makes room.
    owner.put(INDEX, body("f7")).expect(200);
    owner.delete(&format!("{INDEX}/f8")).expect(200);
    owner.put(INDEX, body("f64")).expect(200);
    assert_eq!(schema(&owner).as_object().unwrap().len(), 64);
}

#[test]
fn writers_make_indexes_and_inference_keys_only_use_them() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    make(&tenant.writer, "n", json!("integer"));
    let body = json!({"field_name": "m", "field_schema": "keyword"});
    tenant.inference.put(INDEX, body).expect(403);
    tenant.inference.delete(&format!("{INDEX}/n")).expect(403);
    tenant.writer.delete(&format!("{INDEX}/n")).expect(200);
}
