//! Tenants, keys, and who may do what to them.

use serde_json::json;

use crate::harness::Node;

#[test]
fn an_operator_makes_a_tenant_and_has_no_way_to_its_data() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 3, "Cosine");
    let operator = node.operator();
    assert_eq!(operator.get("/collections").status, 403);
    assert_eq!(operator.get("/collections/docs").status, 403);
    let body = json!({"query": [1.0, 0.0, 0.0]});
    assert_eq!(
        operator.post("/collections/docs/points/query", body).status,
        403
    );
}

#[test]
fn a_tenant_id_is_never_given_out_again() {
    let node = Node::start();
    let operator = node.operator();
    let tenant = node.tenant("acme");
    operator
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(409);
    operator.delete("/v1/tenants/acme").expect(202);
    assert_eq!(
        tenant.owner.get("/v1/self").status,
        401,
        "its keys are good for nothing"
    );
    let node = node.restart();
    node.operator()
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(409);
}

#[test]
fn a_key_is_shown_once_listed_without_its_secret_and_ends_when_revoked() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let body = json!({"name": "worker", "role": "inference", "expires_in_days": 7, "collections": ["docs"]});
    let created = tenant.owner.post("/v1/keys", body).expect(201);
    let (id, key) = (
        created["id"].as_str().unwrap(),
        created["key"].as_str().unwrap(),
    );
    assert!(key.starts_with(&format!("lcl_{id}_")));
    assert_eq!(created["expires_at"], "2027-01-22T08:00:00.000Z");
    let listed = tenant.owner.get("/v1/keys");
    assert!(!listed.text.contains(key), "a list shows no key");
    assert_eq!(listed["keys"].as_array().unwrap().len(), 5);
    let worker = node.actor(key);
    let own = worker.get("/v1/self").expect(200);
    assert_eq!(
        (own["tenant"].as_str(), own["role"].as_str()),
        (Some("acme"), Some("inference"))
    );
    assert_eq!(tenant.owner.delete(&format!("/v1/keys/{id}")).status, 204);
    worker.get("/v1/self").expect(401);
    tenant.owner.delete(&format!("/v1/keys/{id}")).expect(404);
    let node = node.restart();
    node.actor(key).get("/v1/self").expect(401);
}

/// Asking who one is isn't a way past the gate.
#[test]
fn who_asks_who_it_is_is_recorded_limited_and_refused_as_for_anything_else() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let operator = node.operator();
    let own = tenant.writer.get("/v1/self").expect(200);
    let asked = (
        "read_self".to_owned(),
        own["key"]["id"].as_str().unwrap().to_owned(),
    );
    let one = json!({"quota": {"requests_per_second": 1}});
    operator.patch("/v1/tenants/acme", one).expect(200);
    tenant.writer.get("/v1/self").expect(200);
    let refused = tenant.writer.get("/v1/self");
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    let free = json!({"quota": {"requests_per_second": null}});
    operator.patch("/v1/tenants/acme", free).expect(200);

    let pair = tenant.writer.post("/v1/token", json!({})).expect(200);
    let holder = node.actor(pair["access_token"].as_str().unwrap());
    operator
        .post("/v1/tenants/acme/suspend", json!({}))
        .expect(200);
    for actor in [&tenant.writer, &tenant.owner, &holder] {
        let refused = actor.get("/v1/self");
        assert_eq!(refused.status, 403, "{}", refused.text);
        assert!(refused.message().contains("suspended"), "{}", refused.text);
    }
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    for (outcome, times) in [("allowed", 2), ("limited", 1), ("denied", 2)] {
        let recorded = tenant.auditor.recorded(outcome);
        let own = recorded.iter().filter(|entry| **entry == asked);
        assert_eq!(own.count(), times, "{outcome}");
    }
    // The operator's own is in the node's log.
    assert_eq!(operator.get("/v1/self").expect(200)["role"], "operator");
    let log = operator.get("/v1/node/audit?limit=10000").text;
    assert!(log.contains("\"read_self\""), "{log}");
}

#[test]
fn one_owner_cannot_revoke_another_tenants_key_nor_learn_of_it() {
    let node = Node::start();
    let (one, other) = (node.tenant("one"), node.tenant("other"));
    let keys = other.owner.get("/v1/keys").expect(200);
    let id = keys["keys"][0]["id"].as_str().unwrap();
    let theirs = one.owner.delete(&format!("/v1/keys/{id}"));
    let nobodys = one.owner.delete("/v1/keys/0123456789abcdef");
    assert_eq!(
        (theirs.status, &theirs.text),
        (nobodys.status, &nobodys.text)
    );
    assert_eq!(other.owner.get("/v1/keys").expect(200), keys);
}

#[test]
fn a_key_expires() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    node.clock
        .advance(std::time::Duration::from_secs(90 * 24 * 3600));
    let refused = tenant.owner.get("/v1/self");
    assert_eq!(refused.status, 401);
    assert!(
        refused.message().contains("expired"),
        "{}",
        refused.message()
    );
}

#[test]
fn suspending_stops_a_tenant_and_resuming_brings_all_of_it_back() {
    let node = Node::start();
    let (tenant, other) = (node.tenant("acme"), node.tenant("other"));
    for each in [&tenant, &other] {
        each.writer.create_collection("docs", 2, "Dot");
        each.writer
            .put_point("docs", 1, &[1.0, 0.0], json!({"of": each.id}));
    }
    let operator = node.operator();
    assert_eq!(
        operator
            .post("/v1/tenants/acme/suspend", json!({}))
            .expect(200)["state"],
        "suspended"
    );
    let body = json!({"query": [1.0, 0.0]});
    tenant
        .inference
        .post("/collections/docs/points/query", body)
        .expect(403);
    tenant.owner.get("/v1/usage").expect(403);
    assert_eq!(other.inference.query("docs", &[1.0, 0.0], 1).len(), 1);
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    assert_eq!(
        tenant.inference.query("docs", &[1.0, 0.0], 1)[0]["payload"]["of"],
        "acme"
    );
}

#[test]
fn a_deleted_tenants_key_file_and_family_are_gone() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 2, "Dot");
    tenant.writer.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let ring = node.directory().join("keys/ring");
    let before = std::fs::read_dir(&ring).unwrap().count();
    let erasure = node
        .operator()
        .delete("/v1/tenants/acme?wait=60")
        .expect(202);
    assert_eq!(erasure["state"], "done");
    let stopped = node.stop();
    let after = std::fs::read_dir(&ring).map_or(0, Iterator::count);
    assert_eq!(after, before - 1, "the system key alone is left");
    let node = stopped.start();
    assert_eq!(
        node.operator().get("/v1/tenants/acme").expect(200)["state"],
        "deleted"
    );
    assert_eq!(
        node.operator().get("/v1/tenants").expect(200)["tenants"],
        json!([])
    );
    node.operator().delete("/v1/tenants/acme").expect(404);
}

#[test]
fn usage_counts_what_is_there() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 4, "Dot");
    tenant.writer.put_point("docs", 1, &[1.0; 4], json!({}));
    tenant.writer.put_point("docs", 2, &[2.0; 4], json!({}));
    tenant.inference.query("docs", &[1.0; 4], 1);
    tenant
        .inference
        .get("/collections/docs/points/1")
        .expect(403);
    let usage = tenant.auditor.get("/v1/usage").expect(200);
    assert_eq!(
        (usage["points"].as_u64(), usage["collections"].as_u64()),
        (Some(2), Some(1))
    );
    // Two vectors of four components, and what is known of them.
    let memory = usage["bytes_in_memory"].as_u64().unwrap();
    assert!((2 * 4 * 3..4_096).contains(&memory), "{memory}");
    assert_eq!(
        (usage["queries"].as_u64(), usage["rejections"].as_u64()),
        (Some(1), Some(1))
    );
    assert!(usage["bytes_on_disk"].as_u64() > Some(0));
}

#[test]
fn wrong_control_requests_say_what_is_wrong() {
    let node = Node::start();
    let (operator, tenant) = (node.operator(), node.tenant("acme"));
    for (answer, status, says) in [
        (
            operator.post("/v1/tenants", json!({"id": "Upper Case"})),
            400,
            "a-z, 0-9",
        ),
        (
            operator.post("/v1/tenants", json!({"id": "a".repeat(64)})),
            400,
            "1 to 63",
        ),
        (
            operator.post("/v1/tenants", json!({"id": "b", "colour": 1})),
            400,
            "colour",
        ),
        (operator.get("/v1/tenants/nobody"), 404, "no such tenant"),
        (operator.get("/v1/tenants/..%2f"), 404, "no such tenant"),
        (operator.get("/v1/keys"), 403, "manage_keys"),
        (
            tenant.owner.post("/v1/tenants", json!({"id": "c"})),
            403,
            "manage_tenants",
        ),
        (
            tenant
                .owner
                .post("/v1/keys", json!({"name": "x", "role": "operator"})),
            400,
            "role",
        ),
        (
            tenant
                .owner
                .post("/v1/keys", json!({"name": "", "role": "owner"})),
            400,
            "name",
        ),
        (
            tenant.owner.post(
                "/v1/keys",
                json!({"name": "x", "role": "owner", "expires_in_days": 0}),
            ),
            400,
            "expires_in_days",
        ),
        (
            tenant.owner.post(
                "/v1/keys",
                json!({"name": "x", "role": "owner", "allowed_ips": ["x"]}),
            ),
            400,
            "10.0.0.0/8",
        ),
        (tenant.writer.get("/v1/keys"), 403, "manage_keys"),
        (node.stranger().get("/v1/self"), 401, "api-key"),
        (operator.get("/v1/nothing"), 404, "route"),
        (operator.put("/v1/tenants", json!({})), 405, "PUT"),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(
            answer.message().contains(says),
            "{} doesn't say {says}",
            answer.text
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer["status"], status);
    }
}

#[test]
fn a_changed_quota_holds_at_once_and_after_a_restart() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 2, "Dot");
    let operator = node.operator();
    let change = json!({"quota": {"points_max": 1}, "region": "eu"});
    let changed = operator.patch("/v1/tenants/acme", change).expect(200);
    assert_eq!(
        (&changed["quota"]["points_max"], &changed["region"]),
        (&json!(1), &json!("eu"))
    );
    tenant.writer.put_point("docs", 1, &[1.0, 0.0], json!({}));
    let two = json!({"points": [{"id": 2, "vector": [1.0, 0.0]}]});
    let refused = tenant.writer.put("/collections/docs/points", two.clone());
    assert!(
        refused.message().contains("quota of 1 points"),
        "{}",
        refused.text
    );
    refused.expect(403);
    tenant
        .writer
        .put_point("docs", 1, &[0.0, 1.0], json!({"replacing": "is free"}));
    let writer = tenant.writer.key.unwrap();
    let node = node.restart();
    node.actor(&writer)
        .put("/collections/docs/points", two)
        .expect(403);
    node.operator()
        .patch("/v1/tenants/acme", json!({"quota": null}))
        .expect(200);
    node.actor(&writer)
        .put_point("docs", 2, &[1.0, 0.0], json!({}));
}
