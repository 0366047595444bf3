//! What tenants say stays sealed: words that stand nowhere else are sent through every route,
//! and no file and no log line holds them, however they are spelled.
//!
//! Looked for: payload keys and values, collection names, point ids, vectors, what failing
//! requests held, API keys, the operator key. Not secret: tenants' public names, key names and
//! key ids, which stand in the audit log.

pub mod requests;
pub mod scanner;
pub mod secrets;

use std::{fs, path::Path, process::Stdio, sync::Arc, time::Duration};

use serde_json::json;

use self::{
    requests::send_everything,
    scanner::Scanner,
    secrets::{Secret, Words},
};
use crate::harness::{Actor, Node, OPERATOR_KEY, Tenant, free_port};

#[test]
fn no_file_holds_a_word_that_a_tenant_sent() {
    let node = Node::start();
    let tenants = ["anna", "berta"].map(|id| (node.tenant(id), Words::of(id)));
    for (tenant, words) in &tenants {
        send_everything(&tenant.owner, words);
        store_much(&tenant.owner, words);
        store_large(&tenant.owner, words);
        crate::backup::make(&tenant.owner);
    }
    while node.metric("locule_segments_written_total") < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let scanner = Scanner::new(&secrets_of(&tenants));
    scanner.expect_nothing(node.directory(), "while it runs");
    scanner.expect_nothing_in(
        node.stranger().get("/metrics").text.as_bytes(),
        "the metrics",
    );
    let stopped = node.stop();
    scanner.expect_nothing(&stopped.path(), "after it stopped");
    let tables = files_of(&stopped.path(), "sst");
    assert!(
        tables > 0,
        "rows stand in table files too, not in logs alone"
    );
    let node = stopped.start();
    for (tenant, words) in &tenants {
        let owner = node.actor(tenant.owner.key.as_ref().unwrap());
        let found = owner.query(&words.collection, &words.vector, 100);
        let found = json!(found).to_string();
        assert!(
            found.contains(&words.value),
            "it is all there: {found:.500}"
        );
    }
    scanner.expect_nothing(node.directory(), "after it started again");
    let operator = node.operator();
    for (tenant, _) in &tenants {
        operator
            .delete(&format!("/v1/tenants/{}", tenant.id))
            .expect(202);
    }
    let stopped = node.stop();
    scanner.expect_nothing(&stopped.path(), "after the tenants were deleted");
}

/// The real server with its real log, at its most talkative.
#[test]
fn no_log_line_holds_a_word_that_a_tenant_sent() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let log = directory.path().join("log");
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_locule"))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(directory.path().join("data"))
        .env("LOCULE_LOG", "trace")
        .env("LOCULE_OPERATOR_KEY", OPERATOR_KEY)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&log).unwrap())
        .stderr(fs::File::options().append(true).open(&log).unwrap())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let stop = format!("kill -TERM {}", server.id());
    let sent = std::panic::catch_unwind(|| {
        wait_for(&log, "ready");
        let words = Words::of("anna");
        let said = talk(&url, &words);
        (words, said)
    });
    // Whatever happened, the server doesn't outlive the test.
    let stopped = std::process::Command::new("sh")
        .args(["-c", &stop])
        .status();
    assert!(stopped.unwrap().success());
    assert!(server.wait().unwrap().success());
    let (words, (owner, tokens)) = sent.unwrap();
    let logged = fs::read_to_string(&log).unwrap();
    for line in [
        "DEBUG",
        "/collections/{name}/points/query",
        "stopped",
        "status=404",
    ] {
        assert!(logged.contains(line), "the log is there: {line}");
    }
    let mut secrets = words.secrets();
    secrets.extend(Secret::of_api_key("the owner's key", &owner));
    secrets.push(Secret::text("the operator's key", OPERATOR_KEY));
    for token in &tokens {
        secrets.push(Secret::text("a token", token));
        // Its claims and its signature by themselves.
        secrets.extend(
            token
                .split('.')
                .skip(1)
                .map(|part| Secret::text("a part of a token", part)),
        );
    }
    Scanner::new(&secrets).expect_nothing_in(logged.as_bytes(), "the log");
}

/// As an operator, then as a new tenant's owner: says everything, and tells the owner's key and tokens.
fn talk(url: &str, words: &Words) -> (String, Vec<String>) {
    let runtime = Arc::new(tokio::runtime::Runtime::new().unwrap());
    let operator = Actor::new(url, Some(OPERATOR_KEY), &runtime);
    let created = operator
        .post("/v1/tenants", json!({"id": "anna"}))
        .expect(201);
    let key = created["owner_key"]["key"].as_str().unwrap().to_owned();
    let owner = Actor::new(url, Some(&key), &runtime);
    send_everything(&owner, words);
    let pair = owner.post("/v1/token", json!({})).expect(200);
    let token = |name: &str| pair[name].as_str().unwrap().to_owned();
    let tokens = vec![token("access_token"), token("refresh_token")];
    let by_token = Actor::new(url, Some(&tokens[0]), &runtime);
    by_token.get("/collections").expect(200);
    // A token with a slip in it, and a refresh token where none belongs.
    for wrong in [format!("{}0", tokens[0]), tokens[1].clone()] {
        let wrong = Actor::new(url, Some(&wrong), &runtime);
        wrong.get("/collections").expect(401);
    }
    let renewed = json!({"refresh_token": tokens[1]});
    operator.post("/v1/token/refresh", renewed).expect(200);
    // A key that isn't good isn't logged either: it may be a good one with a slip in it.
    let slip = Actor::new(url, Some(&format!("{key}0")), &runtime);
    slip.get("/collections").expect(401);
    operator
        .post("/v1/tenants/anna/suspend", json!({}))
        .expect(200);
    owner.get("/collections").expect(403);
    (key, tokens)
}

#[test]
fn the_scanner_finds_every_spelling_of_every_secret() {
    let words = Words::of("anna");
    let mut secrets = words.secrets();
    secrets.push(Secret::text("the operator's key", OPERATOR_KEY));
    let scanner = Scanner::new(&secrets);
    assert!(scanner.spellings().count() > 300);
    let directory = tempfile::tempdir().unwrap();
    scanner.expect_nothing(directory.path(), "an empty directory");
    for (at, (name, bytes)) in scanner.spellings().enumerate() {
        // At odd places of a file, deep down.
        let mut planted = vec![0xA5; at];
        planted.extend_from_slice(bytes);
        planted.extend_from_slice(b"and something after it");
        let place = directory.path().join("a/b");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("planted"), &planted).unwrap();
        let found = scanner.scan(directory.path());
        assert!(
            found.iter().any(|found| found.contains(name)),
            "{name}: {found:?}"
        );
    }
    fs::write(directory.path().join("a/b/planted"), b"nothing").unwrap();
    scanner.expect_nothing(directory.path(), "with nothing planted");
    fs::write(directory.path().join(&words.collection), b"").unwrap();
    let found = scanner.scan(directory.path());
    assert!(!found.is_empty(), "a file's name is looked at too");
}

fn secrets_of(tenants: &[(Tenant, Words)]) -> Vec<Secret> {
    let mut secrets = vec![Secret::text("the operator's key", OPERATOR_KEY)];
    for (tenant, words) in tenants {
        secrets.extend(words.secrets());
        for actor in [
            &tenant.owner,
            &tenant.writer,
            &tenant.inference,
            &tenant.auditor,
        ] {
            secrets.extend(Secret::of_api_key(
                "an API key",
                actor.key.as_ref().unwrap(),
            ));
        }
    }
    secrets
}

/// So much that it leaves the write-ahead log for table files.
fn store_much(owner: &Actor, words: &Words) {
    let text = words.value.repeat(200);
    let points: Vec<_> = (0..700)
        .map(|id| json!({"id": 10_000 + id, "vector": words.vector, "payload": {"text": text}}))
        .collect();
    let path = format!("/collections/{}/points", words.collection);
    owner.put(&path, json!({"points": points})).expect(200);
}

/// Vectors of so many components that the collection's index is stored.
fn store_large(owner: &Actor, words: &Words) {
    let vector = words.vector.repeat(172);
    let collection = format!("{}-large", words.collection);
    owner.create_collection(&collection, vector.len(), "Dot");
    let points: Vec<_> = (0..520)
        .map(|id| json!({"id": words.number + id, "vector": vector}))
        .collect();
    let path = format!("/collections/{collection}/points");
    owner.put(&path, json!({"points": points})).expect(200);
}

fn files_of(directory: &Path, extension: &str) -> usize {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                files_of(&path, extension)
            } else {
                usize::from(path.extension().is_some_and(|found| found == extension))
            }
        })
        .sum()
}

fn wait_for(log: &Path, word: &str) {
    for _ in 0..1_000 {
        if fs::read_to_string(log).unwrap().contains(word) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!(
        "the server didn't start: {}",
        fs::read_to_string(log).unwrap()
    );
}
