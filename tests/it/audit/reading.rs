//! Who may read the log: a tenant its own, the operator the node's, and neither learns of others.

use locule::audit::{verify, verify_extract};
use serde_json::{Value, json};

use super::busy;
use crate::harness::{Actor, Node};

/// The entries that an actor is given, and the checkpoint behind them, if there is one.
fn entries(actor: &Actor, path: &str) -> (Vec<Value>, Option<Value>, String) {
    let answer = actor.get(path);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let mut lines: Vec<Value> = answer
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let checkpoint = lines.pop_if(|line| line.get("checkpoint").is_some());
    (lines, checkpoint, answer.text)
}

#[test]
fn a_tenant_reads_its_own_entries_in_a_chain_of_their_own() {
    let node = Node::start();
    let acme = busy(&node);
    let globex = node.tenant("globex");
    globex.writer.create_collection("docs", 2, "Dot");
    for actor in [&acme.owner, &acme.auditor] {
        let (lines, checkpoint, text) = entries(actor, "/v1/audit");
        assert!(lines.iter().all(|line| line["tenant"] == "acme"));
        // How much others do can't be told from the numbers.
        let numbers: Vec<u64> = lines
            .iter()
            .map(|line| line["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
        let actions: Vec<&str> = lines
            .iter()
            .map(|line| line["action"].as_str().unwrap())
            .collect();
        for action in ["manage_keys", "create_collection", "write_points", "search"] {
            assert!(actions.contains(&action), "{action}: {actions:?}");
        }
        // Its own reading stands there too, before it is answered.
        assert_eq!(actions.last(), Some(&"read_audit"));
        let found = verify_extract(text.as_bytes(), None).unwrap();
        assert_eq!((found.first, found.checkpoints, found.unsigned), (1, 1, 0));
        let (body, _) = text.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(verify(body.as_bytes()).unwrap(), lines.len() as u64);
        let checkpoint = checkpoint.unwrap();
        assert_eq!(checkpoint["checkpoint"]["tenant"], "acme");
        assert_eq!(checkpoint["checkpoint"]["seq"], lines.len());
    }
    for actor in [&acme.writer, &acme.inference, &node.operator()] {
        assert_eq!(actor.get("/v1/audit").status, 403);
    }
    assert_eq!(node.stranger().get("/v1/audit").status, 401);
}

#[test]
fn pages_of_the_log_join_without_a_gap() {
    let node = Node::start();
    let acme = busy(&node);
    let (mut joined, mut after) = (String::new(), 0);
    loop {
        let path = format!("/v1/audit?after={after}&limit=3");
        let (lines, checkpoint, text) = entries(&acme.auditor, &path);
        after += lines.len() as u64;
        if checkpoint.is_some() {
            joined.push_str(&text);
            break;
        }
        assert_eq!(lines.len(), 3);
        joined.push_str(&text);
    }
    let found = verify_extract(joined.as_bytes(), None).unwrap();
    assert_eq!((found.first, found.last.seq), (1, after));
    let changed = joined.replacen("allowed", "refused", 1);
    assert!(verify_extract(changed.as_bytes(), None).is_err());
    let lines: Vec<&str> = joined.lines().collect();
    let missing = [&lines[..2], &lines[3..]].concat().join("\n");
    assert!(verify_extract(missing.as_bytes(), None).is_err());
    for wrong in ["limit=0", "limit=10001", "after=x", "before=1", "limit=-1"] {
        let answer = acme.auditor.get(&format!("/v1/audit?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
        assert!(!answer.message().is_empty());
    }
}

#[test]
fn what_the_operator_does_to_a_tenant_stands_in_that_tenants_log() {
    let node = Node::start();
    let acme = node.tenant("acme");
    let operator = node.operator();
    operator
        .post("/v1/tenants/acme/suspend", json!({}))
        .expect(200);
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    operator
        .post("/v1/tenants/nobody/suspend", json!({}))
        .expect(404);
    let (lines, _, _) = entries(&acme.auditor, "/v1/audit");
    let by_operator = |line: &&Value| line["action"] == "manage_tenants";
    assert_eq!(lines.iter().filter(by_operator).count(), 2);
    // Another tenant that tries is told no, and acme isn't told of it.
    let globex = node.tenant("globex");
    globex
        .owner
        .post("/v1/tenants/acme/suspend", json!({}))
        .expect(403);
    let (lines, _, _) = entries(&acme.auditor, "/v1/audit");
    assert_eq!(lines.iter().filter(by_operator).count(), 2);
}

#[test]
fn the_operator_reads_the_nodes_log_and_no_tenants() {
    let node = Node::start();
    let acme = busy(&node);
    node.actor("nobody's key").get("/collections").expect(401);
    let (lines, checkpoint, text) = entries(&node.operator(), "/v1/node/audit");
    assert!(lines.iter().all(|line| line["tenant"].is_null()));
    let actions: Vec<&str> = lines
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    for action in ["manage_tenants", "authenticate", "read_node_audit"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    assert!(checkpoint.unwrap()["checkpoint"]["tenant"].is_null());
    verify_extract(text.as_bytes(), None).unwrap();
    for actor in [&acme.owner, &acme.auditor, &acme.writer, &acme.inference] {
        assert_eq!(actor.get("/v1/node/audit").status, 403);
    }
}
