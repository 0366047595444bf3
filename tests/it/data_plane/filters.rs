//! The filter language on the wire: what each condition means, with an index of the field and
//! without, and what isn't a condition.

use serde_json::{Value, json};

use super::routes::{owner, refused};
use crate::harness::Actor;

const POINTS: &str = "/collections/docs/points";

fn stocked(owner: &Actor) {
    owner.create_collection("docs", 2, "Dot");
    let payloads = [
        (
            1,
            json!({"city": "Berlin", "n": 1, "tags": ["a", "b"], "at": {"lon": 13.4, "lat": 52.5},
                   "day": "2024-02-03T04:05:06Z", "note": "Good, cheap wine"}),
        ),
        (
            2,
            json!({"city": "Bern", "n": 2.5, "tags": [], "at": {"lon": 7.4, "lat": 46.9},
                   "day": "2024-02-03 06:05:06+01:00", "note": ["cheap goodness", "wine bar"]}),
        ),
        (
            3,
            json!({"city": "Suva", "n": [3, 30], "tags": null, "at": [{"lon": 178.4, "lat": -18.1}],
                   "day": "2025-01-01", "note": "bar wine"}),
        ),
        (
            4,
            json!({"city": true, "n": "5", "tags": [null], "at": {"lon": -175.2, "lat": -21.1}}),
        ),
        (
            5,
            json!({"parts": [{"size": 1, "tint": "red"}, {"size": 2, "tint": "blue"}]}),
        ),
        (
            6,
            json!({"parts": [{"size": 2, "tint": "red", "holes": [{"d": 1}]}], "city": {"x": 1}}),
        ),
        (7, json!({"parts": {"size": 2, "tint": "red"}})),
    ];
    for (id, payload) in payloads {
        owner.put_point("docs", id, &[1.0, 0.0], payload);
    }
}

fn ids(owner: &Actor, filter: &Value) -> Vec<u64> {
    let found = owner.post(&format!("{POINTS}/scroll"), json!({"filter": filter}));
    let found = found.expect(200);
    let points = found["result"]["points"].as_array().unwrap();
    points
        .iter()
        .map(|point| point["id"].as_u64().unwrap())
        .collect()
}

/// Each condition, and the points that it means.
fn conditions() -> Vec<(Value, Vec<u64>)> {
    let key = |key: &str, test: &str, value: Value| json!({"key": key, test: value});
    let matching = |field: &str, value: Value| key(field, "match", value);
    let nested = |field: &str, filter: Value| json!({"nested": {"key": field, "filter": filter}});
    let red_2 = json!({"must": [matching("size", json!({"value": 2})), matching("tint", json!({"value": "red"}))]});
    let line = |points: &[(f64, f64)]| {
        let points: Vec<Value> = points
            .iter()
            .map(|(lon, lat)| json!({"lon": lon, "lat": lat}))
            .collect();
        json!({"points": points})
    };
    let around_both = [
        (5.0, 45.0),
        (15.0, 45.0),
        (15.0, 55.0),
        (5.0, 55.0),
        (5.0, 45.0),
    ];
    let around_bern = [
        (7.0, 46.0),
        (8.0, 46.0),
        (8.0, 47.0),
        (7.0, 47.0),
        (7.0, 46.0),
    ];
    vec![
        (matching("city", json!({"value": "Bern"})), vec![2]),
        (matching("city", json!({"value": true})), vec![4]),
        (matching("n", json!({"value": 30})), vec![3]),
        (matching("n", json!({"value": "5"})), vec![4]),
        (
            matching("city", json!({"any": ["Bern", "Suva"]})),
            vec![2, 3],
        ),
        (matching("city", json!({"any": []})), vec![]),
        // Anything else that is there is something else.
        (
            matching("city", json!({"except": ["Bern"]})),
            vec![1, 3, 4, 6],
        ),
        (matching("n", json!({"except": [3]})), vec![1, 2, 3, 4]),
        (matching("tags", json!({"except": ["a"]})), vec![1]),
        (matching("city", json!({"prefix": "Ber"})), vec![1, 2]),
        (matching("city", json!({"prefix": "ber"})), vec![]),
        (matching("city", json!({"substring": "er"})), vec![1, 2]),
        (matching("note", json!({"text": "wine GOOD"})), vec![1]),
        (matching("note", json!({"text": "wine"})), vec![1, 2, 3]),
        // Of one text, not of several.
        (matching("note", json!({"text": "cheap wine"})), vec![1]),
        (matching("note", json!({"text": ""})), vec![]),
        (
            matching("note", json!({"text_any": "good bar"})),
            vec![1, 2, 3],
        ),
        (matching("note", json!({"phrase": "wine bar"})), vec![2]),
        (matching("note", json!({"phrase": "cheap WINE"})), vec![1]),
        (key("n", "range", json!({"gt": 1, "lte": 3})), vec![2, 3]),
        (key("n", "range", json!({"gte": 1.0, "lt": 2.5})), vec![1]),
        (key("n", "range", json!({"gt": null, "lt": 2})), vec![1]),
        (
            key("day", "range", json!({"gte": "2024-02-03T05:05:06Z"})),
            vec![2, 3],
        ),
        (
            key("day", "range", json!({"lt": "2024-02-03 05:05:06"})),
            vec![1],
        ),
        (
            key(
                "at",
                "geo_radius",
                json!({"center": {"lon": 13.4, "lat": 52.5}, "radius": 1.0}),
            ),
            vec![1],
        ),
        (
            key(
                "at",
                "geo_radius",
                json!({"center": {"lon": 10, "lat": 50}, "radius": 500_000}),
            ),
            vec![1, 2],
        ),
        (
            key(
                "at",
                "geo_bounding_box",
                json!({
                    "top_left": {"lon": 175, "lat": -10}, "bottom_right": {"lon": -170, "lat": -25},
                }),
            ),
            vec![3, 4],
        ),
        (
            key(
                "at",
                "geo_bounding_box",
                json!({
                    "top_left": {"lon": 7.4, "lat": 60}, "bottom_right": {"lon": 20, "lat": 40},
                }),
            ),
            vec![1],
        ),
        (
            key("at", "geo_polygon", json!({"exterior": line(&around_both)})),
            vec![1, 2],
        ),
        (
            key(
                "at",
                "geo_polygon",
                json!({
                    "exterior": line(&around_both), "interiors": [line(&around_bern)],
                }),
            ),
            vec![1],
        ),
        (key("tags", "values_count", json!({"gte": 2})), vec![1]),
        (key("tags", "values_count", json!({"gte": 1})), vec![1, 4]),
        (
            key("tags", "values_count", json!({"lt": 1})),
            vec![2, 3, 5, 6, 7],
        ),
        (json!({"is_empty": {"key": "tags"}}), vec![2, 3, 5, 6, 7]),
        (json!({"is_null": {"key": "tags"}}), vec![3, 4]),
        (key("tags", "is_empty", json!(false)), vec![1, 4]),
        (key("tags", "is_null", json!(false)), vec![1, 2, 5, 6, 7]),
        (json!({"has_id": [3, 5, 99]}), vec![3, 5]),
        (json!({"has_vector": ""}), vec![1, 2, 3, 4, 5, 6, 7]),
        (json!({"has_vector": "none"}), vec![]),
        (json!({"slice": {"total": 2, "index": 1}}), vec![2, 6]),
        (
            json!({"slice": {"total": 1, "index": 0}}),
            vec![1, 2, 3, 4, 5, 6, 7],
        ),
        // Of one object, not of several; and only of objects in an array.
        (nested("parts", red_2.clone()), vec![6]),
        (nested("parts[]", red_2), vec![6]),
        (
            nested(
                "parts",
                json!({"must_not": [matching("size", json!({"value": 2}))]}),
            ),
            vec![5],
        ),
        (
            nested(
                "parts",
                json!({"must": [nested("holes", json!({"must": [matching("d", json!({"value": 1}))]}))]}),
            ),
            vec![6],
        ),
        (
            nested("parts", json!({"must": [{"has_id": [5, 6]}]})),
            vec![],
        ),
        (matching("parts[].size", json!({"value": 2})), vec![5, 6]),
        (matching("parts[0].size", json!({"value": 2})), vec![6]),
        (matching("parts.size", json!({"value": 2})), vec![7]),
        (matching("parts[].holes[].d", json!({"value": 1})), vec![6]),
        (
            json!({"min_should": {"min_count": 2, "conditions": [
                matching("city", json!({"prefix": "B"})), matching("n", json!({"value": 1})), {"has_id": [2]},
            ]}}),
            vec![1, 2],
        ),
        (json!({"should": []}), vec![1, 2, 3, 4, 5, 6, 7]),
        (json!({"must_not": {"has_id": [1, 2, 3, 4, 5]}}), vec![6, 7]),
    ]
}

#[test]
fn every_condition_means_what_it_says_with_an_index_and_without() {
    let (_node, owner) = owner();
    stocked(&owner);
    let check = |indexed: &str| {
        for (condition, expected) in conditions() {
            let found = ids(&owner, &json!({"must": [condition]}));
            assert_eq!(found, expected, "{condition} {indexed}");
            let all: Vec<u64> = (1..=7).filter(|id| !expected.contains(id)).collect();
            let found = ids(&owner, &json!({"must_not": condition}));
            assert_eq!(found, all, "not {condition} {indexed}");
        }
    };
    check("without an index");
    let fields = [
        "city",
        "n",
        "tags",
        "at",
        "day",
        "note",
        "parts",
        "parts[].size",
        "parts[].tint",
    ];
    for kind in [
        "keyword", "integer", "float", "bool", "datetime", "uuid", "geo", "text",
    ] {
        for field in fields {
            let index = json!({"field_name": field, "field_schema": kind});
            owner
                .put("/collections/docs/index?wait=true", index)
                .expect(200);
        }
        check(kind);
    }
}

#[test]
fn a_text_index_says_how_texts_are_cut_for_every_way_to_ask() {
    let (node, owner) = owner();
    owner.create_collection("docs", 2, "Dot");
    for (id, note) in [(1, "Théorie of Theatre"), (2, "the theory"), (3, "ab-ba")] {
        let payload = json!({"note": note, "parts": [{"note": note}]});
        owner.put_point("docs", id, &[1.0, 0.0], payload);
    }
    let text = |field: &str, how: &str, text: &str| json!({"must": [{"key": field, "match": {how: text}}]});
    let prefix = json!({"type": "text", "tokenizer": "prefix", "min_token_len": 2, "max_token_len": 5,
                        "lowercase": true, "phrase_matching": true, "stemmer": {"type": "none"}});
    assert_eq!(
        ids(&owner, &text("note", "text", "theat")),
        Vec::<u64>::new()
    );
    for field in ["note", "parts[].note"] {
        let index = json!({"field_name": field, "field_schema": prefix});
        owner
            .put("/collections/docs/index?wait=true", index)
            .expect(200);
    }
    let inner = |how: &str, words: &str| {
        let filter = text("note", how, words);
        json!({"must": [{"nested": {"key": "parts", "filter": filter}}]})
    };
    let check = |owner: &Actor| {
        for (how, words, expected) in [
            ("text", "theat", vec![1]),
            ("text", "theatrical", vec![1]),
            ("text", "THEO", vec![2]),
            ("text", "th of", vec![1]),
            ("text", "t", vec![]),
            ("text_any", "theor thé", vec![1, 2]),
            ("phrase", "the theory", vec![2]),
        ] {
            for filter in [
                text("note", how, words),
                text("parts[].note", how, words),
                inner(how, words),
            ] {
                assert_eq!(ids(owner, &filter), expected, "{filter}");
                let counted = owner.post(&format!("{POINTS}/count"), json!({"filter": filter}));
                assert_eq!(
                    counted.expect(200)["result"]["count"],
                    expected.len(),
                    "{filter}"
                );
                let query = json!({"query": [1, 0], "filter": filter, "limit": 10});
                let found = owner.post(&format!("{POINTS}/query"), query).expect(200);
                assert_eq!(
                    found["result"]["points"].as_array().unwrap().len(),
                    expected.len()
                );
            }
        }
        let described = owner.get("/collections/docs").expect(200);
        let described = &described["result"]["payload_schema"]["note"];
        assert_eq!(described["data_type"], "text");
        assert_eq!(
            (&described["params"], &described["points"]),
            (&prefix, &json!(3))
        );
    };
    check(&owner);
    let node = node.restart();
    let owner = node.actor(owner.key.as_ref().unwrap());
    check(&owner);
    // What is removed by a filter is what a filter finds.
    let delete = json!({"filter": text("note", "text", "theat")});
    owner
        .post(&format!("{POINTS}/delete?wait=true"), delete)
        .expect(200);
    assert_eq!(ids(&owner, &json!({})), [2, 3]);
}

#[test]
fn points_are_told_by_the_vectors_that_they_have() {
    let (node, owner) = owner();
    let size = json!({"size": 2, "distance": "Dot"});
    let vectors = json!({"vectors": {"text": size, "image": size}});
    owner.put("/collections/docs", vectors).expect(200);
    let points = json!({"points": [
        {"id": 1, "vector": {"text": [1, 0]}},
        {"id": 2, "vector": {"text": [1, 0], "image": [0, 1]}},
        {"id": 3, "vector": {"image": [0, 1]}, "payload": {"a": 1}},
        {"id": 4, "vector": {}},
    ]});
    owner
        .put(&format!("{POINTS}?wait=true"), points)
        .expect(200);
    let has = |name: &str| json!({"has_vector": name});
    let open = json!({"key": "a", "match": {"value": 1}});
    let check = |owner: &Actor| {
        for (filter, expected) in [
            (json!({"must": [has("text")]}), vec![1, 2]),
            (json!({"must": [has("image")]}), vec![2, 3]),
            (json!({"must": [has("text"), has("image")]}), vec![2]),
            (json!({"must_not": [has("image")]}), vec![1, 4]),
            (json!({"must": [has("")]}), vec![]),
            (json!({"must": [has("image"), open]}), vec![3]),
            (json!({"should": [has("text"), open]}), vec![1, 2, 3]),
        ] {
            assert_eq!(ids(owner, &filter), expected, "{filter}");
        }
    };
    check(&owner);
    let node = node.restart();
    check(&node.actor(owner.key.as_ref().unwrap()));
}

#[test]
fn what_isn_t_a_condition_is_refused_by_name() {
    let (_node, owner) = owner();
    stocked(&owner);
    let place = |lon: f64, lat: f64| json!({"lon": lon, "lat": lat});
    let polygon =
        |points: Vec<Value>| json!({"key": "a", "geo_polygon": {"exterior": {"points": points}}});
    let open = vec![
        place(0.0, 0.0),
        place(1.0, 0.0),
        place(1.0, 1.0),
        place(0.0, 1.0),
    ];
    let mut long = vec![place(0.0, 0.0); 10_001];
    long[1] = place(1.0, 0.0);
    let many: Vec<u64> = (0..=100_000).collect();
    for (condition, because) in [
        (
            json!({"key": "a", "match": {"regex": "x"}}),
            "unknown match",
        ),
        (json!({"key": "a", "match": {}}), "match takes one of"),
        (
            json!({"key": "a", "match": {"value": 1, "text": "x"}}),
            "match takes one of",
        ),
        (
            json!({"key": "a", "match": {"value": 1.5}}),
            "strings, integers and booleans",
        ),
        (json!({"key": "a", "match": {"text": 1}}), "takes a string"),
        (
            json!({"key": "a", "match": {"text": "x ".repeat(8_193)}}),
            "16384 bytes",
        ),
        (
            json!({"key": "a", "match": {"value": 1}, "range": {"gt": 1}}),
            "one test",
        ),
        (json!({"key": "a"}), "one test"),
        (json!({"key": "a", "near": 1}), "unknown condition"),
        (json!({"match": {"value": 1}}), "needs `key`"),
        (
            json!({"key": "a[", "match": {"value": 1}}),
            "isn't a payload path",
        ),
        (json!({"key": "a", "range": {"gt": "soon"}}), "RFC 3339"),
        (
            json!({"key": "a", "range": {"gt": "2024-01-01", "lt": 5}}),
            "RFC 3339",
        ),
        (json!({"key": "a", "range": {"above": 1}}), "unknown field"),
        (
            json!({"key": "a", "values_count": {"gt": -1}}),
            "unsigned integer",
        ),
        (
            json!({"key": "a", "values_count": {"gt": 1.5}}),
            "unsigned integer",
        ),
        (
            json!({"key": "a", "geo_radius": {"center": place(0.0, 91.0), "radius": 1}}),
            "within [-90;90]",
        ),
        (
            json!({"key": "a", "geo_radius": {"center": place(0.0, 0.0)}}),
            "radius",
        ),
        (
            json!({"key": "a", "geo_radius": {"center": {"lon": 1}, "radius": 1}}),
            "`lon` and `lat`",
        ),
        (
            json!({"key": "a", "geo_bounding_box": {"top_left": place(181.0, 0.0), "bottom_right": place(0.0, 0.0)}}),
            "[-180;180]",
        ),
        (
            json!({"key": "a", "geo_bounding_box": {"top_left": place(1.0, 0.0)}}),
            "bottom_right",
        ),
        (polygon(open[..3].to_vec()), "at least 4"),
        (
            polygon(open),
            "first and the last points should be the same",
        ),
        (polygon(long), "10000 points"),
        (json!({"has_id": many}), "100000 values"),
        (json!({"key": "a", "match": {"any": many}}), "100000 values"),
        (json!({"has_id": ["x"]}), "point ids"),
        (json!({"has_vector": 1}), "takes a string"),
        (
            json!({"slice": {"total": 2, "index": 2}}),
            "less than `total`",
        ),
        (
            json!({"slice": {"total": 0, "index": 0}}),
            "less than `total`",
        ),
        (json!({"slice": {"total": 2}}), "`total` and `index`"),
        (json!({"nested": {"key": "a"}}), "nested needs `filter`"),
        (json!({"nested": {"filter": {}}}), "needs `key`"),
        (
            json!({"nested": {"key": "a", "filter": {"all": []}}}),
            "unknown filter clause",
        ),
        (
            json!({"min_should": {"min_count": 0, "conditions": []}}),
            "1 or larger",
        ),
        (json!({"min_should": {"conditions": []}}), "min_count"),
        (json!([]), "a condition must be an object"),
    ] {
        let filter = json!({"must": [condition]});
        for path in ["scroll", "count", "delete"] {
            refused(
                &owner.post(&format!("{POINTS}/{path}"), json!({"filter": filter})),
                because,
            );
        }
    }
    assert_eq!(ids(&owner, &json!({})).len(), 7, "nothing was deleted");
}
