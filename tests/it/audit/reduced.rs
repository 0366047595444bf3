//! An erased tenant's entries keep what was done and when, and lose who did it.

use std::collections::BTreeSet;

use locule::audit::verify_directory;
use serde_json::{Value, json};

use super::busy;
use crate::{
    erasure::erase,
    harness::{Actor, Node},
    verify::command::verify,
};

/// The lines of the files that tell of a tenant.
fn lines_about(node: &Node, tenant: &str) -> Vec<String> {
    let name = format!("\"tenant\":\"{tenant}\"");
    super::lines(node)
        .into_iter()
        .filter(|line| line.contains(&name))
        .collect()
}

fn acts(lines: &[String]) -> Vec<Value> {
    let entries = lines.iter().map(|line| super::entry(line));
    entries.map(|entry| entry["action"].clone()).collect()
}

fn ids_of_keys(owner: &Actor) -> BTreeSet<String> {
    let keys = owner.get("/v1/keys").expect(200);
    let keys = keys["keys"].as_array().unwrap();
    let ids = keys
        .iter()
        .map(|key| key["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[test]
fn with_a_tenant_goes_who_acted_for_it_and_the_log_holds_all_the_same() {
    let node = Node::start();
    let acme = busy(&node);
    let globex = node.tenant("globex");
    let denied = acme.inference.delete("/collections/docs");
    assert_eq!(denied.status, 403);
    let request = denied.headers["x-request-id"].to_str().unwrap().to_owned();
    for act in ["suspend", "resume"] {
        let path = format!("/v1/tenants/acme/{act}");
        node.operator().post(&path, json!({})).expect(200);
    }
    let keys = ids_of_keys(&acme.owner);
    assert!(keys.len() > 3);
    let others = globex.auditor.get("/v1/audit?limit=10000").text;
    let others: Vec<_> = others.lines().collect();
    let before = lines_about(&node, "acme");
    assert!(before.iter().any(|line| line.contains(&request)));
    erase(&acme.owner, json!({"tenant": true}));

    let after = lines_about(&node, "acme");
    assert_eq!(acts(&after)[..before.len()], acts(&before));
    let mut operators = 0;
    for line in &after {
        let entry = super::entry(line);
        let told = keys.iter().find(|key| line.contains(*key));
        assert_eq!((told, line.contains(&request)), (None, false), "{line}");
        match entry["actor"].as_str().unwrap() {
            "operator" => {
                assert_eq!(entry["ip"], "127.0.0.1", "{line}");
                assert!(entry["key_id"].is_string(), "{line}");
                operators += 1;
            }
            "node" => assert!(entry["ip"].is_null() && entry["key_id"].is_null(), "{line}"),
            actor => {
                assert_eq!(actor, "key");
                let gone = ["ip", "key_id", "request_id"];
                assert!(gone.iter().all(|field| entry[field].is_null()), "{line}");
            }
        }
    }
    assert!(operators >= 2, "{after:?}");
    let now = globex.auditor.get("/v1/audit?limit=10000").text;
    let now: Vec<_> = now.lines().collect();
    assert_eq!(
        now[..others.len() - 1],
        others[..others.len() - 1],
        "but for their ends"
    );

    let stopped = node.stop();
    let found = verify_directory(&stopped.path().join("audit"), None).unwrap();
    let reduced = after.iter().filter(|line| line.contains("\"who\"")).count();
    assert_eq!(found.reduced, reduced as u64);
    verify(&["audit", stopped.path().to_str().unwrap()])
        .ends_with(0)
        .says("don't tell any more who it was");
}
