//! The document at `/openapi.json` says what is served, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Node, routes_in};

fn document() -> Value {
    let node = Node::start();
    node.stranger().get("/openapi.json").expect(200)
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    });
    operations.collect()
}

#[test]
fn every_route_is_described_and_every_description_is_of_a_route() {
    let document = document();
    let described: BTreeSet<String> = operations(&document)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let mut served = BTreeSet::new();
    for source in ["data/mod.rs", "health.rs", "openapi.rs"] {
        served.extend(routes_in(&format!("src/http/{source}")));
    }
    for route in routes_in("src/http/control/mod.rs") {
        served.insert(route.replacen(' ', " /v1", 1));
    }
    assert_eq!(described, served);
}

#[test]
fn every_route_but_the_node_s_own_names_its_credentials_and_its_refusals() {
    let document = document();
    for (name, operation) in operations(&document) {
        let open = operation["tags"] == serde_json::json!(["node"]);
        assert_eq!(operation["security"].is_null(), open, "{name}");
        for status in ["400", "401", "403", "404", "429"] {
            let described = operation["responses"].get(status).is_some();
            assert_eq!(described, !open, "{name} {status}");
        }
        assert!(
            operation["summary"].is_string() || operation["description"].is_string(),
            "{name}"
        );
    }
}

#[test]
fn everything_that_the_document_points_to_is_in_it() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
