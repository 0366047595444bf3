//! What an owner sets, sees and takes back.

use serde_json::{Value, json};

use super::{DAY, HOUR, MILLISECOND, count, hourly, ids, keep, payload, vector};
use crate::harness::Node;

#[test]
fn a_retention_is_set_seen_changed_listed_and_taken_back() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    let owner = &tenant.owner;
    owner.create_collection("Nähe", 4, "Dot");
    assert_eq!(
        owner.get("/v1/retention").expect(200)["retentions"],
        json!([])
    );
    let none = owner.get("/v1/retention/docs");
    assert_eq!(none.status, 404, "{}", none.text);
    let shown = |days: Value, field: Value, hours: u64, deleted: bool| {
        json!({"collection": "docs", "ttl_days": days, "field": field,
            "purge_within_hours": hours, "purges_deleted": deleted,
            "since": "2027-01-15T08:00:00.000Z"})
    };
    let set = owner.put("/v1/retention/docs", json!({"ttl_days": 36_500}));
    let days = shown(json!(36_500), Value::Null, 24, false);
    assert_eq!(set.expect(200), days);
    assert_eq!(owner.get("/v1/retention/docs").expect(200), days);
    node.clock.advance(HOUR);
    let body = json!({"field": "meta.end", "purge_within_hours": 1});
    let set = owner.put("/v1/retention/docs", body).expect(200);
    assert_eq!(set, shown(Value::Null, json!("meta.end"), 1, true));
    let body = json!({"purge_within_hours": 8_760});
    owner.put("/v1/retention/N%C3%A4he", body).expect(200);
    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    let listed = owner.get("/v1/retention").expect(200)["retentions"].clone();
    assert_eq!(listed[1], set);
    assert_eq!(listed[0]["collection"], "Nähe");
    assert_eq!(listed[0]["since"], "2027-01-15T09:00:00.000Z");
    // By an alias it is the collection's.
    let alias = json!({"create_alias": {"collection_name": "docs", "alias_name": "now"}});
    owner
        .post("/collections/aliases", json!({"actions": [alias]}))
        .expect(200);
    assert_eq!(owner.get("/v1/retention/now").expect(200), set);
    assert_eq!(owner.delete("/v1/retention/now").status, 204);
    assert_eq!(owner.delete("/v1/retention/docs").status, 404);
    // A collection takes its retention with it.
    owner.delete("/collections/N%C3%A4he").expect(200);
    owner.create_collection("Nähe", 4, "Dot");
    assert_eq!(
        owner.get("/v1/retention").expect(200)["retentions"],
        json!([])
    );
}

#[test]
fn a_retention_holds_for_what_was_there_before_by_when_it_was_written() {
    let node = Node::start();
    let tenant = hourly(&node, 3);
    node.clock.advance(DAY - HOUR - MILLISECOND);
    keep(&tenant, json!({"ttl_days": 1}));
    assert_eq!(ids(&tenant), [1, 2]);
    node.clock.advance(MILLISECOND);
    assert_eq!(ids(&tenant), [2]);
    // What has ended stays gone, what hasn't lives on.
    keep(&tenant, json!({"ttl_days": 30}));
    assert_eq!(ids(&tenant), [2]);
    node.clock.advance(2 * DAY);
    assert_eq!(ids(&tenant), [2]);
    tenant.owner.put_point("docs", 7, &vector(7), payload(7));
    keep(&tenant, json!({"ttl_days": 1}));
    assert_eq!(ids(&tenant), [7]);
    assert_eq!(tenant.owner.delete("/v1/retention/docs").status, 204);
    node.clock.advance(40 * DAY);
    assert_eq!(ids(&tenant), [7]);
}

#[test]
fn what_ended_while_nobody_looked_stays_gone_whatever_is_set_then() {
    let node = Node::start();
    for (number, then) in [
        json!({"ttl_days": 9}),
        json!({"field": "until"}),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        let tenant = node.tenant(&format!("tenant-{number}"));
        tenant.owner.create_collection("docs", 4, "Dot");
        tenant.owner.put_point("docs", 1, &vector(1), payload(1));
        keep(&tenant, json!({"ttl_days": 1}));
        node.clock.advance(DAY);
        if then.is_null() {
            assert_eq!(tenant.owner.delete("/v1/retention/docs").status, 204);
        } else {
            keep(&tenant, then);
        }
        assert_eq!(count(&tenant), 0);
    }
}

#[test]
fn bad_settings_are_refused_and_change_nothing() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    keep(&tenant, json!({"ttl_days": 5}));
    let before = tenant.owner.get("/v1/retention/docs").expect(200);
    for (body, says) in [
        (json!({}), "ttl_days or field"),
        (json!({"ttl_days": null}), "ttl_days or field"),
        (json!({"ttl_days": 3, "field": "end"}), "not both"),
        (json!({"ttl_days": 0}), "1 to 36500"),
        (json!({"ttl_days": 36_501}), "1 to 36500"),
        (json!({"ttl_days": u64::MAX}), "1 to 36500"),
        (json!({"ttl_days": -1}), "`-1`"),
        (json!({"ttl_days": 1.5}), "`1.5`"),
        (json!({"ttl_days": "7"}), "\"7\""),
        (json!({"field": ""}), "payload path"),
        (json!({"field": "a..b"}), "payload path"),
        (json!({"field": "a[x]"}), "payload path"),
        (json!({"field": "a".repeat(1_025)}), "1024"),
        (json!({"field": 7}), "a string"),
        (json!({"ttl_days": 1, "purge_within_hours": 0}), "1 to 8760"),
        (json!({"purge_within_hours": 8_761}), "1 to 8760"),
        (json!({"ttl_days": 1, "days": 1}), "days"),
        (json!(["ttl_days"]), "an object"),
    ] {
        let answer = tenant.owner.put("/v1/retention/docs", body.clone());
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(answer.message().contains(says), "{body}: {}", answer.text);
    }
    let elsewhere = tenant
        .owner
        .put("/v1/retention/nothing", json!({"ttl_days": 1}));
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.text);
    assert_eq!(tenant.owner.get("/v1/retention/docs").expect(200), before);
}

#[test]
fn only_the_owner_has_a_say_and_only_in_its_own_collections() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    let body = || json!({"ttl_days": 1});
    for actor in [
        &tenant.writer,
        &tenant.inference,
        &tenant.auditor,
        &node.operator(),
    ] {
        for answer in [
            actor.put("/v1/retention/docs", body()),
            actor.get("/v1/retention/docs"),
            actor.get("/v1/retention"),
            actor.delete("/v1/retention/docs"),
        ] {
            assert_eq!(answer.status, 403, "{}", answer.text);
        }
    }
    let answer = node.stranger().put("/v1/retention/docs", body());
    assert_eq!(answer.status, 401);
    // Another tenant's collection of that name is another collection.
    let other = node.tenant("berta");
    let answer = other.owner.put("/v1/retention/docs", body());
    assert_eq!(answer.status, 404, "{}", answer.text);
    let bound = json!({"name": "bound", "role": "owner", "collections": ["other"]});
    let bound = tenant.owner.post("/v1/keys", bound).expect(201);
    let bound = node.actor(bound["key"].as_str().unwrap());
    assert_eq!(bound.put("/v1/retention/docs", body()).status, 403);
    keep(&tenant, body());
    assert_eq!(
        bound.get("/v1/retention").expect(200)["retentions"],
        json!([])
    );
}
