//! What waits for what, and what doesn't.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use serde_json::{Value, json};

use super::{erase, ids, people, receipt};
use crate::{
    backup,
    harness::{Actor, Node},
    isolation::disk::families_with_data,
};

/// Pipes in place of a tenant's blocks: whoever reads one waits until it is let go on.
struct Held {
    pipes: Vec<(PathBuf, Vec<u8>)>,
}

impl Held {
    fn blocks(node: &Node) -> Self {
        let pipes = backup::blocks(node).into_iter().map(|path| {
            let block = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            (path, block)
        });
        Self {
            pipes: pipes.collect(),
        }
    }

    /// Lets them go on, with what they wanted to read.
    fn let_go(self) {
        for (path, block) in self.pipes {
            thread::spawn(move || fs::write(path, block));
        }
    }
}

/// A backup that looks at each block that is there already, and has to wait. If the index was stored
/// meanwhile there is none of those, and another is made.
fn held_backup(node: &Node, owner: &Actor) -> (Held, Value) {
    loop {
        backup::make(owner);
        let held = Held::blocks(node);
        let under_way = owner.post("/v1/backups", json!({})).expect(202);
        let path = format!("/v1/backups/{}", under_way["id"].as_str().unwrap());
        let running = || owner.get(&path).expect(200)["state"] == "running";
        let waits = (0..50).all(|_| {
            thread::sleep(Duration::from_millis(2));
            running()
        });
        if waits {
            return (held, under_way);
        }
        held.let_go();
    }
}

fn asked(owner: &Actor) -> Value {
    let scope = json!({"subject": {"field": "person", "value": "person-3"}});
    let body = json!({"reason": "a test", "scope": scope});
    owner.post("/v1/erasures", body).expect(202)
}

#[test]
fn a_tenant_s_backup_holds_up_its_own_erasure_and_no_other_tenant_s() {
    let node = Node::start();
    let slow = people(&node, "slow", 100);
    let (held, under_way) = held_backup(&node, &slow.owner);
    let waits = asked(&slow.owner);
    let other = people(&node, "other", 100);
    erase(
        &other.owner,
        json!({"subject": {"field": "person", "value": "person-3"}}),
    );
    let path = format!("/v1/erasures/{}", waits["id"].as_str().unwrap());
    assert_eq!(slow.owner.get(&path).expect(200)["state"], "queued");
    assert_eq!(ids(&slow.owner, "notes").len(), 90, "gone at once");
    held.let_go();
    let made = backup::settled(&slow.owner, "backups", &under_way);
    assert_ne!(made["state"], "failed", "{made}");
    // The one that waited is done with the next.
    erase(
        &slow.owner,
        json!({"points": {"collection": "notes", "ids": [1]}}),
    );
    let done = slow.owner.get(&path).expect(200);
    assert_eq!(done["state"], "done", "{done}");
    receipt(&slow.owner, &done);
}

#[test]
fn a_tenant_is_deleted_while_a_backup_of_it_is_restored_and_nothing_is_left_of_either() {
    let node = Node::start();
    let tenant = people(&node, "acme", 100);
    let backup = backup::make(&tenant.owner);
    let held = Held::blocks(&node);
    let restore = backup::begin_restore(&tenant.owner, &backup).expect(202);
    assert_eq!(restore["state"], "running");
    // The owner's own erasures would be undone by it, and are refused.
    let scope = json!({"points": {"collection": "notes", "ids": [1]}});
    let body = json!({"reason": "a test", "scope": scope});
    tenant.owner.post("/v1/erasures", body).expect(409);
    let deleted = node.operator().delete("/v1/tenants/acme").expect(202);
    tenant.owner.get("/v1/self").expect(401);
    held.let_go();
    let path = format!("/v1/erasures/{}", deleted["id"].as_str().unwrap());
    let ended = loop {
        let now = node.operator().get(&path).expect(200);
        if now["state"] == "done" || now["state"] == "failed" {
            break now;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(ended["state"], "done", "{ended}");
    let receipt = receipt(&node.operator(), &ended);
    let left = super::left(node.directory(), &receipt);
    assert_eq!(left.finds, []);
    assert_eq!(families_with_data(&node.stop().path()), 0);
}
