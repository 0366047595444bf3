//! What a tenant may use.

use std::time::Duration;

use serde_json::{Value, json};

use super::routes::{count, refused};
use crate::harness::Node;

#[test]
fn points_max_counts_all_collections_and_lets_points_be_replaced() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let other = node.tenant("globex").owner;
    let set = |points_max: Value| {
        let quota = json!({"quota": {"points_max": points_max}});
        node.operator().patch("/v1/tenants/acme", quota).expect(200);
    };
    let put = |collection: &str, ids: std::ops::Range<u64>| {
        let points: Vec<Value> = ids.map(|id| json!({"id": id, "vector": [1, 0]})).collect();
        let path = format!("/collections/{collection}/points");
        tenant.writer.put(&path, json!({"points": points}))
    };
    let full = "quota of 5 points would be exceeded";
    tenant.writer.create_collection("a", 2, "Dot");
    tenant.writer.create_collection("b", 2, "Dot");
    set(json!(5));
    put("a", 0..3).expect(200);
    put("b", 0..2).expect(200);
    let answer = put("b", 2..3);
    assert_eq!(answer.status, 403, "{}", answer.text);
    refused(&answer, full);
    // A batch that has room for some has room for none.
    refused(&put("a", 2..4), full);
    assert_eq!(
        (count(&tenant.writer, "a"), count(&tenant.writer, "b")),
        (3, 2)
    );
    put("a", 0..3).expect(200);
    let removed = json!({"points": [0]});
    tenant
        .writer
        .post("/collections/a/points/delete", removed)
        .expect(200);
    put("b", 2..3).expect(200);
    refused(&put("a", 0..1), full);

    // The quota survives a restart, and another tenant has none.
    other.create_collection("a", 2, "Dot");
    let points: Vec<Value> = (0..20)
        .map(|id| json!({"id": id, "vector": [1, 0]}))
        .collect();
    other
        .put("/collections/a/points", json!({"points": points}))
        .expect(200);
    let key = tenant.writer.key.clone().unwrap();
    let node = node.restart();
    let writer = node.actor(&key);
    let point = json!({"points": [{"id": 9, "vector": [1, 0]}]});
    refused(&writer.put("/collections/a/points", point.clone()), full);
    let quota = json!({"quota": {"points_max": 6}});
    node.operator().patch("/v1/tenants/acme", quota).expect(200);
    writer.put("/collections/a/points", point).expect(200);
}

#[test]
fn requests_past_the_rate_get_429_with_retry_after_until_time_has_passed() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let other = node.tenant("globex").owner;
    tenant.owner.create_collection("docs", 2, "Dot");
    let quota = json!({"quota": {"requests_per_second": 4}});
    node.operator().patch("/v1/tenants/acme", quota).expect(200);
    let ask = || tenant.inference.get("/collections/docs");
    // The clock stands still: a second's worth, and not one more.
    for _ in 0..4 {
        ask().expect(200);
    }
    for _ in 0..3 {
        let answer = ask();
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.message().is_empty());
    }
    // All keys of the tenant share the rate; other tenants and the operator don't.
    assert_eq!(tenant.owner.get("/collections").status, 429);
    other.get("/collections").expect(200);
    node.operator().get("/v1/tenants").expect(200);
    node.clock.advance(Duration::from_millis(250));
    ask().expect(200);
    assert_eq!(ask().status, 429);
    node.clock.advance(Duration::from_secs(60));
    for _ in 0..4 {
        ask().expect(200);
    }
    assert_eq!(ask().status, 429, "an idle minute isn't saved up");
    let lifted = json!({"quota": {"requests_per_second": null}});
    node.operator()
        .patch("/v1/tenants/acme", lifted)
        .expect(200);
    for _ in 0..20 {
        ask().expect(200);
    }
}
