//! Ends that payloads tell.

use serde_json::{Value, json};

use super::{DAY, HOUR, MILLISECOND, START, count, ids, keep, vector};
use crate::harness::{Node, Tenant};

fn put(tenant: &Tenant, number: u64, payload: Value) {
    tenant
        .owner
        .put_point("docs", number, &vector(number), payload);
}

#[test]
fn a_point_ends_at_the_time_in_its_payload_however_that_is_spelled() {
    let node = Node::start();
    let tenant = node.tenant("anna");
    tenant.owner.create_collection("docs", 4, "Dot");
    keep(&tenant, json!({"field": "meta.end"}));
    let end = START + 3_600;
    for (number, value) in [
        json!(end),
        json!("2027-01-15T09:00:00Z"),
        json!("2027-01-15 10:00:00+01:00"),
        json!("2027-01-15T09:00"),
        // These don't end: not a time.
        json!(null),
        json!("in an hour"),
        json!([end]),
        json!({"at": end}),
        json!(true),
    ]
    .into_iter()
    .enumerate()
    {
        put(&tenant, number as u64, json!({"meta": {"end": value}}));
    }
    put(&tenant, 9, json!({"end": end}));
    node.clock.advance(HOUR - MILLISECOND);
    assert_eq!(count(&tenant), 10);
    node.clock.advance(MILLISECOND);
    assert_eq!(ids(&tenant), [4, 5, 6, 7, 8, 9]);
    node.clock.advance(50 * DAY);
    assert_eq!(count(&tenant), 6);
}

#[test]
fn a_change_of_the_field_changes_the_end() {
    let node = Node::start();
    let tenant = node.tenant("anna");
    tenant.owner.create_collection("docs", 4, "Dot");
    keep(&tenant, json!({"field": "end"}));
    for number in 0..4 {
        put(&tenant, number, json!({"end": START + 3_600}));
    }
    let path = "/collections/docs/points/payload";
    let later = json!({"payload": {"end": START + 7_200}, "points": [1]});
    tenant.owner.post(path, later).expect(200);
    let keys = json!({"keys": ["end"], "points": [2]});
    tenant
        .owner
        .post("/collections/docs/points/payload/delete", keys)
        .expect(200);
    node.clock.advance(HOUR);
    assert_eq!(ids(&tenant), [1, 2]);
    // Into the past: gone at once.
    let past = json!({"payload": {"end": 5}, "points": [2]});
    tenant.owner.post(path, past).expect(200);
    assert_eq!(ids(&tenant), [1]);
    node.clock.advance(HOUR);
    assert_eq!(count(&tenant), 0);
}

#[test]
fn a_point_that_has_ended_when_it_comes_is_never_there_and_takes_its_forerunner_with_it() {
    let node = Node::start();
    let tenant = node.tenant("anna");
    tenant.owner.create_collection("docs", 4, "Dot");
    keep(&tenant, json!({"field": "parts[].end"}));
    put(&tenant, 1, json!({"parts": [{"end": START + 9}]}));
    put(&tenant, 2, json!({"parts": []}));
    assert_eq!(ids(&tenant), [1, 2]);
    // The earliest of several counts.
    put(
        &tenant,
        1,
        json!({"parts": [{"end": START + 9}, {"end": START}]}),
    );
    put(&tenant, 3, json!({"parts": [{"end": START - 1}]}));
    assert_eq!(ids(&tenant), [2]);
    let node = node.restart();
    let owner = node.actor(tenant.owner.key.as_ref().unwrap());
    let found = owner.query("docs", &vector(1), 10);
    assert_eq!(found.len(), 1);
}
