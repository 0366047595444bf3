//! `locule verify backup`: whether a backup is whole and unchanged, without a node and without a key.

use std::{fs, path::Path};

use locule::ops::backup::{BackupError, CheckedBackup, Held, check};
use serde_json::{Value, json};

use super::{directory, download, make};
use crate::{
    erasure::{erase, receipt},
    harness::{Actor, Node},
    verify::command::verify,
};

/// A node with a backup of three points, and the file that it was downloaded as.
fn downloaded(place: &Path) -> (Node, Actor, Value) {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    for id in 1..4 {
        owner.put_point("docs", id, &[1.0, 0.0], json!({"of": "someone"}));
    }
    let backup = make(&owner);
    fs::write(place, download(&owner, &backup)).unwrap();
    (node, owner, backup)
}

fn holds(checked: &CheckedBackup) -> bool {
    let (points, records) = (checked.points, checked.records);
    let said = Held {
        points,
        records,
        unreadable: 0,
    };
    checked.damaged.is_empty() && !checked.goes_on && checked.held == said
}

#[test]
fn a_whole_backup_holds_as_a_file_and_where_the_node_keeps_it() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("backup.locule");
    let (node, _, backup) = downloaded(&file);
    let id = backup["id"].as_str().unwrap();
    let manifest = directory(&node).join(format!("{id}.manifest"));
    for path in [&file, &manifest] {
        let told = verify(&["backup", path.to_str().unwrap()]).ends_with(0);
        let told = told.says("3 points").says("only the node");
        let json = told.json.unwrap();
        for field in ["id", "generation", "made_at", "points", "bytes"] {
            assert_eq!(json["backup"][field], backup[field], "{field}");
        }
        assert_eq!(json["damaged_blocks"], json!([]));
    }
    // Whatever is changed where the node keeps it.
    let blocks = super::blocks(&node);
    fs::remove_file(&blocks[0]).unwrap();
    let told = verify(&["backup", manifest.to_str().unwrap()]).ends_with(1);
    told.says("damaged or gone");
}

#[test]
fn a_backup_that_was_changed_anywhere_does_not_hold() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("backup.locule");
    drop(downloaded(&file));
    let whole = fs::read(&file).unwrap();
    assert!(holds(&check(&file).unwrap()));
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        match check(&file) {
            Ok(checked) => !holds(&checked),
            Err(BackupError::NotABackup | BackupError::Damaged) => true,
            Err(error) => panic!("{error}"),
        }
    };
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(refused(&changed), "byte {at} of {}", whole.len());
    }
    for end in (0..whole.len()).step_by(13) {
        assert!(refused(&whole[..end]), "cut at {end}");
    }
    assert!(refused(&[whole.clone(), vec![0]].concat()));
    // And so does the command.
    let path = file.to_str().unwrap();
    for (at, words) in [
        (0, "isn't a backup"),
        (30, "damaged"),
        (whole.len() - 1, "block"),
    ] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, changed).unwrap();
        verify(&["backup", path]).ends_with(1).says(words);
    }
    fs::remove_file(&file).unwrap();
    verify(&["backup", path]).ends_with(2);
    verify(&["backup", desk.path().to_str().unwrap()]).ends_with(2);
}

#[test]
fn a_backup_from_before_an_erasure_is_found_to_hold_what_was_erased() {
    let desk = tempfile::tempdir().unwrap();
    let file = desk.path().join("backup.locule");
    let (_node, owner, _) = downloaded(&file);
    let scope = json!({"points": {"collection": "docs", "ids": [2]}});
    let receipt = receipt(&owner, &erase(&owner, scope));
    let written = desk.path().join("receipt.json");
    fs::write(&written, receipt.document()).unwrap();
    let looked = |path: &Path| {
        let (path, receipt) = (path.to_str().unwrap(), written.to_str().unwrap());
        verify(&["directory", path, "--receipt", receipt])
    };
    looked(&file).ends_with(1).says("canary");
    // A disk image is a file, too, and one without any of it holds.
    let image = desk.path().join("disk.img");
    let zeros = vec![0; 100_000];
    fs::write(&image, &zeros).unwrap();
    looked(&image).ends_with(0);
    fs::write(
        &image,
        [zeros.clone(), fs::read(&file).unwrap(), zeros].concat(),
    )
    .unwrap();
    looked(&image).ends_with(1).says("canary");
}
