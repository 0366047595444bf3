//! The audit log: everything that was decided, in a chain that shows when it was touched.

mod disk;
mod reading;
mod reduced;
mod refusals;

use std::{collections::HashSet, fs};

use locule::audit::verify;
use serde_json::{Value, json};

use crate::harness::{Node, Tenant};

fn lines(node: &Node) -> Vec<String> {
    let text = fs::read_to_string(node.directory().join("audit/000001.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The entry in a line of the whole log.
fn entry(line: &str) -> Value {
    serde_json::from_str::<Value>(line).unwrap()["entry"].take()
}

fn busy(node: &Node) -> Tenant {
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 2, "Dot");
    tenant.writer.put_point("docs", 1, &[1.0, 0.0], json!({}));
    tenant.inference.query("docs", &[1.0, 0.0], 1);
    tenant
}

#[test]
fn every_decision_is_recorded_with_actor_tenant_time_ip_and_outcome() {
    let node = Node::start();
    let tenant = busy(&node);
    tenant
        .inference
        .post("/collections/docs/points/scroll", json!({}))
        .expect(403);
    node.actor("nobody's key").get("/collections").expect(401);
    let entries: Vec<Value> = lines(&node).iter().map(|line| entry(line)).collect();
    let seen: HashSet<(&str, &str, &str)> = entries
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap_or("-");
            (text("tenant"), text("action"), text("outcome"))
        })
        .collect();
    for expected in [
        ("-", "manage_tenants", "allowed"),
        ("acme", "manage_keys", "allowed"),
        ("acme", "create_collection", "allowed"),
        ("acme", "write_points", "allowed"),
        ("acme", "search", "allowed"),
        ("acme", "read_points", "denied"),
        ("-", "authenticate", "denied"),
    ] {
        assert!(seen.contains(&expected), "no {expected:?} in {seen:?}");
    }
    assert!(entries.iter().all(|entry| entry["ip"] == "127.0.0.1"));
    assert!(
        entries
            .iter()
            .all(|entry| entry["time"] == "2027-01-15T08:00:00.000Z")
    );
}

#[test]
fn what_changes_something_is_recorded_by_its_own_name() {
    let node = Node::start();
    let tenant = busy(&node);
    let owner = &tenant.owner;
    let delete = |what: &str, body: Value| {
        let path = format!("/collections/docs/points/{what}?wait=true");
        owner.post(&path, body).expect(200);
    };
    delete("payload/clear", json!({"points": [1]}));
    delete("delete", json!({"points": [1]}));
    let retention = "/v1/retention/docs";
    owner.put(retention, json!({"ttl_days": 3})).expect(200);
    owner.delete(retention).expect(204);
    let hook = json!({"url": "https://example.com/hook", "events": ["key.expiring"]});
    let hook = owner.post("/v1/webhooks", hook).expect(201);
    let path = format!("/v1/webhooks/{}", hook["id"].as_str().unwrap());
    owner.delete(&path).expect(204);
    owner.post("/v1/backups", json!({})).expect(202);
    let operator = node.operator();
    let change = json!({"region": "eu"});
    operator.patch("/v1/tenants/acme", change).expect(200);
    for act in ["suspend", "resume"] {
        let path = format!("/v1/tenants/acme/{act}");
        operator.post(&path, json!({})).expect(200);
    }
    let own = tenant.auditor.get("/v1/audit?limit=10000").text;
    let mut acts: Vec<String> = own
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["action"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    acts.retain(|act| act == "delete_points" || !act.contains("points"));
    for expected in [
        "create_key",
        "delete_points",
        "set_retention",
        "remove_retention",
        "create_webhook",
        "delete_webhook",
        "make_backup",
        "change_tenant",
        "suspend_tenant",
        "resume_tenant",
    ] {
        assert!(
            acts.iter().any(|act| act == expected),
            "no {expected} in {acts:?}"
        );
    }
    let deletions = acts.iter().filter(|act| *act == "delete_points");
    assert_eq!(deletions.count(), 2);
}

#[test]
fn an_answer_carries_the_request_id_that_its_entry_has() {
    let node = Node::start();
    let tenant = busy(&node);
    let answer = tenant.inference.post(
        "/collections/docs/points/query",
        json!({"query": [0.0, 1.0]}),
    );
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(entry(lines(&node).last().unwrap())["request_id"], id);
}

#[test]
fn the_chain_holds_over_restarts_and_breaks_wherever_it_is_touched() {
    let node = Node::start();
    busy(&node);
    let node = node.restart();
    node.operator().get("/v1/tenants").expect(200);
    let lines = lines(&node);
    let joined = |lines: &[String]| format!("{}\n", lines.join("\n"));
    assert_eq!(
        verify(joined(&lines).as_bytes()).unwrap(),
        lines.len() as u64
    );
    for index in 0..lines.len() {
        let mut changed = lines.clone();
        changed[index] = changed[index].replacen("allowed", "ALLOWED", 1);
        assert!(
            verify(joined(&changed).as_bytes()).is_err(),
            "entry {index} changed"
        );
        if index + 1 < lines.len() {
            let mut missing = lines.clone();
            missing.remove(index);
            assert!(
                verify(joined(&missing).as_bytes()).is_err(),
                "entry {index} removed"
            );
            let mut swapped = lines.clone();
            swapped.swap(index, index + 1);
            assert!(
                verify(joined(&swapped).as_bytes()).is_err(),
                "entry {index} moved"
            );
        }
    }
}

#[test]
fn a_last_line_that_a_crash_cut_short_is_cut_off_and_a_damaged_one_stops_the_start() {
    let node = Node::start();
    busy(&node);
    let before = lines(&node).len();
    let stopped = node.stop();
    let path = stopped.path().join("audit/000001.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"v\":1,\"seq\":99"].concat()).unwrap();
    let node = stopped.start();
    assert_eq!(lines(&node).len(), before);
    let stopped = node.stop();
    // What a checkpoint vouches for isn't read at a start; `locule verify audit` reads it.
    fs::remove_file(stopped.path().join("audit/000001.checkpoint")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"search\"", "\"nought\"", 1)).unwrap();
    let directory = stopped.path();
    let clock = std::sync::Arc::new(locule::clock::Manual::at(locule::clock::Timestamp(0)));
    let started = locule::engine::Engine::start(crate::harness::options(&directory, clock));
    let error = started.unwrap_err().to_string();
    assert!(error.contains("audit"), "{error}");
}
