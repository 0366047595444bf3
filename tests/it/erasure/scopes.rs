use serde_json::{Value, json};

use super::{erase, ids, people, put_notes, receipt};
use crate::harness::{Node, Tenant};

/// A node with a tenant that has two collections; its partition open, or not opened since the start.
fn node(warm: bool) -> (Node, Tenant) {
    let node = Node::start();
    let tenant = people(&node, "acme", 200);
    tenant
        .owner
        .create_collection("other", super::DIMENSION, "Dot");
    put_notes(&tenant.writer, "other", 0..50);
    let field = json!({"field_name": "number", "field_schema": "integer"});
    tenant
        .writer
        .put("/collections/notes/index", field)
        .expect(200);
    let alias = json!({"alias_name": "written", "collection_name": "notes"});
    let actions = json!({"actions": [{"create_alias": alias}]});
    tenant
        .writer
        .post("/collections/aliases", actions)
        .expect(200);
    if warm {
        return (node, tenant);
    }
    let node = node.restart();
    let tenant = tenant.on(&node);
    (node, tenant)
}

fn check(scope: &Value, kind: &str, notes: impl Fn(u64) -> bool, other: impl Fn(u64) -> bool) {
    for warm in [true, false] {
        let (node, tenant) = node(warm);
        let erasure = erase(&tenant.owner, scope.clone());
        if !warm {
            assert_eq!(
                node.metric("locule_partitions_open"),
                0,
                "it was opened for {scope}"
            );
        }
        let kept = |count: u64, keep: &dyn Fn(u64) -> bool| -> Vec<u64> {
            (0..count).filter(|number| keep(*number)).collect()
        };
        let (notes, other) = (kept(200, &notes), kept(50, &other));
        let check = |tenant: &Tenant, when: &str| {
            assert_eq!(ids(&tenant.writer, "notes"), notes, "{scope} {when}");
            assert_eq!(ids(&tenant.writer, "other"), other, "{scope} {when}");
            let filter = json!({"exact": true, "filter": {"must": [{"key": "number", "range": {"gte": 0}}]}});
            let count = tenant
                .writer
                .post("/collections/notes/points/count", filter)
                .expect(200);
            assert_eq!(count["result"]["count"], notes.len(), "{scope} {when}");
        };
        check(&tenant, "at once");
        let gone = (250 - notes.len() - other.len()) as u64;
        assert_eq!(erasure["points"], gone, "{scope}");
        let receipt = receipt(&tenant.owner, &erasure);
        assert_eq!(receipt.body().points, gone);
        assert_eq!(erasure["scope"], kind);
        assert!(receipt.is_about(scope));
        assert!(!receipt.is_about(&json!({"collection": "another"})));
        let node = node.restart();
        let tenant = tenant.on(&node);
        check(&tenant, "after a restart");
        put_notes(&tenant.writer, "notes", 0..200);
        assert_eq!(ids(&tenant.writer, "notes").len(), 200, "it goes on");
    }
}

#[test]
fn a_data_subject_goes_from_every_collection() {
    let scope = json!({"subject": {"field": "person", "value": "person-3"}});
    check(&scope, "subject", |n| n % 10 != 3, |n| n % 10 != 3);
}

#[test]
fn points_go_by_id_and_those_that_are_not_there_are_passed_over() {
    let scope = json!({"points": {"collection": "notes", "ids": [1, 17, 199, 5000]}});
    check(&scope, "points", |n| ![1, 17, 199].contains(&n), |_| true);
}

#[test]
fn an_alias_means_its_collection() {
    let scope = json!({"points": {"collection": "written", "ids": [1, 17, 199]}});
    check(&scope, "points", |n| ![1, 17, 199].contains(&n), |_| true);
}

#[test]
fn points_go_by_filter_from_one_collection() {
    let filter = json!({"must": [{"key": "number", "range": {"lt": 20}}]});
    let scope = json!({"filter": {"collection": "notes", "filter": filter}});
    check(&scope, "filter", |n| n >= 20, |_| true);
}

#[test]
fn a_collection_goes_with_its_aliases() {
    for warm in [true, false] {
        let (node, tenant) = node(warm);
        let alias = |name: &str, of: &str| json!({"create_alias": {"alias_name": name, "collection_name": of}});
        let actions = json!({"actions": [alias("a", "other"), alias("b", "notes")]});
        tenant
            .writer
            .post("/collections/aliases", actions)
            .expect(200);
        let node = if warm { node } else { node.restart() };
        let tenant = tenant.on(&node);
        let erasure = erase(&tenant.owner, json!({"collection": "other"}));
        assert_eq!(erasure["points"], 50);
        let check = |tenant: &Tenant| {
            let names = tenant.writer.get("/collections").expect(200);
            assert_eq!(names["result"]["collections"], json!([{"name": "notes"}]));
            let aliases = tenant.writer.get("/aliases").expect(200);
            let expected = json!([
                {"alias_name": "b", "collection_name": "notes"},
                {"alias_name": "written", "collection_name": "notes"},
            ]);
            assert_eq!(aliases["result"]["aliases"], expected);
            assert_eq!(ids(&tenant.writer, "notes").len(), 200);
        };
        check(&tenant);
        check(&tenant.on(&node.restart()));
    }
}

#[test]
fn a_whole_tenant_goes_by_its_owner_s_word_and_its_id_never_comes_back() {
    let (node, tenant) = node(true);
    let erasure = erase(&tenant.owner, json!({"tenant": true}));
    tenant.owner.get("/v1/self").expect(401);
    let body = json!({"id": "acme"});
    node.operator().post("/v1/tenants", body).expect(409);
    let receipt = receipt(&node.operator(), &erasure);
    assert_eq!(receipt.body().generation.successor, None);
    assert!(receipt.body().collections.is_empty());
}

#[test]
fn a_tenant_that_was_never_opened_or_is_suspended_is_deleted_all_the_same() {
    for suspended in [false, true] {
        let (node, tenant) = node(false);
        if suspended {
            node.operator()
                .post("/v1/tenants/acme/suspend", json!({}))
                .expect(200);
        }
        let erasure = node
            .operator()
            .delete("/v1/tenants/acme?wait=60")
            .expect(202);
        assert_eq!(erasure["state"], "done", "{erasure}");
        assert_eq!(node.metric("locule_partitions_open"), 0);
        receipt(&node.operator(), &erasure);
        tenant.owner.get("/v1/self").expect(401);
    }
}

#[test]
fn receipts_of_a_tenant_are_a_chain() {
    let (_node, tenant) = node(true);
    let mut last = None;
    for number in 0..4 {
        let scope = json!({"points": {"collection": "notes", "ids": [number]}});
        let next = receipt(&tenant.owner, &erase(&tenant.owner, scope));
        match &last {
            None => assert_eq!(next.body().previous, None),
            Some(last) => assert!(next.follows(last)),
        }
        assert_eq!(next.body().generation.dropped, number + 1);
        last = Some(next);
    }
}
