//! `locule verify` tells people, programs and exit codes the same.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{Erased, FAMILY, canaries, facts, scope, write_with};
use crate::{
    erasure::{erase, people, receipt},
    harness::Node,
};

/// Files to check, and the command to check them with.
struct Desk {
    erased: Erased,
    receipt: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let erased = Erased::begin();
        let receipt = erased.path("receipt.json");
        fs::write(&receipt, erased.receipt(facts()).document()).unwrap();
        fs::create_dir(erased.path("data")).unwrap();
        write_with(&erased.path("data/file"), 100_000, &[]);
        Self { erased, receipt }
    }

    fn path(&self, name: &str) -> String {
        self.erased.path(name).to_str().unwrap().to_owned()
    }

    fn receipt(&self, more: &[&str]) -> Told {
        let mut arguments = vec!["receipt", self.receipt.to_str().unwrap()];
        arguments.extend(more);
        verify(&arguments)
    }

    fn directory(&self, place: &str) -> Told {
        let receipt = self.receipt.to_str().unwrap();
        verify(&["directory", &self.path(place), "--receipt", receipt])
    }

    /// The public key of the node that signed.
    fn key(&self) -> String {
        let key = self.erased.signer().verifying_key();
        locule::ops::Hex(*key.as_bytes()).to_string()
    }
}

/// What the command told people and programs.
#[derive(Debug)]
pub struct Told {
    code: i32,
    text: String,
    pub json: Option<Value>,
}

impl Told {
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        let holds = self.json.as_ref().map(|json| json["holds"].clone());
        let expected = match code {
            0 => Some(Value::Bool(true)),
            1 => Some(Value::Bool(false)),
            // Nothing at all was looked at, or not everything.
            _ => holds.clone().map(|_| Value::Null),
        };
        assert_eq!(holds, expected, "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.text.contains(words), "no `{words}` in {self:?}");
        self
    }
}

pub fn verify(arguments: &[&str]) -> Told {
    let run = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_locule"))
            .arg("verify")
            .args(arguments)
            .args(more)
            .output()
            .unwrap()
    };
    let (people, programs) = (run(&[]), run(&["--json"]));
    assert_eq!(people.status, programs.status);
    let text = [people.stdout, people.stderr].concat();
    Told {
        code: people.status.code().unwrap(),
        text: String::from_utf8(text).unwrap(),
        json: serde_json::from_slice(&programs.stdout).ok(),
    }
}

#[test]
fn a_receipt_holds_with_its_key_its_predecessor_and_its_scope() {
    let desk = Desk::new();
    let told = desk.receipt(&[]).ends_with(0);
    let told = told
        .says("tenant acme: 12 points erased")
        .says("give the node's own");
    let json = told.json.unwrap();
    assert_eq!(json["receipt"]["tenant"], "acme");
    fs::write(desk.path("key"), desk.key() + "\n").unwrap();
    let answer = serde_json::json!({"algorithm": "Ed25519", "public_key": desk.key()});
    fs::write(desk.path("node.json"), answer.to_string()).unwrap();
    fs::write(desk.path("scope.json"), scope().to_string()).unwrap();
    let (file, given) = (desk.path("scope.json"), desk.key());
    for key in [&given, &desk.path("key"), &desk.path("node.json")] {
        desk.receipt(&["--key", key, "--scope", &file])
            .ends_with(0)
            .says("by the key that was given")
            .says("about what was asked");
    }
    let other = Erased::begin();
    let first = desk.erased.path("first.json");
    let signed = other.receipt(facts());
    fs::write(&first, signed.document()).unwrap();
    let mut next = facts();
    next.previous = Some(signed.hash());
    fs::write(&desk.receipt, Erased::begin().receipt(next).document()).unwrap();
    desk.receipt(&["--previous", first.to_str().unwrap()])
        .ends_with(0)
        .says("it follows receipt");
}

#[test]
fn a_receipt_that_is_not_what_it_should_be_ends_with_1() {
    let desk = Desk::new();
    let another = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    desk.receipt(&["--key", another])
        .ends_with(1)
        .says("not by the one that was given");
    fs::write(desk.path("scope.json"), "{\"tenant\":true}").unwrap();
    desk.receipt(&["--scope", &desk.path("scope.json")])
        .ends_with(1)
        .says("about something else");
    let own = desk.receipt.to_str().unwrap();
    desk.receipt(&["--previous", own])
        .ends_with(1)
        .says("it doesn't follow");
    let text = fs::read_to_string(&desk.receipt).unwrap();
    fs::write(desk.path("broken.json"), text.replace("acme", "acne")).unwrap();
    desk.receipt(&["--previous", &desk.path("broken.json")])
        .ends_with(1)
        .says("that receipt doesn't count");
    fs::write(&desk.receipt, text.replace("acme", "acne")).unwrap();
    desk.receipt(&[])
        .ends_with(1)
        .says("the signature doesn't hold");
    desk.directory("data")
        .ends_with(1)
        .says("the signature doesn't hold");
}

#[test]
fn what_cannot_be_looked_at_ends_with_2() {
    let desk = Desk::new();
    desk.directory("nowhere").ends_with(2).says("can't look at");
    verify(&["receipt", "/nowhere"])
        .ends_with(2)
        .says("can't read /nowhere");
    desk.receipt(&["--key", "neither"])
        .ends_with(2)
        .says("neither 64 hex digits nor a file");
    desk.receipt(&["--scope", desk.receipt.parent().unwrap().to_str().unwrap()])
        .ends_with(2);
    verify(&["receipt"]).ends_with(2).says("Usage");
    // A place of which a part can't be read holds for nobody.
    symlink("loop", desk.path("data/loop")).unwrap();
    let told = desk.directory("data").ends_with(2).says("couldn't be");
    let json = told.json.unwrap();
    assert_eq!(json["unread"][0]["path"], desk.path("data/loop"));
    // But what is found is found.
    write_with(Path::new(&desk.path("data/found")), 100, &[(7, &FAMILY.0)]);
    desk.directory("data").ends_with(1);
}

#[test]
fn each_find_is_told_with_its_place() {
    let desk = Desk::new();
    desk.directory("data")
        .ends_with(0)
        .says("1 file, 100,000 bytes")
        .says("none found");
    desk.directory("data/file").ends_with(0);
    let canary = canaries()[1].bytes.0;
    write_with(
        Path::new(&desk.path("data/file")),
        100_000,
        &[(77_777, &canary)],
    );
    // The receipt beside it names its traces, and is none.
    fs::copy(&desk.receipt, desk.path("data/receipt.json")).unwrap();
    fs::write(desk.path(&format!("data/{}.3.key", "07".repeat(16))), b"").unwrap();
    let file = desk.path("data/file");
    let told = desk
        .directory("data")
        .ends_with(1)
        .says("2 found")
        .says(&format!(
            "{file}, byte 77777: ciphertext of the dropped generation (canary 1)"
        ))
        .says("a file named like the shredded key's");
    let json = told.json.unwrap();
    let finds = json["finds"].as_array().unwrap();
    assert_eq!(finds.len(), 2);
    assert_eq!(finds[0]["trace"], "key_file");
    assert_eq!(finds[0]["offset"], Value::Null);
    assert_eq!(finds[1]["path"], file);
    assert_eq!(finds[1]["offset"], 77_777);
    assert_eq!(finds[1]["trace"], "canary");
    desk.directory("data/file").ends_with(1).says("byte 77777");
}

#[test]
fn what_a_node_erased_is_checked_with_the_key_that_it_publishes() {
    let node = Node::start();
    let tenant = people(&node, "acme", 200);
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let data = node.directory().to_str().unwrap();
    // A thief's copy, or a backup, from before.
    let copied = Command::new("cp")
        .args(["-r", &format!("{data}/shelves"), &path("before")])
        .status();
    assert!(copied.unwrap().success());
    let asked = serde_json::json!({"subject": {"field": "person", "value": "person-3"}});
    let erasure = erase(&tenant.owner, asked.clone());
    let signed = receipt(&tenant.owner, &erasure);
    fs::write(path("receipt.json"), signed.document()).unwrap();
    fs::write(path("asked.json"), asked.to_string()).unwrap();
    let key = node.stranger().get("/v1/node/key").expect(200);
    fs::write(path("node.json"), key.to_string()).unwrap();
    verify(&[
        "receipt",
        &path("receipt.json"),
        "--key",
        &path("node.json"),
        "--scope",
        &path("asked.json"),
    ])
    .ends_with(0);
    let against = [
        "--receipt",
        &path("receipt.json"),
        "--key",
        &path("node.json"),
    ];
    let directory = |place: &str| verify(&[&["directory", place][..], &against].concat());
    directory(data).ends_with(0).says("none found");
    directory(&path("before"))
        .ends_with(1)
        .says("the dropped family's name")
        .says("ciphertext of the dropped generation");
    // The same node signs after a restart.
    let node = node.restart();
    let again = node.stranger().get("/v1/node/key").expect(200);
    assert_eq!(again, key);
}
