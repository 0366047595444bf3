//! The process ends at each step of a rotation of the root key.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::json;

use super::process::Process;

/// The root keys that key files name, and files beside the root key.
fn state(directory: &Path) -> (BTreeSet<Vec<u8>>, Vec<String>) {
    let ring = fs::read_dir(directory.join("keys/ring")).unwrap();
    let names = ring.map(|entry| fs::read(entry.unwrap().path()).unwrap()[5..13].to_vec());
    let names = names.collect();
    let mut beside: Vec<String> = fs::read_dir(directory.join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    beside.sort();
    (names, beside)
}

#[test]
fn a_crash_at_any_step_of_a_rotation_is_finished_by_the_next_start() {
    for point in [
        "rotate.next_made",
        "rotate.file@1",
        "rotate.file@2",
        "rotate.file@3",
        "rotate.rewrapped",
        "rotate.linked",
        "rotate.replaced",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Process::start(directory.path());
        let keys = ["one", "two"].map(|id| process.tenant(id));
        process.kill();
        let root = directory.path().join("keys/root.key");
        let (root_before, (before, _)) = (fs::read(&root).unwrap(), state(directory.path()));
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", point)]);
        drop(process.operator().post("/v1/root-key/rotate", &json!({})));
        assert!(process.ends_badly(), "{point}");
        let mut process = Process::start(directory.path());
        tenants_open(&process, &keys);
        let (now, beside) = state(directory.path());
        assert_eq!(beside, ["ring", "root.key"], "{point}");
        assert_eq!(now.len(), 1, "{point}: all under one root key");
        assert!(now.is_disjoint(&before), "{point}: another one than before");
        assert_ne!(fs::read(&root).unwrap(), root_before, "{point}");
        // And once more, undisturbed.
        let rotated = process
            .operator()
            .post("/v1/root-key/rotate", &json!({}))
            .unwrap();
        assert_eq!(
            (rotated.status, &rotated.body["files"]),
            (200, &json!(3)),
            "{}",
            rotated.body
        );
        process.kill();
        tenants_open(&Process::start(directory.path()), &keys);
    }
}

fn tenants_open(process: &Process, keys: &[String]) {
    for key in keys {
        let answer = process.client(key).get("/collections").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}
