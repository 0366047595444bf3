use std::path::Path;

use locule::{ops::receipt::SignedReceipt, seal::RootKeySource};
use serde_json::{Value, json};

use super::left;
use crate::crash::{backups, client::Client, process::Process};

/// Every place at which an erasure may be cut short.
const PLACES: [&str; 11] = [
    "reseal-intended",
    "reseal-key-made",
    "reseal-copied",
    "reseal-switched",
    "erase-dropped",
    "shred.overwritten",
    "erase-shredded",
    "backup.ended",
    "erase-purged",
    "erase-signed",
    "erase-ended",
];

#[test]
fn an_erasure_that_is_cut_short_anywhere_comes_to_its_end_at_the_next_start() {
    for place in PLACES {
        for warm in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let (key, backup) = prepared(directory.path());
            let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", place)]);
            let owner = process.client(&key);
            if warm {
                assert_eq!(numbers(&process, &key).len(), 300);
            }
            let scope = json!({"subject": {"field": "person", "value": "person-1"}});
            let body = json!({"reason": "r", "scope": scope});
            let asked = owner.post("/v1/erasures", &body);
            let id = asked.ok().map(|asked| {
                assert_eq!(asked.status, 202, "{}", asked.body);
                asked.body["id"].as_str().unwrap().to_owned()
            });
            assert!(process.ends_badly(), "{place} was never reached");
            let (process, receipt) = check(directory.path(), &key, id.as_deref(), place);
            ended_with_its_key(&process.client(&key), &backup, &receipt, directory.path());
        }
    }
}

#[test]
fn a_key_that_a_crash_left_overwritten_holds_up_no_rotation_of_the_root_key() {
    let directory = tempfile::tempdir().unwrap();
    let (key, _) = prepared(directory.path());
    let shredding = [("LOCULE_FAILPOINT", "shred.overwritten")];
    let mut process = Process::start_with(directory.path(), &shredding);
    let scope = json!({"subject": {"field": "person", "value": "person-1"}});
    let body = json!({"reason": "r", "scope": scope});
    let asked = process.client(&key).post("/v1/erasures", &body).ok();
    let id = asked.map(|asked| asked.body["id"].as_str().unwrap().to_owned());
    assert!(process.ends_badly(), "it was never reached");
    // As a rotation that was cut short at the same moment leaves it.
    let next = RootKeySource::File(directory.path().join("keys/root.key.next"));
    drop(next.fetch().unwrap());
    check(directory.path(), &key, id.as_deref(), "shred.overwritten");
}

#[test]
fn a_deletion_that_is_cut_short_anywhere_comes_to_its_end_at_the_next_start() {
    let of_reseals = |place: &&str| place.starts_with("reseal") || *place == "backup.ended";
    let places = PLACES
        .into_iter()
        .chain(["audit.intended", "erase-reduced"]);
    for place in places.filter(|place| !of_reseals(place)) {
        let directory = tempfile::tempdir().unwrap();
        let (key, _) = prepared(directory.path());
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", place)]);
        let asked = process.operator().delete("/v1/tenants/acme").unwrap();
        assert_eq!(asked.status, 202, "{}", asked.body);
        let id = asked.body["id"].as_str().unwrap().to_owned();
        assert!(process.ends_badly(), "{place} was never reached");
        let process = Process::start(directory.path());
        let erasure = ended(&process, None, &id);
        assert_eq!(erasure["state"], "done", "{place}: {erasure}");
        let path = format!("/v1/erasures/{id}/receipt");
        let answer = process.operator().get(&path).unwrap();
        let receipt = parsed(&answer.body);
        assert_eq!(left(directory.path(), &receipt).finds, [], "{place}");
        assert_eq!(process.client(&key).get("/v1/self").unwrap().status, 401);
    }
}

#[test]
fn an_erasure_that_nobody_was_told_of_holds_nothing_up_after_a_crash_and_can_be_asked_for_again() {
    for place in ["erase-accepted", "erase-removed"] {
        let directory = tempfile::tempdir().unwrap();
        let (key, _) = prepared(directory.path());
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", place)]);
        let scope = json!({"subject": {"field": "person", "value": "person-1"}});
        let body = json!({"reason": "r", "scope": scope});
        let asked = process.client(&key).post("/v1/erasures", &body);
        assert!(asked.is_err(), "{place}: nobody was told");
        assert!(process.ends_badly(), "{place} was never reached");

        let mut process = Process::start(directory.path());
        let owner = process.client(&key);
        let listed = owner.get("/v1/erasures").unwrap().body;
        assert_eq!(listed["erasures"], json!([]), "{place}");
        // A restore, which waits for no erasure that never comes to an end.
        let backup = owner.post("/v1/backups", &json!({})).unwrap();
        assert_eq!(backup.status, 202, "{place}: {}", backup.body);
        let restore = || {
            let asked = json!({"backup": backup.body["id"]});
            owner.post("/v1/restores", &asked).unwrap()
        };
        let mut restored = restore();
        while restored.status == 409 && restored.body.to_string().contains("done") {
            restored = restore();
        }
        assert_eq!(restored.status, 202, "{place}: {}", restored.body);
        let path = format!("/v1/restores/{}", restored.body["id"].as_str().unwrap());
        while owner.get(&path).unwrap().body["state"] == "running" {}
        let again = owner.post("/v1/erasures", &body).unwrap();
        assert_eq!(again.status, 202, "{place}: {}", again.body);
        process.kill();
        let id = again.body["id"].as_str().unwrap();
        check(directory.path(), &key, Some(id), place);
    }
}

#[test]
fn a_deletion_that_nobody_was_told_of_is_whole_or_never_was() {
    for (place, begun) in [("erase-accepted", false), ("erase-removed", true)] {
        let directory = tempfile::tempdir().unwrap();
        let (key, _) = prepared(directory.path());
        let mut process = Process::start_with(directory.path(), &[("LOCULE_FAILPOINT", place)]);
        assert!(process.operator().delete("/v1/tenants/acme").is_err());
        assert!(process.ends_badly(), "{place} was never reached");
        let process = Process::start(directory.path());
        let status = || process.operator().get("/v1/tenants/acme").unwrap();
        if begun {
            while status().body["state"] != "deleted" {}
            assert_eq!(process.client(&key).get("/v1/self").unwrap().status, 401);
        } else {
            assert_eq!(status().body["state"], "active");
            assert_eq!(numbers(&process, &key).len(), 300);
            let again = process.operator().delete("/v1/tenants/acme").unwrap();
            assert_eq!(again.status, 202, "{}", again.body);
        }
    }
}

/// A directory with a tenant of 300 points: its owner's key, and a backup.
fn prepared(directory: &Path) -> (String, Value) {
    let process = Process::start(directory);
    let key = process.tenant("acme");
    let owner = process.client(&key);
    let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
    assert_eq!(
        owner.put("/collections/notes", &schema).unwrap().status,
        200
    );
    let points: Vec<Value> = (0..300)
        .map(|number| {
            let payload = json!({"person": format!("person-{}", number % 3)});
            json!({"id": number, "vector": [number, 1], "payload": payload})
        })
        .collect();
    let path = "/collections/notes/points?wait=true";
    let stored = owner.put(path, &json!({"points": points})).unwrap();
    assert_eq!(stored.status, 200);
    let backup = backups::make(&owner);
    (key, backup)
}

fn check(directory: &Path, key: &str, id: Option<&str>, place: &str) -> (Process, SignedReceipt) {
    let process = Process::start(directory);
    let expected: Vec<u64> = (0..300).filter(|number| number % 3 != 1).collect();
    assert_eq!(numbers(&process, key), expected, "{place}");
    let owner = process.client(key);
    let listed = owner.get("/v1/erasures").unwrap();
    let listed = listed.body["erasures"].as_array().unwrap().clone();
    let id = id.map_or_else(
        || listed[0]["id"].as_str().unwrap().to_owned(),
        str::to_owned,
    );
    let erasure = ended(&process, Some(key), &id);
    assert_eq!(erasure["state"], "done", "{place}: {erasure}");
    let receipt = owner.get(&format!("/v1/erasures/{id}/receipt")).unwrap();
    let receipt = parsed(&receipt.body);
    assert_eq!(left(directory, &receipt).finds, [], "{place}");
    let one = json!({"id": 1, "vector": [1, 1], "payload": {}});
    let path = "/collections/notes/points?wait=true";
    let stored = owner.put(path, &json!({"points": [one]})).unwrap();
    assert_eq!(stored.status, 200, "{place}: {}", stored.body);
    drop(owner);
    (process, receipt)
}

/// Nothing is left of a backup whose generation was erased, and the receipt tells of it.
fn ended_with_its_key(owner: &Client, backup: &Value, receipt: &SignedReceipt, directory: &Path) {
    let told = &receipt.body().copies.backups;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].id, backup["id"].as_str().unwrap());
    let path = format!("/v1/backups/{}", told[0].id);
    let now = owner.get(&path).unwrap().body;
    assert_eq!(now["state"], "ended", "{now}");
    let body = json!({"backup": backup["id"]});
    let refused = owner.post("/v1/restores", &body).unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    backups::only_whole_ones_are_left(owner, directory);
}

pub fn parsed(receipt: &Value) -> SignedReceipt {
    SignedReceipt::parse(receipt.to_string().as_bytes()).unwrap()
}

pub fn ended(process: &Process, key: Option<&str>, id: &str) -> Value {
    loop {
        let client = key.map_or_else(|| process.operator(), |key| process.client(key));
        let erasure = client.get(&format!("/v1/erasures/{id}")).unwrap().body;
        if matches!(erasure["state"].as_str(), Some("done" | "failed") | None) {
            return erasure;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn numbers(process: &Process, key: &str) -> Vec<u64> {
    let body = json!({"limit": 1_000, "with_payload": false});
    let page = process
        .client(key)
        .post("/collections/notes/points/scroll", &body);
    let page = page.unwrap();
    assert_eq!(page.status, 200, "{}", page.body);
    let points = page.body["result"]["points"].as_array().unwrap();
    points
        .iter()
        .map(|point| point["id"].as_u64().unwrap())
        .collect()
}
