//! Keys that aren't good, or not good any more, are good for nothing on any route.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    routes::{Does, ROUTES},
    twins::{Twins, everything_of},
};
use crate::harness::{Actor, Answer, Tenant};

/// Every route is refused with this status, in the same words, for what exists and what doesn't.
#[track_caller]
fn is_refused_everywhere(actor: &Actor, status: u16, words: &str) {
    for route in ROUTES {
        let answers: Vec<Answer> = [("docs", 1), ("docs", 1000), ("nowhere", 1)]
            .map(|(collection, id)| route.ask(actor, collection, &json!(id)))
            .into();
        for answer in &answers {
            let what = format!("{}: {}", route.name(), answer.text);
            assert_eq!(answer.status, status, "{what}");
            assert!(answer.message().contains(words), "{what}");
            assert_eq!(answer.text, answers[0].text, "{what}");
        }
    }
}

fn key(tenant: &Tenant, twins: &Twins, body: &Value) -> (String, Actor) {
    let mut fields = json!({"name": "a key", "role": "owner"});
    fields
        .as_object_mut()
        .unwrap()
        .extend(body.as_object().unwrap().clone());
    let made = tenant.owner.post("/v1/keys", fields).expect(201);
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), twins.node.actor(&text("key")))
}

#[test]
fn a_stranger_is_answered_the_same_everywhere() {
    let twins = Twins::new();
    is_refused_everywhere(&twins.node.stranger(), 401, "Must provide an API key");
    let good = twins.anna.owner.key.clone().unwrap();
    let (id, secret) = good.strip_prefix("lcl_").unwrap().split_once('_').unwrap();
    let other = twins.berta.owner.key.clone().unwrap();
    let other_id = other
        .strip_prefix("lcl_")
        .unwrap()
        .split_once('_')
        .unwrap()
        .0;
    for key in [
        "nonsense".to_owned(),
        format!("lcl_{id}"),
        format!("lcl_{id}_"),
        format!("lcl_{id}_{}", "0".repeat(64)),
        // A right secret under another tenant's key id, and the other way around.
        format!("lcl_{other_id}_{secret}"),
        format!("lcl_0000000000000000_{secret}"),
        good.to_uppercase(),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
    ] {
        is_refused_everywhere(&twins.node.actor(&key), 401, "the API key isn't known");
    }
}

#[test]
fn the_operators_key_opens_no_tenants_data() {
    let twins = Twins::new();
    let before = [everything_of(&twins.anna), everything_of(&twins.berta)];
    is_refused_everywhere(&twins.node.operator(), 403, "the role `operator` may not");
    is_refused_everywhere(&twins.anna.auditor, 403, "the role `auditor` may not");
    assert_eq!(
        before,
        [everything_of(&twins.anna), everything_of(&twins.berta)]
    );
}

#[test]
fn a_suspended_tenants_keys_are_refused_until_it_is_resumed() {
    let twins = Twins::new();
    let before = everything_of(&twins.anna);
    let operator = twins.node.operator();
    operator
        .post("/v1/tenants/anna/suspend", json!({}))
        .expect(200);
    for actor in [&twins.anna.owner, &twins.anna.writer] {
        for route in ROUTES {
            let answer = route.ask(actor, "docs", &json!(1));
            assert_eq!(answer.status, 403, "{}: {}", route.name(), answer.text);
        }
    }
    is_refused_everywhere(&twins.anna.owner, 403, "the tenant is suspended");
    everything_of(&twins.berta);
    operator
        .post("/v1/tenants/anna/resume", json!({}))
        .expect(200);
    assert_eq!(everything_of(&twins.anna), before);
}

#[test]
fn a_deleted_tenants_keys_are_a_strangers() {
    let twins = Twins::new();
    let before = everything_of(&twins.berta);
    twins.node.operator().delete("/v1/tenants/anna").expect(202);
    is_refused_everywhere(&twins.anna.owner, 401, "the API key isn't known");
    is_refused_everywhere(&twins.anna.inference, 401, "the API key isn't known");
    assert_eq!(everything_of(&twins.berta), before);
    let node = twins.node.restart();
    let anna = node.actor(twins.anna.owner.key.as_ref().unwrap());
    is_refused_everywhere(&anna, 401, "the API key isn't known");
}

#[test]
fn an_expired_key_is_refused_and_a_fresh_one_isnt() {
    let twins = Twins::new();
    let (_, long) = key(&twins.anna, &twins, &json!({"expires_in_days": 365}));
    let day = Duration::from_secs(24 * 60 * 60);
    twins
        .node
        .clock
        .advance(90 * day - Duration::from_millis(1));
    twins.anna.owner.get("/collections").expect(200);
    twins.node.clock.advance(Duration::from_millis(1));
    twins.anna.owner.get("/collections").expect(401);
    twins.node.clock.advance(day);
    is_refused_everywhere(&twins.anna.owner, 401, "the API key has expired");
    long.get("/collections").expect(200);
}

#[test]
fn a_revoked_key_is_refused_and_others_arent() {
    let twins = Twins::new();
    let (id, revoked) = key(&twins.anna, &twins, &json!({}));
    revoked.get("/collections").expect(200);
    // Another tenant's owner can't, nor learn that there is one.
    let hers = twins.berta.owner.delete(&format!("/v1/keys/{id}"));
    let none = twins.berta.owner.delete("/v1/keys/0123456789abcdef");
    assert_eq!((hers.status, hers.text), (404, none.text));
    revoked.get("/collections").expect(200);
    let revoke = twins.anna.owner.delete(&format!("/v1/keys/{id}"));
    assert_eq!(revoke.status, 204, "{}", revoke.text);
    is_refused_everywhere(&revoked, 401, "the API key isn't known");
    everything_of(&twins.anna);
    let node = twins.node.restart();
    node.actor(revoked.key.as_ref().unwrap())
        .get("/collections")
        .expect(401);
}

#[test]
fn a_key_for_one_collection_reaches_no_other() {
    let twins = Twins::new();
    let before = everything_of(&twins.anna);
    let (_, limited) = key(&twins.anna, &twins, &json!({"collections": ["docs"]}));
    for route in ROUTES
        .iter()
        .filter(|route| route.pattern.contains("{name}"))
    {
        // One that is there, and one that isn't: no telling which.
        let answers = ["notes", "nowhere"].map(|name| route.ask(&limited, name, &json!(1)));
        let [there, nowhere] = &answers;
        let what = format!("{}: {}", route.name(), there.text);
        assert_eq!((there.status, nowhere.status), (403, 403), "{what}");
        assert_eq!(there.text, nowhere.text);
        assert_eq!(there.message(), "the key isn't good for this collection");
    }
    assert_eq!(everything_of(&twins.anna), before);
    let names = limited.get("/collections").expect(200)["result"]["collections"].clone();
    assert_eq!(names, json!([{"name": "docs"}]));
    for route in ROUTES.iter().filter(|route| route.does == Does::Show) {
        let answer = route.ask(&limited, "docs", &json!(1));
        assert!(answer.text.contains("of anna in docs"), "{}", answer.text);
        assert!(!answer.text.contains("in notes"), "{}", answer.text);
    }
}

#[test]
fn a_key_for_other_addresses_is_refused_from_here() {
    let twins = Twins::new();
    let elsewhere = json!({"allowed_ips": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]});
    let (_, elsewhere) = key(&twins.anna, &twins, &elsewhere);
    is_refused_everywhere(&elsewhere, 401, "may not be used from this address");
    // What a request says of its own address isn't believed.
    let forwarded = [
        ("x-forwarded-for", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
    ];
    let answer = elsewhere.send(reqwest::Method::GET, "/collections", &forwarded, None);
    assert_eq!(answer.status, 401);
    let (_, here) = key(
        &twins.anna,
        &twins,
        &json!({"allowed_ips": ["127.0.0.0/8"]}),
    );
    here.get("/collections").expect(200);
}
