use std::{fs, path::Path, thread, time::Duration};

use serde_json::json;

use super::{erase, left, people, put_notes, receipt};
use crate::harness::{Node, copy};

/// A copy of a directory, as a thief or a backup has one.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy(from, to.path());
    to
}

#[test]
fn of_what_was_erased_nothing_is_left_in_any_file() {
    // Enough for a segment of the index: some of it in table files, some in the log alone.
    let node = Node::start();
    let tenant = people(&node, "acme", 20);
    tenant.owner.create_collection("large", 384, "Cosine");
    let vectors = crate::harness::vectors::random(3_000, 384, 3);
    for (part, some) in vectors.chunks(1_000).enumerate() {
        let points: Vec<_> = some
            .iter()
            .enumerate()
            .map(|(at, vector)| {
                let number = part * 1_000 + at;
                json!({"id": number, "vector": vector, "payload": {"person": format!("person-{}", number % 10)}})
            })
            .collect();
        let path = "/collections/large/points?wait=true";
        tenant
            .writer
            .put(path, json!({"points": points}))
            .expect(200);
    }
    let bystander = people(&node, "bystander", 500);
    // A stop stores what is in memory alone.
    let node = node.restart();
    let (tenant, bystander) = (tenant.on(&node), bystander.on(&node));
    let body = json!({"query": vectors[3], "limit": 1});
    let nearest = tenant
        .inference
        .post("/collections/large/points/query", body.clone())
        .expect(200);
    assert_eq!(nearest["result"]["points"][0]["id"], 3);

    let before = copied(node.directory());
    let scope = json!({"subject": {"field": "person", "value": "person-3"}});
    let erasure = erase(&tenant.owner, scope);
    assert_eq!(erasure["points"], 302);
    let receipt = receipt(&tenant.owner, &erasure);
    assert!(
        receipt.body().canaries.len() > 40,
        "{:?}",
        receipt.body().canaries
    );
    let finds = left(node.directory(), &receipt).finds;
    assert_eq!(finds, [], "while it runs");
    // The scan can fail: a copy from before has the family, the key and every canary.
    let copy = left(before.path(), &receipt);
    assert!(copy.finds.len() as u64 + copy.more > receipt.body().canaries.len() as u64);
    let key = format!("keys/ring/{}", receipt.body().key.file);
    assert!(before.path().join(&key).exists() && !node.directory().join(&key).exists());

    let nearest = tenant
        .inference
        .post("/collections/large/points/query", body)
        .expect(200);
    assert_ne!(nearest["result"]["points"][0]["id"], 3);
    let stopped = node.stop();
    assert_eq!(left(&stopped.path(), &receipt).finds, [], "stopped");
    // Were the old key still there, it would be found.
    fs::copy(before.path().join(&key), stopped.path().join(&key)).unwrap();
    let finds = left(&stopped.path(), &receipt).finds;
    assert!(
        finds.len() >= 2 && finds.iter().all(|find| find.path.ends_with(&key)),
        "{finds:?}"
    );
    fs::remove_file(stopped.path().join(&key)).unwrap();
    let node = stopped.start();
    assert_eq!(left(node.directory(), &receipt).finds, [], "started again");
    assert_eq!(super::ids(&bystander.on(&node).writer, "notes").len(), 500);
}

#[test]
fn of_a_deleted_tenant_nothing_is_left_in_any_file() {
    let node = Node::start();
    let tenant = people(&node, "acme", 2_000);
    let bystander = people(&node, "bystander", 500);
    put_notes(&tenant.writer, "notes", 2_000..2_100);
    let before = copied(node.directory());
    let erasure = erase(&tenant.owner, json!({"tenant": true}));
    let receipt = receipt(&node.operator(), &erasure);
    assert_eq!(left(node.directory(), &receipt).finds, []);
    assert!(!left(before.path(), &receipt).finds.is_empty());
    assert_eq!(super::ids(&bystander.writer, "notes").len(), 500);
    let stopped = node.stop();
    assert_eq!(left(&stopped.path(), &receipt).finds, []);
}

#[test]
fn erasures_that_wait_together_share_one_resealing() {
    let node = Node::start();
    let tenant = people(&node, "acme", 3_000);
    let asked: Vec<_> = (0..8)
        .map(|number| {
            let scope = json!({"points": {"collection": "notes", "ids": [number]}});
            let body = json!({"reason": "together", "scope": scope});
            tenant.owner.post("/v1/erasures", body).expect(202)
        })
        .collect();
    for one in &asked {
        let path = format!("/v1/erasures/{}", one["id"].as_str().unwrap());
        while tenant.owner.get(&path).expect(200)["state"] != "done" {}
    }
    let receipts: Vec<_> = asked
        .iter()
        .map(|one| receipt(&tenant.owner, one))
        .collect();
    let generations: std::collections::BTreeSet<u32> = receipts
        .iter()
        .map(|one| one.body().generation.dropped)
        .collect();
    assert!(generations.len() < 8, "{generations:?}");
    for receipt in &receipts {
        assert_eq!(left(node.directory(), receipt).finds, []);
    }
}

#[test]
fn what_fails_says_why_and_is_tried_again_with_what_was_asked_meanwhile() {
    let node = Node::start();
    let tenants = ["acme", "globex"].map(|id| people(&node, id, 100));
    for tenant in &tenants {
        crate::backup::make(&tenant.owner);
    }
    let mut ciphertext = Vec::new();
    for backups in fs::read_dir(node.directory().join("backups")).unwrap() {
        for block in fs::read_dir(backups.unwrap().path().join("blocks")).unwrap() {
            ciphertext.extend(fs::read(block.unwrap().path()).unwrap());
        }
    }
    let left_behind = node.directory().join("catalog/left-behind");
    fs::write(&left_behind, ciphertext).unwrap();
    let asked = tenants.each_ref().map(|tenant| {
        let scope = json!({"points": {"collection": "notes", "ids": [1]}});
        let body = json!({"reason": "a test", "scope": scope});
        tenant.owner.post("/v1/erasures", body).expect(202)
    });
    let state = |tenant: usize| {
        let path = format!("/v1/erasures/{}", asked[tenant]["id"].as_str().unwrap());
        tenants[tenant].auditor.get(&path).expect(200)
    };
    for tenant in 0..2 {
        while state(tenant)["failure"].is_null() {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(state(tenant)["state"], "verifying");
    }
    while node.metric("locule_erasures_failing") < 2 {
        thread::sleep(Duration::from_millis(5));
    }
    // Of the one tenant something more is to go, and the other as a whole.
    let scope = json!({"points": {"collection": "notes", "ids": [2]}});
    let body = json!({"reason": "a test", "scope": scope});
    let more = tenants[0].owner.post("/v1/erasures", body).expect(202);
    let whole = node.operator().delete("/v1/tenants/globex").expect(202);
    fs::remove_file(left_behind).unwrap();
    for (actor, erasure) in [
        (&tenants[0].owner, &asked[0]),
        (&tenants[0].owner, &more),
        (&node.operator(), &whole),
    ] {
        let path = format!("/v1/erasures/{}", erasure["id"].as_str().unwrap());
        while actor.get(&path).expect(200)["state"] != "done" {
            thread::sleep(Duration::from_millis(5));
        }
        let done = actor.get(&path).expect(200);
        assert_eq!(done["failure"], json!(null), "{done}");
    }
    while node.metric("locule_erasures_failing") > 0 {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_receipt_says_where_the_node_looked_and_there_is_none_while_anything_is_left_there() {
    let node = Node::start();
    let tenant = people(&node, "acme", 100);
    let scope = |id: u64| json!({"points": {"collection": "notes", "ids": [id]}});
    let looked = ["catalog", "keys", "shelves/000000"];
    for (id, place) in (0..).zip(looked) {
        crate::backup::make(&tenant.owner);
        let blocks = crate::backup::blocks(&node);
        let ciphertext: Vec<u8> = blocks
            .iter()
            .flat_map(|path| fs::read(path).unwrap())
            .collect();
        let left_behind = node.directory().join(place).join("left-behind");
        fs::write(&left_behind, ciphertext).unwrap();
        let body = json!({"reason": "a test", "scope": scope(id)});
        let asked = tenant.owner.post("/v1/erasures?wait=1", body).expect(202);
        assert_ne!(asked["state"], "done", "{place}: {asked}");
        fs::remove_file(left_behind).unwrap();
        erase(&tenant.owner, scope(50 + id));
        let path = format!("/v1/erasures/{}", asked["id"].as_str().unwrap());
        let done = tenant.owner.get(&path).expect(200);
        assert_eq!(done["state"], "done", "{place}: {done}");
        let receipt = receipt(&tenant.owner, &done);
        let said = receipt.body().checked.places.clone().unwrap();
        assert_eq!(said, looked);
    }
}
