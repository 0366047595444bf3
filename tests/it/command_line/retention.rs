//! `locule retention` and `locule usage`: what a tenant keeps, and how long, from a terminal.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Told, locule};
use crate::harness::{Node, Tenant};

struct Desk {
    node: Node,
    tenant: Tenant,
}

impl Desk {
    fn new() -> Self {
        let node = Node::start();
        let tenant = node.tenant("acme");
        for name in ["docs", "notes"] {
            tenant.writer.create_collection(name, 2, "Dot");
        }
        Self { node, tenant }
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let owner = self.tenant.owner.key.as_deref().unwrap();
        locule(&self.node.url, owner, arguments)
    }

    fn listed(&self) -> Value {
        self.run(&["retention", "list", "--json"]).json()
    }
}

#[test]
fn a_retention_is_set_listed_and_removed() {
    let desk = Desk::new();
    desk.tenant
        .writer
        .put_point("docs", 1, &[1.0, 0.0], json!({}));
    let told = desk
        .run(&["retention", "set", "docs", "--days", "30"])
        .good();
    assert_eq!(
        (told.field("collection"), told.field("days")),
        ("docs", "30")
    );
    let set = [
        "retention",
        "set",
        "notes",
        "--field",
        "ends_at",
        "--purge-within-hours",
        "8",
        "--json",
    ];
    let told = desk.run(&set).json();
    assert_eq!(
        (&told["field"], &told["purge_within_hours"]),
        (&json!("ends_at"), &json!(8))
    );
    let told = desk
        .run(&["retention", "set", "--all", "--purge-within-hours", "12"])
        .good();
    assert_eq!(told.field("purge within hours"), "12");

    let list = desk.run(&["retention", "list"]).good();
    let notes = list
        .out
        .lines()
        .find(|line| line.starts_with("notes"))
        .unwrap();
    let words: Vec<&str> = notes.split_whitespace().collect();
    assert_eq!(words[..5], ["notes", "-", "ends_at", "8", "true"]);
    assert!(list.err.contains("within 12 hours"), "{}", list.err);

    // It holds: a point ends.
    desk.node
        .clock
        .advance(Duration::from_secs(30 * 24 * 60 * 60));
    assert!(
        desk.tenant
            .inference
            .query("docs", &[1.0, 0.0], 1)
            .is_empty()
    );

    let told = desk.run(&["retention", "remove", "docs"]).good();
    assert!(
        told.out.contains("collection docs has no retention"),
        "{}",
        told.out
    );
    desk.run(&["retention", "remove", "--all"]).good();
    let left = desk.listed();
    let of: Vec<_> = left["retentions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["collection"])
        .collect();
    assert_eq!(
        (of, &left["purge_within_hours"]),
        (vec![&json!("notes")], &Value::Null)
    );
}

#[test]
fn a_retention_that_cant_be_says_why_and_isnt_set() {
    let desk = Desk::new();
    for (arguments, why) in [
        (&["set", "docs"][..], "--days <N>|--field"),
        (&["set", "--days", "5"], "COLLECTION|--all"),
        (
            &["set", "docs", "--days", "5", "--field", "ends_at"],
            "cannot be used with",
        ),
        (&["set", "--all", "--days", "5"], "cannot be used with"),
        (&["set", "docs", "--days", "0"], "1 to 36500"),
        (
            &["set", "docs", "--purge-within-hours", "9000"],
            "1 to 8760",
        ),
        (&["set", "nothing", "--days", "5"], "nothing"),
        (&["remove"], "COLLECTION|--all"),
        (&["remove", "docs"], "no retention"),
    ] {
        let failed = desk.run(&[&["retention"], arguments].concat()).failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
    assert_eq!(
        desk.listed(),
        json!({"retentions": [], "purge_within_hours": null})
    );
}

#[test]
fn usage_tells_people_and_programs_the_same() {
    let desk = Desk::new();
    desk.tenant
        .writer
        .put_point("docs", 1, &[1.0, 0.0], json!({}));
    let auditor = desk.tenant.auditor.key.as_deref().unwrap();
    let told = locule(&desk.node.url, auditor, &["usage"]).good();
    let values = ["state", "collections", "points"].map(|name| told.field(name));
    assert_eq!(values, ["open", "2", "1"]);
    let json = desk.run(&["usage", "--json"]).json();
    assert_eq!(
        (&json["points"], &json["state"]),
        (&json!(1), &json!("open"))
    );
    let failed = locule(&desk.node.url, crate::harness::OPERATOR_KEY, &["usage"]).failed();
    assert!(failed.contains("role"), "{failed}");
}
