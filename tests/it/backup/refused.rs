//! Who can do nothing with a backup.

use std::{fs, path::Path, sync::Arc};

use locule::{
    clock::Timestamp,
    ops::backup::{BackupError, BackupId, BackupState, Backups},
    router::Turns,
    seal::{Keyring, RootKeySource},
    store::{Catalog, InUse},
    tenant::{Generation, TenantUuid},
};
use serde_json::{Value, json};

use super::{begin_restore, download, make, restore_done, upload};
use crate::{harness::Node, isolation::disk::Disk};

#[test]
fn only_an_owner_makes_sees_or_restores_backups() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let backup = make(&tenant.owner);
    let id = backup["id"].as_str().unwrap();
    for actor in [
        &tenant.writer,
        &tenant.inference,
        &tenant.auditor,
        &node.operator(),
    ] {
        actor.post("/v1/backups", json!({})).expect(403);
        actor.get("/v1/backups").expect(403);
        actor.get(&format!("/v1/backups/{id}")).expect(403);
        actor.get(&format!("/v1/backups/{id}/download")).expect(403);
        actor.delete(&format!("/v1/backups/{id}")).expect(403);
        assert_eq!(upload(actor, Vec::new()).status, 403);
        begin_restore(actor, &backup).expect(403);
        actor.get("/v1/restores").expect(403);
    }
    node.stranger().get("/v1/backups").expect(401);
}

#[test]
fn a_quota_on_disk_bounds_what_is_uploaded_and_no_tenant_s_way_back() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let backup = make(&owner);
    let file = download(&owner, &backup);
    let id = backup["id"].as_str().unwrap();
    owner.delete(&format!("/v1/backups/{id}")).expect(204);
    let quota = json!({"quota": {"disk_bytes_max": 1}});
    node.operator().patch("/v1/tenants/acme", quota).expect(200);
    let most = (64 << 20) + 2;
    let refused = upload(&owner, vec![0; most + 1]);
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(
        refused.message().contains(&most.to_string()),
        "{}",
        refused.text
    );
    upload(&owner, vec![0; most]).expect(400);
    // It is past its quota as it is. What it had it gets back.
    let again = upload(&owner, file.clone()).expect(201);
    restore_done(&owner, &again);
    // Copies beside it are bounded, too.
    for refused in [
        owner.post("/v1/backups", json!({})),
        upload(&owner, file.clone()),
    ] {
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert!(
            refused.message().contains("backups hold"),
            "{}",
            refused.text
        );
    }
    let id = again["id"].as_str().unwrap();
    owner.delete(&format!("/v1/backups/{id}")).expect(204);
    upload(&owner, file).expect(201);
}

#[test]
fn a_backup_with_more_points_than_the_tenant_may_have_is_not_restored() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    for id in 0..3 {
        owner.put_point("docs", id, &[1.0, 0.0], json!({}));
    }
    let backup = make(&owner);
    let may_have = |points: u64| {
        let quota = json!({"quota": {"points_max": points}});
        node.operator().patch("/v1/tenants/acme", quota).expect(200);
    };
    may_have(2);
    let refused = begin_restore(&owner, &backup);
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.message().contains("3 points"), "{}", refused.text);
    may_have(3);
    restore_done(&owner, &backup);
}

#[test]
fn another_tenant_s_backup_is_not_there_and_its_file_is_refused() {
    let node = Node::start();
    let (one, other) = (node.tenant("one").owner, node.tenant("other").owner);
    other.create_collection("docs", 2, "Dot");
    let backup = make(&one);
    let id = backup["id"].as_str().unwrap();
    let nobodys = json!({"id": "0".repeat(32)});
    let missing = begin_restore(&other, &nobodys);
    let theirs = begin_restore(&other, &backup);
    assert_eq!((theirs.status, &theirs.text), (404, &missing.text));
    for path in [
        format!("/v1/backups/{id}"),
        format!("/v1/backups/{id}/download"),
    ] {
        other.get(&path).expect(404);
    }
    other.delete(&format!("/v1/backups/{id}")).expect(404);
    let refused = upload(&other, download(&one, &backup));
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(
        refused.message().contains("another tenant's"),
        "{}",
        refused.text
    );
    assert_eq!(other.get("/v1/backups").expect(200)["backups"], json!([]));
}

#[test]
fn a_file_that_is_no_backup_is_refused() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    for bytes in [
        &b""[..],
        b"LCLF",
        b"LCLF\x02\0\0\0\0 of another version",
        &[0; 1000],
    ] {
        let refused = upload(&owner, bytes.to_vec());
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    let file = download(&owner, &make(&owner));
    let mut longer = file.clone();
    longer.push(0);
    for file in [longer, file[..file.len() - 1].to_vec()] {
        // One that isn't here yet.
        let backups = owner.get("/v1/backups").expect(200);
        for backup in backups["backups"].as_array().unwrap() {
            owner.delete(&format!("/v1/backups/{}", backup["id"].as_str().unwrap()));
        }
        assert_eq!(upload(&owner, file).status, 409);
        assert_eq!(owner.get("/v1/backups").expect(200)["backups"], json!([]));
    }
}

#[test]
fn once_a_generation_s_key_is_shredded_its_backups_are_gone_and_refused_with_the_reason() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    let backup = make(&owner);
    let stopped = node.stop();
    let tenant = Disk::of(&stopped).record("acme").uuid;
    let directory = stopped.path();
    let keyring = keyring(&directory);
    let next = keyring
        .make(tenant, Generation(2))
        .unwrap()
        .derive_manifest_key();
    let shredded = keyring.shred(tenant, Generation(1)).unwrap();

    let backups = open(&keyring, &directory);
    assert_eq!(backups.of_generation(tenant, Generation(1)).len(), 1);
    let turn = Turns::default().take(tenant);
    let (at, erasure) = (Timestamp(1_800_000_000_000), [0xEE; 16]);
    for _ in 0..2 {
        let ended = backups
            .end(&turn, shredded.generation(), at, Some(erasure))
            .unwrap();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].id.to_string(), backup["id"].as_str().unwrap());
        assert_eq!(
            ended[0].state,
            BackupState::Ended {
                at,
                erasure: Some(erasure)
            }
        );
    }
    assert!(backups.of_generation(tenant, Generation(1)).is_empty());
    assert!(
        fs::read_dir(directory.join("backups"))
            .unwrap()
            .next()
            .is_none()
    );
    let id = BackupId::parse(backup["id"].as_str().unwrap()).unwrap();
    drop(backups);
    // Remembered by the catalog, not in memory alone.
    let backups = open(&keyring, &directory);
    let refused = backups
        .records(tenant, id, (Generation(2), &next))
        .unwrap_err();
    assert!(matches!(refused, BackupError::Ended { .. }));
    let why = refused.to_string();
    for part in [
        "generation 1",
        "2027-01-15T08:00:00.000Z",
        &"ee".repeat(16),
        "for nobody",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
    assert!(backups.download(tenant, id).is_err());
    let left = backups.end_all(&turn).unwrap();
    assert_eq!(left.len(), 1);
    assert!(backups.list(tenant).is_empty());
}

/// The keys of a node that has stopped.
fn keyring(directory: &Path) -> Keyring {
    let root = RootKeySource::File(directory.join("keys/root.key"));
    Keyring::open(&directory.join("keys/ring"), root.fetch().unwrap()).unwrap()
}

/// As the engine gives one up that no thread can be started for.
#[test]
fn a_backup_that_is_given_up_has_failed_with_the_reason_and_is_in_nobody_s_way() {
    let node = Node::start();
    node.tenant("acme");
    let stopped = node.stop();
    let tenant = Disk::of(&stopped).record("acme").uuid;
    let directory = stopped.path();
    let keyring = keyring(&directory);
    let backups = open(&keyring, &directory);
    let failed = BackupState::Failed("there is no thread".to_owned());
    // More than are made at a time.
    for number in 0..20 {
        let turn = Turns::default().take(tenant);
        let begun = backups.begin(&turn, Generation::FIRST, Timestamp(number));
        let begun = begun.unwrap();
        assert_eq!(begun.state, BackupState::Running);
        backups.give_up(&begun, "there is no thread".to_owned());
        assert_eq!(backups.find(tenant, begun.id).unwrap().state, failed);
        assert_eq!(backups.progress(begun.id), None);
    }
    drop(backups);
    let listed = open(&keyring, &directory).list(tenant);
    assert_eq!(listed.len(), 20);
    assert!(listed.iter().all(|backup| backup.state == failed));
}

fn open(keyring: &Keyring, directory: &Path) -> Backups {
    let system = keyring.load(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
    let (in_use, _) = InUse::new(fs::File::open(directory.join("lock")).unwrap());
    let catalog = Catalog::open(
        &directory.join("catalog"),
        system.derive_data_key(0),
        in_use,
    );
    Backups::open(&directory.join("backups"), Arc::new(catalog.unwrap())).unwrap()
}

#[test]
fn one_thing_at_a_time_is_done_to_a_tenant_s_data_as_a_whole() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    let backup = make(&owner);
    // Whoever comes while one runs is told so; nobody fails for another reason.
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|n| {
                let (owner, backup) = (owner.clone(), &backup);
                scope.spawn(move || match n % 2 {
                    0 => owner.post("/v1/backups", json!({})).status,
                    _ => begin_restore(&owner, backup).status,
                })
            })
            .collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    assert!(
        answers.iter().all(|status| matches!(status, 202 | 409)),
        "{answers:?}"
    );
    assert!(answers.contains(&202), "{answers:?}");
    let all: Value = owner.get("/v1/restores").expect(200);
    for restore in all["restores"].as_array().unwrap() {
        assert_ne!(
            super::settled(&owner, "restores", restore)["state"],
            "failed"
        );
    }
}

#[test]
fn a_tenant_that_is_deleted_leaves_no_backup_behind() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    make(&owner);
    node.operator()
        .delete("/v1/tenants/acme?wait=60")
        .expect(202);
    let stopped = node.stop();
    let left = fs::read_dir(stopped.path().join("backups")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn an_erasure_ends_the_backups_of_before_and_its_receipt_names_every_copy() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    for id in 1..4 {
        let payload = json!({"of": if id == 2 { "someone" } else { "others" }});
        owner.put_point("docs", id, &[1.0, 0.0], payload);
    }
    let (backup, unseen, deleted) = (make(&owner), make(&owner), make(&owner));
    let file = download(&owner, &backup);
    // Of this one the server has no copy any more. Whoever downloaded it has.
    download(&owner, &deleted);
    let path = format!("/v1/backups/{}", deleted["id"].as_str().unwrap());
    owner.delete(&path).expect(204);
    owner.get(&path).expect(404);
    owner.delete(&path).expect(404);
    assert_eq!(begin_restore(&owner, &deleted).status, 404);
    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    owner.get(&path).expect(404);
    let listed = owner.get("/v1/backups").expect(200);
    assert_eq!(listed["backups"].as_array().unwrap().len(), 2);
    let keeper = json!({"passphrase": "correct horse battery", "reason": "in the safe"});
    let export = owner.post("/v1/custody", keeper).expect(201);
    let scope = json!({"subject": {"field": "of", "value": "someone"}});
    let asked = json!({"reason": "asked to", "scope": scope});
    let erasure = owner.post("/v1/erasures?wait=60", asked).expect(202);
    assert_eq!(erasure["state"], "done", "{erasure}");

    let id = erasure["id"].as_str().unwrap();
    let receipt = owner.get(&format!("/v1/erasures/{id}/receipt")).expect(200);
    let copies = &receipt["receipt"]["copies"];
    let named = |backup: &Value, downloads: u64| {
        json!({"id": backup["id"], "generation": 1, "made_at": backup["made_at"],
               "downloads": downloads})
    };
    let mut backups = copies["backups"].as_array().unwrap().clone();
    let mut expected = [named(&backup, 1), named(&deleted, 1), named(&unseen, 0)];
    // Made in the same moment, so in any order.
    let by_id = |backup: &Value| backup["id"].to_string();
    backups.sort_by_key(by_id);
    expected.sort_by_key(by_id);
    assert_eq!(backups, expected, "{copies}");
    assert_eq!(
        copies["exports"],
        json!([{"id": export["id"], "generation": 1, "made_at": export["at"], "to": "passphrase"}])
    );

    assert!(
        fs::read_dir(node.directory().join("backups"))
            .unwrap()
            .next()
            .is_none()
    );
    let path = format!("/v1/backups/{}", backup["id"].as_str().unwrap());
    let ended = owner.get(&path).expect(200);
    assert_eq!(
        (&ended["state"], &ended["ended_by"]),
        (&json!("ended"), &erasure["id"])
    );
    for refused in [begin_restore(&owner, &backup), upload(&owner, file.clone())] {
        assert_eq!(refused.status, 409, "{}", refused.text);
        let why = refused.message();
        assert!(why.contains("generation 1") && why.contains(id), "{why}");
    }
    // The file is still the ciphertext that it was; a new backup is of what is left.
    let after = make(&owner);
    assert_eq!(
        (&after["generation"], &after["points"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(super::restore(&owner, &after)["state"], "done");
    assert_eq!(upload(&owner, file).status, 409);
}
