//! Filters at random: grown from right ones and then changed. Whatever is taken can be used.

use std::collections::HashSet;

use proptest::{prelude::*, sample::Index};
use roaring::RoaringBitmap;
use serde_json::{Value, json};

use super::{Json, parse};
use crate::{
    payload::{
        Payload,
        filter::{Candidate, Filter},
        index::{Definition, IndexKind, Indexes, Points},
    },
    tenant::PointId,
};

fn right() -> Value {
    let square = json!([
        {"lon": 0, "lat": 0}, {"lon": 9, "lat": 0}, {"lon": 9, "lat": 9}, {"lon": 0, "lat": 0},
    ]);
    json!({
        "must": [
            {"key": "a", "match": {"value": 1}},
            {"key": "a[].b", "match": {"text": "red wine"}},
            {"key": "a", "range": {"gte": 1, "lt": null}},
            {"key": "a", "range": {"gt": "2024-01-01"}},
            {"key": "a", "geo_radius": {"center": {"lon": 1, "lat": 2}, "radius": 1e6}},
        ],
        "should": [
            {"key": "a", "geo_bounding_box": {
                "top_left": {"lon": 170, "lat": 9}, "bottom_right": {"lon": -170, "lat": 0},
            }},
            {"key": "a", "geo_polygon": {
                "exterior": {"points": square}, "interiors": [{"points": square}],
            }},
            {"key": "a", "match": {"any": ["red", "green"]}},
            {"must": {"key": "a", "match": {"except": [1, 2]}}, "must_not": {"has_id": [1]}},
        ],
        "must_not": [
            {"nested": {"key": "a", "filter": {"must": [{"key": "b", "match": {"phrase": "x"}}]}}},
            {"key": "a", "values_count": {"gt": 1}},
            {"is_empty": {"key": "a"}},
            {"key": "a", "is_null": false},
            {"slice": {"total": 2, "index": 1}},
            {"has_vector": ""},
        ],
        "min_should": {"min_count": 1, "conditions": [
            {"key": "a", "match": {"text_any": "x"}},
            {"key": "a", "match": {"prefix": "r"}},
            {"key": "a", "match": {"substring": "r"}},
        ]},
    })
}

/// Every value in a value that holds no other, in one order.
fn parts(value: &mut Value) -> Vec<&mut Value> {
    let holds = |value: &Value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if !holds(value) {
        return vec![value];
    }
    match value {
        Value::Array(items) => items.iter_mut().flat_map(parts).collect(),
        Value::Object(fields) => fields.values_mut().flat_map(parts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn something() -> impl Strategy<Value = Value> {
    let conditions = right()["must"].as_array().unwrap().clone();
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&["", "a", "a[", "a[].b", "red", "!", "2024", "\u{0}", "İ"][..])
            .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1], {"a": []}])),
        prop::sample::select(conditions),
        Just(right()),
    ]
}

fn payloads() -> Vec<Payload> {
    [
        json!({}),
        json!({"a": 1}),
        json!({"a": ["red wine", 2.5, null, {"b": "red"}, {"lon": 1, "lat": 2}]}),
        json!({"a": [{"b": ["x", "wine red"]}, {"b": []}, [[1]]]}),
        json!({"a": {"lon": 1e308, "lat": -1e308}}),
        json!({"a": "2024-05-06"}),
    ]
    .into_iter()
    .map(|value| Payload::new(value.as_object().unwrap().clone()).unwrap())
    .collect()
}

/// Uses a filter in every way, and holds the ways against each other.
fn use_it(filter: &Filter, kind: IndexKind) -> Result<(), TestCaseError> {
    let payloads = payloads();
    let settings = r#"{"tokenizer": "prefix", "min_token_len": 2}"#;
    let definitions =
        ["a", "a[].b"].map(|field| Definition::new(field, kind, settings.to_owned()).unwrap());
    let mut indexes = Indexes::new(definitions);
    for (slot, payload) in (0..).zip(&payloads) {
        let entry = indexes.read(payload);
        indexes.insert(slot, entry);
    }
    let ids: HashSet<u32> = (0..).zip(&payloads).map(|(slot, _)| slot).collect();
    let living: RoaringBitmap = ids.iter().copied().collect();
    let filter = indexes.bind(filter);
    let those = |holds: &dyn Fn(u32) -> bool| living.iter().filter(|slot| holds(*slot)).collect();
    let within = indexes.within(
        &filter,
        &Points {
            living: &living,
            by_id: &|ids| those(&|slot| ids.hold(PointId::Number(slot.into()))),
            by_vector: &|name| those(&|_| name.is_empty()),
        },
    );
    for (slot, payload) in (0_u32..).zip(&payloads) {
        let matches = filter.matches(&Candidate {
            id: PointId::Number(slot.into()),
            payload,
            vectors: &str::is_empty,
        });
        prop_assert!(
            matches || !within.sure().contains(slot),
            "{slot} {filter:?}"
        );
        prop_assert!(
            !matches || within.possible().contains(slot),
            "{slot} {filter:?}"
        );
    }
    Ok(())
}

#[test]
fn the_filter_that_others_are_grown_from_is_right() {
    assert!(parse(Some(&Json(right()))).unwrap().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn whatever_filter_is_taken_can_be_used(
        changes in prop::collection::vec((any::<Index>(), something()), 0..4),
        clause in prop::option::of((any::<Index>(), something())),
        kind in prop::sample::select(&IndexKind::ALL[..]),
    ) {
        let mut json = right();
        for (at, new) in changes {
            let mut parts = parts(&mut json);
            let at = at.index(parts.len());
            *parts[at] = new;
        }
        if let (Some((at, new)), Some(fields)) = (clause, json.as_object_mut()) {
            let at = at.index(fields.len());
            if let Some(value) = fields.values_mut().nth(at) {
                *value = new;
            }
        }
        if let Ok(Some(filter)) = parse(Some(&Json(json))) {
            use_it(&filter, kind)?;
        }
    }

    #[test]
    fn each_condition_can_be_used_alone(
        at in any::<Index>(),
        change in prop::option::of((any::<Index>(), something())),
        kind in prop::sample::select(&IndexKind::ALL[..]),
    ) {
        let right = right();
        let clauses = [&right["must"], &right["should"], &right["must_not"], &right["min_should"]["conditions"]];
        let all: Vec<&Value> = clauses.iter().flat_map(|clause| clause.as_array().unwrap()).collect();
        let mut condition = at.get(&all).to_owned().clone();
        if let Some((at, new)) = change {
            let mut parts = parts(&mut condition);
            let at = at.index(parts.len());
            *parts[at] = new;
        }
        if let Ok(Some(filter)) = parse(Some(&Json(json!({"must": [condition]})))) {
            use_it(&filter, kind)?;
        }
    }
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let read = |text: &str| serde_json::from_str::<Json>(text).map(|json| json.0);
    let same = right();
    assert_eq!(read(&same.to_string()).unwrap(), same);
    for twice in [
        r#"{"must": [], "must": []}"#,
        r#"{"must": [{"key": "a", "match": {"value": 1, "value": 2}}]}"#,
        r#"{"must": {"key": "a", "key": "b", "is_empty": true}}"#,
    ] {
        let error = read(twice).unwrap_err().to_string();
        assert!(error.contains("comes twice"), "{error}");
    }
    assert!(
        serde_json::from_str::<Option<Json>>("null")
            .unwrap()
            .is_none()
    );
}
