//! A tenant that is closed at once, and the report of how one is kept.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Actor, Node, Tenant};

fn furnished(node: &Node, id: &str) -> Tenant {
    let tenant = node.tenant(id);
    tenant.owner.create_collection("docs", 2, "Dot");
    tenant
        .owner
        .put_point("docs", 1, &[1.0, 0.0], json!({"text": "a text"}));
    tenant
}

#[test]
fn a_contained_tenant_is_closed_at_once_and_its_acts_are_told() {
    let node = Node::start();
    let (acme, globex) = (furnished(&node, "acme"), furnished(&node, "globex"));
    acme.inference.query("docs", &[1.0, 0.0], 1);
    node.clock.advance(Duration::from_secs(60 * 60));
    let since = "2027-01-15T08:30:00.000Z";
    for _ in 0..3 {
        acme.inference.query("docs", &[1.0, 0.0], 1);
    }
    acme.inference
        .post("/collections/docs/points/scroll", json!({}))
        .expect(403);
    globex.inference.query("docs", &[1.0, 0.0], 1);
    let body = json!({"since": since});
    let told = node
        .operator()
        .post("/v1/tenants/acme/contain", body)
        .expect(200);
    assert_eq!(
        (&told["state"], &told["closed"]),
        (&json!("suspended"), &json!(true))
    );
    assert_eq!(told["accessed"]["since"], since);
    let keys = told["accessed"]["keys"].as_array().unwrap();
    let inference = acme.inference.key.as_ref().unwrap();
    let by = |id: &Value| inference.contains(id.as_str().unwrap());
    let key = keys.iter().find(|key| by(&key["key_id"])).unwrap();
    assert_eq!(
        key["acts"]["search"],
        json!({"allowed": 3}),
        "the earlier one isn't told"
    );
    assert_eq!(key["acts"]["read_points"], json!({"denied": 1}));
    assert_eq!(key["ips"], json!(["127.0.0.1"]));
    for actor in [&acme.owner, &acme.writer, &acme.inference, &acme.auditor] {
        assert_eq!(actor.get("/collections").status, 403);
    }
    assert_eq!(node.metric("locule_partitions_open"), 1, "globex alone");
    globex.inference.query("docs", &[1.0, 0.0], 1);
    let operator = node.operator();
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    assert_eq!(acme.inference.query("docs", &[1.0, 0.0], 1).len(), 1);
}

#[test]
fn an_owner_closes_its_own_tenant_and_only_the_operator_opens_it_again() {
    let node = Node::start();
    let (acme, globex) = (furnished(&node, "acme"), furnished(&node, "globex"));
    for actor in [&acme.writer, &acme.inference, &acme.auditor, &globex.owner] {
        let path = "/v1/tenants/acme/contain";
        assert_eq!(actor.post(path, json!({})).status, 403);
    }
    let wrong = acme
        .owner
        .post("/v1/contain", json!({"since": "yesterday"}));
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    let told = acme.owner.post("/v1/contain", json!({})).expect(200);
    assert_eq!(
        (&told["tenant"], &told["closed"]),
        (&json!("acme"), &json!(true))
    );
    assert_eq!(acme.owner.get("/collections").status, 403);
    assert_eq!(acme.writer.get("/v1/self").status, 403);
    assert_eq!(
        acme.owner.post("/v1/tenants/acme/resume", json!({})).status,
        403
    );
    globex.inference.query("docs", &[1.0, 0.0], 1);
    let node = node.restart();
    let owner = node.actor(acme.owner.key.as_ref().unwrap());
    assert_eq!(owner.get("/collections").status, 403, "it stays closed");
    node.operator()
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    owner.get("/collections").expect(200);
}

#[test]
fn the_report_tells_what_is_so_now() {
    let node = Node::start();
    let acme = furnished(&node, "acme");
    let quota = json!({"points_max": 100, "bytes_per_second": 5000});
    let watch = json!({"distinct_points_per_day": 50});
    let body = json!({"quota": quota, "watch": watch});
    node.operator().patch("/v1/tenants/acme", body).expect(200);
    node.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    let report = acme.auditor.get("/v1/report").expect(200);
    assert_eq!(
        (&report["tenant"], &report["state"]),
        (&json!("acme"), &json!("active"))
    );
    assert_eq!(report["keys"].as_array().unwrap().len(), 4);
    for key in report["keys"].as_array().unwrap() {
        assert_eq!(
            (&key["age_days"], &key["expired"]),
            (&json!(3), &json!(false))
        );
        assert!(key["key"].is_null(), "never the key itself");
    }
    assert_eq!(report["stored"]["points"], 1);
    assert_eq!(report["quota"]["points_max"], 100);
    assert_eq!(report["watch"]["distinct_points_per_day"], 50);
    assert!(
        report["encryption"]["cipher"]
            .as_str()
            .unwrap()
            .starts_with("AES-256-GCM")
    );
    // The signed end of the audit chain is the one that the log itself shows.
    let seq = report["audit"]["entries"].as_u64().unwrap();
    let log = acme
        .auditor
        .get(&format!("/v1/audit?after={}&limit=1", seq - 1))
        .text;
    let entry: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(
        report["audit"]["checkpoint"]["checkpoint"]["hash"],
        entry["hash"]
    );
    let before = report["audit"]["entries"].as_u64().unwrap();
    let again = acme.owner.get("/v1/report").expect(200);
    assert!(
        again["audit"]["entries"].as_u64().unwrap() > before,
        "live, not from a document"
    );
    // The operator's tells how the tenant is kept, and nothing of what is in it.
    let operators = node.operator().get("/v1/tenants/acme/report").expect(200);
    assert!(operators["stored"].is_null());
    assert!(!operators.to_string().contains("docs"));
    let page = acme.auditor.get("/v1/report?format=html");
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        page.text.contains("<th>tenant</th><td>acme</td>"),
        "{}",
        page.text
    );
    for (path, status) in [
        ("/v1/report?format=pdf", 400),
        ("/v1/tenants/none/report", 403),
    ] {
        assert_eq!(acme.auditor.get(path).status, status);
    }
    assert_eq!(node.operator().get("/v1/tenants/none/report").status, 404);
}

/// An erasure that is done, as the report has it.
fn reported(owner: &Actor, id: &Value) -> Value {
    for _ in 0..1_000 {
        let report = owner.get("/v1/report").expect(200);
        let last = report["erasures"]["last"].as_array().unwrap();
        let found = last.iter().find(|erasure| erasure["id"] == *id);
        if found.is_some_and(|erasure| erasure["state"] == "done") {
            return report;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it doesn't come to its end");
}

#[test]
fn the_report_tells_of_retention_the_last_backup_and_erasures_with_their_receipts() {
    let node = Node::start();
    let acme = furnished(&node, "acme");
    let empty = acme.auditor.get("/v1/report").expect(200);
    assert_eq!(empty["retention"], json!([]));
    assert_eq!(empty["backups"], json!({"restorable": 0, "last": null}));
    assert_eq!(empty["erasures"], json!({"count": 0, "last": []}));

    let kept = acme
        .owner
        .put("/v1/retention/docs", json!({"ttl_days": 30}))
        .expect(200);
    crate::backup::make(&acme.owner);
    node.clock.advance(Duration::from_secs(1));
    let second = crate::backup::make(&acme.owner);
    let report = acme.auditor.get("/v1/report").expect(200);
    assert_eq!(report["retention"], json!([kept]));
    assert_eq!(report["backups"], json!({"restorable": 2, "last": second}));

    let points = json!({"points": {"collection": "docs", "ids": [1]}});
    let ask = json!({"reason": "request 4711", "scope": points});
    let first = acme.owner.post("/v1/erasures", ask.clone()).expect(202);
    reported(&acme.owner, &first["id"]);
    node.clock.advance(Duration::from_secs(1));
    let second = acme.owner.post("/v1/erasures", ask).expect(202);
    let report = reported(&acme.owner, &second["id"]);
    assert_eq!(report["erasures"]["count"], 2);
    let last = report["erasures"]["last"].as_array().unwrap();
    assert_eq!(
        (&last[0]["id"], &last[1]["id"]),
        (&second["id"], &first["id"])
    );
    for (field, value) in [("points", json!(1)), ("reason", json!("request 4711"))] {
        assert_eq!(last[1][field], value);
    }
    // The later receipt names the earlier one by the hash that the report tells.
    let receipt = acme.auditor.get(last[0]["receipt"].as_str().unwrap());
    assert_eq!(
        receipt.expect(200)["receipt"]["previous"],
        last[1]["receipt_hash"]
    );
    // What was backed up before can't be restored after.
    assert_eq!(report["backups"], json!({"restorable": 0, "last": null}));

    let page = acme.auditor.get("/v1/report?format=html").text;
    let (id, hash) = (first["id"].as_str().unwrap(), &last[1]["receipt_hash"]);
    for part in ["<th>ttl_days</th><td>30</td>", id, hash.as_str().unwrap()] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let operators = node.operator().get("/v1/tenants/acme/report").expect(200);
    for part in ["retention", "backups", "erasures"] {
        assert!(operators[part].is_null(), "{part}");
    }
}
