//! Keys that behave oddly are counted, recorded, and suspended where their tenant's policy says so.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Node, Tenant};

fn watched(node: &Node, watch: Value) -> Tenant {
    let acme = node.tenant("acme");
    acme.owner.create_collection("docs", 2, "Dot");
    for id in 0..10 {
        acme.owner
            .put_point("docs", id, &[1.0, id as f32], json!({}));
    }
    let body = json!({"watch": watch});
    let shown = node.operator().patch("/v1/tenants/acme", body).expect(200);
    for (name, value) in watch.as_object().unwrap() {
        assert_eq!(&shown["watch"][name], value);
    }
    acme
}

fn actions(tenant: &Tenant) -> Vec<String> {
    let text = tenant.auditor.get("/v1/audit?limit=10000").text;
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter_map(|line| Some(line["action"].as_str()?.to_owned()))
        .collect()
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

#[test]
fn a_key_that_is_refused_too_often_is_suspended_until_its_owner_resumes_it() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_refusals": 5}));
    let key = acme.inference.key.clone().unwrap();
    for _ in 0..5 {
        let path = "/collections/docs/points/scroll";
        assert_eq!(acme.inference.post(path, json!({})).status, 403);
    }
    let refused = acme.inference.get("/collections/docs");
    assert_eq!(refused.status, 401, "{}", refused.text);
    assert!(refused.message().contains("suspended"), "{}", refused.text);
    acme.writer.get("/collections/docs").expect(200);
    assert_eq!(node.metric("locule_api_abuse_detection_total"), 1);
    assert_eq!(node.metric("locule_privilege_escalation_attempts_total"), 5);
    let actions = actions(&acme);
    assert!(actions.contains(&"often_refused".to_owned()), "{actions:?}");
    assert!(actions.contains(&"suspend_key".to_owned()), "{actions:?}");
    let node = node.restart();
    let inference = node.actor(&key);
    assert_eq!(
        inference.get("/collections/docs").status,
        401,
        "after a restart too"
    );
    let (owner, writer) = [&acme.owner, &acme.writer]
        .map(|actor| node.actor(actor.key.as_ref().unwrap()))
        .into();
    let path = format!("/v1/keys/{}/resume", id_of(&key));
    assert_eq!(writer.post(&path, json!({})).status, 403);
    owner
        .post("/v1/keys/0123456789abcdef/resume", json!({}))
        .expect(404);
    owner.post(&path, json!({})).expect(200);
    inference.get("/collections/docs").expect(200);
}

/// Anyone may know a key's id: it stands in lists and logs.
#[test]
fn wrong_secrets_are_counted_and_suspend_nobody() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_refusals": 2}));
    let id = id_of(acme.inference.key.as_ref().unwrap());
    let before = node.metric("locule_authentication_failures_total");
    let wrong = node.actor(&format!("lcl_{id}_{}", "0".repeat(64)));
    for _ in 0..20 {
        assert_eq!(wrong.get("/collections/docs").status, 401);
    }
    acme.inference.get("/collections/docs").expect(200);
    assert_eq!(
        node.metric("locule_authentication_failures_total"),
        before + 20
    );
}

#[test]
fn a_key_from_more_networks_than_its_tenant_bears_is_suspended() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_networks": 2}));
    let from = |network: u8| acme.inference.at_address([127, 0, network, 1].into());
    acme.inference.get("/collections/docs").expect(200);
    from(1).get("/collections/docs").expect(200);
    assert_eq!(node.metric("locule_unusual_access_patterns_total"), 1);
    // An hour later the others are of the past.
    node.clock.advance(Duration::from_secs(3_601));
    from(2).get("/collections/docs").expect(200);
    from(2).get("/collections/docs").expect(200);
    from(3).get("/collections/docs").expect(200);
    assert_eq!(from(4).get("/collections/docs").status, 401);
    assert_eq!(
        acme.inference.get("/collections/docs").status,
        401,
        "everywhere"
    );
    acme.owner.get("/collections/docs").expect(200);
    assert_eq!(node.metric("locule_unusual_access_patterns_total"), 4);
}

#[test]
fn an_inference_key_is_answered_so_many_different_points_in_a_day() {
    let node = Node::start();
    let watch = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true});
    let acme = watched(&node, watch);
    // The same points again and again are no more than once.
    for _ in 0..10 {
        assert_eq!(acme.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
    }
    assert_eq!(node.metric("locule_data_access_anomalies_total"), 0);
    acme.inference.query("docs", &[0.0, -1.0], 4);
    assert_eq!(node.metric("locule_data_access_anomalies_total"), 1);
    let body = json!({"query": [1.0, 0.0], "limit": 1});
    let batch = json!({"searches": [body]});
    for (route, body) in [("query", &body), ("query/batch", &batch)] {
        let path = format!("/collections/docs/points/{route}");
        let refused = acme.inference.post(&path, body.clone());
        assert_eq!(refused.status, 429, "{}", refused.text);
        let wait: u64 = refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(wait, 16 * 60 * 60, "until the day is over");
        acme.writer.post(&path, body.clone()).expect(200);
    }
    node.clock.advance(Duration::from_secs(16 * 60 * 60));
    assert_eq!(acme.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
}

#[test]
fn a_batch_is_no_way_round_the_budget_of_different_points() {
    let node = Node::start();
    let watch = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true});
    let acme = watched(&node, watch);
    let slice = |from: u32| {
        let has_id = json!({"must": [{"has_id": [from, from + 1]}]});
        json!({"query": [0.0, 1.0], "limit": 2, "filter": has_id})
    };
    let batch = |from: &[u32]| {
        let searches: Vec<_> = from.iter().map(|from| slice(*from)).collect();
        let body = json!({"searches": searches});
        acme.inference
            .post("/collections/docs/points/query/batch", body)
    };
    let refused = batch(&[0, 2, 4, 6, 8]);
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(!refused.text.contains("score"), "{}", refused.text);
    assert_eq!(batch(&[0]).status, 429, "what it asked for is counted");
    node.clock.advance(Duration::from_secs(16 * 60 * 60));
    batch(&[0, 2, 4]).expect(200);
    assert_eq!(batch(&[6]).status, 429);
}

#[test]
fn who_asks_faster_than_it_may_is_told_to_wait_and_not_suspended() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_refusals": 3}));
    let quota = json!({"quota": {"requests_per_second": 1}});
    node.operator().patch("/v1/tenants/acme", quota).expect(200);
    let asked: Vec<_> = (0..20)
        .map(|_| acme.writer.get("/collections/docs").status)
        .collect();
    assert!(
        asked.iter().filter(|status| **status == 429).count() > 10,
        "{asked:?}"
    );
    node.clock.advance(Duration::from_secs(5));
    acme.writer.get("/collections/docs").expect(200);
}

#[test]
fn a_spent_budget_outlives_a_restart_and_a_new_day_gives_a_new_one() {
    let node = Node::start();
    let watch = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true});
    let acme = watched(&node, watch);
    assert_eq!(acme.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
    let node = node.restart();
    let acme = acme.on(&node);
    // The same points are the same ones still.
    for _ in 0..3 {
        assert_eq!(acme.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
    }
    assert_eq!(node.metric("locule_data_access_anomalies_total"), 0);
    acme.inference.query("docs", &[0.0, -1.0], 4);
    assert_eq!(node.metric("locule_data_access_anomalies_total"), 1);
    let node = node.restart();
    let acme = acme.on(&node);
    let body = json!({"query": [1.0, 0.0], "limit": 1});
    let path = "/collections/docs/points/query";
    let refused = acme.inference.post(path, body.clone());
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(
        node.metric("locule_data_access_anomalies_total"),
        0,
        "told once"
    );
    // Another key has a budget of its own.
    let made = acme
        .owner
        .post("/v1/keys", json!({"name": "k", "role": "inference"}));
    let other = node.actor(made.expect(201)["key"].as_str().unwrap());
    other.post(path, body.clone()).expect(200);

    node.clock.advance(Duration::from_secs(16 * 60 * 60));
    let node = node.restart();
    let acme = acme.on(&node);
    for _ in 0..2 {
        assert_eq!(acme.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
    }
    acme.inference.query("docs", &[0.0, -1.0], 4);
    acme.inference.post(path, body).expect(429);
}

#[test]
fn of_a_budget_a_crash_takes_back_at_most_what_was_spent_since_the_last_minute() {
    let node = Node::start();
    let watch = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true});
    let acme = watched(&node, watch);
    acme.inference.query("docs", &[0.0, 1.0], 4);
    // What the node does once a minute.
    node.tend();
    let crashed = node.as_after_a_crash().start();
    let there = acme.on(&crashed);
    assert_eq!(there.inference.query("docs", &[0.0, 1.0], 4).len(), 4);
    assert_eq!(crashed.metric("locule_data_access_anomalies_total"), 0);
    there.inference.query("docs", &[0.0, -1.0], 1);
    let body = json!({"query": [1.0, 0.0], "limit": 1});
    there
        .inference
        .post("/collections/docs/points/query", body)
        .expect(429);
}

#[test]
fn a_key_that_is_resumed_has_its_budget_back_for_good() {
    let node = Node::start();
    let watch = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true,
        "suspend_after_refusals": 1});
    let acme = watched(&node, watch);
    acme.inference.query("docs", &[0.0, 1.0], 5);
    node.tend();
    let body = json!({"query": [1.0, 0.0], "limit": 1});
    let path = "/collections/docs/points/query";
    acme.inference.post(path, body.clone()).expect(429);
    let scroll = "/collections/docs/points/scroll";
    acme.inference.post(scroll, json!({})).expect(403);
    acme.inference.post(path, body.clone()).expect(401);
    let id = id_of(acme.inference.key.as_ref().unwrap());
    acme.owner
        .post(&format!("/v1/keys/{id}/resume"), json!({}))
        .expect(200);
    acme.inference.post(path, body.clone()).expect(200);
    let node = node.restart();
    acme.on(&node).inference.post(path, body).expect(200);
}

fn refusals(tenant: &Tenant) -> Vec<(String, String)> {
    tenant.auditor.recorded("denied")
}

/// Whoever has the secret and comes from elsewhere may have stolen it: its tenant learns of that.
#[test]
fn a_right_secret_from_a_wrong_place_is_in_its_tenants_log_and_counts_against_its_key() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_refusals": 3}));
    let body = json!({"name": "k", "role": "writer", "allowed_ips": ["127.0.0.1"]});
    let made = acme.owner.post("/v1/keys", body).expect(201);
    let here = node.actor(made["key"].as_str().unwrap());
    let elsewhere = here.at_address([127, 0, 7, 1].into());
    let refused = elsewhere.get("/collections/docs");
    assert_eq!(refused.status, 401);
    assert!(
        refused.message().contains("this address"),
        "{}",
        refused.text
    );
    let id = made["id"].as_str().unwrap().to_owned();
    let entry = ("authenticate".to_owned(), id.clone());
    assert_eq!(refusals(&acme), std::slice::from_ref(&entry));
    // So does a token of it.
    let pair = here.post("/v1/token", json!({})).expect(200);
    let holder = node.actor(pair["access_token"].as_str().unwrap());
    let holder = holder.at_address([127, 0, 7, 1].into());
    holder.get("/collections/docs").expect(401);
    here.get("/collections/docs").expect(200);
    elsewhere.get("/collections/docs").expect(401);
    assert_eq!(refusals(&acme), vec![entry; 3]);
    let refused = here.get("/collections/docs");
    assert_eq!(refused.status, 401, "it is suspended now");
    assert!(refused.message().contains("suspended"), "{}", refused.text);
    assert!(actions(&acme).contains(&"suspend_key".to_owned()));
    // That is recorded as well, and a wrong secret still names nobody.
    let wrong = node.actor(&format!("lcl_{id}_{}", "0".repeat(64)));
    wrong.get("/collections/docs").expect(401);
    assert_eq!(refusals(&acme).len(), 4);
}

#[test]
fn keys_past_their_time_and_refresh_tokens_used_twice_are_in_their_tenants_log() {
    let node = Node::start();
    let acme = watched(&node, json!({"suspend_after_refusals": 2}));
    let body = json!({"name": "k", "role": "writer", "expires_in_days": 1});
    let made = acme.owner.post("/v1/keys", body).expect(201);
    let short = node.actor(made["key"].as_str().unwrap());
    node.clock.advance(Duration::from_secs(24 * 60 * 60));
    for _ in 0..3 {
        let refused = short.get("/collections/docs");
        assert!(refused.message().contains("expired"), "{}", refused.text);
    }
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(refusals(&acme), vec![("authenticate".to_owned(), id); 3]);
    assert!(!actions(&acme).contains(&"suspend_key".to_owned()));
    let pair = acme.writer.post("/v1/token", json!({})).expect(200);
    let body = json!({"refresh_token": pair["refresh_token"]});
    let refresh = || node.stranger().post("/v1/token/refresh", body.clone());
    refresh().expect(200);
    refresh().expect(401);
    let id = id_of(acme.writer.key.as_ref().unwrap()).to_owned();
    let reused = ("reuse_refresh_token".to_owned(), id);
    assert_eq!(refusals(&acme).last(), Some(&reused));
}
