//! `locule key`: what an owner does with keys from a terminal.

use std::time::Duration;

use serde_json::json;

use super::locule;
use crate::harness::{Node, Tenant};

/// A tenant, and a key of it that a loader uses.
struct Desk {
    node: Node,
    tenant: Tenant,
    id: String,
    key: String,
}

impl Desk {
    fn new() -> Self {
        let node = Node::start();
        let tenant = node.tenant("acme");
        let body = json!({"name": "loader", "role": "writer", "expires_in_days": 30});
        let made = tenant.owner.post("/v1/keys", body).expect(201);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            key: text("key"),
            node,
            tenant,
        }
    }

    fn run(&self, arguments: &[&str]) -> super::Told {
        let owner = self.tenant.owner.key.as_deref().unwrap();
        locule(&self.node.url, owner, arguments)
    }

    fn status(&self, key: &str) -> u16 {
        self.node.actor(key).get("/collections").status
    }
}

#[test]
fn a_rotated_key_is_shown_once_with_the_time_until_which_the_old_one_works() {
    let desk = Desk::new();
    let rotate = ["key", "rotate", &desk.id, "--grace", "24h"];
    let told = desk.run(&rotate).good();
    let new = told.field("key").to_owned();
    let until = "2027-01-16T08:00:00.000Z";
    assert_eq!(told.field("old key until"), until);
    assert_eq!(
        (told.field("name"), told.field("role")),
        ("loader", "writer")
    );
    assert_eq!(told.field("expires"), "2027-02-14T08:00:00.000Z");
    assert!(told.err.contains("shown this once"), "{}", told.err);
    let works = format!("Key {} works until {until}", desk.id);
    assert!(told.err.contains(&works), "{}", told.err);
    assert!(!told.err.contains(&new), "a log of notices has no key");
    let list = desk.run(&["key", "list", "--json"]).json();
    assert!(!list.to_string().contains(&new));
    let keys = list["keys"].as_array().unwrap();
    let old = keys.iter().find(|key| key["id"] == *desk.id).unwrap();
    assert_eq!(old["expires_at"], until);

    desk.node
        .clock
        .advance(Duration::from_secs(24 * 60 * 60 - 1));
    assert_eq!((desk.status(&desk.key), desk.status(&new)), (200, 200));
    desk.node.clock.advance(Duration::from_secs(1));
    assert_eq!((desk.status(&desk.key), desk.status(&new)), (401, 200));
}

#[test]
fn without_a_grace_period_the_old_key_ends_at_once() {
    let desk = Desk::new();
    let told = desk.run(&["key", "rotate", &desk.id]).good();
    let ended = format!("Key {} doesn't work any more", desk.id);
    assert!(told.err.contains(&ended), "{}", told.err);
    assert_eq!(desk.status(&desk.key), 401);
    assert_eq!(desk.status(told.field("key")), 200);
}

#[test]
fn programs_are_told_the_same_of_a_rotation() {
    let desk = Desk::new();
    // Past the old key's own end, which no grace puts off.
    let rotate = ["key", "rotate", &desk.id, "--grace", "30d", "--json"];
    desk.node.clock.advance(Duration::from_secs(60 * 60));
    let told = desk.run(&rotate).json();
    assert_eq!(told["replaces"], *desk.id);
    assert_eq!(told["old_key_expires_at"], "2027-02-14T08:00:00.000Z");
    assert_eq!(told["expires_at"], "2027-02-14T09:00:00.000Z");
    assert_eq!(desk.status(told["key"].as_str().unwrap()), 200);
    assert_eq!(desk.status(&desk.key), 200);
}

#[test]
fn a_rotation_that_cant_be_says_why_and_makes_no_key() {
    let desk = Desk::new();
    let count = || {
        desk.run(&["key", "list", "--json"]).json()["keys"]
            .as_array()
            .unwrap()
            .len()
    };
    let before = count();
    for (arguments, why) in [
        (vec![&*desk.id, "--grace", "24"], "24h"),
        (vec![&*desk.id, "--grace", "31d"], "at most 2592000"),
        (vec![&*desk.id, "--grace", "200000d"], "grace_seconds"),
        (vec!["0123456789abcdef"], "no such key"),
        (vec!["not-an-id"], "no such key"),
    ] {
        let failed = desk
            .run(&[vec!["key", "rotate"], arguments].concat())
            .failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
    let writer = desk.tenant.writer.key.as_deref().unwrap();
    let failed = locule(&desk.node.url, writer, &["key", "rotate", &desk.id]).failed();
    assert!(failed.contains("role"), "{failed}");
    assert_eq!(count(), before);
    assert_eq!(desk.status(&desk.key), 200);
}

#[test]
fn a_key_that_the_node_suspended_is_seen_in_the_list_and_resumed() {
    let desk = Desk::new();
    let watch = json!({"watch": {"suspend_after_refusals": 1}});
    desk.node
        .operator()
        .patch("/v1/tenants/acme", watch)
        .expect(200);
    let loader = desk.node.actor(&desk.key);
    for _ in 0..3 {
        loader.get("/v1/keys");
    }
    assert_eq!(desk.status(&desk.key), 401);
    let list = desk.run(&["key", "list"]).good();
    let line = list
        .out
        .lines()
        .find(|line| line.contains(&desk.id))
        .unwrap();
    assert!(line.ends_with("2027-01-15T08:00:00.000Z"), "{line}");
    let told = desk.run(&["key", "resume", &desk.id]).good();
    assert!(told.out.contains("believed again"), "{}", told.out);
    assert_eq!(desk.status(&desk.key), 200);
}

#[test]
fn a_key_with_all_that_it_can_be_bound_to_is_made_from_the_command_line() {
    let desk = Desk::new();
    let print = "0f".repeat(32);
    let arguments = [
        "key",
        "create",
        "--name",
        "worker",
        "--role",
        "inference",
        "--json",
        "--expires-in-days",
        "7",
        "--collections",
        "docs,notes",
        "--allowed-ips",
        "10.0.0.0/8",
        "--client-certificate",
        &print,
        "--requests-per-second",
        "5",
        "--bytes-per-second",
        "1000",
        "--concurrent-requests",
        "2",
    ];
    let made = desk.run(&arguments).json();
    for (field, value) in [
        ("collections", json!(["docs", "notes"])),
        ("allowed_ips", json!(["10.0.0.0/8"])),
        ("client_certificate", json!(print)),
        (
            "limits",
            json!({"requests_per_second": 5, "bytes_per_second": 1000, "concurrent_requests": 2}),
        ),
        ("expires_at", json!("2027-01-22T08:00:00.000Z")),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let list = desk.run(&["key", "list"]).good();
    let line = list.out.lines().find(|line| line.contains("worker"));
    for limit in [
        "requests_per_second=5",
        "bytes_per_second=1000",
        "concurrent_requests=2",
    ] {
        assert!(line.unwrap().contains(limit), "{}", list.out);
    }
}
