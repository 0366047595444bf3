//! What an erasure tells of doesn't depend on whether the tenant's partition was open, nor on whether
//! anyone had asked since its points ended.

use serde_json::{Value, json};

use super::{DAY, HOUR, START, vector};
use crate::{
    erasure::{erase, left, receipt},
    harness::{Node, Tenant},
};

/// How a tenant is found by what erases from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// Open, and nobody has asked since points of it ended.
    Open,
    /// Open, and readers have seen them go.
    Read,
    /// Not open, and nobody has asked.
    Cold,
}

const ALL: [Found; 3] = [Found::Open, Found::Read, Found::Cold];

/// A tenant with eight points in each of three collections, one an hour: of `days` the first three
/// have ended, of `fields` the odd ones, of `kept` none.
fn aged(found: Found) -> (Node, Tenant) {
    let node = Node::start();
    let tenant = node.tenant("anna");
    let owner = &tenant.owner;
    for collection in ["days", "fields", "kept"] {
        owner.create_collection(collection, 4, "Dot");
    }
    for number in 0..8 {
        let end = if number % 2 == 1 { 24 } else { 1_000 };
        let payload = json!({
            "number": number,
            "person": format!("person-{}", number % 4),
            "until": START + end * 3_600,
        });
        for collection in ["days", "fields", "kept"] {
            owner.put_point(collection, number, &vector(number), payload.clone());
        }
        node.clock.advance(HOUR);
    }
    let days = json!({"ttl_days": 1, "purge_within_hours": 8});
    owner.put("/v1/retention/days", days).expect(200);
    let fields = json!({"field": "until", "purge_within_hours": 8});
    owner.put("/v1/retention/fields", fields).expect(200);
    let (node, tenant) = if found == Found::Cold {
        let node = node.restart();
        let tenant = tenant.on(&node);
        (node, tenant)
    } else {
        (node, tenant)
    };
    node.clock.advance(DAY + 2 * HOUR - 8 * HOUR);
    if found == Found::Read {
        for (collection, points) in [("days", 5), ("fields", 4), ("kept", 8)] {
            let path = format!("/collections/{collection}/points/count");
            let counted = tenant.owner.post(&path, json!({})).expect(200);
            assert_eq!(counted["result"]["count"], points);
        }
    }
    (node, tenant)
}

/// What the receipt of an erasure tells, which destroyed what it says.
fn told(node: &Node, tenant: &Tenant, erasure: &Value) -> Value {
    assert_eq!(erasure["state"], "done", "{erasure}");
    let receipt = receipt(&tenant.owner, erasure);
    let left = left(node.directory(), &receipt);
    assert!(left.finds.is_empty(), "{:?}", left.finds);
    let body = serde_json::to_value(receipt.body()).unwrap();
    let mut collections = body["collections"].as_array().unwrap().clone();
    collections.sort_by_key(|of| of["name"].as_str().unwrap().to_owned());
    json!({"points": body["points"], "collections": collections})
}

fn of(collections: &[(&str, u64)]) -> Value {
    let points: u64 = collections.iter().map(|(_, points)| points).sum();
    let named = collections.iter();
    let named: Vec<Value> = named
        .map(|(name, points)| json!({"name": name, "points": points}))
        .collect();
    json!({"points": points, "collections": named})
}

/// What the node's next sweep tells, which is due.
fn swept(node: &Node, tenant: &Tenant) -> Value {
    assert_eq!(node.sweep(), 1);
    let listed = tenant.owner.get("/v1/erasures").expect(200);
    let sweep = listed["erasures"].as_array().unwrap().last().unwrap();
    assert_eq!(sweep["scope"], "retention");
    told(node, tenant, sweep)
}

/// An erasure of this scope tells this, and the next sweep, seven hours later, tells that, once.
#[track_caller]
fn check(scope: &Value, expected: &[(&str, u64)], later: &[(&str, u64)]) {
    for found in ALL {
        let (node, tenant) = aged(found);
        let erasure = erase(&tenant.owner, scope.clone());
        let told = told(&node, &tenant, &erasure);
        assert_eq!(told, of(expected), "{found:?}: {scope}");
        node.clock.advance(7 * HOUR);
        assert_eq!(swept(&node, &tenant), of(later), "{found:?}: {scope}");
        node.clock.advance(30 * DAY);
        assert_eq!(node.sweep(), 0, "{found:?}: {scope}");
        let opened = u64::from(found != Found::Cold);
        assert_eq!(node.metric("locule_partition_opens_total"), opened);
    }
}

#[test]
fn points_that_have_ended_are_not_counted_among_those_that_are_erased_by_id() {
    let scope = json!({"points": {"collection": "days", "ids": [0, 1, 2, 3, 7, 99]}});
    check(&scope, &[("days", 2)], &[("days", 6), ("fields", 4)]);
    let scope = json!({"points": {"collection": "fields", "ids": [0, 1, 2, 3]}});
    check(&scope, &[("fields", 2)], &[("days", 8), ("fields", 4)]);
    let scope = json!({"points": {"collection": "days", "ids": [0, 1]}});
    check(&scope, &[], &[("days", 8), ("fields", 4)]);
}

#[test]
fn points_that_have_ended_are_not_counted_among_those_that_a_filter_means() {
    let filter = json!({"must": [{"key": "number", "range": {"lt": 5}}]});
    let scope = json!({"filter": {"collection": "days", "filter": filter}});
    check(&scope, &[("days", 2)], &[("days", 6), ("fields", 4)]);
}

#[test]
fn points_that_have_ended_are_not_counted_among_a_data_subject_s() {
    let scope = json!({"subject": {"field": "person", "value": "person-1"}});
    check(
        &scope,
        &[("days", 1), ("kept", 2)],
        &[("days", 7), ("fields", 4)],
    );
    let scope = json!({"subject": {"field": "person", "value": "person-0"}});
    let expected = [("days", 1), ("fields", 2), ("kept", 2)];
    check(&scope, &expected, &[("days", 7), ("fields", 4)]);
}

#[test]
fn points_that_have_ended_are_not_counted_among_a_collection_s() {
    check(
        &json!({"collection": "days"}),
        &[("days", 5)],
        &[("fields", 4)],
    );
    check(
        &json!({"collection": "fields"}),
        &[("fields", 4)],
        &[("days", 8)],
    );
    let later = [("days", 8), ("fields", 4)];
    check(&json!({"collection": "kept"}), &[("kept", 8)], &later);
}

#[test]
fn a_sweep_tells_of_the_points_that_have_ended_and_of_no_others() {
    for found in ALL {
        let (node, tenant) = aged(found);
        node.clock.advance(4 * HOUR);
        let told = swept(&node, &tenant);
        assert_eq!(told, of(&[("days", 7), ("fields", 4)]), "{found:?}");
    }
}
