//! One root key takes another's place: the old one is good for nothing afterwards, and no data was
//! touched.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use locule::{
    clock::{Manual, Timestamp},
    engine::{Engine, EngineOptions, StartError},
    seal::{Keyring, RootKeySource},
    tenant::{Generation, TenantUuid},
};
use serde_json::json;

use crate::harness::{Node, options};

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_rotation_wraps_every_key_file_anew_and_the_old_root_key_opens_none() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    tenant.owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let ring = node.directory().join("keys/ring");
    let root = node.directory().join("keys/root.key");
    let (before, old_root) = (files(&ring), fs::read(&root).unwrap());
    let rotated = node
        .operator()
        .post("/v1/root-key/rotate", json!({}))
        .expect(200);
    assert_eq!(
        rotated["files"], 2,
        "the tenant's and the node's own: {rotated}"
    );
    assert!(rotated["then"].is_null());
    assert_ne!(rotated["root_key"], rotated["previous"]);
    let after = files(&ring);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    assert!(before.iter().all(|(name, bytes)| after[name] != *bytes));
    // A tenant that is made now is under the new one too.
    node.tenant("later");
    let stopped = node.restart().stop();
    let names: Vec<_> = fs::read_dir(stopped.path().join("keys")).unwrap().collect();
    assert_eq!(names.len(), 2, "the ring and one root key: {names:?}");
    let elsewhere = stopped.path().join("old.key");
    fs::write(&elsewhere, &old_root).unwrap();
    fs::set_permissions(
        &elsewhere,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let old = RootKeySource::File(elsewhere).fetch().unwrap();
    let with_old = Keyring::open(&ring, old).unwrap();
    assert!(
        with_old
            .load(TenantUuid::SYSTEM, Generation::FIRST)
            .is_err()
    );
    let node = stopped.start();
    let owner = node.actor(tenant.owner.key.as_ref().unwrap());
    assert_eq!(owner.query("docs", &[1.0, 0.0], 1)[0]["id"], 1);
    let log = fs::read_to_string(node.directory().join("audit/000001.jsonl")).unwrap();
    assert_eq!(log.matches("\"rotate_root_key\"").count(), 1);
}

#[test]
fn a_key_file_that_does_not_open_stops_a_rotation_before_anything_is_changed() {
    let node = Node::start();
    node.tenant("acme");
    let ring = node.directory().join("keys/ring");
    let (name, bytes) = files(&ring).pop_last().unwrap();
    let mut damaged = bytes.clone();
    damaged[50] ^= 1;
    fs::write(ring.join(&name), damaged).unwrap();
    let before = files(&node.directory().join("keys/ring"));
    let refused = node.operator().post("/v1/root-key/rotate", json!({}));
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.message().contains(&name), "{}", refused.text);
    assert_eq!(files(&ring), before);
    fs::write(ring.join(&name), bytes).unwrap();
    node.operator()
        .post("/v1/root-key/rotate", json!({}))
        .expect(200);
}

#[test]
fn only_the_operator_rotates_and_chooses_no_file_and_no_program() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    for actor in [&tenant.owner, &tenant.writer, &tenant.auditor] {
        actor.post("/v1/root-key/rotate", json!({})).expect(403);
    }
    let body = json!({"new": {"command": "echo"}});
    node.operator()
        .post("/v1/root-key/rotate", body)
        .expect(400);
}

/// Where the root key comes from outside, settings name the next one too.
#[test]
fn a_root_key_from_outside_is_replaced_by_the_one_that_the_settings_name_next() {
    let directory = tempfile::tempdir().unwrap();
    let key = |digit: char| {
        let hex: String = std::iter::repeat_n(digit, 64).collect();
        RootKeySource::Command(format!("echo {hex}"))
    };
    let start = |now: char, next: Option<char>| {
        let clock = Arc::new(Manual::at(Timestamp(1_800_000_000_000)));
        Engine::start(EngineOptions {
            root_key: Some(key(now)),
            root_key_next: next.map(key),
            ..options(directory.path(), clock)
        })
    };
    let rotate = |engine: &Arc<Engine>| {
        let presented = locule::access::Presented::new(crate::harness::OPERATOR_KEY);
        let operator = engine
            .authenticate(&presented, locule::access::Origin::default(), 1)
            .unwrap();
        engine.rotate_root(&operator)
    };
    let started = start('a', None).unwrap();
    let why = rotate(&started.engine).unwrap_err().to_string();
    assert!(why.contains("root_key_next"), "{why}");
    stop(started);
    // Naming the next one does nothing yet.
    stop(start('a', Some('b')).unwrap());
    let started = start('a', Some('b')).unwrap();
    let rotated = rotate(&started.engine).unwrap();
    assert!(rotated.settings_follow);
    assert!(
        rotate(&started.engine).is_err(),
        "it is the current one now"
    );
    stop(started);
    // Settings may lag behind, but the old key alone is good for nothing.
    stop(start('a', Some('b')).unwrap());
    assert!(matches!(start('a', None), Err(StartError::WrongRootKey)));
    stop(start('b', None).unwrap());
    stop(start('b', Some('c')).unwrap());
}

fn stop(started: locule::engine::Started) {
    drop(started.engine);
    assert!(started.released.wait(std::time::Duration::from_secs(30)));
}
