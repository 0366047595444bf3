//! Keys: rotated, limited, warned of, known by their use.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Actor, Node, Setup};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn listed(owner: &Actor, id: &Value) -> Value {
    let keys = owner.get("/v1/keys").expect(200);
    let keys = keys["keys"].as_array().unwrap();
    keys.iter().find(|key| key["id"] == *id).unwrap().clone()
}

#[test]
fn a_rotated_key_is_good_for_its_grace_and_its_successor_is_what_it_was() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let body = json!({"name": "loader", "role": "writer", "collections": ["docs"],
        "allowed_ips": ["127.0.0.0/8"], "expires_in_days": 30,
        "limits": {"requests_per_second": 50}});
    let made = tenant.owner.post("/v1/keys", body).expect(201);
    let old = node.actor(made["key"].as_str().unwrap());
    node.clock.advance(DAY * 10);
    let path = format!("/v1/keys/{}/rotate", made["id"].as_str().unwrap());
    let next = tenant
        .owner
        .post(&path, json!({"grace_seconds": 3600}))
        .expect(201);
    for field in ["name", "role", "collections", "allowed_ips", "limits"] {
        assert_eq!(next[field], made[field], "{field}");
    }
    assert_eq!(next["replaces"], made["id"]);
    assert_eq!(next["expires_at"], "2027-02-24T08:00:00.000Z");
    let new = node.actor(next["key"].as_str().unwrap());
    node.clock.advance(Duration::from_secs(3599));
    old.get("/v1/self").expect(200);
    new.get("/v1/self").expect(200);
    let node = node.restart();
    let (old, new) = (
        node.actor(old.key.as_ref().unwrap()),
        node.actor(new.key.as_ref().unwrap()),
    );
    old.get("/v1/self").expect(200);
    node.clock.advance(Duration::from_secs(1));
    old.get("/v1/self").expect(401);
    new.get("/v1/self").expect(200);
}

#[test]
fn only_the_owner_rotates_and_only_the_tenants_own_keys_and_never_to_live_longer() {
    let node = Node::start();
    let (anna, berta) = (node.tenant("anna"), node.tenant("berta"));
    let body = json!({"name": "short", "role": "writer", "expires_in_days": 1});
    let made = anna.owner.post("/v1/keys", body).expect(201);
    let path = format!("/v1/keys/{}/rotate", made["id"].as_str().unwrap());
    anna.writer.post(&path, json!({})).expect(403);
    let hers = berta.owner.post(&path, json!({}));
    let none = berta
        .owner
        .post("/v1/keys/0123456789abcdef/rotate", json!({}));
    assert_eq!((hers.status, hers.text), (404, none.text));
    anna.owner
        .post(&path, json!({"grace_seconds": 2_592_001}))
        .expect(400);
    anna.owner
        .post(&path, json!({"grace_seconds": 2_592_000}))
        .expect(201);
    let old = node.actor(made["key"].as_str().unwrap());
    node.clock.advance(DAY - Duration::from_millis(1));
    old.get("/v1/self").expect(200);
    node.clock.advance(Duration::from_millis(1));
    old.get("/v1/self").expect(401);
}

#[test]
fn a_key_that_ends_within_two_weeks_is_warned_of() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let warned = |actor: &Actor| {
        let answer = actor.get("/collections");
        let ends = answer.headers.get("locule-key-expires");
        ends.map(|ends| ends.to_str().unwrap().to_owned())
    };
    assert_eq!(warned(&tenant.writer), None);
    node.clock.advance(DAY * 76 - Duration::from_millis(1));
    assert_eq!(warned(&tenant.writer), None);
    node.clock.advance(Duration::from_millis(1));
    let end = Some("2027-04-15T08:00:00.000Z".to_owned());
    assert_eq!(warned(&tenant.writer), end);
    let pair = tenant.writer.post("/v1/token", json!({})).expect(200);
    let holder = node.actor(pair["access_token"].as_str().unwrap());
    assert_eq!(warned(&holder), end, "a token's holder, too");
    assert_eq!(warned(&node.operator()), None);
    let node = node.restart();
    assert_eq!(node.metric("locule_keys_expiring"), 4);
}

#[test]
fn when_a_key_was_used_last_is_shown_and_outlives_a_restart() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let made = tenant
        .owner
        .post("/v1/keys", json!({"name": "k", "role": "writer"}))
        .expect(201);
    let key = node.actor(made["key"].as_str().unwrap());
    assert_eq!(
        listed(&tenant.owner, &made["id"])["last_used_at"],
        Value::Null
    );
    node.clock.advance(Duration::from_secs(60));
    key.get("/v1/self").expect(200);
    node.clock.advance(Duration::from_secs(60));
    let used = json!("2027-01-15T08:01:00.000Z");
    assert_eq!(listed(&tenant.owner, &made["id"])["last_used_at"], used);
    let node = node.restart();
    let owner = node.actor(tenant.owner.key.as_ref().unwrap());
    assert_eq!(listed(&owner, &made["id"])["last_used_at"], used);
}

#[test]
fn a_key_with_a_limit_of_its_own_is_held_to_it_and_others_arent() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let body = json!({"name": "k", "role": "writer", "limits": {"requests_per_second": 2}});
    let made = tenant.owner.post("/v1/keys", body).expect(201);
    let key = node.actor(made["key"].as_str().unwrap());
    for _ in 0..2 {
        key.get("/collections").expect(200);
    }
    let refused = key.get("/collections");
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "1");
    tenant.writer.get("/collections").expect(200);
    node.clock.advance(Duration::from_millis(500));
    key.get("/collections").expect(200);
    key.get("/collections").expect(429);
    let none = json!({"name": "k", "role": "writer", "limits": {"requests_per_second": 0}});
    tenant.owner.post("/v1/keys", none).expect(400);
}

/// One that another node made and printed, say.
#[test]
fn an_operator_key_that_the_configuration_supplies_may_look_like_any_other() {
    for key in [
        format!("lcl_0123456789abcdef_{}", "5".repeat(64)),
        format!("lcl_no-id_{}", "5".repeat(64)),
        "7f".repeat(32),
    ] {
        let node = Node::with(Setup {
            operator_key: Some(key.clone()),
            ..Setup::default()
        });
        node.actor(&key).get("/v1/tenants").expect(200);
        let almost = format!("{}0", &key[..key.len() - 1]);
        node.actor(&almost).get("/v1/tenants").expect(401);
    }
}

#[test]
fn a_tenants_key_that_the_configuration_supplies_makes_nobody_an_operator() {
    let node = Node::start();
    let acme = node.tenant("acme");
    let key = acme.owner.key.clone().unwrap();
    let node = node.stop().start_with(Setup {
        operator_key: Some(key.clone()),
        ..Setup::default()
    });
    node.actor(&key).get("/v1/tenants").expect(403);
    node.actor(&key).get("/v1/keys").expect(200);
}

#[test]
fn a_credentials_scheme_is_written_in_any_case() {
    let node = Node::start();
    let key = node.tenant("acme").owner.key.unwrap();
    let status = |credential: &str| {
        let head = [("authorization", credential)];
        let answer = node.stranger().send(Method::GET, "/v1/self", &head, None);
        answer.status
    };
    for scheme in ["Bearer ", "bearer ", "BEARER  ", "bEaReR ", ""] {
        assert_eq!(status(&format!("{scheme}{key}")), 200, "{scheme}");
    }
    for scheme in ["Basic ", "Bearer", "Bearer Bearer ", "Bearer: "] {
        assert_eq!(status(&format!("{scheme}{key}")), 401, "{scheme}");
    }
}

/// Whoever uses it has to change over to something; and it lives no longer for that.
#[test]
fn a_key_whose_successor_was_revoked_is_rotated_again_while_it_is_good() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    let body = json!({"name": "k", "role": "writer", "expires_in_days": 30});
    let made = owner.post("/v1/keys", body).expect(201);
    let rotate = |grace: u64| {
        let path = format!("/v1/keys/{}/rotate", made["id"].as_str().unwrap());
        owner.post(&path, json!({"grace_seconds": grace}))
    };
    let revoke = |id: &Value| owner.delete(&format!("/v1/keys/{}", id.as_str().unwrap()));
    node.clock.advance(DAY * 10);
    let first = rotate(3600).expect(201);
    rotate(3600).expect(409);
    assert_eq!(revoke(&first["id"]).status, 204);
    let second = rotate(2_592_000).expect(201);
    assert_eq!(second["replaces"], made["id"]);
    // The end that was brought forward stands, and the new one is good for as long as its old one is by now.
    assert_eq!(second["old_key_expires_at"], first["old_key_expires_at"]);
    assert_eq!(first["expires_at"], "2027-02-24T08:00:00.000Z");
    assert_eq!(second["expires_at"], "2027-02-04T09:00:00.000Z");
    node.actor(first["key"].as_str().unwrap())
        .get("/collections")
        .expect(401);
    for key in [&made, &second] {
        let key = node.actor(key["key"].as_str().unwrap());
        key.get("/collections").expect(200);
    }
    assert_eq!(revoke(&second["id"]).status, 204);
    node.clock.advance(Duration::from_secs(3600));
    let refused = rotate(3600);
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.message().contains("has ended"), "{}", refused.text);
}

#[test]
fn a_key_that_was_rotated_or_has_ended_gets_no_other_successor() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    let make = |days: u32| {
        let body = json!({"name": "k", "role": "writer", "expires_in_days": days});
        owner.post("/v1/keys", body).expect(201)["id"].clone()
    };
    let rotate = |id: &Value| {
        let path = format!("/v1/keys/{}/rotate", id.as_str().unwrap());
        owner.post(&path, json!({"grace_seconds": 3600}))
    };
    let (long, short) = (make(30), make(1));
    let next = rotate(&long).expect(201);
    let next_id = next["id"].as_str().unwrap();
    for _ in 0..2 {
        let refused = rotate(&long);
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert!(refused.message().contains(next_id), "{}", refused.text);
        node.clock.advance(DAY);
    }
    let refused = rotate(&short);
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.message().contains("has ended"), "{}", refused.text);
    // The successor itself is rotated as any other, and lives as long.
    let third = rotate(&next["id"]).expect(201);
    assert_eq!(third["expires_at"], "2027-02-16T08:00:00.000Z");
}
