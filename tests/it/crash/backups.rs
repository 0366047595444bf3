//! The process ends at each step of a backup, of a restore and of what deletes one.

use std::{fs, path::Path, thread, time::Duration};

use serde_json::{Value, json};

use super::{client::Client, everything, process::Process, writer::Content};
use crate::isolation::disk::families_with_data;

const COLLECTION: &str = super::COLLECTION;

/// Asks, and goes on whether an answer comes or not: the node may be gone.
fn ask(client: &Client, path: &str, body: &Value) {
    drop(client.post(path, body));
}

fn put(client: &Client, ids: std::ops::Range<u64>, text: &str) {
    let points: Vec<_> = ids
        .map(
            |id| json!({"id": id, "vector": [id as f32, 0.0, 0.0, 1.0], "payload": {"text": text}}),
        )
        .collect();
    let path = format!("/collections/{COLLECTION}/points?wait=true");
    let answer = client.put(&path, &json!({"points": points})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn collection(client: &Client) {
    let schema = json!({"vectors": {"size": 4, "distance": "Euclid"}});
    let created = client
        .put(&format!("/collections/{COLLECTION}"), &schema)
        .unwrap();
    assert_eq!(created.status, 200, "{}", created.body);
}

fn settled(client: &Client, kind: &str, begun: &Value) -> Value {
    let path = format!("/v1/{kind}/{}", begun["id"].as_str().unwrap());
    loop {
        let now = client.get(&path).unwrap().body;
        if now["state"] != "running" {
            return now;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

pub fn make(client: &Client) -> Value {
    let begun = client.post("/v1/backups", &json!({})).unwrap();
    assert_eq!(begun.status, 202, "{}", begun.body);
    let made = settled(client, "backups", &begun.body);
    assert_eq!(made["state"], "done", "{made}");
    made
}

/// Every backup that the server lists is whole, and nothing else stands in the directory.
pub fn only_whole_ones_are_left(client: &Client, directory: &Path) {
    let listed = client.get("/v1/backups").unwrap().body;
    let done: Vec<_> = listed["backups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|backup| backup["state"] == "done")
        .collect();
    let tenants: Vec<_> = fs::read_dir(directory.join("backups"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    let mut manifests = 0;
    for tenant in tenants {
        for entry in fs::read_dir(&tenant).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".tmp"), "{name}");
            manifests += usize::from(name.ends_with(".manifest"));
        }
        if done.is_empty() {
            panic!("{} is left without a backup", tenant.display());
        }
    }
    assert_eq!(manifests, done.len(), "{listed}");
    for backup in done {
        let begun = client
            .post("/v1/restores", &json!({"backup": backup["id"]}))
            .unwrap();
        assert_eq!(begun.status, 202, "{}", begun.body);
        let restored = settled(client, "restores", &begun.body);
        assert_eq!(restored["state"], "done", "{restored}");
    }
}

#[test]
fn a_backup_that_a_crash_cuts_short_leaves_nothing_and_the_ones_before_it_whole() {
    for point in [
        "backup.block@1",
        "backup.block@2",
        "backup.blocks",
        "backup.manifest",
        "backup.deleted",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Process::start(directory.path());
        let key = process.tenant("acme");
        let client = process.client(&key);
        collection(&client);
        put(&client, 0..50, "first");
        let first = make(&client);
        let stored = everything(&client, 10_000);
        put(&client, 20..60, "second");
        process.kill();
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", point)]);
        let client = process.client(&key);
        if point == "backup.deleted" {
            drop(client.delete(&format!("/v1/backups/{}", first["id"].as_str().unwrap())));
        } else {
            ask(&client, "/v1/backups", &json!({}));
        }
        assert!(process.ends_badly(), "{point}");
        let mut process = Process::start(directory.path());
        let client = process.client(&key);
        if point == "backup.deleted" {
            // The record is still there, of a backup that can't be restored: deleting goes on.
            let path = format!("/v1/backups/{}", first["id"].as_str().unwrap());
            let refused = client
                .post("/v1/restores", &json!({"backup": first["id"]}))
                .unwrap();
            assert_eq!(refused.status, 409, "{}", refused.body);
            assert_eq!(client.delete(&path).unwrap().status, 204);
            make(&client);
            only_whole_ones_are_left(&client, directory.path());
            continue;
        }
        let listed = client.get("/v1/backups").unwrap().body;
        let states: Vec<_> = listed["backups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|b| &b["state"])
            .collect();
        assert_eq!(states, ["done", "failed"], "{point}: {listed}");
        only_whole_ones_are_left(&client, directory.path());
        assert_eq!(everything(&client, 10_000), stored, "{point}");
        make(&client);
        process.kill();
    }
}

#[test]
fn a_crash_at_any_step_of_a_restore_leaves_the_old_state_or_the_new_one() {
    // The last ones are past the switch.
    for (point, switched) in [
        ("restore.begun", false),
        ("restore.filled", false),
        ("restore.opened", false),
        ("restore.followed", false),
        ("restore.switched", true),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Process::start(directory.path());
        let key = process.tenant("acme");
        let client = process.client(&key);
        collection(&client);
        put(&client, 0..50, "old");
        let (backup, restored) = (make(&client), everything(&client, 10_000));
        put(&client, 20..80, "new");
        let now = everything(&client, 10_000);
        process.kill();
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", point)]);
        ask(
            &process.client(&key),
            "/v1/restores",
            &json!({"backup": backup["id"]}),
        );
        assert!(process.ends_badly(), "{point}");
        let mut process = Process::start(directory.path());
        let client = process.client(&key);
        let found = everything(&client, 10_000);
        assert_eq!(found == restored, switched, "{point}");
        assert_eq!(found == now, !switched, "{point}");
        let listed = client.get("/v1/restores").unwrap().body;
        let state = if switched { "done" } else { "failed" };
        assert_eq!(listed["restores"][0]["state"], state, "{point}: {listed}");
        // It goes on as if nothing had happened: writes, and another restore.
        put(&client, 100..101, "after");
        assert_eq!(everything(&client, 10_000).len(), found.len() + 1);
        only_whole_ones_are_left(&client, directory.path());
        assert_eq!(everything(&client, 10_000), restored);
        process.kill();
        // It is done only once nothing is left of what it replaced.
        assert_eq!(families_with_data(directory.path()), 1, "{point}");
    }
}

#[test]
fn kills_at_any_moment_of_restores_leave_one_of_two_states() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let key = process.tenant("acme");
    let client = process.client(&key);
    collection(&client);
    put(&client, 0..400, "one");
    let (one, of_one) = (make(&client), everything(&client, 10_000));
    put(&client, 100..500, "two");
    let (two, of_two) = (make(&client), everything(&client, 10_000));
    let mut seen = [0, 0];
    for round in 0..ROUNDS {
        let backup = if round % 2 == 0 { &one } else { &two };
        let client = process.client(&key);
        thread::scope(|scope| {
            scope.spawn(move || ask(&client, "/v1/restores", &json!({"backup": backup["id"]})));
            thread::sleep(Duration::from_millis(2 + round * 13 % 40));
            process.kill();
        });
        process = Process::start(directory.path());
        let found: std::collections::BTreeMap<u64, Content> =
            everything(&process.client(&key), 10_000);
        match (found == of_one, found == of_two) {
            (true, false) => seen[0] += 1,
            (false, true) => seen[1] += 1,
            _ => panic!("round {round}: {} points of neither state", found.len()),
        }
    }
    eprintln!(
        "{ROUNDS} kills: {} times the first state, {} times the second",
        seen[0], seen[1]
    );
}

const ROUNDS: u64 = 24;
