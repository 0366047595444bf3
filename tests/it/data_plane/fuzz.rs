//! Bodies at random: whatever comes, it is answered, and never with a server's error.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::routes::{self, stocked};

/// What is done to a body that is right.
#[derive(Clone, Debug)]
enum Mutation {
    /// One of its values becomes another one.
    Replace(Index, Value),
    /// One of its values goes.
    Remove(Index),
    /// A field is added to the outermost object.
    Add(String, Value),
    /// A byte of its text becomes another one.
    Byte(Index, u8),
    /// Its text ends early.
    Cut(Index),
    /// Something else entirely.
    Other(Value),
}

#[test]
fn no_body_gets_a_server_error_or_no_answer() {
    let (_node, owner) = stocked();
    let routes = routes::all();
    let mut runner = TestRunner::new(Config {
        cases: 8_000,
        failure_persistence: None,
        ..Config::default()
    });
    let input = (any::<Index>(), prop::collection::vec(mutation(), 1..4));
    runner
        .run(&input, |(route, mutations)| {
            let route = route.get(&routes);
            let body = mutated(&route.body, &mutations);
            let answer = route.send(&owner, &body);
            prop_assert!(
                answer.status == 200 || (400..500).contains(&answer.status),
                "{} {body}: {} {}",
                route.path,
                answer.status,
                answer.text
            );
            prop_assert!(answer.status == 200 || !answer.message().is_empty());
            Ok(())
        })
        .unwrap();
    // Whatever was taken is as it should be: all of it can be read back, and what has a vector
    // is found by it. (Some routes take a point's vector and leave the point.)
    let page = json!({"limit": 10_000, "with_vector": true});
    let page = owner
        .post("/collections/docs/points/scroll", page)
        .expect(200);
    let listed = page["result"]["points"].as_array().unwrap();
    let nearest = owner.query("docs", &[1.0, 0.0, 0.0], 10_000);
    assert_eq!(
        ids(&nearest),
        ids(listed.iter().filter(|point| point["vector"].is_array())),
        "{page}"
    );
}

fn ids<'a>(points: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let ids = points.into_iter().map(|point| point["id"].to_string());
    ids.collect()
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        6 => (any::<Index>(), value()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => ("[a-z_]{0,12}", value()).prop_map(|(name, value)| Mutation::Add(name, value)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => value().prop_map(Mutation::Other),
    ]
}

/// Values of all kinds, with those among them that have broken things elsewhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e38),
            json!(1e300),
            json!(1.5),
            json!(-0.0),
            json!(5e-324),
            json!(4_294_967_296_u64),
            json!(65_536),
            json!(""),
            json!("a.b[].c"),
            json!("[["),
            json!("\u{0}"),
            json!("\u{1F980}"),
            json!("2024-02-30T25:61:61Z"),
            json!("9999-12-31"),
            json!("-009999-01-01T00:00:00Z"),
            json!("00000000-0000-0000-0000-000000000000"),
            json!("must"),
            json!("x".repeat(3_000)),
            json!([]),
            json!({}),
            json!({"key": "n"}),
            json!({"match": {"value": 1}}),
            json!({"key": "n", "range": {"gt": "2024-01-01"}}),
            json!({"nearest": [1, 0, 0]}),
            json!({"key": "a[999999999999].b", "values_count": {"gt": 1e300}}),
            json!({"": [1.0, 0.0, 0.0]}),
            json!([1.0, 0.0, 0.0]),
            json!([1e38, 1e38, 1e38]),
        ]),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let names = prop_oneof![
            2 => prop::sample::select(vec![
                "must", "should", "must_not", "min_should", "conditions", "min_count", "key",
                "match", "range", "gt", "lte", "any", "except", "value", "values_count", "id",
                "is_empty", "is_null", "has_id", "vector", "payload", "points", "batch", "ids",
            ]).prop_map(str::to_owned),
            1 => ".{0,8}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn mutated(body: &Value, mutations: &[Mutation]) -> String {
    let mut body = body.clone();
    for mutation in mutations {
        match mutation {
            Mutation::Replace(at, value) => {
                let mut place = at.index(size(&body));
                if let Some(found) = find(&mut body, &mut place) {
                    *found = value.clone();
                }
            }
            Mutation::Remove(at) => {
                let mut place = at.index(size(&body));
                remove(&mut body, &mut place);
            }
            Mutation::Add(name, value) => {
                if let Value::Object(fields) = &mut body {
                    fields.insert(name.clone(), value.clone());
                }
            }
            Mutation::Other(value) => body = value.clone(),
            Mutation::Byte(..) | Mutation::Cut(_) => {}
        }
    }
    let mut text = body.to_string().into_bytes();
    for mutation in mutations {
        match mutation {
            Mutation::Byte(at, byte) => {
                let at = at.index(text.len().max(1));
                if let Some(place) = text.get_mut(at) {
                    *place = *byte;
                }
            }
            Mutation::Cut(at) => text.truncate(at.index(text.len() + 1)),
            Mutation::Replace(..)
            | Mutation::Remove(_)
            | Mutation::Add(..)
            | Mutation::Other(_) => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// How many values there are, the outermost included.
fn size(value: &Value) -> usize {
    1 + children(value).map(size).sum::<usize>()
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let items = value.as_array().into_iter().flatten();
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.values());
    items.chain(fields)
}

/// The value at a place, counted through the tree.
fn find<'a>(value: &'a mut Value, place: &mut usize) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| find(item, place)),
        Value::Object(fields) => fields.values_mut().find_map(|item| find(item, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Removes a value from the object or list that it stands in.
fn remove(value: &mut Value, place: &mut usize) {
    match value {
        Value::Array(items) => {
            if *place > 0 && *place <= items.len() {
                items.remove(*place - 1);
                *place = 0;
            }
            *place = place.saturating_sub(items.len());
            items.iter_mut().for_each(|item| remove(item, place));
        }
        Value::Object(fields) => {
            if *place > 0
                && let Some(name) = fields.keys().nth(*place - 1).cloned()
            {
                fields.remove(&name);
                *place = 0;
            }
            *place = place.saturating_sub(fields.len());
            fields.values_mut().for_each(|item| remove(item, place));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
