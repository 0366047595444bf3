use std::{sync::Arc, time::Duration};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    clock::{Manual, Timestamp},
    engine::Engine,
    index::Precision,
    ops::{
        erase::State,
        receipt::{ScopeKind, SignedReceipt},
    },
    partition::{PointUpsert, Schema},
    payload::Payload,
    router::NewTenant,
    seal::MESSAGES_NEAR,
    tenant::{CollectionName, PointId, TenantId},
    vector::{Dimension, Metric, only_default},
};
use serde_json::json;

use super::{ids, left, people, receipt};
use crate::{
    harness::{Node, OPERATOR_KEY, options},
    isolation::disk::{Disk, head},
};

/// Where a head tells how many messages its key has sealed.
const MESSAGES_AT: usize = 1 + 8 + 4;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_data_key_that_is_old_is_replaced_and_nothing_else_changes() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
    let engine = Engine::start(options(directory.path(), Arc::clone(&clock)))
        .unwrap()
        .engine;
    let old = tenant(&engine, "old");
    clock.advance(DAY * 200);
    tenant(&engine, "young");
    assert_eq!(
        engine.rotate_due(engine.now()).unwrap(),
        0,
        "none is a year old"
    );
    clock.advance(DAY * 166);
    assert_eq!(
        engine.rotate_due(engine.now()).unwrap(),
        1,
        "the old one is"
    );
    let erasures = engine.erasures(&old).unwrap();
    let done = engine.await_erasure(&erasures[0], Duration::from_secs(60));
    assert_eq!(
        (done.state, done.kind, done.points),
        (State::Done, ScopeKind::Rotation, 0)
    );
    let receipt = SignedReceipt::parse(done.receipt.unwrap().as_bytes()).unwrap();
    assert_eq!(receipt.body().requested.by, "node");
    assert_eq!(left(directory.path(), &receipt).finds, []);
    assert_eq!(
        engine.rotate_due(engine.now()).unwrap(),
        0,
        "once is enough"
    );
    let docs = CollectionName::parse("docs").unwrap();
    assert_eq!(engine.count(&old, &docs, None).unwrap(), 1);
    clock.advance(DAY * 200);
    assert_eq!(
        engine.rotate_due(engine.now()).unwrap(),
        1,
        "now the young one"
    );
}

#[test]
fn a_suspended_tenant_s_old_key_is_replaced_too() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
    let engine = Engine::start(options(directory.path(), Arc::clone(&clock)))
        .unwrap()
        .engine;
    let owner = tenant(&engine, "acme");
    let (operator, id) = (operator(&engine), TenantId::parse("acme").unwrap());
    engine.suspend(&operator, &id).unwrap();
    clock.advance(DAY * 366);
    assert_eq!(engine.rotate_due(engine.now()).unwrap(), 1);
    engine.resume(&operator, &id).unwrap();
    let erasures = engine.erasures(&owner).unwrap();
    let done = engine.await_erasure(&erasures[0], Duration::from_secs(60));
    assert_eq!((done.state, done.kind), (State::Done, ScopeKind::Rotation));
    let receipt = SignedReceipt::parse(done.receipt.unwrap().as_bytes()).unwrap();
    assert_eq!(left(directory.path(), &receipt).finds, []);
    let docs = CollectionName::parse("docs").unwrap();
    assert_eq!(engine.count(&owner, &docs, None).unwrap(), 1);
    // Of a tenant that is deleted there is no key to replace.
    engine.delete_tenant(&operator, &id).unwrap();
    clock.advance(DAY * 366);
    assert_eq!(engine.rotate_due(engine.now()).unwrap(), 0);
}

#[test]
fn a_data_key_that_has_sealed_nearly_as_much_as_is_safe_is_replaced() {
    let node = Node::start();
    let tenant = people(&node, "acme", 20);
    people(&node, "other", 20);
    assert_eq!(node.rotate(), 0);
    let stopped = node.stop();
    let disk = Disk::of(&stopped);
    let key = disk.load_key("acme", 1).derive_data_key(0);
    disk.change_rows("acme", |rows| {
        let place = head();
        let mut plain = key.open(place[0], &place, &rows[&place]).unwrap();
        // Behind the version, the sequence number and the next collection's.
        plain[MESSAGES_AT..MESSAGES_AT + 8].copy_from_slice(&MESSAGES_NEAR.to_le_bytes());
        let sealed = key.seal(place[0], &place, &plain).unwrap();
        rows.insert(place, sealed.as_bytes().to_vec());
    });
    drop(disk);
    let node = stopped.start();
    let tenant = tenant.on(&node);
    assert_eq!(ids(&tenant.writer, "notes").len(), 20, "its count is read");
    assert_eq!(node.rotate(), 1, "the other's has sealed hardly anything");
    let rotation = loop {
        let listed = tenant.owner.get("/v1/erasures").expect(200);
        let newest = listed["erasures"][0].clone();
        if newest["state"] == "done" {
            break newest;
        }
    };
    let told = (&rotation["scope"], &rotation["points"]);
    assert_eq!(told, (&json!("rotation"), &json!(0)));
    let receipt = receipt(&tenant.owner, &rotation);
    assert_eq!(left(node.directory(), &receipt).finds, []);
    assert_eq!(ids(&tenant.writer, "notes").len(), 20);
    assert_eq!(node.rotate(), 0, "the new one has sealed hardly anything");
}

/// A tenant with one point: its owner.
fn tenant(engine: &Engine, id: &str) -> Principal {
    let operator = operator(engine);
    let new = NewTenant {
        id: TenantId::parse(id).unwrap(),
        quota: Quota::default(),
        region: None,
    };
    let key = engine.create_tenant(&operator, new).unwrap().owner_key;
    let owner = engine
        .authenticate(&Presented::new(key.reveal()), Origin::default(), 0)
        .unwrap();
    let docs = CollectionName::parse("docs").unwrap();
    let schema = Schema::single(Dimension::new(2).unwrap(), Metric::Dot, Precision::Codes);
    engine.create_collection(&owner, &docs, schema).unwrap();
    let point = PointUpsert {
        id: PointId::Number(1),
        vectors: only_default(vec![1.0, 2.0]),
        payload: Payload::new(serde_json::Map::new()).unwrap(),
    };
    engine.upsert(&owner, &docs, vec![point]).unwrap();
    owner
}

fn operator(engine: &Engine) -> Principal {
    engine
        .authenticate(&Presented::new(OPERATOR_KEY), Origin::default(), 0)
        .unwrap()
}
