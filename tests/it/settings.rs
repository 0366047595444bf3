//! What an operator sets of a tenant, changed by JSON merge patches (RFC 7396): what isn't named stays,
//! what is null is lifted.

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::harness::{Actor, Answer, Node};

const QUOTA: [&str; 5] = [
    "points_max",
    "requests_per_second",
    "bytes_per_second",
    "concurrent_requests",
    "disk_bytes_max",
];
const WATCH: [&str; 3] = [
    "distinct_points_per_day",
    "suspend_after_refusals",
    "suspend_after_networks",
];
const PATH: &str = "/v1/tenants/acme";

fn patch(operator: &Actor, change: Value) -> Answer {
    operator.patch(PATH, change)
}

/// What is set, without what isn't.
fn set(tenant: &Value) -> Value {
    let mut set = json!({"quota": {}, "watch": {}});
    merge(
        &mut set,
        &json!({"quota": tenant["quota"], "watch": tenant["watch"], "region": tenant["region"]}),
    );
    set
}

/// RFC 7396, word for word.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[test]
fn a_field_that_isnt_named_stays_and_one_that_is_null_is_lifted() {
    let node = Node::start();
    let acme = node.tenant("acme");
    acme.writer.create_collection("docs", 2, "Dot");
    let operator = node.operator();
    let whole = json!({"quota": {"points_max": 1, "requests_per_second": 50, "bytes_per_second": 40,
            "concurrent_requests": 30, "disk_bytes_max": 20_000_000},
        "watch": {"distinct_points_per_day": 10, "refuse_past_distinct_points": true,
            "suspend_after_refusals": 9, "suspend_after_networks": 8},
        "region": "eu"});
    let shown = patch(&operator, whole.clone()).expect(200);
    assert_eq!(set(&shown), whole);

    let mut expected = whole;
    for (change, pointer, value) in [
        (
            json!({"quota": {"requests_per_second": 100}}),
            "/quota/requests_per_second",
            json!(100),
        ),
        (
            json!({"watch": {"suspend_after_networks": 2}}),
            "/watch/suspend_after_networks",
            json!(2),
        ),
        (json!({"region": "us"}), "/region", json!("us")),
        (
            json!({"watch": {"refuse_past_distinct_points": null}}),
            "/watch/refuse_past_distinct_points",
            json!(false),
        ),
    ] {
        let shown = patch(&operator, change.clone()).expect(200);
        *expected.pointer_mut(pointer).unwrap() = value;
        assert_eq!(set(&shown), expected, "{change}");
    }
    for nothing in [
        json!({}),
        json!({"quota": {}}),
        json!({"watch": {}, "quota": {}}),
    ] {
        assert_eq!(set(&patch(&operator, nothing).expect(200)), expected);
    }
    // What is shown is what holds, also after a restart.
    let two = json!({"points": [{"id": 1, "vector": [1, 0]}, {"id": 2, "vector": [1, 0]}]});
    let path = "/collections/docs/points";
    acme.writer.put(path, two.clone()).expect(403);
    let node = node.restart();
    let (operator, acme) = (node.operator(), acme.on(&node));
    assert_eq!(set(&operator.get(PATH).expect(200)), expected);
    acme.writer.put(path, two.clone()).expect(403);
    let lifted = patch(&operator, json!({"quota": {"points_max": null}})).expect(200);
    assert_eq!(
        (
            &lifted["quota"]["points_max"],
            &lifted["quota"]["disk_bytes_max"]
        ),
        (&Value::Null, &json!(20_000_000))
    );
    acme.writer.put(path, two).expect(200);
    let all = json!({"quota": null, "watch": null, "region": null});
    let shown = patch(&operator, all).expect(200);
    let none = json!({"quota": {}, "watch": {"refuse_past_distinct_points": false}});
    assert_eq!(set(&shown), none);
}

#[test]
fn a_change_that_is_refused_changes_nothing_and_says_what_is_wrong() {
    let node = Node::start();
    node.tenant("acme");
    let operator = node.operator();
    let whole = json!({"quota": {"points_max": 5, "requests_per_second": 50},
        "watch": {"suspend_after_refusals": 9, "refuse_past_distinct_points": false}, "region": "eu"});
    patch(&operator, whole.clone()).expect(200);
    for (wrong, word) in [
        (json!({"quota": {"requests_per_second": 0}}), "nonzero"),
        (json!({"quota": {"points_max": -1}}), "-1"),
        (json!({"quota": {"points_max": 1.5}}), "1.5"),
        (json!({"quota": {"points_max": "7"}}), "\"7\""),
        (json!({"quota": {"disk_bytes": null}}), "disk_bytes_max"),
        (json!({"quota": 5}), "integer `5`"),
        (json!({"quota": [1]}), "an object"),
        (
            json!({"watch": {"refuse_past_distinct_points": 1}}),
            "boolean",
        ),
        (json!({"watch": {"suspend_after_networks": 0}}), "nonzero"),
        (json!({"watch": {"alarm": true}}), "suspend_after_refusals"),
        (json!({"region": 7}), "string"),
        (json!({"region": "x".repeat(65)}), "64 bytes"),
        (json!({"state": "suspended"}), "state"),
        (json!([]), "object"),
        (Value::Null, "object"),
    ] {
        // What stands beside what is wrong isn't done either.
        let mut change = json!({"quota": {"points_max": 1}, "watch": {"suspend_after_refusals": null}, "region": null});
        if wrong.is_object() {
            merge_over(&mut change, &wrong);
        } else {
            change = wrong.clone();
        }
        let answer = patch(&operator, change);
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
        assert!(answer.message().contains(word), "{wrong}: {}", answer.text);
        assert_eq!(set(&operator.get(PATH).expect(200)), whole, "{wrong}");
    }
    operator.patch("/v1/tenants/nobody", json!({})).expect(404);
    let new = json!({"id": "globex", "quota": [1]});
    operator.post("/v1/tenants", new).expect(400);
}

/// Puts one change's fields over another's, nulls too.
fn merge_over(change: &mut Value, other: &Value) {
    match (change, other) {
        (Value::Object(change), Value::Object(other)) => {
            for (name, value) in other {
                merge_over(change.entry(name).or_insert(Value::Null), value);
            }
        }
        (change, other) => *change = other.clone(),
    }
}

#[test]
fn changes_at_the_same_time_lose_nothing_of_each_other() {
    let node = Node::start();
    node.tenant("acme");
    for round in 1..=8_u64 {
        std::thread::scope(|scope| {
            let change = |change: Value| {
                let operator = node.operator();
                scope.spawn(move || patch(&operator, change).expect(200));
            };
            for name in QUOTA {
                change(json!({"quota": {name: round}}));
            }
            for name in WATCH {
                change(json!({"watch": {name: round}}));
            }
            change(json!({"region": round.to_string()}));
        });
        let shown = set(&node.operator().get(PATH).expect(200));
        let mut expected = json!({"quota": {}, "watch": {"refuse_past_distinct_points": false},
            "region": round.to_string()});
        for name in QUOTA {
            expected["quota"][name] = round.into();
        }
        for name in WATCH {
            expected["watch"][name] = round.into();
        }
        assert_eq!(shown, expected);
    }
}

/// A change of some fields, each to a value or to nothing; of all of them at times.
fn some_change() -> impl Strategy<Value = Value> {
    let quota = QUOTA.map(|name| ("quota", name));
    let watch = WATCH.map(|name| ("watch", name));
    let others = [
        ("watch", "refuse_past_distinct_points"),
        ("quota", ""),
        ("watch", ""),
        ("region", ""),
    ];
    let fields = [&quota[..], &watch, &others].concat();
    let field = (select(fields), option::of(1_u32..1_000));
    vec(field, 0..8).prop_map(|fields| {
        let mut change = json!({});
        for ((part, name), number) in fields {
            let value = match (part, name, number) {
                (_, _, None) => Value::Null,
                ("region", _, Some(number)) => json!(number.to_string()),
                (_, "", Some(_)) => json!({}),
                (_, "refuse_past_distinct_points", Some(number)) => json!(number % 2 == 0),
                (_, _, Some(number)) => json!(number),
            };
            let part = &mut change[part];
            if name.is_empty() {
                *part = value;
            } else {
                part[name] = value;
            }
        }
        change
    })
}

#[test]
fn any_changes_one_after_the_other_come_to_what_rfc_7396_says() {
    let node = Node::start();
    node.tenant("acme");
    let operator = node.operator();
    let mut runner = TestRunner::new(Config::with_cases(64));
    let clean = json!({"quota": null, "watch": null, "region": null});
    let checked = runner.run(&vec(some_change(), 1..8), |changes| {
        let mut expected = set(&patch(&operator, clean.clone()).expect(200));
        for change in changes {
            merge(&mut expected, &change);
            let shown = patch(&operator, change).expect(200);
            // Everything that could be set is shown, whether it is or not.
            let mut whole = json!({"quota": {}, "watch": {"refuse_past_distinct_points": false}});
            merge(&mut whole, &expected);
            prop_assert_eq!(set(&shown), whole);
        }
        Ok(())
    });
    checked.unwrap();
}
