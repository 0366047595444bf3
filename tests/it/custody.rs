//! A copy of a generation key for a keeper outside: recorded, sealed, and good for a lost keyring.

use std::fs;

use age::secrecy::ExposeSecret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use locule::{
    engine::{Engine, EngineOptions, PutBack, PutBackError},
    seal::Opener,
};
use serde_json::{Value, json};

use crate::{
    harness::{Actor, Node, Stopped, options},
    isolation::disk::Disk,
};

fn export(owner: &Actor, to: Value) -> (Value, Vec<u8>) {
    let mut body = json!({"reason": "in the safe"});
    body.as_object_mut()
        .unwrap()
        .extend(to.as_object().unwrap().clone());
    let mut exported = owner.post("/v1/custody", body).expect(201);
    let file = exported["file"].take();
    (exported, STANDARD.decode(file.as_str().unwrap()).unwrap())
}

fn settings(stopped: &Stopped) -> EngineOptions {
    let clock = locule::clock::Manual::at(locule::clock::Timestamp(0));
    options(&stopped.path(), clock.into())
}

fn put_back(stopped: &Stopped, file: &[u8], opener: &Opener) -> Result<PutBack, PutBackError> {
    Engine::put_back_key(settings(stopped), file, opener)
}

#[test]
fn a_lost_key_comes_back_from_a_recipient_s_file() {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({"text": "kept"}));
    let (exported, file) = export(&owner, json!({"recipient": recipient}));
    assert_eq!(
        (&exported["to"], &exported["generation"]),
        (&json!(recipient), &json!(1))
    );
    let opener = Opener::identities(identity.to_string().expose_secret()).unwrap();

    let stopped = node.stop();
    let why = put_back(&stopped, &file, &opener).unwrap_err().to_string();
    assert!(why.contains("already"), "{why}");
    let key_file = Disk::of(&stopped).key_file("acme", 1);
    fs::remove_file(&key_file).unwrap();
    let node = stopped.start();
    node.actor(owner.key.as_ref().unwrap())
        .get("/collections")
        .expect(500);
    let stopped = node.stop();
    let put = put_back(&stopped, &file, &opener).unwrap();
    assert_eq!((put.tenant.as_str(), put.generation), ("acme", 1));
    let node = stopped.start();
    let found = node
        .actor(owner.key.as_ref().unwrap())
        .query("docs", &[1.0, 0.0], 1);
    assert_eq!(found[0]["payload"]["text"], "kept");
}

#[test]
fn a_passphrase_s_file_opens_with_it_and_with_no_other() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    let (exported, file) = export(&owner, json!({"passphrase": "correct horse battery"}));
    assert_eq!(exported["to"], "passphrase");
    assert!(file.starts_with(b"age-encryption.org/v1\n"));
    let stopped = node.stop();
    fs::remove_file(Disk::of(&stopped).key_file("acme", 1)).unwrap();
    let open =
        |passphrase: &str| put_back(&stopped, &file, &Opener::passphrase(passphrase.to_owned()));
    assert!(matches!(
        open("incorrect horse battery"),
        Err(PutBackError::Custody(_))
    ));
    assert_eq!(open("correct horse battery").unwrap().tenant, "acme");
}

#[test]
fn a_key_of_a_generation_that_was_shredded_or_of_a_tenant_that_is_gone_stays_out() {
    let identity = age::x25519::Identity::generate();
    let recipient = json!({"recipient": identity.to_public().to_string()});
    let opener = Opener::identities(identity.to_string().expose_secret()).unwrap();
    let node = Node::start();
    let (resealed, deleted) = (node.tenant("resealed").owner, node.tenant("deleted").owner);
    let files = [&resealed, &deleted].map(|owner| export(owner, recipient.clone()).1);
    node.operator()
        .delete("/v1/tenants/deleted?wait=60")
        .expect(202);
    let stopped = node.stop();
    // As a reseal leaves it.
    let disk = Disk::of(&stopped);
    let old = disk.key_file("resealed", 1);
    drop(disk.make_key("resealed", 2));
    disk.change_record("resealed", |record| record.generation.0 = 2);
    fs::remove_file(&old).unwrap();
    drop(disk);
    for (file, why) in files.iter().zip(["shredded for good", "was deleted"]) {
        let refused = put_back(&stopped, file, &opener).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(!old.exists());
    // Someone else's own age file of a key that never was: it opens nothing here.
    let refused = put_back(&stopped, b"age-encryption.org/v1\n", &opener);
    assert!(matches!(refused, Err(PutBackError::Custody(_))));
}

#[test]
fn every_export_is_listed_and_is_an_act_of_its_own_in_the_audit_log() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    let (exported, file) = export(&tenant.owner, json!({"recipient": recipient}));
    let listed = tenant.owner.get("/v1/custody");
    let mut expected = exported.clone();
    expected.as_object_mut().unwrap().remove("file");
    assert_eq!(listed["exports"], json!([expected]));
    assert_eq!(listed["exports"][0]["reason"], "in the safe");
    let log = fs::read_to_string(node.directory().join("audit/000001.jsonl")).unwrap();
    assert_eq!(log.matches("\"export_key\"").count(), 1, "{log}");
    // The server keeps no copy.
    let stopped = node.restart().stop();
    for entry in fs::read_dir(stopped.path().join("keys/ring")).unwrap() {
        let kept = fs::read(entry.unwrap().path()).unwrap();
        assert!(
            !kept
                .windows(16)
                .any(|part| part == &file[file.len() - 16..])
        );
    }
    let node = stopped.start();
    let owner = node.actor(tenant.owner.key.as_ref().unwrap());
    assert_eq!(
        owner.get("/v1/custody").expect(200)["exports"],
        json!([expected])
    );
    for actor in [&tenant.writer, &tenant.inference, &tenant.auditor] {
        let actor = node.actor(actor.key.as_ref().unwrap());
        actor.get("/v1/custody").expect(403);
        actor
            .post(
                "/v1/custody",
                json!({"recipient": recipient, "reason": "no"}),
            )
            .expect(403);
    }
}

#[test]
fn a_bad_request_for_an_export_says_what_is_wrong() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    for body in [
        json!({"reason": "neither"}),
        json!({"reason": "both", "passphrase": "correct horse battery", "recipient": "age1x"}),
        json!({"reason": "short", "passphrase": "eleven char"}),
        json!({"reason": "no recipient", "recipient": "age1nobody"}),
        json!({"reason": " ", "passphrase": "correct horse battery"}),
        json!({"reason": "x".repeat(257), "passphrase": "correct horse battery"}),
    ] {
        let refused = owner.post("/v1/custody", body.clone());
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
    }
    assert_eq!(owner.get("/v1/custody").expect(200)["exports"], json!([]));
}
