//! What a tenant may use at a time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::json;

use super::{points, put, retry_after, set};
use crate::harness::{Actor, Node};

#[test]
fn bytes_past_the_rate_get_429_until_time_has_passed_and_others_are_free() {
    let node = Node::start();
    let (acme, globex) = (node.tenant("acme"), node.tenant("globex"));
    for tenant in [&acme, &globex] {
        tenant.owner.create_collection("docs", 2, "Dot");
    }
    set(&node, json!({"bytes_per_second": 1 << 20}));
    // The bucket holds the longest body: half of it, twice, and no more.
    let long = json!({"points": [], "padding": "x".repeat(16 << 20)});
    let sent = |actor: &Actor| actor.put("/collections/docs/points", long.clone());
    assert_eq!(
        [sent(&acme.writer).status, sent(&acme.owner).status],
        [400, 429]
    );
    let small = points(0, 1);
    let mut passed = 0;
    while put(&acme.writer, small.clone()) == 200 {
        passed += 1;
        assert!(passed < 1_000_000);
        if passed == 20 {
            break;
        }
    }
    assert_eq!(passed, 20, "what is left is for small ones");
    assert_eq!(put(&globex.writer, small.clone()), 200);
    let refused = sent(&acme.owner);
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=16).contains(&wait), "{wait}");
    node.clock.advance(Duration::from_secs(wait));
    assert_eq!(sent(&acme.owner).status, 400, "it is read again");
    // The quota outlives a restart.
    let key = acme.writer.key.clone().unwrap();
    let node = node.restart();
    let shown = node.operator().get("/v1/tenants/acme").expect(200);
    assert_eq!(shown["quota"]["bytes_per_second"], 1 << 20);
    let writer = node.actor(&key);
    assert_eq!([sent(&writer).status, sent(&writer).status], [400, 429]);
    set(&node, json!({"bytes_per_second": null}));
    for _ in 0..3 {
        assert_eq!(sent(&writer).status, 400);
    }
}

#[test]
fn past_its_bytes_on_disk_a_tenant_may_delete_and_not_write() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.owner.create_collection("docs", 2, "Dot");
    assert_eq!(put(&acme.writer, points(0, 100)), 200);
    set(&node, json!({"disk_bytes_max": 1}));
    let refused = acme.writer.put("/collections/docs/points", points(200, 1));
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert!(refused.message().contains("quota of 1 bytes on disk"));
    let delete = json!({"points": [1]});
    acme.writer
        .post("/collections/docs/points/delete", delete)
        .expect(200);
    acme.inference.query("docs", &[1.0, 0.0], 1);
    set(&node, json!({"disk_bytes_max": 1_000_000_000}));
    assert_eq!(put(&acme.writer, points(200, 1)), 200);
}

/// One that asks for as much at once as it can, and gets what it may; the others are told to wait.
#[test]
fn past_what_may_be_in_flight_requests_get_429_and_none_is_lost() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.owner.create_collection("docs", 2, "Dot");
    set(&node, json!({"concurrent_requests": 1}));
    // Each goes on until one was refused: however fast the machine, two are in flight at some time.
    let refused = AtomicBool::new(false);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking = (0..8).map(|from| {
            let (writer, refused) = (acme.writer.clone(), &refused);
            scope.spawn(move || {
                let mut each = Vec::new();
                for at in 0..2_000 {
                    let status = put(&writer, points(from * 10_000 + at, 1));
                    each.push(status);
                    if status == 429 {
                        refused.store(true, Ordering::Relaxed);
                    }
                    if at >= 20 && refused.load(Ordering::Relaxed) {
                        break;
                    }
                }
                each
            })
        });
        let asking: Vec<_> = asking.collect();
        asking
            .into_iter()
            .flat_map(|asked| asked.join().unwrap())
            .collect()
    });
    assert!(
        statuses.iter().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    let done = statuses.iter().filter(|status| **status == 200).count();
    assert!(done > 0 && done < statuses.len(), "{statuses:?}");
    let body = json!({});
    let count = acme
        .writer
        .post("/collections/docs/points/count", body)
        .expect(200);
    assert_eq!(count["result"]["count"], done);
    // When all is quiet every place is free again.
    for at in 0..20 {
        assert_eq!(put(&acme.writer, points(500_000 + at, 1)), 200);
    }
}

#[test]
fn limits_that_make_no_sense_are_refused_by_name() {
    let node = Node::start();
    node.tenant("acme");
    let operator = node.operator();
    for (quota, word) in [
        (json!({"bytes_per_second": 0}), "nonzero"),
        (json!({"concurrent_requests": -1}), "-1"),
        (json!({"disk_bytes": 5}), "disk_bytes"),
    ] {
        let answer = operator.patch("/v1/tenants/acme", json!({"quota": quota}));
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.message().contains(word), "{}", answer.text);
    }
}

#[test]
fn a_tenants_limit_goes_on_from_where_it_was_when_something_else_is_set() {
    let node = Node::start();
    let acme = node.tenant("acme");
    let two = json!({"requests_per_second": 2, "points_max": 5});
    set(&node, two.clone());
    for _ in 0..2 {
        acme.writer.get("/collections").expect(200);
    }
    let operator = node.operator();
    for change in [
        json!({"watch": {"suspend_after_refusals": 100}}),
        json!({"region": "eu"}),
        json!({"quota": two}),
        json!({"quota": {"bytes_per_second": 1 << 20, "points_max": null}}),
    ] {
        operator.patch("/v1/tenants/acme", change).expect(200);
        retry_after(&acme.writer.get("/collections"));
    }
    set(&node, json!({"requests_per_second": 3}));
    acme.writer.get("/collections").expect(200);
}

#[test]
fn a_batch_of_more_than_a_seconds_worth_passes_and_is_waited_for() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.owner.create_collection("docs", 2, "Dot");
    set(&node, json!({"requests_per_second": 5}));
    let each = json!({"query": [1.0, 0.0], "limit": 1});
    let batch = json!({"searches": vec![each; 10]});
    let ask = || {
        acme.inference
            .post("/collections/docs/points/query/batch", batch.clone())
    };
    ask().expect(200);
    // Five are owed, then the bucket has to fill again: what was told is enough, and no less.
    let wait = retry_after(&ask());
    assert_eq!(wait, Duration::from_secs(2));
    assert_eq!(retry_after(&acme.inference.get("/collections/docs")), wait);
    node.clock.advance(wait - Duration::from_millis(1));
    retry_after(&ask());
    node.clock.advance(Duration::from_millis(1));
    ask().expect(200);
    node.clock.advance(Duration::from_secs(2));
    for _ in 0..5 {
        acme.inference.get("/collections/docs").expect(200);
    }
    // One that is refused takes nothing.
    for _ in 0..3 {
        retry_after(&ask());
    }
    node.clock.advance(Duration::from_millis(200));
    acme.inference.get("/collections/docs").expect(200);
}

#[test]
fn a_request_counts_once_whatever_it_has_to_be_allowed() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.owner.create_collection("docs", 2, "Dot");
    set(&node, json!({"requests_per_second": 1}));
    let query = json!({"query": [1.0, 0.0], "limit": 1, "with_vector": true});
    let batch = json!({"searches": [query.clone()]});
    for _ in 0..2 {
        for (path, body) in [("query", &query), ("query/batch", &batch)] {
            let path = format!("/collections/docs/points/{path}");
            acme.writer.post(&path, body.clone()).expect(200);
            retry_after(&acme.writer.post(&path, body.clone()));
            node.clock.advance(Duration::from_secs(1));
        }
        for path in ["/v1/report", "/v1/retention"] {
            acme.owner.get(path).expect(200);
            retry_after(&acme.owner.get(path));
            node.clock.advance(Duration::from_secs(1));
        }
    }
}
