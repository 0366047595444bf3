use serde_json::json;

use super::{begin_restore, directory, download, everything, make, restore_done, settled, upload};
use crate::{
    harness::{Actor, Node, vectors},
    isolation::disk::{Disk, head, row},
};

fn fill(owner: &Actor) {
    owner.create_collection("docs", 4, "Euclid");
    owner.create_collection("other", 2, "Dot");
    for (id, vector) in vectors::random(40, 4, 1).iter().enumerate() {
        owner.put_point(
            "docs",
            id as u64,
            vector,
            json!({"text": "before", "n": id}),
        );
    }
    owner.put_point("other", 7, &[1.0, 2.0], json!({"text": "other"}));
    let index = json!({"field_name": "n", "field_schema": "integer"});
    owner
        .put("/collections/docs/index?wait=true", index)
        .expect(200);
    let alias = json!({"create_alias": {"collection_name": "docs", "alias_name": "latest"}});
    owner
        .post("/collections/aliases", json!({"actions": [alias]}))
        .expect(200);
}

fn change_everything(owner: &Actor) {
    for (id, vector) in vectors::random(60, 4, 2).iter().enumerate() {
        owner.put_point("docs", id as u64, vector, json!({"text": "after"}));
    }
    owner
        .post(
            "/collections/docs/points/delete?wait=true",
            json!({"points": [1, 2, 3]}),
        )
        .expect(200);
    owner.delete("/collections/other").expect(200);
    owner.create_collection("third", 3, "Cosine");
    owner.put_point("third", 1, &[1.0, 0.0, 0.0], json!({}));
    let unnamed = json!({"delete_alias": {"alias_name": "latest"}});
    owner
        .post("/collections/aliases", json!({"actions": [unnamed]}))
        .expect(200);
}

#[test]
fn a_restore_brings_back_the_moment_of_the_backup_and_nothing_of_what_came_later() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    fill(&owner);
    let before = everything(&owner);
    let backup = make(&owner);
    assert_eq!(backup["points"], 41);
    change_everything(&owner);
    let after = everything(&owner);
    assert_ne!(before, after);
    let later = make(&owner);

    let restored = restore_done(&owner, &backup);
    assert_eq!(restored["points"], 41);
    assert_eq!(everything(&owner), before);
    // And forward again: what was gone comes back from the later one.
    restore_done(&owner, &later);
    assert_eq!(everything(&owner), after);
    restore_done(&owner, &backup);

    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    assert_eq!(everything(&owner), before, "after a restart");
    owner.put_point(
        "docs",
        99,
        &[0.0; 4],
        json!({"text": "written after the restore"}),
    );
    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    let found = owner.query("docs", &[0.0; 4], 1);
    assert_eq!(found[0]["payload"]["text"], "written after the restore");
    owner.get("/aliases").expect(200);
}

#[test]
fn counters_never_go_back_whatever_is_restored() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let write = |owner: &Actor| {
        let point = json!({"id": 1, "vector": [1.0, 1.0]});
        let body = json!({"points": [point]});
        let answer = owner
            .put("/collections/docs/points?wait=true", body)
            .expect(200);
        answer["result"]["operation_id"].as_u64().unwrap()
    };
    let backup = make(&owner);
    let last = (0..20).fold(0, |_, _| write(&owner));
    let names: Vec<_> = (0..5).map(|n| format!("c{n}")).collect();
    for name in &names {
        owner.create_collection(name, 2, "Dot");
    }
    let stopped = node.stop();
    let highest = |disk: &Disk| {
        let keys: Vec<_> = disk.rows("acme").into_keys().collect();
        let numbers = keys.iter().map(|key| {
            let number = u64::from_be_bytes(key[5..13].try_into().unwrap());
            (
                key[0],
                u32::from_be_bytes(key[1..5].try_into().unwrap()),
                number,
            )
        });
        let rows = numbers
            .clone()
            .filter(|(kind, ..)| *kind == 3)
            .map(|(.., row)| row);
        let collections = numbers
            .filter(|(kind, ..)| *kind == 2)
            .map(|(_, number, _)| number);
        (rows.max().unwrap(), collections.max().unwrap())
    };
    let (row, collection) = highest(&Disk::of(&stopped));
    let node = stopped.start();
    let owner = node.actor(owner.key.as_ref().unwrap());
    restore_done(&owner, &backup);
    assert!(write(&owner) > last, "sequence numbers");
    owner.create_collection("new", 2, "Dot");
    let (row_now, collection_now) = highest(&Disk::of(&node.stop()));
    assert!(row_now > row, "row numbers: {row_now} after {row}");
    assert!(
        collection_now > collection,
        "collections: {collection_now} after {collection}"
    );
}

#[test]
fn a_backup_is_of_one_moment_while_writers_go_on() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    let (writer, owner) = (&tenant.writer, &tenant.owner);
    // Each write replaces two points at once, which are equal at every moment.
    let write = |n: u64| {
        let point = |id: u64| json!({"id": id, "vector": [1.0, 0.0], "payload": {"n": n}});
        let body = json!({"points": [point(1), point(1_000_000)]});
        writer
            .put("/collections/docs/points?wait=true", body)
            .expect(200);
    };
    write(0);
    for round in 0..6 {
        let backup = std::thread::scope(|scope| {
            let writing = scope.spawn(|| (1..60).for_each(|n| write(round * 100 + n)));
            let backup = make(owner);
            writing.join().unwrap();
            backup
        });
        restore_done(owner, &backup);
        let points = everything(owner)["docs"]["points"].take();
        assert_eq!(points[0]["payload"], points[1]["payload"], "{points}");
        assert_eq!(points.as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_downloaded_backup_comes_back_after_the_server_has_lost_its_own() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    fill(&owner);
    let before = everything(&owner);
    let backup = make(&owner);
    let file = download(&owner, &backup);
    let path = format!("/v1/backups/{}", backup["id"].as_str().unwrap());
    assert_eq!(owner.get(&path).expect(200)["downloads"], 1);
    assert_eq!(owner.delete(&path).status, 204);
    owner.get(&path).expect(404);
    assert!(
        !node
            .directory()
            .join("backups")
            .read_dir()
            .unwrap()
            .any(|_| true)
    );
    change_everything(&owner);
    let uploaded = upload(&owner, file.clone()).expect(201);
    for field in ["id", "points", "bytes", "sha256", "made_at", "generation"] {
        assert_eq!(uploaded[field], backup[field], "{field}");
    }
    assert_eq!(uploaded["downloads"], 1, "the file is a copy elsewhere");
    // A second time it is there already.
    assert_eq!(upload(&owner, file).expect(201)["id"], backup["id"]);
    restore_done(&owner, &uploaded);
    assert_eq!(everything(&owner), before);
}

#[test]
fn a_tenant_whose_data_is_damaged_is_restored() {
    type Harm = fn(&mut crate::isolation::disk::Rows);
    let harms: [Harm; 3] = [
        |rows| drop(rows.remove(&head())),
        |rows| rows.get_mut(&row(3)).unwrap()[30] ^= 1,
        |rows| rows.clear(),
    ];
    for harm in harms {
        let node = Node::start();
        let owner = node.tenant("acme").owner;
        fill(&owner);
        let before = everything(&owner);
        let backup = make(&owner);
        let stopped = node.stop();
        Disk::of(&stopped).change_rows("acme", harm);
        let node = stopped.start();
        let owner = node.actor(owner.key.as_ref().unwrap());
        owner.get("/collections").expect(500);
        // A backup of it now would be of damaged data: it says so.
        let begun = owner.post("/v1/backups", json!({})).expect(202);
        let failed = settled(&owner, "backups", &begun);
        assert_eq!(failed["state"], "failed", "{failed}");
        restore_done(&owner, &backup);
        assert_eq!(everything(&owner), before);
        owner.put_point("docs", 1, &[0.0; 4], json!({}));
        let node = node.restart();
        let owner = node.actor(owner.key.as_ref().unwrap());
        assert_eq!(owner.query("docs", &[0.0; 4], 1)[0]["id"], 1);
    }
}

#[test]
fn a_restore_leaves_one_family_and_remembers_what_it_did() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    fill(&owner);
    let backup = make(&owner);
    let restored = restore_done(&owner, &backup);
    let listed = owner.get("/v1/restores").expect(200);
    assert_eq!(listed["restores"], json!([restored]));
    assert!(begin_restore(&owner, &json!({"id": "0".repeat(32)})).status == 404);
    owner
        .get(&format!("/v1/restores/{}", "0".repeat(32)))
        .expect(404);
    assert!(directory(&node).join("blocks").exists());
}
