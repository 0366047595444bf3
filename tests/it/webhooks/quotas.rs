//! A tenant hears of a quota before it is used up.

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::harness::{Node, Setup, Tenant};

fn node() -> Node {
    Node::with(Setup {
        webhook_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..Setup::default()
    })
}

/// A tenant with a collection and a webhook for quotas.
fn listening(node: &Node, id: &str) -> (Tenant, Receiver) {
    let (tenant, receiver) = (node.tenant(id), Receiver::start());
    tenant.owner.create_collection("docs", 2, "Dot");
    let hook = json!({"url": format!("http://{}/", receiver.address), "events": ["quota.near"]});
    tenant.owner.post("/v1/webhooks", hook).expect(201);
    (tenant, receiver)
}

fn set(node: &Node, id: &str, quota: Value) {
    let path = format!("/v1/tenants/{id}");
    let quota = json!({"quota": quota});
    node.operator().patch(&path, quota).expect(200);
}

fn put(tenant: &Tenant, ids: std::ops::Range<u64>) {
    let points: Vec<_> = ids.map(|id| json!({"id": id, "vector": [1, 0]})).collect();
    let path = "/collections/docs/points?wait=true";
    tenant
        .writer
        .put(path, json!({"points": points}))
        .expect(200);
}

fn near(node: &Node) -> u64 {
    node.tend();
    node.metric("locule_quotas_near")
}

#[test]
fn a_quota_of_points_that_is_nearly_used_up_is_told_once_until_it_has_been_freed_again() {
    let node = node();
    let (acme, receiver) = listening(&node, "acme");
    let (globex, others) = listening(&node, "globex");
    set(&node, "acme", json!({"points_max": 20}));
    put(&globex, 0..100);
    put(&acme, 0..15);
    assert_eq!(near(&node), 0);
    put(&acme, 15..16);
    assert_eq!(near(&node), 1);
    let first = receiver.heard(1)[0].json();
    assert_eq!(first["type"], "quota.near");
    let told = json!({"quota": "points_max", "used": 16, "limit": 20});
    assert_eq!(first["data"], told);
    // It isn't told again while it stays near, and not for having been a little less near.
    put(&acme, 16..20);
    assert_eq!(near(&node), 1);
    let remove = |ids: Value| {
        let path = "/collections/docs/points/delete";
        acme.writer.post(path, json!({"points": ids})).expect(200);
    };
    remove(json!([0, 1, 2, 3, 4]));
    assert_eq!(near(&node), 1);
    put(&acme, 0..1);
    assert_eq!(near(&node), 1);
    // But once there was room again, it is.
    remove(json!([0, 5]));
    assert_eq!(near(&node), 0);
    put(&acme, 0..5);
    assert_eq!(near(&node), 1);
    let heard = receiver.heard(2);
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[1].json()["data"]["used"], 19);
    // A quota that is lifted is near nothing.
    set(&node, "acme", json!({"points_max": null}));
    assert_eq!(near(&node), 0);
    assert!(others.heard(0).is_empty());
}

#[test]
fn a_quota_of_bytes_on_disk_is_told_too_and_goes_with_its_tenant() {
    let node = node();
    let (acme, receiver) = listening(&node, "acme");
    put(&acme, 0..100);
    set(&node, "acme", json!({"disk_bytes_max": 1_000_000_000}));
    assert_eq!(near(&node), 0);
    set(&node, "acme", json!({"disk_bytes_max": 1_000}));
    assert_eq!(near(&node), 1);
    let told = receiver.heard(1)[0].json()["data"].clone();
    assert_eq!(
        (&told["quota"], &told["limit"]),
        (&json!("disk_bytes_max"), &json!(1_000))
    );
    assert!(told["used"].as_u64().unwrap() > 1_000, "{told}");
    node.operator().delete("/v1/tenants/acme").expect(202);
    assert_eq!(near(&node), 0);
}
