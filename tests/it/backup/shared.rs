//! What backups have in common is stored once.

use std::{fs, path::Path};

use serde_json::json;

use super::{blocks, directory, make};
use crate::harness::{Actor, Node, vectors};

fn load(owner: &Actor, points: usize) {
    let vectors = vectors::random(points, 128, 3);
    for (batch, vectors) in vectors.chunks(1000).enumerate() {
        let points: Vec<_> = vectors
            .iter()
            .enumerate()
            .map(|(n, vector)| json!({"id": batch * 1000 + n, "vector": vector}))
            .collect();
        owner
            .put(
                "/collections/docs/points?wait=true",
                json!({"points": points}),
            )
            .expect(200);
    }
}

fn bytes(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    files.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn a_second_backup_takes_what_has_changed_and_no_more() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 128, "Euclid");
    load(&owner, 12_000);
    let delete = |backup: &serde_json::Value| {
        let path = format!("/v1/backups/{}", backup["id"].as_str().unwrap());
        assert_eq!(owner.delete(&path).status, 204);
    };
    let mut first = make(&owner);
    assert_eq!(first["new_bytes"], first["bytes"]);
    let mut unchanged = make(&owner);
    // The node may have stored an index between the two, and noted that.
    while unchanged["bytes"] != first["bytes"] {
        delete(&first);
        first = std::mem::replace(&mut unchanged, make(&owner));
    }
    let whole = first["bytes"].as_u64().unwrap();
    assert!(whole > 12_000 * 128 * 4, "{first}");
    assert_eq!(
        (unchanged["new_bytes"].as_u64(), &unchanged["bytes"]),
        (Some(0), &first["bytes"])
    );
    // One point in the middle is replaced: its old row leaves one block, its new one joins another.
    owner.put_point("docs", 6_000, &[0.5; 128], json!({}));
    let changed = make(&owner);
    let new = changed["new_bytes"].as_u64().unwrap();
    assert!(new > 0, "{changed}");
    assert!(
        new < 10 << 20,
        "two blocks and the head, of {whole}: {changed}"
    );
    let on_disk = bytes(&directory(&node).join("blocks"));
    assert_eq!(on_disk, whole + new);

    // Each block stays as long as a backup names it.
    delete(&first);
    assert_eq!(bytes(&directory(&node).join("blocks")), on_disk);
    delete(&unchanged);
    let left = bytes(&directory(&node).join("blocks"));
    assert_eq!(left, changed["bytes"].as_u64().unwrap());
    assert!(!blocks(&node).is_empty());
    delete(&changed);
    assert!(
        !node
            .directory()
            .join("backups")
            .read_dir()
            .unwrap()
            .any(|_| true)
    );
}
