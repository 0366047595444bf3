//! What has ended, or was deleted where there is a bound for that, is gone from the disk in time.

use std::{fs, sync::Arc};

use locule::{
    clock::Timestamp,
    seal::{Keyring, RootKeySource},
    store::{Catalog, InUse, Sweeps},
    tenant::{Generation, TenantUuid},
};
use serde_json::{Value, json};

use super::{DAY, HOUR, MILLISECOND, START, count, hourly, ids, keep, payload, vector};
use crate::{
    backup,
    erasure::{erase, left, receipt},
    harness::{Actor, Node, Tenant, copy},
};

/// The tenant's erasures.
fn erasures(owner: &Actor) -> Vec<Value> {
    let listed = owner.get("/v1/erasures").expect(200);
    listed["erasures"].as_array().unwrap().clone()
}

/// The last erasure is a sweep of so many points that came to its end, and nothing of what it
/// destroyed is in the directory.
#[track_caller]
pub fn swept(node: &Node, owner: &Actor, points: u64) {
    let all = erasures(owner);
    let last = all.last().unwrap();
    assert_eq!(last["state"], "done", "{last}");
    let receipt = receipt(owner, last);
    let body = serde_json::to_value(receipt.body()).unwrap();
    assert_eq!(body["scope"]["kind"], "retention", "{body}");
    assert_eq!(body["requested"]["by"], "node", "{body}");
    assert_eq!(body["points"], points, "{body}");
    let left = left(node.directory(), &receipt);
    assert!(left.finds.is_empty(), "{:?}", left.finds);
}

/// The owner of a node's tenant, on the node that took its place.
fn owner(node: &Node, tenant: &Tenant) -> Actor {
    node.actor(tenant.owner.key.as_ref().unwrap())
}

#[test]
fn what_has_ended_is_destroyed_when_three_quarters_of_the_bound_have_passed() {
    let node = Node::start();
    let tenant = hourly(&node, 6);
    keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 4}));
    assert_eq!(node.sweep(), 0);
    // The first ends at 24 hours, and three hours later it is time.
    node.clock.advance(DAY + 3 * HOUR - 5 * HOUR - MILLISECOND);
    assert_eq!(node.sweep(), 0);
    let before = tempfile::tempdir().unwrap();
    copy(node.directory(), before.path());
    node.clock.advance(MILLISECOND);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 4);
    assert_eq!(ids(&tenant), [4, 5]);
    // The look can find something: it does in what was there before.
    let last = erasures(&tenant.owner).pop().unwrap();
    let found = left(before.path(), &receipt(&tenant.owner, &last));
    assert!(!found.finds.is_empty());
    // The next that ends does so in an hour, and then has three.
    node.clock.advance(4 * HOUR - MILLISECOND);
    assert_eq!(node.sweep(), 0);
    node.clock.advance(MILLISECOND);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 2);
    assert_eq!(count(&tenant), 0);
    node.clock.advance(30 * DAY);
    assert_eq!(node.sweep(), 0);
    assert_eq!(erasures(&tenant.owner).len(), 2);
}

#[test]
fn a_cold_tenant_is_swept_without_being_opened() {
    let node = Node::start();
    let tenant = hourly(&node, 3);
    keep(&tenant, json!({"ttl_days": 2}));
    let node = node.restart();
    node.clock
        .advance(2 * DAY + 18 * HOUR - 2 * HOUR - MILLISECOND);
    assert_eq!(node.sweep(), 0);
    node.clock.advance(MILLISECOND);
    assert_eq!(node.sweep(), 1);
    let owner = owner(&node, &tenant);
    swept(&node, &owner, 3);
    assert_eq!(node.metric("locule_partition_opens_total"), 0);
    let answer = owner.post("/collections/docs/points/count", json!({}));
    assert_eq!(answer.expect(200)["result"]["count"], 0);
    // What survives is known, too: the next sweep is noted without a look by anyone.
    owner.put_point("docs", 9, &vector(9), payload(9));
    let node = node.restart();
    node.clock.advance(2 * DAY + 18 * HOUR);
    assert_eq!(node.sweep(), 1);
    swept(&node, &self::owner(&node, &tenant), 1);
}

#[test]
fn survivors_of_a_cold_sweep_are_swept_when_they_end() {
    let node = Node::start();
    let tenant = hourly(&node, 2);
    node.clock.advance(5 * HOUR);
    tenant.owner.put_point("docs", 7, &vector(7), payload(7));
    keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 1}));
    let node = node.restart();
    node.clock.advance(DAY - 5 * HOUR);
    assert_eq!(node.sweep(), 1);
    let owner = owner(&node, &tenant);
    swept(&node, &owner, 2);
    // The one left ends five hours later, and is gone 45 minutes after that.
    node.clock.advance(5 * HOUR + HOUR * 3 / 4 - MILLISECOND);
    assert_eq!(node.sweep(), 0);
    node.clock.advance(HOUR);
    assert_eq!(node.sweep(), 1);
    swept(&node, &owner, 1);
    assert_eq!(node.metric("locule_partition_opens_total"), 0);
}

#[test]
fn what_is_deleted_or_replaced_is_destroyed_in_time_where_a_bound_was_set() {
    let node = Node::start();
    let tenant = hourly(&node, 3);
    let delete = |id: u64| {
        let path = "/collections/docs/points/delete";
        tenant.owner.post(path, json!({"points": [id]})).expect(200);
    };
    delete(0);
    node.clock.advance(40 * DAY);
    assert_eq!(node.sweep(), 0, "there is no bound yet");
    keep(&tenant, json!({"purge_within_hours": 4}));
    delete(1);
    node.clock.advance(3 * HOUR - MILLISECOND);
    assert_eq!(node.sweep(), 0);
    node.clock.advance(MILLISECOND);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 0);
    tenant.owner.put_point("docs", 2, &vector(2), payload(3));
    node.clock.advance(3 * HOUR);
    assert_eq!(node.sweep(), 1);
    // So does a collection that goes, with its bound.
    tenant.owner.delete("/collections/docs").expect(200);
    node.clock.advance(3 * HOUR);
    assert_eq!(node.sweep(), 1);
    assert_eq!(erasures(&tenant.owner).len(), 3);
}

#[test]
fn what_ends_after_a_restore_is_destroyed_in_time_too() {
    let node = Node::start();
    let tenant = hourly(&node, 2);
    let backup = backup::make(&tenant.owner);
    let restored = backup::restore(&tenant.owner, &backup);
    assert_eq!(restored["state"], "done", "{restored}");
    keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 4}));
    node.clock.advance(DAY + 3 * HOUR);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 2);
}

#[test]
fn a_tenant_s_own_bound_holds_for_collections_without_one() {
    let node = Node::start();
    let tenant = hourly(&node, 4);
    let owner = &tenant.owner;
    owner.create_collection("other", 4, "Dot");
    owner.put_point("other", 1, &vector(1), payload(1));
    let delete = |owner: &Actor, collection: &str, id: u64| {
        let path = format!("/collections/{collection}/points/delete");
        owner.post(&path, json!({"points": [id]})).expect(200);
    };
    let bound = json!({"purge_within_hours": 8});
    owner.delete("/v1/retention").expect(404);
    owner.put("/v1/retention", bound.clone()).expect(200);
    assert_eq!(
        owner.get("/v1/retention").expect(200)["purge_within_hours"],
        8
    );
    delete(owner, "docs", 0);
    // It is as durable as a point, and moves to the next generation with the rest.
    for round in 0..2 {
        node.clock.advance(6 * HOUR - MILLISECOND);
        assert_eq!(node.sweep(), 0, "round {round}");
        node.clock.advance(MILLISECOND);
        assert_eq!(node.sweep(), 1, "round {round}");
        swept(&node, owner, 0);
        delete(owner, "other", 1);
    }
    let node = node.restart();
    let tenant = tenant.on(&node);
    let owner = &tenant.owner;
    // A collection's own bound goes before it.
    keep(&tenant, json!({"purge_within_hours": 4}));
    delete(owner, "docs", 1);
    node.clock.advance(3 * HOUR);
    assert_eq!(node.sweep(), 1);
    owner.delete("/collections/docs").expect(200);
    node.clock.advance(3 * HOUR);
    assert_eq!(node.sweep(), 1);
    owner.delete("/v1/retention").expect(204);
    assert_eq!(
        owner.get("/v1/retention").expect(200)["purge_within_hours"],
        Value::Null
    );
    owner.delete("/collections/other").expect(200);
    node.clock.advance(30 * DAY);
    assert_eq!(node.sweep(), 0);
    for hours in [json!(0), json!(8_761), json!(-1), json!("8"), Value::Null] {
        let refused = owner.put("/v1/retention", json!({"purge_within_hours": hours}));
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}

#[test]
fn what_an_erasure_has_destroyed_is_not_swept_a_second_time() {
    for cold in [false, true] {
        let node = Node::start();
        let tenant = hourly(&node, 3);
        keep(&tenant, json!({"ttl_days": 10, "purge_within_hours": 4}));
        let path = "/collections/docs/points/delete";
        tenant.owner.post(path, json!({"points": [0]})).expect(200);
        let node = if cold { node.restart() } else { node };
        let owner = owner(&node, &tenant);
        // What was deleted has to go within four hours, and goes with this.
        let scope = json!({"points": {"collection": "docs", "ids": [1]}});
        erase(&owner, scope);
        node.clock.advance(DAY);
        assert_eq!(node.sweep(), 0);
        // What is left ends when it would have.
        node.clock.advance(9 * DAY + 3 * HOUR - MILLISECOND);
        assert_eq!(node.sweep(), 0);
        node.clock.advance(MILLISECOND);
        assert_eq!(node.sweep(), 1);
        swept(&node, &owner, 1);
        assert_eq!(
            node.metric("locule_partition_opens_total"),
            u64::from(!cold)
        );
    }
}

#[test]
fn a_sweep_tells_of_what_ended_before_an_erasure_destroyed_it() {
    let node = Node::start();
    let tenant = hourly(&node, 3);
    keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 4}));
    node.clock.advance(DAY - 2 * HOUR);
    assert_eq!(
        count(&tenant),
        2,
        "the first has ended, and a reader saw it go"
    );
    let scope = json!({"points": {"collection": "docs", "ids": [2]}});
    erase(&tenant.owner, scope);
    node.clock.advance(3 * HOUR);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 2);
}

#[test]
fn however_many_points_end_at_once_none_is_seen_each_commit_is_short_and_a_sweep_tells_of_all() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    for batch in [1..10_001, 10_001..20_001, 20_001..25_001] {
        let points: Vec<Value> = batch
            .map(|id: u64| json!({"id": id, "vector": vector(id % 100)}))
            .collect();
        let body = json!({"points": points});
        let path = "/collections/docs/points?wait=true";
        tenant.owner.put(path, body).expect(200);
    }
    keep(&tenant, json!({"ttl_days": 1}));
    let commits = || {
        let point = json!({"id": 30_000, "vector": vector(1)});
        let body = json!({"points": [point]});
        let path = "/collections/docs/points?wait=true";
        let answer = tenant.owner.put(path, body).expect(200);
        answer["result"]["operation_id"].as_u64().unwrap()
    };
    let before = commits();
    node.clock.advance(DAY);
    assert_eq!(count(&tenant), 0);
    assert_eq!(
        commits() - before,
        1 + 3,
        "10,000 points and no more in each"
    );
    node.clock.advance(18 * HOUR);
    assert_eq!(node.sweep(), 1);
    swept(&node, &tenant.owner, 25_002);
}

#[test]
fn a_suspended_tenant_is_swept_and_a_deleted_one_has_nothing_left_to_be() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    keep(&tenant, json!({"ttl_days": 1}));
    let operator = node.operator();
    operator
        .post("/v1/tenants/anna/suspend", json!({}))
        .expect(200);
    node.clock.advance(2 * DAY);
    assert_eq!(node.sweep(), 1);
    operator
        .post("/v1/tenants/anna/resume", json!({}))
        .expect(200);
    swept(&node, &tenant.owner, 1);
    tenant.owner.put_point("docs", 1, &vector(1), payload(1));
    operator.delete("/v1/tenants/anna?wait=60").expect(202);
    let node = node.restart();
    node.clock.advance(2 * DAY);
    assert_eq!(node.sweep(), 0);
}

#[test]
fn a_time_that_comes_up_while_a_tenant_that_had_none_is_erased_from_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let root = RootKeySource::File(path.join("root.key")).fetch().unwrap();
    let keyring = Keyring::open(&path.join("ring"), root).unwrap();
    let system = keyring.make(TenantUuid::SYSTEM, Generation::FIRST).unwrap();
    let (in_use, _) = InUse::new(fs::File::create(path.join("lock")).unwrap());
    let catalog = Catalog::open(&path.join("catalog"), system.derive_data_key(0), in_use);
    let catalog = Arc::new(catalog.unwrap());
    let (sweeps, _earlier) = Sweeps::load(Arc::clone(&catalog)).unwrap();
    let tenant = TenantUuid::from_bytes([7; 16]);
    let at = Timestamp(START * 1_000);
    // An erasure begins, something is written that has to go, and the erasure ends.
    sweeps.begin(tenant);
    sweeps.note(tenant, at).unwrap();
    sweeps.done(tenant, None).unwrap();
    assert_eq!(sweeps.times(), [(tenant, at)]);
    let (again, _earlier) = Sweeps::load(catalog).unwrap();
    assert_eq!(again.times(), [(tenant, at)]);
    // What was noted before the next one goes with it.
    sweeps.begin(tenant);
    sweeps.done(tenant, None).unwrap();
    assert_eq!(sweeps.times(), []);
}
