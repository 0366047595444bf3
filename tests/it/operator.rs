//! What operators have: one key at a time.

use std::{path::Path, sync::Arc, time::Duration};

use locule::{
    access::{Origin, Presented},
    clock::{Manual, Timestamp},
    engine::{Engine, EngineOptions, Started},
};
use crate::harness::options;

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
