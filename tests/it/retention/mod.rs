//! A point whose end has come is in no answer from that millisecond on, whatever is asked, on a
//! partition that is open, was closed or comes from a stored index; and within the bound it is gone
//! from the disk.

mod erasures;
mod fields;
mod partition;
mod routes;
mod settings;
mod sweeps;
mod untold;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Node, Tenant};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);
/// When nodes of these tests start, in seconds since 1970.
const START: u64 = 1_800_000_000;

/// A tenant with a collection of one point an hour: number 0 first.
fn hourly(node: &Node, points: u64) -> Tenant {
    let tenant = node.tenant("anna");
    tenant.owner.create_collection("docs", 4, "Dot");
    for number in 0..points {
        if number > 0 {
            node.clock.advance(HOUR);
        }
        tenant
            .owner
            .put_point("docs", number, &vector(number), payload(number));
    }
    tenant
}

fn vector(number: u64) -> [f32; 4] {
    [1.0, f32::from(u8::try_from(number).unwrap()), 0.5, -1.0]
}

fn payload(number: u64) -> Value {
    json!({"number": number, "text": format!("text-{number}"), "kind": "hourly"})
}

fn keep(tenant: &Tenant, body: Value) {
    tenant.owner.put("/v1/retention/docs", body).expect(200);
}

/// The ids that a scroll finds.
fn ids(tenant: &Tenant) -> Vec<u64> {
    let body = json!({"limit": 1_000});
    let answer = tenant.owner.post("/collections/docs/points/scroll", body);
    let points = answer.expect(200)["result"]["points"].clone();
    let points = points.as_array().unwrap();
    points
        .iter()
        .map(|point| point["id"].as_u64().unwrap())
        .collect()
}

fn count(tenant: &Tenant) -> u64 {
    let answer = tenant
        .owner
        .post("/collections/docs/points/count", json!({}));
    answer.expect(200)["result"]["count"].as_u64().unwrap()
}

#[test]
fn a_point_ends_so_many_days_after_its_last_write_to_the_millisecond() {
    let node = Node::start();
    let tenant = hourly(&node, 3);
    keep(&tenant, json!({"ttl_days": 2}));
    node.clock.advance(2 * DAY - 2 * HOUR - MILLISECOND);
    assert_eq!(ids(&tenant), [0, 1, 2]);
    node.clock.advance(MILLISECOND);
    assert_eq!(ids(&tenant), [1, 2]);
    // A write begins the days anew, one of the payload alone too.
    let touched = json!({"payload": {"more": true}, "points": [1]});
    tenant
        .owner
        .post("/collections/docs/points/payload", touched)
        .expect(200);
    node.clock.advance(2 * HOUR);
    assert_eq!(ids(&tenant), [1]);
    node.clock.advance(2 * DAY - 2 * HOUR - MILLISECOND);
    assert_eq!(ids(&tenant), [1]);
    node.clock.advance(MILLISECOND);
    assert_eq!(count(&tenant), 0);
}

#[test]
fn what_has_ended_is_gone_after_a_restart_too_and_on_a_tenant_that_was_cold() {
    let node = Node::start();
    let tenant = hourly(&node, 4);
    keep(&tenant, json!({"ttl_days": 1}));
    node.clock.advance(DAY - 3 * HOUR);
    let stopped = node.stop();
    let node = stopped.start();
    let again = |node: &Node| Tenant {
        id: tenant.id.clone(),
        owner: node.actor(tenant.owner.key.as_ref().unwrap()),
        writer: node.actor(tenant.writer.key.as_ref().unwrap()),
        inference: node.actor(tenant.inference.key.as_ref().unwrap()),
        auditor: node.actor(tenant.auditor.key.as_ref().unwrap()),
    };
    // It ended while nobody looked; the first who asks sees none of it.
    let found = again(&node).inference.query("docs", &vector(1), 10);
    let found: Vec<u64> = found
        .iter()
        .map(|point| point["id"].as_u64().unwrap())
        .collect();
    assert_eq!(found, [3, 2, 1]);
    node.clock.advance(HOUR);
    assert_eq!(ids(&again(&node)), [2, 3]);
    let node = node.restart();
    assert_eq!(ids(&again(&node)), [2, 3]);
    node.clock.advance(HOUR);
    let node = node.restart();
    assert_eq!(count(&again(&node)), 1);
}
