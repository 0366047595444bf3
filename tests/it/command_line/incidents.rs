//! `locule contain` and `locule tenant recovery-key`: what is done at once, from a terminal.

use super::locule;
use crate::harness::{Node, OPERATOR_KEY};

#[test]
fn an_operator_makes_an_owners_key_for_a_tenant_whose_owner_lost_theirs() {
    let node = Node::start();
    node.tenant("acme");
    let command = [
        "tenant",
        "recovery-key",
        "acme",
        "--reason",
        "the owner left",
    ];
    let told = locule(&node.url, OPERATOR_KEY, &command).good();
    assert_eq!(told.field("tenant"), "acme");
    let keys = locule(&node.url, told.field("owner key"), &["key", "list"]).good();
    assert!(keys.out.contains("the owner left"), "{}", keys.out);
    let json = locule(
        &node.url,
        OPERATOR_KEY,
        &[&command[..], &["--json"]].concat(),
    )
    .json();
    assert_eq!(json["role"], "owner");
}

#[test]
fn a_tenant_is_contained_by_its_operator_or_its_owner_and_resumed_by_the_operator() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let owner = tenant.owner.key.as_deref().unwrap();
    let failed = locule(&node.url, owner, &["contain"]).failed();
    assert!(failed.contains("--yes"), "{failed}");
    tenant.writer.get("/collections").expect(200);

    let by_operator: &[&str] = &["contain", "--tenant", "acme", "--yes"];
    for (key, arguments) in [(OPERATOR_KEY, by_operator), (owner, &["contain", "--yes"])] {
        let told = locule(&node.url, key, arguments).good();
        assert_eq!(
            (told.field("tenant"), told.field("state")),
            ("acme", "suspended")
        );
        let writer = tenant.writer.key.as_deref().unwrap().split('_').nth(1);
        assert!(told.out.contains(writer.unwrap()), "{}", told.out);
        assert!(
            told.err.contains("locule tenant resume acme"),
            "{}",
            told.err
        );
        tenant.writer.get("/collections").expect(403);
        locule(&node.url, OPERATOR_KEY, &["tenant", "resume", "acme"]).good();
        tenant.writer.get("/collections").expect(200);
    }
    let json = locule(&node.url, owner, &["contain", "--yes", "--json"]).json();
    assert_eq!(
        (&json["tenant"], &json["state"]),
        (&"acme".into(), &"suspended".into())
    );
}
