//! What operators have: one key at a time, and a way to give a tenant that lost its owner's key another one.

use std::{path::Path, sync::Arc, time::Duration};

use locule::{
    access::{Origin, Presented},
    clock::{Manual, Timestamp},
    engine::{Engine, EngineOptions, Started},
};
use serde_json::{Value, json};

use crate::harness::{Node, options};

fn start(directory: &Path, supplied: Option<&str>) -> Started {
    let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
    Engine::start(EngineOptions {
        operator_key: supplied.map(Presented::new),
        ..options(directory, clock)
    })
    .unwrap()
}

fn stop(started: Started) {
    drop(started.engine);
    assert!(started.released.wait(Duration::from_secs(30)));
}

fn operates(started: &Started, key: &str) -> bool {
    let engine = &started.engine;
    let principal = engine.authenticate(&Presented::new(key), Origin::default(), 1);
    principal.is_ok_and(|principal| engine.tenants(&principal).is_ok())
}

#[test]
fn an_operator_key_that_the_configuration_supplies_is_in_place_of_the_printed_one() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = ("7f".repeat(32), "3c".repeat(32));
    let first = start(directory.path(), None);
    let printed = first.operator_key.as_ref().unwrap().reveal().to_owned();
    assert!(operates(&first, &printed));
    stop(first);
    for supplied in [&one, &other] {
        let started = start(directory.path(), Some(supplied));
        assert!(started.operator_key.is_none());
        assert!(operates(&started, supplied));
        for key in [&printed, &one, &other] {
            assert_eq!(operates(&started, key), key == supplied);
        }
        stop(started);
    }
    // The printed one may be the one that is supplied.
    let started = start(directory.path(), Some(&printed));
    assert!(operates(&started, &printed));
    stop(started);
    // When none is, it is there as it was: no other is made.
    let started = start(directory.path(), None);
    assert!(started.operator_key.is_none());
    assert!(operates(&started, &printed));
    assert!(!operates(&started, &other));
    stop(started);
}

#[test]
fn an_operator_makes_an_owners_key_for_a_tenant_that_lost_its_own_and_the_tenant_sees_it() {
    let node = Node::start();
    let (acme, globex) = (node.tenant("acme"), node.tenant("globex"));
    let path = "/v1/tenants/acme/recovery-key";
    let body = json!({"reason": "the owner left"});
    for actor in [&acme.owner, &acme.writer, &globex.owner] {
        actor.post(path, body.clone()).expect(403);
    }
    let operator = node.operator();
    for wrong in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(119)}),
    ] {
        operator.post(path, wrong).expect(400);
    }
    let made = operator.post(path, body.clone()).expect(201);
    assert_eq!(made["role"], "owner");
    assert_eq!(made["name"], "recovery: the owner left");
    assert_eq!(made["expires_at"], "2027-04-15T08:00:00.000Z");
    let key = made["key"].as_str().unwrap().to_owned();
    let log = acme.auditor.get("/v1/audit?limit=10000").text;
    let entries = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut entries: Vec<_> = entries
        .filter(|line| line["action"] == "recovery_key")
        .collect();
    entries.retain(|line| line["outcome"] == "allowed");
    assert_eq!(entries.len(), 1, "{log}");
    assert!(
        !globex
            .auditor
            .get("/v1/audit?limit=10000")
            .text
            .contains("acme")
    );
    let node = node.restart();
    let owner = node.actor(&key);
    let keys = owner.get("/v1/keys").expect(200);
    assert!(keys.to_string().contains("recovery: the owner left"));
    owner.create_collection("docs", 2, "Dot");
}

#[test]
fn no_owners_key_is_made_for_a_tenant_that_is_closed_gone_or_unknown() {
    let node = Node::start();
    let operator = node.operator();
    node.tenant("acme");
    let path = "/v1/tenants/acme/recovery-key";
    let body = json!({"reason": "a test"});
    operator
        .post("/v1/tenants/acme/suspend", json!({}))
        .expect(200);
    operator.post(path, body.clone()).expect(403);
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    operator.delete("/v1/tenants/acme?wait=60").expect(202);
    for path in [
        path,
        "/v1/tenants/nobody/recovery-key",
        "/v1/tenants/No/recovery-key",
    ] {
        operator.post(path, body.clone()).expect(404);
    }
}
