//! What a tenant's webhooks are told of: a key that ends, an erasure that is done, a tenant that is
//! closed.

use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::harness::{Node, Setup, Tenant};

fn node() -> Node {
    Node::with(Setup {
        webhook_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..Setup::default()
    })
}

/// A tenant with a webhook for these events.
fn listening(node: &Node, id: &str, event: &str) -> (Tenant, Receiver) {
    let (tenant, receiver) = (node.tenant(id), Receiver::start());
    let hook = json!({"url": format!("http://{}/", receiver.address), "events": [event]});
    tenant.owner.post("/v1/webhooks", hook).expect(201);
    (tenant, receiver)
}

/// What was told, once that is so much, without when.
fn told(receiver: &Receiver, least: usize) -> Vec<(Value, Value)> {
    let heard = receiver.heard(least).into_iter();
    heard
        .map(|heard| {
            let told = heard.json();
            (told["type"].clone(), told["data"].clone())
        })
        .collect()
}

#[test]
fn a_key_that_ends_within_two_weeks_is_told_once() {
    let node = node();
    let (acme, receiver) = listening(&node, "acme", "key.expiring");
    let (_globex, others) = listening(&node, "globex", "key.expiring");
    let key = |days: u64| {
        let body = json!({"name": "a key", "role": "writer", "expires_in_days": days});
        acme.owner.post("/v1/keys", body).expect(201)
    };
    let event = |key: &Value| {
        let data = json!({"key_id": key["id"], "expires_at": key["expires_at"]});
        (json!("key.expiring"), data)
    };
    let (first, second) = (key(15), key(17));
    node.tend();
    let day = Duration::from_secs(24 * 60 * 60);
    node.clock.advance(day);
    node.tend();
    assert_eq!(told(&receiver, 1), [event(&first)]);
    node.clock.advance(day);
    node.tend();
    node.clock.advance(day);
    node.tend();
    assert_eq!(told(&receiver, 2), [event(&first), event(&second)]);
    assert!(others.heard(0).is_empty());
}

#[test]
fn an_erasure_that_is_done_is_told_with_its_points() {
    let node = node();
    let (acme, receiver) = listening(&node, "acme", "erasure.done");
    let (_globex, others) = listening(&node, "globex", "erasure.done");
    acme.owner.create_collection("docs", 2, "Dot");
    for id in 1..=3 {
        acme.owner.put_point("docs", id, &[1.0, 0.0], json!({}));
    }
    let scope = json!({"points": {"collection": "docs", "ids": [1, 2]}});
    let body = json!({"reason": "a test", "scope": scope});
    let erasure = acme.owner.post("/v1/erasures?wait=60", body);
    assert!([200, 202].contains(&erasure.status), "{}", erasure.text);
    let data = json!({"erasure_id": erasure["id"], "points": 2});
    assert_eq!(told(&receiver, 1), [(json!("erasure.done"), data)]);
    assert!(others.heard(0).is_empty());
}

#[test]
fn a_tenant_that_is_contained_is_told_so_whoever_did_it() {
    let node = node();
    let (acme, receiver) = listening(&node, "acme", "tenant.contained");
    let (_globex, others) = listening(&node, "globex", "tenant.contained");
    let contained = [(json!("tenant.contained"), json!({}))];
    acme.owner.post("/v1/contain", json!({})).expect(200);
    assert_eq!(told(&receiver, 1), contained);
    assert!(others.heard(0).is_empty());
    let path = "/v1/tenants/globex/contain";
    node.operator().post(path, json!({})).expect(200);
    assert_eq!(told(&others, 1), contained);
}
