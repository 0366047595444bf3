//! What a key is good for in a time, within what its tenant may use.

use std::time::Duration;

use locule::engine::Work;
use serde_json::{Value, json};

use super::{points, put, retry_after, set};
use crate::harness::{Actor, Node, Tenant};

/// A key of a tenant, with limits of its own.
struct Limited {
    node: Node,
    acme: Tenant,
    id: String,
    key: Actor,
}

impl Limited {
    fn to(limits: Value) -> Self {
        let node = Node::start();
        let acme = node.tenant("acme");
        acme.owner.create_collection("docs", 2, "Dot");
        let body = json!({"name": "loader", "role": "writer", "limits": limits});
        let made = acme.owner.post("/v1/keys", body).expect(201);
        for (name, limit) in limits.as_object().unwrap() {
            assert_eq!(&made["limits"][name], limit);
        }
        Self {
            id: made["id"].as_str().unwrap().to_owned(),
            key: node.actor(made["key"].as_str().unwrap()),
            node,
            acme,
        }
    }

    /// Someone with a token of the key's.
    fn holder(&self) -> Actor {
        let pair = self.key.post("/v1/token", json!({})).expect(200);
        self.node.actor(pair["access_token"].as_str().unwrap())
    }

    /// What was recorded as limited: what was asked, and with which key.
    fn limited(&self) -> Vec<(String, String)> {
        self.acme.auditor.recorded("limited")
    }

    fn rotate(&self) -> Value {
        let path = format!("/v1/keys/{}/rotate", self.id);
        let grace = json!({"grace_seconds": 3600});
        self.acme.owner.post(&path, grace).expect(201)
    }
}

/// The bucket holds the longest body: two of these don't go in.
fn send_long(actor: &Actor) -> crate::harness::Answer {
    let body = json!({"points": [], "padding": "x".repeat(20 << 20)});
    actor.put("/collections/docs/points", body)
}

#[test]
fn a_key_past_its_own_rate_leaves_its_tenants_to_the_others() {
    let own = Limited::to(json!({"requests_per_second": 2}));
    set(&own.node, json!({"requests_per_second": 5}));
    let statuses = [(); 20].map(|()| own.key.get("/collections").status);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2);
    for _ in 0..3 {
        own.acme.writer.get("/collections").expect(200);
    }
    own.acme.writer.get("/collections").expect(429);
}

#[test]
fn a_key_past_its_own_bytes_leaves_its_tenants_to_the_others() {
    let own = Limited::to(json!({"bytes_per_second": 1 << 20}));
    set(&own.node, json!({"bytes_per_second": 50 << 20}));
    let holder = own.holder();
    assert_eq!(send_long(&own.key).status, 400, "it was read");
    let wait = retry_after(&send_long(&own.key));
    assert_eq!(
        retry_after(&send_long(&holder)),
        wait,
        "its token's are its"
    );
    assert_eq!(
        own.limited(),
        vec![("send_bytes".to_owned(), own.id.clone()); 2]
    );
    assert_eq!(send_long(&own.acme.writer).status, 400);
    retry_after(&send_long(&own.acme.owner));
    own.node.clock.advance(wait - Duration::from_secs(1));
    retry_after(&send_long(&holder));
    own.node.clock.advance(Duration::from_secs(1));
    assert_eq!(send_long(&holder).status, 400, "what was told is enough");
}

/// Or a key would wait for its own bucket once its tenant's is full again.
#[test]
fn what_its_tenant_is_refused_a_key_has_not_used_up() {
    let own = Limited::to(json!({"bytes_per_second": 1 << 20, "requests_per_second": 2}));
    set(&own.node, json!({"bytes_per_second": 1 << 20}));
    assert_eq!(send_long(&own.acme.owner).status, 400);
    for _ in 0..3 {
        retry_after(&send_long(&own.key));
    }
    set(
        &own.node,
        json!({"bytes_per_second": null, "requests_per_second": 1}),
    );
    own.acme.writer.get("/collections").expect(200);
    for _ in 0..5 {
        retry_after(&own.key.get("/collections"));
    }
    set(
        &own.node,
        json!({"bytes_per_second": null, "requests_per_second": null}),
    );
    assert_eq!(send_long(&own.key).status, 400);
    for _ in 0..2 {
        own.key.get("/collections").expect(200);
    }
    retry_after(&own.key.get("/collections"));
}

#[test]
fn past_what_it_may_have_in_flight_a_key_gets_429_and_the_others_do_not() {
    let own = Limited::to(json!({"concurrent_requests": 2}));
    let holder = own.holder();
    let [first, second] = [(); 2].map(|()| own.node.take_turn(&own.key, Work::Write));
    let wait = retry_after(&own.key.put("/collections/docs/points", points(0, 1)));
    assert_eq!(wait, Duration::from_secs(1));
    let refused = holder.put("/collections/docs/points", points(0, 1));
    let why = "this key's requests are in flight; its limit is 2";
    assert!(refused.message().contains(why), "{}", refused.text);
    let turn = ("wait_for_turn".to_owned(), own.id.clone());
    assert_eq!(own.limited(), vec![turn; 2]);
    // Of its work of another kind there is none.
    own.key.query("docs", &[1.0, 0.0], 1);
    assert_eq!(put(&own.acme.writer, points(0, 1)), 200);
    // What is in flight is so whatever is written down of the key meanwhile, and is no other key's.
    own.node.tend();
    assert_eq!(put(&own.key, points(0, 1)), 429);
    let next = own.rotate();
    assert_eq!(put(&own.key, points(0, 1)), 429);
    let next = own.node.actor(next["key"].as_str().unwrap());
    assert_eq!(put(&next, points(0, 1)), 200);
    drop(first);
    for at in 0..20 {
        assert_eq!(put(&own.key, points(at, 1)), 200);
    }
    let third = own.node.take_turn(&holder, Work::Write);
    assert_eq!(put(&own.key, points(0, 1)), 429);
    drop((second, third));
    assert_eq!(put(&own.key, points(0, 1)), 200);
}

#[test]
fn what_a_key_has_used_of_its_limits_is_used_whatever_is_written_down_of_it() {
    let own = Limited::to(json!({"requests_per_second": 2, "bytes_per_second": 1 << 20}));
    let watch = json!({"watch": {"suspend_after_refusals": 1}});
    own.key.get("/collections").expect(200);
    assert_eq!(send_long(&own.key).status, 400);
    let used_up = |what: &str| {
        retry_after(&send_long(&own.key));
        let refused = own.key.get("/collections");
        assert_eq!(refused.status, 429, "{what}: {}", refused.text);
    };
    own.key.get("/collections").expect(200);
    used_up("at first");
    own.node.tend();
    used_up("when its last use was written down");
    own.rotate();
    used_up("when its end was brought forward");
    let operator = own.node.operator();
    operator.patch("/v1/tenants/acme", watch).expect(200);
    own.node.clock.advance(Duration::from_secs(1));
    own.key.get("/v1/keys").expect(403);
    own.key.get("/collections").expect(401);
    let resume = format!("/v1/keys/{}/resume", own.id);
    own.acme.owner.post(&resume, json!({})).expect(200);
    own.key.get("/collections").expect(200);
    used_up("when it was suspended and resumed");
}

#[test]
fn a_keys_limits_are_shown_outlive_a_restart_and_are_handed_on() {
    let limits =
        json!({"requests_per_second": 50, "bytes_per_second": 1 << 20, "concurrent_requests": 3});
    let own = Limited::to(limits.clone());
    let next = own.rotate();
    assert_eq!(next["limits"], limits);
    let node = own.node.restart();
    let owner = own.acme.on(&node).owner;
    let listed = owner.get("/v1/keys").expect(200);
    let report = owner.get("/v1/report").expect(200);
    for keys in [&listed["keys"], &report["keys"]] {
        let limited = |key: &&Value| [&json!(own.id), &next["id"]].contains(&&key["id"]);
        let limited: Vec<_> = keys.as_array().unwrap().iter().filter(limited).collect();
        assert_eq!(limited.len(), 2);
        assert!(limited.iter().all(|key| key["limits"] == limits), "{keys}");
    }
    let page = owner.get("/v1/report?format=html").text;
    let cell = "<th>bytes_per_second</th><td>1048576</td>";
    assert_eq!(page.matches(cell).count(), 2, "{page}");
    let key = node.actor(own.key.key.as_ref().unwrap());
    assert_eq!(key.get("/v1/self").expect(200)["key"]["limits"], limits);
    assert_eq!([send_long(&key).status, send_long(&key).status], [400, 429]);
}

#[test]
fn limits_of_a_key_that_make_no_sense_are_refused_by_name() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    let mut limits: Vec<_> = [
        "requests_per_second",
        "bytes_per_second",
        "concurrent_requests",
    ]
    .into_iter()
    .flat_map(|name| [0, 1_u64 << 32].map(|limit| (json!({name: limit}), "nonzero u32")))
    .collect();
    limits.extend([
        (json!({"bytes_per_second": "5"}), "nonzero"),
        // A key stores nothing.
        (json!({"points_max": 5}), "points_max"),
        (json!({"disk_bytes_max": 5}), "disk_bytes_max"),
        (json!(5), "KeyLimits"),
    ]);
    for (limits, word) in limits {
        let body = json!({"name": "k", "role": "writer", "limits": limits});
        let answer = owner.post("/v1/keys", body);
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.message().contains(word), "{}", answer.text);
    }
    let none = json!({"name": "k", "role": "writer", "limits": null});
    let made = owner.post("/v1/keys", none).expect(201);
    let nothing = json!({"requests_per_second": null, "bytes_per_second": null,
        "concurrent_requests": null});
    assert_eq!(made["limits"], nothing);
}
