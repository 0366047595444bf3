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
    tenant::{CollectionName, PointId, TenantId},
    vector::{Dimension, Metric, only_default},
};

use super::left;
use crate::harness::{OPERATOR_KEY, options};

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

/// A tenant with one point: its owner.
fn tenant(engine: &Engine, id: &str) -> Principal {
    let operator = engine
        .authenticate(&Presented::new(OPERATOR_KEY), Origin::default(), 0)
        .unwrap();
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
