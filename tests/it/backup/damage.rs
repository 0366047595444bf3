//! A backup that was changed anywhere brings nothing back, and takes nothing away.

use std::fs;

use serde_json::json;

use super::{begin_restore, blocks, directory, download, everything, make, restore, upload};
use crate::harness::Node;

#[test]
fn a_manifest_with_any_byte_changed_is_refused() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let backup = make(&owner);
    let id = backup["id"].as_str().unwrap();
    let path = directory(&node).join(format!("{id}.manifest"));
    let manifest = fs::read(&path).unwrap();
    let file = download(&owner, &backup);
    for at in 0..manifest.len() {
        let mut changed = manifest.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).unwrap();
        let refused = begin_restore(&owner, &backup);
        assert_eq!(refused.status, 409, "byte {at}: {}", refused.text);
        assert!(refused.message().contains("damaged"), "{}", refused.text);
    }
    fs::write(&path, &manifest).unwrap();
    // The same as a file, with a digest that was made anew.
    for at in 0..manifest.len() - 32 {
        let mut changed = manifest.clone();
        changed[at] ^= 1 << (at % 8);
        let end = manifest.len() - 32;
        let digest = locule::seal::digest(&[&changed[..end]]);
        changed[end..].copy_from_slice(&digest);
        let mut forged = file.clone();
        forged[9..9 + manifest.len()].copy_from_slice(&changed);
        let refused = upload(&owner, forged);
        assert!(
            (400..500).contains(&refused.status),
            "byte {at}: {}",
            refused.text
        );
    }
    assert_eq!(
        restore(&owner, &backup)["state"],
        "done",
        "unharmed, it is good"
    );
}

#[test]
fn a_block_with_any_byte_changed_is_refused_and_the_tenant_keeps_what_it_has() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({"n": 1}));
    let backup = make(&owner);
    owner.put_point("docs", 1, &[1.0, 0.0], json!({"n": 2}));
    let now = everything(&owner);
    for path in blocks(&node) {
        let block = fs::read(&path).unwrap();
        for at in (0..block.len()).step_by(7).chain([block.len() - 1]) {
            let mut changed = block.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, &changed).unwrap();
            let restored = restore(&owner, &backup);
            assert_eq!(restored["state"], "failed", "byte {at}");
            assert!(
                restored["error"].as_str().unwrap().contains("damaged"),
                "{restored}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(
            restore(&owner, &backup)["state"],
            "failed",
            "a block that is gone"
        );
        fs::write(&path, &block).unwrap();
    }
    assert_eq!(everything(&owner), now);
    assert_eq!(
        restore(&owner, &backup)["state"],
        "done",
        "unharmed, it is good"
    );
    assert_ne!(everything(&owner), now);
}

#[test]
fn a_new_backup_does_not_rest_on_a_block_that_was_damaged() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    make(&owner);
    for path in blocks(&node) {
        fs::write(path, "damaged").unwrap();
    }
    let second = make(&owner);
    assert_eq!(second["new_bytes"], second["bytes"]);
    assert_eq!(restore(&owner, &second)["state"], "done");
}
