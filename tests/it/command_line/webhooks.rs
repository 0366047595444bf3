//! `locule webhook`: what an owner does with webhooks from a terminal.

use serde_json::{Value, json};

use super::{Told, locule};
use crate::{
    harness::{Node, Setup, Tenant},
    webhooks::Receiver,
};

struct Desk {
    node: Node,
    tenant: Tenant,
}

impl Desk {
    fn new() -> Self {
        let node = Node::with(Setup {
            webhook_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..Setup::default()
        });
        let tenant = node.tenant("acme");
        Self { node, tenant }
    }

    fn run(&self, arguments: &[&str]) -> Told {
        let owner = self.tenant.owner.key.as_deref().unwrap();
        locule(&self.node.url, owner, &[&["webhook"], arguments].concat())
    }

    fn listed(&self) -> Vec<Value> {
        let list = self.run(&["list", "--json"]).json();
        list["webhooks"].as_array().unwrap().clone()
    }
}

#[test]
fn a_webhook_is_made_with_its_secret_shown_once_listed_and_deleted() {
    let desk = Desk::new();
    let create = [
        "create",
        "--to",
        "https://hooks.example/",
        "--events",
        "erasure.done,quota.near",
    ];
    let told = desk.run(&create).good();
    let secret = told.field("secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{}", told.out);
    assert!(
        told.err.contains("shown this once") && !told.err.contains(&secret),
        "{}",
        told.err
    );
    let id = told.field("id");
    let inbound = desk.run(&["create", "--inbound", "--json"]).json();
    let path = format!("/v1/webhooks/{}/messages", inbound["id"].as_str().unwrap());
    assert_eq!(inbound["path"], path);

    let list = desk.run(&["list"]).good().out;
    for shown in [
        id,
        "https://hooks.example/",
        "erasure.done,quota.near",
        &path,
    ] {
        assert!(list.contains(shown), "no `{shown}` in {list}");
    }
    assert!(!list.contains("whsec_"), "{list}");
    assert_eq!(desk.listed().len(), 2);
    assert!(desk.run(&["delete", id]).good().out.contains("is deleted"));
    let left = desk.listed();
    assert_eq!((left.len(), &left[0]["id"]), (1, &inbound["id"]));
}

#[test]
fn a_delivery_that_failed_is_seen_and_tried_again() {
    let desk = Desk::new();
    let receiver = Receiver::start();
    receiver.answer(1, "500 Internal Server Error");
    let url = format!("http://{}/", receiver.address);
    let made = desk
        .run(&["create", "--to", &url, "--events", "erasure.done", "--json"])
        .json();
    let id = made["id"].as_str().unwrap();
    desk.tenant.writer.create_collection("docs", 2, "Dot");
    let erase = json!({"reason": "r", "scope": {"collection": "docs"}});
    desk.tenant
        .owner
        .post("/v1/erasures?wait=60", erase)
        .expect(202);
    receiver.heard(1);
    let failed = || {
        let listed = desk.run(&["deliveries", id, "--json"]).json();
        listed["deliveries"]
            .as_array()
            .unwrap()
            .first()
            .cloned()
            .filter(|delivery| delivery["attempts"] == 1)
    };
    // The answer was given, and takes a moment to be written down.
    let delivery = (0..3_000).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        failed()
    });
    let delivery = delivery.unwrap()["id"].as_str().unwrap().to_owned();
    let told = desk.run(&["deliveries", id]).good().out;
    for shown in [&*delivery, "erasure.done", "waiting", "500"] {
        assert!(told.contains(shown), "no `{shown}` in {told}");
    }
    let told = desk.run(&["replay", id, &delivery]).good();
    assert_eq!(
        (told.field("id"), told.field("attempts")),
        (&*delivery, "0")
    );
    assert_eq!(receiver.heard(2).len(), 2);
}

#[test]
fn a_webhook_that_cant_be_says_why_and_isnt_made() {
    let desk = Desk::new();
    for (arguments, why) in [
        (&["create"][..], "--to <URL>|--inbound"),
        (&["create", "--to", "https://hooks.example/"], "--events"),
        (
            &["create", "--inbound", "--events", "quota.near"],
            "--events",
        ),
        (
            &[
                "create",
                "--to",
                "http://hooks.example/",
                "--events",
                "quota.near",
            ],
            "https",
        ),
        (
            &[
                "create",
                "--to",
                "https://hooks.example/",
                "--events",
                "quota.far",
            ],
            "quota.near",
        ),
        (&["delete", "0123456789abcdef"], "no such webhook"),
        (&["deliveries", "x"], "no such webhook"),
        (&["replay", "0123456789abcdef"], "<DELIVERY>"),
    ] {
        let failed = desk.run(arguments).failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
    assert!(desk.listed().is_empty());
    let writer = desk.tenant.writer.key.as_deref().unwrap();
    let failed = locule(&desk.node.url, writer, &["webhook", "list"]).failed();
    assert!(failed.contains("role"), "{failed}");
}
