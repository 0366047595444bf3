//! `locule audit`: what it prints is what `locule verify audit` checks.

use std::fs;

use serde_json::Value;

use super::locule;
use crate::harness::{Node, OPERATOR_KEY};

/// What a key's holder is told of the log.
fn log(node: &Node, key: &str, more: &[&str]) -> String {
    locule(&node.url, key, &[&["audit"], more].concat())
        .good()
        .out
}

fn seqs(log: &str) -> Vec<u64> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line["seq"].as_u64()).collect()
}

#[test]
fn a_log_that_was_printed_is_checked_offline_with_the_nodes_key() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.writer.create_collection("docs", 2, "Dot");
    let auditor = acme.auditor.key.as_deref().unwrap();
    let public = node.stranger().get("/v1/node/key").expect(200);
    let public = public["public_key"].as_str().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log.jsonl");
    let path = file.to_str().unwrap();
    let verify = ["verify", "audit", path, "--key", public];
    for (key, more) in [(auditor, &[][..]), (OPERATOR_KEY, &["--node"])] {
        let log = log(&node, key, more);
        let seqs = seqs(&log);
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        fs::write(&file, &log).unwrap();
        locule(&node.url, "", &verify).good();
        fs::write(&file, log.replacen("allowed", "refused", 1)).unwrap();
        assert!(!locule(&node.url, "", &verify).success);
    }

    let whole = log(&node, auditor, &[]);
    let last = *seqs(&whole).last().unwrap();
    let later = log(&node, auditor, &["--after", &last.to_string()]);
    assert_eq!(seqs(&later), [last + 1], "its own reading, and no more");
    // Two files, one behind the other, are one log: but for the checkpoint in the middle, of which there
    // may be any number.
    fs::write(&file, whole + &later).unwrap();
    locule(&node.url, "", &verify).good();
}

#[test]
fn whoever_may_not_read_a_log_is_told_who_may() {
    let node = Node::start();
    let acme = node.tenant("acme");
    let owner = acme.owner.key.as_deref().unwrap();
    let writer = acme.writer.key.as_deref().unwrap();
    for (key, arguments, why) in [
        (writer, &["audit"][..], "role"),
        (owner, &["audit", "--node"], "operator key"),
        (OPERATOR_KEY, &["audit"], "one of its own"),
        (owner, &["audit", "--after", "x"], "invalid digit"),
    ] {
        let failed = locule(&node.url, key, arguments).failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
}
