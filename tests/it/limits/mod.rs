//! What a tenant may use at a time, and what a key may within that.

mod keys;
mod tenants;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Node};

fn set(node: &Node, quota: Value) {
    let body = json!({"quota": quota});
    let shown = node.operator().patch("/v1/tenants/acme", body).expect(200);
    for (name, value) in quota.as_object().unwrap() {
        assert_eq!(&shown["quota"][name], value, "{shown}");
    }
}

fn points(from: u64, count: u64) -> Value {
    let points = (from..from + count).map(|id| json!({"id": id, "vector": [1, 0]}));
    json!({"points": points.collect::<Vec<_>>()})
}

fn put(actor: &Actor, body: Value) -> u16 {
    actor.put("/collections/docs/points", body).status
}

fn retry_after(answer: &Answer) -> Duration {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let seconds = answer.headers["retry-after"].to_str().unwrap();
    Duration::from_secs(seconds.parse().unwrap())
}
