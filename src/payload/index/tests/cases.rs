//! Cases that must come out as they do, and the golden bytes.

use std::collections::HashSet;

use roaring::RoaringBitmap;
use serde_json::{Value, json};

use super::Stored;
use crate::payload::{
    Payload,
    filter::{Bounds, Condition, Filter, Scalar, Test},
    index::{Definition, IndexKind, Indexes},
    path::Path,
    region::{Place, Region},
    text::{TextMode, TextQuery},
    time::parse_datetime,
};

fn none<T>() -> Bounds<T> {
    Bounds {
        gt: None,
        gte: None,
        lt: None,
        lte: None,
    }
}

fn points(payloads: &[Value]) -> Stored {
    let payload = |value: &Value| Payload::new(value.as_object().unwrap().clone()).unwrap();
    Stored {
        payloads: payloads.iter().map(payload).collect(),
        dead: HashSet::new(),
    }
}

fn about(test: Test) -> Filter {
    Filter {
        must: vec![Condition::Field(Path::parse("a").unwrap(), test)],
        ..Filter::default()
    }
}

/// Without this, an index that leaves everything open would pass.
#[test]
fn an_index_answers_alone_what_its_kind_can_answer() {
    let keyword = |text: &str| Scalar::Keyword(text.to_owned());
    let uuid = "11111111-2222-3333-4444-5555aaaabbbb";
    let cases = [
        (
            IndexKind::Keyword,
            vec![json!("x"), json!(["y", "x"])],
            Test::Any([keyword("x")].into()),
        ),
        (
            IndexKind::Keyword,
            vec![json!("x"), json!(["y", "x"])],
            Test::Except([keyword("x")].into()),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!([2, 3])],
            Test::Any([Scalar::Integer(3)].into()),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!([2, 3])],
            Test::Except([Scalar::Integer(3)].into()),
        ),
        (
            IndexKind::Integer,
            vec![json!(1), json!(2)],
            Test::Range(Bounds {
                gt: Some(1.5),
                ..none()
            }),
        ),
        (
            IndexKind::Float,
            vec![json!(1), json!(2.5)],
            Test::Range(Bounds {
                lte: Some(1.0),
                ..none()
            }),
        ),
        (
            IndexKind::Bool,
            vec![json!(true), json!(false)],
            Test::Any([Scalar::Bool(true)].into()),
        ),
        (
            IndexKind::Datetime,
            vec![json!("2024-02-03"), json!("2024-02-04T00:00:00Z")],
            Test::DatetimeRange(Bounds {
                gte: parse_datetime("2024-02-04"),
                ..none()
            }),
        ),
        (
            IndexKind::Uuid,
            vec![json!(uuid), json!("22222222-2222-3333-4444-5555aaaabbbb")],
            Test::Any([keyword(uuid)].into()),
        ),
        (
            IndexKind::Bool,
            vec![json!(true), json!(false)],
            Test::Except([Scalar::Bool(true)].into()),
        ),
        (
            IndexKind::Keyword,
            vec![json!("red wine"), json!(["white", "wine"])],
            Test::Prefix("red".to_owned()),
        ),
        (
            IndexKind::Geo,
            vec![
                json!({"lon": 13.4, "lat": 52.5}),
                json!([{"lon": 0, "lat": 0}]),
            ],
            Test::Within(Region::circle(
                Place {
                    lon: 13.4,
                    lat: 52.5,
                },
                5.0,
            )),
        ),
        (
            IndexKind::Geo,
            vec![
                json!({"lon": 13.4, "lat": 52.5}),
                json!([{"lon": 0, "lat": 0}]),
            ],
            Test::Except([].into()),
        ),
        (
            IndexKind::Text,
            vec![json!("Red wine"), json!(["white wine", "bread"])],
            Test::Text(TextQuery::new("wine red".to_owned(), TextMode::All)),
        ),
        (
            IndexKind::Text,
            vec![json!("Red wine"), json!(["white wine", "bread"])],
            Test::Text(TextQuery::new("bread water".to_owned(), TextMode::Any)),
        ),
    ];
    for (kind, values, test) in cases {
        let payloads: Vec<Value> = values
            .into_iter()
            .map(|value| json!({"a": value}))
            .collect();
        let stored = points(&payloads);
        let definition = Definition::new("a", kind, String::new()).unwrap();
        let indexes = stored.indexed(&[definition]);
        let filter = about(test);
        let (within, truth) = (
            stored.within(&indexes, &filter),
            stored.matching(&indexes, &filter),
        );
        assert_eq!(
            (within.sure(), within.possible()),
            (&truth, &truth),
            "{kind:?}"
        );
        assert!(!truth.is_empty(), "{kind:?}: the case is about something");
        assert_eq!(
            indexes
                .get(&Path::parse("a").unwrap())
                .unwrap()
                .points(&stored.living()),
            2
        );
    }
}

#[test]
fn a_value_of_another_kind_is_left_open_and_no_other_is() {
    let stored = points(&[
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"a": 2.5}),
        json!({}),
    ]);
    let definition = Definition::new("a", IndexKind::Integer, String::new()).unwrap();
    let indexes = stored.indexed(&[definition]);
    let filter = about(Test::Range(Bounds {
        gt: Some(0.0),
        ..none()
    }));
    let within = stored.within(&indexes, &filter);
    assert_eq!(within.sure(), &RoaringBitmap::from_iter([0]));
    assert_eq!(within.open(), RoaringBitmap::from_iter([1, 2]));
    assert_eq!(within.estimate(), (1, 3));
}

#[test]
fn a_text_index_leaves_open_where_words_stand_in_several_texts_or_in_an_order() {
    let stored = points(&[
        json!({"a": "red wine"}),
        json!({"a": ["red", "wine"]}),
        json!({"a": ["red", "green wine"]}),
        json!({"a": "wine"}),
        json!({"a": 5}),
        json!({"a": "w".repeat(2_000)}),
    ]);
    let definition = Definition::new("a", IndexKind::Text, String::new()).unwrap();
    let indexes = stored.indexed(&[definition]);
    let within = |text: &str, mode| {
        let query = TextQuery::new(text.to_owned(), mode);
        let within = stored.within(&indexes, &about(Test::Text(query)));
        (
            within.sure().iter().collect(),
            within.open().iter().collect(),
        )
    };
    let check = |text, mode, sure: &[u32], open: &[u32]| {
        let found: (Vec<u32>, Vec<u32>) = within(text, mode);
        assert_eq!(
            (&found.0[..], &found.1[..]),
            (sure, open),
            "{text} {mode:?}"
        );
    };
    // Of 4 and 5 nothing is known but that they hold something else.
    check("wine red", TextMode::All, &[0], &[1, 2, 4, 5]);
    check("red wine", TextMode::Phrase, &[], &[0, 1, 2, 4, 5]);
    check("wine", TextMode::Phrase, &[0, 1, 2, 3], &[4, 5]);
    check("wine", TextMode::All, &[0, 1, 2, 3], &[4, 5]);
    check("green red", TextMode::Any, &[0, 1, 2], &[4, 5]);
    check("", TextMode::All, &[], &[]);
}

#[test]
fn the_index_of_a_nested_field_narrows_a_nested_filter() {
    let stored = points(&[
        json!({"a": [{"b": 1, "c": 1}, {"b": 2, "c": 2}]}),
        json!({"a": [{"b": 1, "c": 2}]}),
        json!({"a": [{"b": 3}]}),
    ]);
    let definition = Definition::new("a[].b", IndexKind::Integer, String::new()).unwrap();
    let indexes = stored.indexed(&[definition]);
    let is = |field: &str, number| {
        let test = Test::Any([Scalar::Integer(number)].into());
        Condition::Field(Path::parse(field).unwrap(), test)
    };
    let inner = Filter {
        must: vec![is("b", 1), is("c", 2)],
        ..Filter::default()
    };
    let path = Path::parse("a").unwrap().every();
    let filter = Filter {
        must: vec![Condition::Nested(path, Box::new(inner))],
        ..Filter::default()
    };
    let within = stored.within(&indexes, &filter);
    assert_eq!(within.open(), RoaringBitmap::from_iter([0, 1]));
    assert_eq!(
        stored.matching(&indexes, &filter),
        RoaringBitmap::from_iter([1])
    );
}

/// What the golden indexes are of; in version 1 without the last two kinds.
fn golden() -> Stored {
    points(&[
        json!({
            "k": "x", "i": 1, "f": 0.5, "b": true, "d": "2024-02-03",
            "u": "11111111-2222-3333-4444-5555aaaabbbb",
            "g": {"lon": 13.4, "lat": 52.5}, "t": "Red wine",
        }),
        json!({
            "k": ["x", "y"], "i": -1, "f": [1, 2.5], "b": null, "d": 7,
            "g": [{"lon": 0, "lat": -10}, {"lon": 200, "lat": 0}], "t": ["red", "bread", 5],
        }),
    ])
}

fn golden_definitions(
    kinds: &[IndexKind],
    settings: impl Fn(IndexKind) -> String,
) -> Vec<Definition> {
    let definition = |kind: &IndexKind| Definition::new(&kind.name()[..1], *kind, settings(*kind));
    kinds
        .iter()
        .map(definition)
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn golden_indexes_of_version_1_read_back() {
    let golden_bytes = include_bytes!("../../../../tests/golden/payload_indexes.v1.bin");
    let read = Indexes::decode(golden_bytes).unwrap();
    let definitions = golden_definitions(&IndexKind::ALL[..6], |kind| {
        format!("[\"{}\"]", kind.name())
    });
    let stored = golden();
    let indexes = stored.indexed(&definitions);
    assert!(read.defined_as(&indexes));
    // What it holds is what it held; and of whatever is filled, it doesn't know what else it is.
    for (old, new) in read.fields().zip(indexes.fields()) {
        assert_eq!(old.points(&stored.living()), new.points(&stored.living()));
        assert!(new.filled.is_subset(&old.odd));
    }
    let keyword = Test::Any([Scalar::Keyword("y".to_owned())].into());
    let filter = Filter {
        must: vec![Condition::Field(Path::parse("k").unwrap(), keyword)],
        ..Filter::default()
    };
    let within = stored.within(&read, &filter);
    assert_eq!(within.sure(), &RoaringBitmap::from_iter([1]));
    assert_eq!(
        Indexes::decode(&read.encode()).unwrap().encode(),
        read.encode()
    );
}

#[test]
fn golden_indexes_of_version_2_read_back() {
    let definitions = golden_definitions(&IndexKind::ALL, |kind| {
        format!("{{\"type\": \"{}\"}}", kind.name())
    });
    let bytes = golden().indexed(&definitions).encode();
    let golden = include_bytes!("../../../../tests/golden/payload_indexes.v2.bin");
    assert_eq!(bytes, golden);
    assert_eq!(Indexes::decode(golden).unwrap().encode(), golden);
}
