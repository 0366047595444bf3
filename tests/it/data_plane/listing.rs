//! Points by their payload values: in order, in groups, counted. An index changes how long that
//! takes, and never what comes out.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::routes::{owner, refused};
use crate::harness::Actor;

const SCROLL: &str = "/collections/docs/points/scroll";

/// Ids and values.
fn in_order(actor: &Actor, collection: &str, body: Value) -> Vec<(u64, Value)> {
    let path = format!("/collections/{collection}/points/scroll");
    let answer = actor.post(&path, body).expect(200);
    assert_eq!(answer["result"]["next_page_offset"], Value::Null);
    let points = answer["result"]["points"].as_array().unwrap().clone();
    points
        .into_iter()
        .map(|point| (point["id"].as_u64().unwrap(), point["order_value"].clone()))
        .collect()
}

fn put(actor: &Actor, collection: &str, payloads: &[Value]) {
    let points: Vec<Value> = (1_u64..)
        .zip(payloads)
        .map(|(id, payload)| json!({"id": id, "vector": [id, 1], "payload": payload}))
        .collect();
    actor
        .put(
            &format!("/collections/{collection}/points"),
            json!({"points": points}),
        )
        .expect(200);
}

fn index(actor: &Actor, collection: &str, kind: &str) {
    actor
        .put(
            &format!("/collections/{collection}/index"),
            json!({"field_name": "a", "field_schema": kind}),
        )
        .expect(200);
}

#[test]
fn points_come_in_the_order_of_their_values_once_for_each() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let payloads = [
        json!({"a": 3}),
        json!({"a": [1, 9, 1]}),
        json!({"a": "1970-01-01T00:00:00.000002Z"}),
        json!({"a": "no time"}),
        json!({"b": 1}),
        json!({"a": 2.5}),
        json!({"a": 3}),
    ];
    put(&owner, "docs", &payloads);
    let expected = [
        (2, json!(1)),
        (3, json!(2)),
        (6, json!(2.5)),
        (1, json!(3)),
        (7, json!(3)),
        (2, json!(9)),
    ];
    for kind in [
        None,
        Some("integer"),
        Some("float"),
        Some("datetime"),
        Some("keyword"),
    ] {
        if let Some(kind) = kind {
            index(&owner, "docs", kind);
        }
        let scroll = |order_by: Value| in_order(&owner, "docs", json!({"order_by": order_by}));
        assert_eq!(scroll(json!("a")), expected, "{kind:?}");
        assert_eq!(
            scroll(json!({"key": "a", "start_from": 2.5})),
            expected[2..]
        );
        let mut backwards = expected.to_vec();
        backwards.reverse();
        // Equals by id, either way.
        backwards.swap(1, 2);
        assert_eq!(scroll(json!({"key": "a", "direction": "desc"})), backwards);
        let from = json!({"key": "a", "direction": "desc",
            "start_from": "1970-01-01T00:00:00.000003Z"});
        assert_eq!(scroll(from), backwards[1..]);
        let few = json!({"order_by": "a", "limit": 2, "filter": {"must_not": [{"has_id": [3]}]}});
        assert_eq!(
            in_order(&owner, "docs", few),
            [expected[0].clone(), expected[2].clone()]
        );
    }
    let query = json!({"query": {"order_by": "a"}, "offset": 1, "limit": 1, "with_payload": true});
    let answer = owner
        .post("/collections/docs/points/query", query)
        .expect(200);
    let point = &answer["result"]["points"][0];
    assert_eq!(
        (&point["id"], &point["order_value"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        (&point["score"], &point["payload"]),
        (&json!(1.0), &payloads[2])
    );
    for (body, because) in [
        (json!({"order_by": "a", "offset": 1}), "start_from"),
        (
            json!({"order_by": {"key": "a", "start_from": "x"}}),
            "start_from",
        ),
        (json!({"order_by": {"key": "a..b"}}), "order_by"),
        (
            json!({"order_by": {"key": "a", "direction": "up"}}),
            "order_by",
        ),
    ] {
        refused(&owner.post(SCROLL, body), because);
    }
    refused(
        &owner.post(
            "/collections/docs/points/query",
            json!({"query": {"order_by": "a"}, "score_threshold": 1}),
        ),
        "Can't use score_threshold",
    );
}

#[test]
fn groups_hold_the_best_of_each_value() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    put(
        &owner,
        "docs",
        &[
            json!({"a": "x"}),
            json!({"a": ["x", "y"]}),
            json!({"a": 7}),
            json!({"a": "y"}),
            json!({"a": [true, "x"]}),
            json!({"a": 1.5}),
            json!({}),
            json!({"a": ["z", 7, "z"]}),
        ],
    );
    let groups = |path: &str, body: Value| -> Vec<(Value, Vec<u64>)> {
        let answer = owner
            .post(&format!("/collections/docs/points/{path}"), body)
            .expect(200);
        let groups = answer["result"]["groups"].as_array().unwrap().clone();
        groups
            .into_iter()
            .map(|group| {
                let hits = group["hits"].as_array().unwrap();
                let ids = hits.iter().map(|hit| hit["id"].as_u64().unwrap());
                (group["id"].clone(), ids.collect())
            })
            .collect()
    };
    // The higher the id, the nearer.
    let all = [
        (json!("z"), vec![8]),
        (json!(7), vec![8, 3]),
        (json!("y"), vec![4, 2]),
        (json!("x"), vec![2, 1]),
    ];
    let by = |size: usize, limit: usize| json!({"query": [1, 0], "group_by": "a", "group_size": size, "limit": limit});
    assert_eq!(groups("query/groups", by(2, 10)), all);
    assert_eq!(groups("query/groups", by(2, 3)), all[..3]);
    let first = |(id, ids): &(Value, Vec<u64>)| (id.clone(), ids[..1].to_vec());
    assert_eq!(
        groups("query/groups", by(1, 10)),
        all.iter().map(first).collect::<Vec<_>>()
    );
    let legacy = json!({"vector": [1, 0], "group_by": "a"});
    assert_eq!(
        groups("search/groups", legacy),
        all.iter().map(first).collect::<Vec<_>>()
    );
    // However few a prefetch is asked for, groups come from all that it could find.
    let tree = json!({"prefetch": {"query": [1, 0], "limit": 1}, "query": [1, 0], "group_by": "a"});
    assert_eq!(groups("query/groups", tree), all);
    let ordered = json!({"query": {"order_by": "a"}, "group_by": "a", "limit": 1});
    assert_eq!(groups("query/groups", ordered), [(json!(7), vec![3, 8])]);
    for (body, because) in [
        (
            json!({"query": [1, 0], "group_by": "a", "group_size": 0}),
            "group_size",
        ),
        (json!({"query": [1, 0], "group_by": ""}), "group_by"),
        (
            json!({"query": [1, 0], "group_by": "a", "limit": 0}),
            "limit",
        ),
        (by(101, 100), "10100"),
    ] {
        refused(
            &owner.post("/collections/docs/points/query/groups", body),
            because,
        );
    }
}

#[test]
fn groups_are_filled_however_far_away_their_points_are() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let payloads: Vec<Value> = (1..=900)
        .map(|id| json!({"a": if id <= 3 { "rare" } else { "common" }}))
        .collect();
    put(&owner, "docs", &payloads);
    let body = json!({"query": [1, 0], "group_by": "a", "group_size": 3, "limit": 2});
    let answer = owner
        .post("/collections/docs/points/query/groups", body)
        .expect(200);
    let rare = &answer["result"]["groups"][1];
    assert_eq!(rare["id"], "rare");
    let hits = rare["hits"].as_array().unwrap().iter();
    assert_eq!(
        hits.map(|hit| hit["id"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [3, 2, 1]
    );
}

#[test]
fn groups_are_what_one_would_make_of_all_points() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let value = prop_oneof![
        (0_u8..4).prop_map(|number| json!(number)),
        "[ab]".prop_map(|text| json!(text)),
        Just(json!(true)),
        Just(json!(0.5)),
    ];
    let payload = prop::collection::vec(value, 0..3).prop_map(|values| json!({"a": values}));
    let input = (
        prop::collection::vec(payload, 1..40),
        1_usize..5,
        1_usize..6,
    );
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&input, |(payloads, size, limit)| {
            put(&owner, "docs", &payloads);
            let all = json!({"query": [1, 0], "limit": 100, "with_payload": true});
            let all = owner.post("/collections/docs/points/query", all);
            let mut expected: Vec<(Value, Vec<Value>)> = Vec::new();
            for point in all.expect(200)["result"]["points"].as_array().unwrap() {
                let values = point["payload"]["a"].as_array().unwrap();
                if values
                    .iter()
                    .any(|value| value.is_boolean() || value.is_f64())
                {
                    continue;
                }
                for (place, value) in values.iter().enumerate() {
                    if values[..place].contains(value) {
                        continue;
                    }
                    match expected.iter().position(|(id, _)| id == value) {
                        Some(at) if expected[at].1.len() < size => {
                            expected[at].1.push(point["id"].clone());
                        }
                        Some(_) => {}
                        None => expected.push((value.clone(), vec![point["id"].clone()])),
                    }
                }
            }
            expected.truncate(limit);
            let body = json!({"query": [1, 0], "group_by": "a", "group_size": size,
                "limit": limit});
            let answer = owner.post("/collections/docs/points/query/groups", body);
            let answer = answer.expect(200);
            let groups = answer["result"]["groups"].as_array().unwrap().iter();
            let groups = groups.map(|group| {
                let hits = group["hits"].as_array().unwrap().iter();
                let ids = hits.map(|hit| hit["id"].clone()).collect();
                (group["id"].clone(), ids)
            });
            prop_assert_eq!(groups.collect::<Vec<(Value, Vec<Value>)>>(), expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_facet_counts_the_points_of_each_value() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let uuid = "7a7a7a7a-1111-4222-8333-444455556666";
    put(
        &owner,
        "docs",
        &[
            json!({"a": ["x", "y", "x"]}),
            json!({"a": "x"}),
            json!({"a": 5}),
            json!({"a": true}),
            json!({"a": [5, uuid]}),
            json!({"a": 1.5}),
            json!({"b": "x"}),
        ],
    );
    let facet = |body: Value| -> Vec<(Value, u64)> {
        let answer = owner.post("/collections/docs/facet", body).expect(200);
        let hits = answer["result"]["hits"].as_array().unwrap().clone();
        hits.into_iter()
            .map(|hit| (hit["value"].clone(), hit["count"].as_u64().unwrap()))
            .collect()
    };
    let all = [
        (json!(5), 2),
        (json!("x"), 2),
        (json!(true), 1),
        (json!(uuid), 1),
        (json!("y"), 1),
    ];
    for kind in [
        None,
        Some("keyword"),
        Some("integer"),
        Some("uuid"),
        Some("bool"),
        Some("float"),
    ] {
        if let Some(kind) = kind {
            index(&owner, "docs", kind);
        }
        assert_eq!(facet(json!({"key": "a"})), all, "{kind:?}");
        assert_eq!(
            facet(json!({"key": "a", "limit": 2, "exact": true})),
            all[..2]
        );
        let filter = json!({"must_not": [{"has_id": [1]}, {"key": "a", "match": {"value": true}}]});
        let filtered = facet(json!({"key": "a", "filter": filter}));
        assert_eq!(filtered, [all[0].clone(), all[3].clone(), (json!("x"), 1)]);
    }
    // A point that is gone or has changed counts as it is now.
    owner
        .post("/collections/docs/points/delete", json!({"points": [2]}))
        .expect(200);
    owner.put_point("docs", 3, &[1.0, 0.0], json!({"a": "y"}));
    assert_eq!(
        facet(json!({"key": "a", "limit": 2})),
        [(json!("y"), 2), (json!(true), 1)]
    );
    refused(
        &owner.post("/collections/docs/facet", json!({"key": ""})),
        "key",
    );
    refused(
        &owner.post("/collections/docs/facet", json!({"key": "a", "limit": 0})),
        "limit",
    );
}

#[test]
fn an_index_changes_no_order_and_no_facet() {
    let (_node, owner) = owner();
    let kinds = ["integer", "float", "datetime", "keyword", "uuid", "bool"];
    let names: Vec<String> = kinds.iter().map(|kind| format!("by-{kind}")).collect();
    for name in names.iter().map(String::as_str).chain(["docs"]) {
        owner.create_collection(name, 2, "Dot");
    }
    for (name, kind) in names.iter().zip(kinds) {
        index(&owner, name, kind);
    }
    let value = prop_oneof![
        (-3_i64..4).prop_map(|number| json!(number)),
        (-6_i32..7).prop_map(|number| json!(f64::from(number) / 2.0)),
        prop_oneof![Just(i64::MAX), Just(i64::MIN), Just((1 << 53) + 1)].prop_map(|n| json!(n)),
        (0_u32..6).prop_map(|n| json!(format!("1970-01-01T00:00:00.00000{n}Z"))),
        "[ab]{1,2}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(json!("7a7a7a7a-1111-4222-8333-444455556666")),
        Just(Value::Null),
    ];
    let payload = prop_oneof![
        value.clone().prop_map(|value| json!({"a": value})),
        prop::collection::vec(value.clone(), 0..4).prop_map(|values| json!({"a": values})),
    ];
    let input = (
        prop::collection::vec(payload, 1..24),
        1_usize..12,
        any::<bool>(),
        prop::option::of(value),
    );
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&input, |(payloads, limit, descending, from)| {
            let direction = if descending { "desc" } else { "asc" };
            let mut order_by = json!({"key": "a", "direction": direction});
            if let Some(from) = from.filter(|from| from.is_number()) {
                order_by["start_from"] = from;
            }
            let scroll = json!({"order_by": order_by, "limit": limit});
            let facet = json!({"key": "a", "limit": limit});
            let answers = |name: &str| {
                put(&owner, name, &payloads);
                let facet = owner.post(&format!("/collections/{name}/facet"), facet.clone());
                (
                    in_order(&owner, name, scroll.clone()),
                    facet.expect(200)["result"].clone(),
                )
            };
            let expected = answers("docs");
            for name in &names {
                prop_assert_eq!(&answers(name), &expected, "{}", name);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_count_may_be_an_estimate_and_is_exact_where_an_index_tells() {
    let (_node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    let payloads: Vec<Value> = (0..20).map(|n| json!({"a": n, "b": n})).collect();
    put(&owner, "docs", &payloads);
    index(&owner, "docs", "integer");
    let count = |key: &str, exact: bool| {
        let filter = json!({"must": [{"key": key, "range": {"lt": 5}}]});
        let body = json!({"filter": filter, "exact": exact});
        let answer = owner
            .post("/collections/docs/points/count", body)
            .expect(200);
        answer["result"]["count"].as_u64().unwrap()
    };
    assert_eq!((count("a", true), count("b", true)), (5, 5));
    assert_eq!(count("a", false), 5);
    assert!(count("b", false) <= 20);
    let all = owner.post("/collections/docs/points/count", json!({"exact": false}));
    assert_eq!(all.expect(200)["result"]["count"], 20);
}
