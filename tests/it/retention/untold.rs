//! What has ended and left answers before a sweep is told of by the sweep's receipt, once, whatever
//! came between the two.

use std::{io, sync::Arc};

use locule::{
    access::{Origin, Presented},
    clock::{Clock, Manual, System, Timestamp},
    engine::Engine,
    ops::{erase::State, receipt::ScopeKind},
};
use serde_json::{Value, json};

use super::{DAY, HOUR, MILLISECOND, count, hourly, keep, payload, sweeps::swept, vector};
use crate::{
    backup,
    crash::{client::Answer, process::Process},
    erasure::erase,
    harness::{Node, Tenant, options},
};

/// A tenant whose points end after a day, and are to be gone eight hours later. Of five, one an hour,
/// three have ended, and a reader has seen them go.
fn seen_to_go() -> (Node, Tenant) {
    let node = Node::start();
    let tenant = hourly(&node, 5);
    keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 8}));
    node.clock.advance(DAY - 2 * HOUR);
    assert_eq!(count(&tenant), 2);
    (node, tenant)
}

fn restarted(node: Node, tenant: &Tenant) -> (Node, Tenant) {
    let node = node.restart();
    let tenant = tenant.on(&node);
    (node, tenant)
}

/// A sweep that is due tells of so many points, and none after it of any.
#[track_caller]
fn told_once(node: &Node, tenant: &Tenant, points: u64) {
    assert_eq!(node.sweep(), 1);
    swept(node, &tenant.owner, points);
    node.clock.advance(30 * DAY);
    assert_eq!(node.sweep(), 0);
}

#[test]
fn a_restart_forgets_none_of_the_points_that_were_seen_to_go() {
    for cold in [false, true] {
        let (node, tenant) = seen_to_go();
        let (node, tenant) = restarted(node, &tenant);
        if !cold {
            // One more has ended meanwhile, and is added to those of before.
            node.clock.advance(HOUR);
            assert_eq!(count(&tenant), 1);
        }
        let (node, tenant) = restarted(node, &tenant);
        if !cold {
            assert_eq!(count(&tenant), 1);
        }
        node.clock.advance(8 * HOUR);
        told_once(&node, &tenant, 5);
        let opened = node.metric("locule_partition_opens_total");
        assert_eq!(opened, u64::from(!cold));
        // What comes after it is told of by itself.
        tenant.owner.put_point("docs", 7, &vector(7), payload(7));
        node.clock.advance(2 * DAY);
        told_once(&node, &tenant, 1);
    }
}

#[test]
fn an_erasure_passes_on_what_was_seen_to_go_and_a_tenant_that_owes_nothing_else_is_swept() {
    for cold in [false, true] {
        let (node, tenant) = seen_to_go();
        let (node, tenant) = if cold {
            restarted(node, &tenant)
        } else {
            (node, tenant)
        };
        // Nothing is left that could end, nor anything on the disk that has.
        let scope = json!({"points": {"collection": "docs", "ids": [0, 3, 4]}});
        assert_eq!(erase(&tenant.owner, scope)["points"], 2);
        let (node, tenant) = restarted(node, &tenant);
        node.clock.advance(6 * HOUR - MILLISECOND);
        assert_eq!(node.sweep(), 0);
        node.clock.advance(MILLISECOND);
        told_once(&node, &tenant, 3);
    }
}

#[test]
fn a_retention_that_is_taken_back_leaves_what_was_seen_to_go_to_a_sweep_within_a_day() {
    for cold in [false, true] {
        let (node, tenant) = seen_to_go();
        tenant.owner.delete("/v1/retention/docs").expect(204);
        let (node, tenant) = if cold {
            restarted(node, &tenant)
        } else {
            (node, tenant)
        };
        let scope = json!({"points": {"collection": "docs", "ids": [3]}});
        assert_eq!(erase(&tenant.owner, scope)["points"], 1);
        node.clock.advance(18 * HOUR);
        told_once(&node, &tenant, 3);
        assert_eq!(count(&tenant), 1);
    }
}

#[test]
fn a_backup_brings_it_back() {
    let (node, tenant) = seen_to_go();
    let made = backup::make(&tenant.owner);
    let restored = backup::restore(&tenant.owner, &made);
    assert_eq!(restored["state"], "done", "{restored}");
    let (node, tenant) = restarted(node, &tenant);
    node.clock.advance(8 * HOUR);
    told_once(&node, &tenant, 5);
}

#[test]
fn it_goes_with_its_collection() {
    for erased in [false, true] {
        let (node, tenant) = seen_to_go();
        if erased {
            assert_eq!(
                erase(&tenant.owner, json!({"collection": "docs"}))["points"],
                2
            );
        } else {
            tenant.owner.delete("/collections/docs").expect(200);
        }
        tenant.owner.create_collection("docs", 4, "Dot");
        tenant.owner.put_point("docs", 1, &vector(1), payload(1));
        keep(&tenant, json!({"ttl_days": 1, "purge_within_hours": 8}));
        let (node, tenant) = restarted(node, &tenant);
        assert_eq!(count(&tenant), 1);
        node.clock.advance(2 * DAY);
        told_once(&node, &tenant, 1);
    }
}

#[test]
fn a_killed_node_forgets_none_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let key = process.tenant("anna");
    let owner = process.client(&key);
    let done = |answer: io::Result<Answer>| {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
    done(owner.put("/collections/docs", &schema));
    // They have ended by a retention that comes just now: its sweep isn't due for most of an hour.
    let now = System.now().0 / 1_000;
    let points: Vec<Value> = (0..7)
        .map(|id| {
            let until = if id < 4 { now - 1 } else { now + 1_000_000 };
            json!({"id": id, "vector": [1, id], "payload": {"until": until}})
        })
        .collect();
    let put = |points: &[Value]| {
        let body = json!({"points": points});
        done(owner.put("/collections/docs/points?wait=true", &body));
    };
    put(&points);
    let retention = json!({"field": "until", "purge_within_hours": 1});
    done(owner.put("/v1/retention/docs", &retention));
    // A write clears what has ended by then.
    put(&points[6..]);
    process.kill();

    let clock = Arc::new(Manual::at(Timestamp(System.now().0 + 3_600_000)));
    let engine = Engine::start(options(directory.path(), Arc::clone(&clock)))
        .unwrap()
        .engine;
    assert_eq!(engine.sweep_due(clock.now()).tenants, 1);
    let owner = engine.authenticate(&Presented::new(&key), Origin::default(), 0);
    let erasures = engine.erasures(&owner.unwrap()).unwrap();
    let told: Vec<_> = erasures
        .iter()
        .map(|of| (of.kind, of.state, of.points))
        .collect();
    assert_eq!(told, [(ScopeKind::Retention, State::Done, 4)]);
}
