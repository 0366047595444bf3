//! Other names of collections, and what is said about them.

use serde_json::{Value, json};

use super::routes::{refused, stocked};
use crate::harness::{Actor, Answer};

fn create(alias: &str, collection: &str) -> Value {
    json!({"create_alias": {"alias_name": alias, "collection_name": collection}})
}

fn change(owner: &Actor, actions: &[Value]) -> Answer {
    owner.post("/collections/aliases", json!({"actions": actions}))
}

/// Each alias with its collection.
fn aliases(actor: &Actor, path: &str) -> Vec<(String, String)> {
    let answer = actor.get(path).expect(200);
    let aliases = answer["result"]["aliases"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = aliases
        .iter()
        .map(|alias| (text(&alias["alias_name"]), text(&alias["collection_name"])));
    pairs.collect()
}

fn pair(alias: &str, of: &str) -> (String, String) {
    (alias.to_owned(), of.to_owned())
}

#[test]
fn a_collection_answers_under_its_aliases() {
    let (node, owner) = stocked();
    owner.create_collection("other", 3, "Dot");
    let both = [create("latest", "docs"), create("spare", "other")];
    assert_eq!(change(&owner, &both).expect(200)["result"], true);
    assert_eq!(owner.query("latest", &[1.0, 0.0, 0.0], 9).len(), 3);
    owner.put_point("latest", 4, &[4.0, 0.0, 0.0], json!({}));
    assert_eq!(owner.query("docs", &[1.0, 0.0, 0.0], 9).len(), 4);
    let exists = owner.get("/collections/latest/exists").expect(200);
    assert_eq!(exists["result"]["exists"], true);
    let all = [pair("latest", "docs"), pair("spare", "other")];
    assert_eq!(aliases(&owner, "/aliases"), all);
    assert_eq!(aliases(&owner, "/collections/docs/aliases"), all[..1]);
    // From one to another collection in one step, and back under another name.
    change(&owner, &[create("latest", "other")]).expect(200);
    assert!(owner.query("latest", &[1.0, 0.0, 0.0], 9).is_empty());
    let rename = json!({"rename_alias": {"old_alias_name": "latest", "new_alias_name": "newest"}});
    let delete = json!({"delete_alias": {"alias_name": "spare"}});
    let none = json!({"delete_alias": {"alias_name": "never was"}});
    change(&owner, &[rename, delete, none]).expect(200);
    assert_eq!(owner.get("/collections/latest").status, 404);
    let key = owner.key.clone().unwrap();
    let node = node.restart();
    let owner = node.actor(&key);
    assert_eq!(aliases(&owner, "/aliases"), [pair("newest", "other")]);
    // A collection takes its aliases with it, and is deleted by its own name alone.
    let deleted = owner.delete("/collections/newest").expect(200);
    assert_eq!(deleted["result"], false);
    owner.delete("/collections/other").expect(200);
    assert!(aliases(&owner, "/aliases").is_empty());
    owner.create_collection("newest", 3, "Dot");
}

#[test]
fn actions_that_can_t_all_be_done_are_none_of_them_done() {
    let (_node, owner) = stocked();
    change(&owner, &[create("latest", "docs")]).expect(200);
    let rename = |from: &str, to: &str| json!({"rename_alias": {"old_alias_name": from, "new_alias_name": to}});
    for (bad, status, because) in [
        (create("x", "nowhere"), 404, "doesn't exist"),
        (create("x", "latest"), 404, "doesn't exist"),
        (create("docs", "docs"), 409, "already exists"),
        (rename("latest", "docs"), 409, "already exists"),
        (rename("nothing", "y"), 404, "doesn't exist"),
        (create("a/b", "docs"), 400, "collection name"),
        (json!({"drop_alias": {}}), 400, "drop_alias"),
    ] {
        let answer = change(&owner, &[create("new", "docs"), bad]);
        refused(&answer, because);
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let taken = owner.put("/collections/latest", json!({}));
    refused(&taken, "already exists");
    assert_eq!(taken.status, 409);
    let many: Vec<Value> = (0..1_001).map(|n| create(&n.to_string(), "docs")).collect();
    refused(&change(&owner, &many), "the limit of 1000");
    let most: Vec<Value> = many[..1_000].to_vec();
    refused(&change(&owner, &most), "1000 aliases");
    assert_eq!(aliases(&owner, "/aliases"), [pair("latest", "docs")]);
}

#[test]
fn a_key_for_some_collections_knows_their_aliases_and_no_others() {
    let (node, owner) = stocked();
    owner.create_collection("other", 3, "Dot");
    let both = [create("latest", "docs"), create("spare", "other")];
    change(&owner, &both).expect(200);
    let bound = json!({"name": "bound", "role": "owner", "collections": ["docs"]});
    let made = owner.post("/v1/keys", bound).expect(201);
    let bound = node.actor(made["key"].as_str().unwrap());
    assert_eq!(bound.query("latest", &[1.0, 0.0, 0.0], 9).len(), 3);
    assert_eq!(aliases(&bound, "/aliases"), [pair("latest", "docs")]);
    let there = bound.get("/collections/spare");
    let nowhere = bound.get("/collections/nowhere");
    assert_eq!((there.status, nowhere.status), (403, 403));
    assert_eq!(there.text, nowhere.text);
    // An alias is one more name of the tenant's, which the key isn't good for.
    for action in [
        create("mine", "docs"),
        create("docs", "docs"),
        json!({"delete_alias": {"alias_name": "latest"}}),
        json!({"rename_alias": {"old_alias_name": "spare", "new_alias_name": "docs"}}),
    ] {
        assert!(change(&bound, &[action]).status >= 400);
    }
    assert_eq!(aliases(&owner, "/aliases").len(), 2);
}

#[test]
fn what_is_said_about_a_collection_can_be_changed() {
    let (node, owner) = stocked();
    let update = json!({
        "metadata": {"made": "today", "by": "me"},
        "hnsw_config": {"m": 24},
        "optimizers_config": {"indexing_threshold": 5},
        "params": {"replication_factor": 3, "on_disk_payload": false},
        "vectors": {"": {"on_disk": true, "hnsw_config": {"m": 8}}},
        "quantization_config": {"scalar": {"type": "int8"}},
    });
    let done = owner.patch("/collections/docs", update).expect(200);
    assert_eq!(done["result"], true);
    let more = json!({"metadata": {"by": null, "size": 3}, "hnsw_config": {"ef_construct": 64}});
    owner.patch("/collections/docs?timeout=5", more).expect(200);
    let index = json!({"field_name": "n", "field_schema": "integer"});
    owner.put("/collections/docs/index", index).expect(200);
    let key = owner.key.clone().unwrap();
    let check = |owner: &Actor| {
        let shown = owner.get("/collections/docs").expect(200);
        let config = &shown["result"]["config"];
        assert_eq!(config["metadata"], json!({"made": "today", "size": 3}));
        assert_eq!(config["hnsw_config"]["m"], 24);
        assert_eq!(config["hnsw_config"]["ef_construct"], 64);
        assert_eq!(config["optimizer_config"]["indexing_threshold"], 5);
        assert_eq!(config["params"]["replication_factor"], 3);
        assert_eq!(config["params"]["on_disk_payload"], false);
        let vectors =
            json!({"size": 3, "distance": "Dot", "on_disk": true, "hnsw_config": {"m": 8}});
        assert_eq!(config["params"]["vectors"], vectors);
        let scalar = json!({"scalar": {"type": "int8"}});
        assert_eq!(config["quantization_config"], scalar);
        assert_eq!(shown["result"]["points_count"], 3);
    };
    check(&owner);
    for (body, because) in [
        (
            json!({"vectors": {"x": {"on_disk": true}}}),
            "Not existing vector name error: x",
        ),
        (json!({"vectors": {"": {"size": 4}}}), "size"),
        (json!({"params": {"shard_number": 4}}), "shard_number"),
        (json!({"sparse_vectors": {"s": {}}}), "sparse_vectors"),
        (
            json!({"metadata": {"m": "m".repeat(20_000)}}),
            "16384 bytes",
        ),
        (json!({"whatever": 1}), "whatever"),
    ] {
        refused(&owner.patch("/collections/docs", body), because);
    }
    refused(
        &owner.patch("/collections/none", json!({})),
        "doesn't exist",
    );
    let node = node.restart();
    check(&node.actor(&key));
}
