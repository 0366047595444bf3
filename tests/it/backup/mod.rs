//! Backups: ciphertext that brings a tenant back to the moment that it is of, and nothing else to
//! anyone else.

mod damage;
mod offline;
mod refused;
mod round_trip;
mod shared;

use std::{fs, path::PathBuf, thread, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Node};

/// Makes a backup, and waits until it is done.
pub fn make(owner: &Actor) -> Value {
    let begun = begun(|| owner.post("/v1/backups", json!({})));
    let made = settled(owner, "backups", &begun);
    assert_eq!(made["state"], "done", "{made}");
    made
}

/// Restores a backup, and waits for what comes of it.
pub fn restore(owner: &Actor, backup: &Value) -> Value {
    let begun = begun(|| begin_restore(owner, backup));
    settled(owner, "restores", &begun)
}

fn restore_done(owner: &Actor, backup: &Value) -> Value {
    let restored = restore(owner, backup);
    assert_eq!(restored["state"], "done", "{restored}");
    restored
}

/// Asks until what was done before, which cleans up behind itself, makes way.
fn begun(ask: impl Fn() -> Answer) -> Value {
    loop {
        let answer = ask();
        if answer.status != 409 || !answer.message().contains("is under way") {
            return answer.expect(202);
        }
    }
}

pub fn begin_restore(owner: &Actor, backup: &Value) -> Answer {
    owner.post("/v1/restores", json!({"backup": backup["id"]}))
}

pub fn settled(owner: &Actor, kind: &str, begun: &Value) -> Value {
    let path = format!("/v1/{kind}/{}", begun["id"].as_str().unwrap());
    loop {
        let now = owner.get(&path).expect(200);
        if now["state"] != "running" {
            return now;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn download(owner: &Actor, backup: &Value) -> Vec<u8> {
    let id = backup["id"].as_str().unwrap();
    owner.download(&format!("/v1/backups/{id}/download"))
}

fn upload(owner: &Actor, file: Vec<u8>) -> Answer {
    let kind = [("content-type", "application/octet-stream")];
    owner.send(
        reqwest::Method::POST,
        "/v1/backups/upload",
        &kind,
        Some(file),
    )
}

/// The only tenant's directory of backups.
fn directory(node: &Node) -> PathBuf {
    let mut tenants = fs::read_dir(node.directory().join("backups")).unwrap();
    tenants.next().unwrap().unwrap().path()
}

pub fn blocks(node: &Node) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(node).join("blocks")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Everything that a tenant can see: collections as they are set up, aliases, points.
fn everything(owner: &Actor) -> Value {
    let collections = owner.get("/collections").expect(200)["result"]["collections"].take();
    let mut seen = json!({"aliases": owner.get("/aliases").expect(200)["result"]});
    for collection in collections.as_array().unwrap() {
        let name = collection["name"].as_str().unwrap();
        let mut about = owner.get(&format!("/collections/{name}")).expect(200)["result"].take();
        let body = json!({"limit": 10_000, "with_vector": true, "with_payload": true});
        let points = owner.post(&format!("/collections/{name}/points/scroll"), body);
        seen[name] = json!({
            "config": about["config"].take(),
            "payload_schema": about["payload_schema"].take(),
            "points": points.expect(200)["result"]["points"],
        });
    }
    seen
}
