//! What goes out.

use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::Receiver;
use crate::harness::{Actor, Node, Setup, Tenant};

fn node() -> Node {
    Node::with(Setup {
        webhook_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..Setup::default()
    })
}

/// A webhook for suspicious acts: its id and secret.
fn hook(owner: &Actor, url: &str) -> (String, String) {
    let body = json!({"url": url, "events": ["security.suspicious"]});
    let made = owner.post("/v1/webhooks", body).expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// Does something suspicious: uses a refresh token twice.
fn suspicious(node: &Node, tenant: &Tenant) {
    let pair = tenant.writer.post("/v1/token", json!({})).expect(200);
    let body = json!({"refresh_token": pair["refresh_token"]});
    let refresh = || node.stranger().post("/v1/token/refresh", body.clone());
    refresh().expect(200);
    refresh().expect(401);
}

fn deliveries(owner: &Actor, id: &str) -> Vec<Value> {
    let listed = owner.get(&format!("/v1/webhooks/{id}/deliveries"));
    listed.expect(200)["deliveries"].as_array().unwrap().clone()
}

/// Waits until the one delivery was tried so often.
fn tried(owner: &Actor, id: &str, attempts: u64) -> Value {
    for _ in 0..1_000 {
        let all = deliveries(owner, id);
        if all[0]["attempts"] == attempts {
            return all[0].clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!(
        "it wasn't tried {attempts} times: {:?}",
        deliveries(owner, id)
    );
}

fn wait_until_none(owner: &Actor, id: &str) {
    for _ in 0..1_000 {
        if deliveries(owner, id).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("something is left: {:?}", deliveries(owner, id));
}

#[test]
fn an_event_is_told_to_its_tenants_webhooks_signed_with_their_secrets() {
    let node = node();
    let (anna, berta) = (node.tenant("anna"), node.tenant("berta"));
    let (hers, others) = (Receiver::start(), Receiver::start());
    let (id, secret) = hook(&anna.owner, &format!("http://{}/hook", hers.address));
    let (_, other_secret) = hook(&berta.owner, &format!("http://{}/", others.address));
    let quiet = json!({"url": format!("http://{}/quiet", hers.address), "events": ["quota.near"]});
    anna.owner.post("/v1/webhooks", quiet).expect(201);
    suspicious(&node, &anna);
    let heard = hers.heard(1);
    wait_until_none(&anna.owner, &id);
    assert_eq!((heard.len(), heard[0].path.as_str()), (1, "/hook"));
    assert!(heard[0].is_signed(&secret));
    assert!(!heard[0].is_signed(&other_secret));
    let told = heard[0].json();
    assert_eq!(told["type"], "security.suspicious");
    assert_eq!(told["timestamp"], "2027-01-15T08:00:00.000Z");
    assert_eq!(told["data"]["what"], "refresh_token_reused");
    let key = anna.writer.get("/v1/self").expect(200)["key"]["id"].clone();
    assert_eq!(told["data"]["key_id"], key);
    // Berta's own is the first that hers hears of.
    suspicious(&node, &berta);
    let heard = others.heard(1);
    assert_eq!(heard.len(), 1);
    assert!(heard[0].is_signed(&other_secret));
    assert_eq!(hers.heard(1).len(), 1);
}

#[test]
fn an_owners_key_that_the_operator_makes_is_told_to_the_tenant() {
    let node = node();
    let anna = node.tenant("anna");
    let hers = Receiver::start();
    let (_, secret) = hook(&anna.owner, &format!("http://{}/hook", hers.address));
    let body = json!({"reason": "a test"});
    let made = node.operator().post("/v1/tenants/anna/recovery-key", body);
    let made = made.expect(201);
    let heard = hers.heard(1);
    assert!(heard[0].is_signed(&secret));
    let told = heard[0].json();
    assert_eq!(told["data"]["what"], "recovery_key");
    assert_eq!(told["data"]["key_id"], made["id"]);
}

#[test]
fn what_isnt_heard_is_tried_again_with_growing_pauses_then_kept_as_dead_and_replayed() {
    let node = node();
    let tenant = node.tenant("acme");
    let receiver = Receiver::start();
    receiver.answer(10, "500 Internal Server Error");
    let (id, secret) = hook(&tenant.owner, &format!("http://{}/", receiver.address));
    suspicious(&node, &tenant);
    let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
    let pauses = [
        Duration::from_secs(5),
        Duration::from_secs(5 * 60),
        Duration::from_secs(30 * 60),
        hours(2),
        hours(5),
        hours(10),
        hours(14),
        hours(20),
        hours(24),
    ];
    for (attempt, pause) in (1..).zip(pauses) {
        let waiting = tried(&tenant.owner, &id, attempt);
        assert_eq!(waiting["state"], "waiting");
        assert_eq!(waiting["failure"], "it answered 500");
        // Not before its pause, and at most a fifth after it.
        node.clock.advance(pause - Duration::from_secs(1));
        std::thread::sleep(Duration::from_millis(250));
        assert_eq!(deliveries(&tenant.owner, &id)[0]["attempts"], attempt);
        node.clock.advance(Duration::from_secs(1) + pause / 5);
    }
    let dead = tried(&tenant.owner, &id, 10);
    assert_eq!(
        (&dead["state"], &dead["next_attempt_at"]),
        (&json!("dead"), &Value::Null)
    );
    assert_eq!(node.metric("locule_webhooks_dead_total"), 1);
    node.clock.advance(hours(48));
    let heard = receiver.heard(10);
    assert_eq!(heard.len(), 10);
    for one in &heard {
        assert_eq!(one.headers["webhook-id"], heard[0].headers["webhook-id"]);
        assert!(one.is_signed(&secret));
    }
    assert_ne!(
        heard[0].headers["webhook-timestamp"],
        heard[9].headers["webhook-timestamp"]
    );

    let delivery = dead["id"].as_str().unwrap();
    let path = format!("/v1/webhooks/{id}/deliveries/{delivery}/replay");
    let replayed = tenant.owner.post(&path, json!({})).expect(202);
    assert_eq!(replayed["state"], "waiting");
    assert!(receiver.heard(11)[10].is_signed(&secret));
    wait_until_none(&tenant.owner, &id);
    tenant.owner.post(&path, json!({})).expect(404);
}

#[test]
fn what_is_to_be_sent_outlives_a_restart() {
    let node = node();
    let tenant = node.tenant("acme");
    let receiver = Receiver::start();
    receiver.answer(1, "503 Service Unavailable");
    let (id, _) = hook(&tenant.owner, &format!("http://{}/", receiver.address));
    suspicious(&node, &tenant);
    let before = tried(&tenant.owner, &id, 1);
    let node = node.restart();
    let owner = node.actor(tenant.owner.key.as_ref().unwrap());
    assert_eq!(deliveries(&owner, &id), [before]);
}

#[test]
fn a_webhook_leads_into_no_private_network_that_the_operator_hasnt_named() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let receiver = Receiver::start();
    let port = receiver.address.port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("https://2130706433:{port}/"),
    ] {
        let (id, _) = hook(&tenant.owner, &url);
        suspicious(&node, &tenant);
        let failed = tried(&tenant.owner, &id, 1);
        let why = failed["failure"].as_str().unwrap();
        assert!(why.contains("private network"), "{url}: {why}");
        assert_eq!(
            tenant.owner.delete(&format!("/v1/webhooks/{id}")).status,
            204
        );
    }
    assert!(receiver.heard(0).is_empty());
}

#[test]
fn a_redirect_is_a_failure_and_is_not_followed() {
    let node = node();
    let tenant = node.tenant("acme");
    let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
    receiver.answer(
        1,
        &format!("302 Found\r\nlocation: http://{}/", elsewhere.address),
    );
    let (id, _) = hook(&tenant.owner, &format!("http://{}/", receiver.address));
    suspicious(&node, &tenant);
    assert_eq!(tried(&tenant.owner, &id, 1)["failure"], "it answered 302");
    assert!(elsewhere.heard(0).is_empty());
}

#[test]
fn webhooks_are_their_tenants_owners_alone() {
    let node = Node::start();
    let (anna, berta) = (node.tenant("anna"), node.tenant("berta"));
    let (id, secret) = hook(&anna.owner, "https://hooks.example/");
    let listed = anna.owner.get("/v1/webhooks").expect(200);
    assert_eq!(listed["webhooks"][0]["id"], json!(id));
    assert!(!listed.to_string().contains(&secret), "shown once");
    let none = berta.owner.get("/v1/webhooks").expect(200);
    assert_eq!(none["webhooks"], json!([]));
    let missing = "0".repeat(32);
    for suffix in ["", "/deliveries"] {
        let ask = |id: &str| {
            let path = format!("/v1/webhooks/{id}{suffix}");
            let answer = match suffix {
                "" => berta.owner.delete(&path),
                _ => berta.owner.get(&path),
            };
            (answer.status, answer.text)
        };
        assert_eq!(ask(&id), ask(&missing), "no telling that it is there");
        assert_eq!(ask(&id).0, 404);
    }
    let operator = node.operator();
    for actor in [&anna.writer, &anna.inference, &anna.auditor, &operator] {
        actor.get("/v1/webhooks").expect(403);
        let body = json!({"url": "https://hooks.example/", "events": ["quota.near"]});
        actor.post("/v1/webhooks", body).expect(403);
    }
    let node = node.restart();
    let owner = node.actor(anna.owner.key.as_ref().unwrap());
    assert_eq!(owner.get("/v1/webhooks").expect(200), listed);
    owner.delete(&format!("/v1/webhooks/{id}")).expect(204);
    assert_eq!(owner.get("/v1/webhooks").expect(200)["webhooks"], json!([]));
}

#[test]
fn a_webhook_that_cant_work_is_refused_when_it_is_made() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let events = json!(["erasure.done"]);
    for (what, body) in [
        (
            "plain",
            json!({"url": "http://hooks.example/", "events": events}),
        ),
        ("no host", json!({"url": "https:///path", "events": events})),
        (
            "a user",
            json!({"url": "https://a:b@hooks.example/", "events": events}),
        ),
        (
            "a fragment",
            json!({"url": "https://hooks.example/#a", "events": events}),
        ),
        (
            "no URL at all",
            json!({"url": "hooks.example", "events": events}),
        ),
        (
            "long",
            json!({"url": format!("https://h.example/{}", "a".repeat(2048)), "events": events}),
        ),
        ("no events", json!({"url": "https://hooks.example/"})),
        (
            "none of the events",
            json!({"url": "https://hooks.example/", "events": []}),
        ),
        (
            "an event that isn't",
            json!({"url": "https://hooks.example/", "events": ["x"]}),
        ),
        ("no way", json!({})),
    ] {
        let answer = tenant.owner.post("/v1/webhooks", body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    }
    for _ in 0..16 {
        hook(&tenant.owner, "https://hooks.example/");
    }
    let body = json!({"url": "https://hooks.example/", "events": events});
    let full = tenant.owner.post("/v1/webhooks", body);
    assert_eq!(full.status, 400);
    assert!(full.message().contains("16"), "{}", full.text);
}
