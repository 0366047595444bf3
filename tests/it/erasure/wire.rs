use serde_json::json;

use super::{erase, ids, people, receipt};
use crate::harness::Node;

#[test]
fn what_is_wrong_with_a_request_is_said_and_nothing_is_erased() {
    let node = Node::start();
    let tenant = people(&node, "acme", 20);
    let ask = |scope: serde_json::Value| json!({"reason": "r", "scope": scope});
    let many: Vec<u64> = (0..10_001).collect();
    for (body, said) in [
        (json!({"scope": {"tenant": true}}), "reason"),
        (
            json!({"reason": "", "scope": {"collection": "notes"}}),
            "1 to 256",
        ),
        (
            json!({"reason": "r".repeat(257), "scope": {"collection": "notes"}}),
            "1 to 256",
        ),
        (ask(json!({})), "exactly one"),
        (
            ask(json!({"collection": "notes", "tenant": true})),
            "exactly one",
        ),
        (ask(json!("tenant")), "exactly one"),
        (ask(json!({"tenant": false})), "takes true"),
        (ask(json!({"everything": true})), "unknown scope"),
        (ask(json!({"collection": ""})), "collection name"),
        (ask(json!({"collection": 7})), "string"),
        (
            ask(json!({"points": {"collection": "notes", "ids": []}})),
            "1 to 10000",
        ),
        (
            ask(json!({"points": {"collection": "notes", "ids": many}})),
            "1 to 10000",
        ),
        (
            ask(json!({"points": {"collection": "notes", "ids": [-1]}})),
            "point id",
        ),
        (ask(json!({"points": {"collection": "notes"}})), "ids"),
        (
            ask(json!({"filter": {"collection": "notes", "filter": {}}})),
            "no condition",
        ),
        (
            ask(json!({"filter": {"collection": "notes", "filter": {"may": []}}})),
            "unknown filter clause",
        ),
        (ask(json!({"subject": {"field": "person"}})), "value"),
        (ask(json!({"subject": {"field": "", "value": "x"}})), ""),
        (
            ask(json!({"subject": {"field": "person", "value": {"a": 1}}})),
            "",
        ),
        (
            json!({"reason": "r", "scope": {"collection": "notes"}, "tenant": "acme"}),
            "unknown field",
        ),
    ] {
        let answer = tenant.owner.post("/v1/erasures", body.clone());
        assert_eq!(answer.status, 400, "{body} {}", answer.text);
        assert!(
            answer.message().contains(said),
            "{body}: {}",
            answer.message()
        );
    }
    let body = ask(json!({"collection": "notes"}));
    tenant
        .owner
        .post("/v1/erasures?wait=61", body.clone())
        .expect(400);
    tenant.owner.post("/v1/erasures?wait=no", body).expect(400);
    for scope in [
        json!({"collection": "missing"}),
        json!({"points": {"collection": "missing", "ids": [1]}}),
    ] {
        tenant.owner.post("/v1/erasures", ask(scope)).expect(404);
    }
    let listed = tenant.owner.get("/v1/erasures").expect(200);
    assert_eq!(listed["erasures"], json!([]));
    tenant.owner.get("/collections/notes").expect(200);
}

#[test]
fn only_the_owner_erases_and_only_its_own_people_see_it() {
    let node = Node::start();
    let (tenant, other) = (people(&node, "acme", 20), people(&node, "other", 20));
    let body = json!({"reason": "r", "scope": {"collection": "notes"}});
    for actor in [
        &tenant.writer,
        &tenant.inference,
        &tenant.auditor,
        &node.operator(),
    ] {
        actor.post("/v1/erasures", body.clone()).expect(403);
    }
    node.stranger().post("/v1/erasures", body).expect(401);
    assert_eq!(ids(&tenant.writer, "notes").len(), 20);
    let scope = json!({"points": {"collection": "notes", "ids": [3]}});
    let erasure = erase(&tenant.owner, scope);
    let id = erasure["id"].as_str().unwrap();
    for path in [
        format!("/v1/erasures/{id}"),
        format!("/v1/erasures/{id}/receipt"),
    ] {
        tenant.owner.get(&path).expect(200);
        tenant.auditor.get(&path).expect(200);
        tenant.writer.get(&path).expect(403);
        other.owner.get(&path).expect(404);
        node.operator().get(&path).expect(404);
        node.stranger().get(&path).expect(401);
    }
    tenant.owner.get("/v1/erasures/123").expect(404);
    tenant
        .owner
        .get(&format!("/v1/erasures/{}", "0".repeat(32)))
        .expect(404);
    let listed = other.owner.get("/v1/erasures").expect(200);
    assert_eq!(listed["erasures"], json!([]));
}

#[test]
fn no_word_of_a_scope_is_kept_in_a_receipt() {
    let node = Node::start();
    let tenant = people(&node, "acme", 20);
    let scope = json!({"subject": {"field": "person", "value": "person-3"}});
    let erasure = erase(&tenant.owner, scope);
    let receipt = receipt(&tenant.owner, &erasure);
    let text = String::from_utf8(receipt.document().to_vec()).unwrap();
    assert!(!text.contains("person"), "{text}");
    assert!(text.contains("\"notes\""));
}

#[test]
fn an_erasure_and_its_end_stand_in_the_audit_log() {
    let node = Node::start();
    let tenant = people(&node, "acme", 20);
    let erasure = erase(&tenant.owner, json!({"collection": "notes"}));
    let receipt = receipt(&tenant.owner, &erasure);
    let log = std::fs::read_to_string(node.directory().join("audit/000001.jsonl")).unwrap();
    let hash = serde_json::to_value(receipt.body().audit.hash).unwrap();
    let entry = log
        .lines()
        .find(|line| line.contains(hash.as_str().unwrap()))
        .unwrap();
    assert!(entry.contains("finish_erasure"), "{entry}");
    assert!(log.contains("\"action\":\"erase\""));
}
