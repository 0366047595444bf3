//! Payloads, definitions and filters at random: few values, so that they meet.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::Stored;
use crate::{
    payload::{
        Payload,
        filter::{Bounds, Condition, Filter, Scalar, Slice, Test},
        index::{Definition, IndexKind},
        path::Path,
        region::{Place, Region},
        text::{TextMode, TextQuery},
        time::parse_datetime,
    },
    tenant::PointId,
};

fn scalar_value() -> impl Strategy<Value = Value> {
    let text = select(
        &[
            "red",
            "",
            "5",
            "true",
            "2024-02-03",
            "2024-02-03T00:00:00Z",
            "2024-02-03T01:00:00+01:00",
            "1969-12-31T23:59:59.5Z",
            "11111111-2222-3333-4444-5555aaaabbbb",
            "11111111-2222-3333-4444-5555AAAABBBB",
            "Red, green: red!",
            "green red",
            "reddish",
            "ÉTÉ été",
            "!!",
        ][..],
    );
    prop_oneof![
        4 => text.prop_map(Value::from),
        3 => (-3_i64..4).prop_map(Value::from),
        2 => select(&[-1.5, -0.0, 0.0, 1.0, 2.5, 1e300][..]).prop_map(Value::from),
        1 => select(&[i64::MAX, i64::MAX - 1, i64::MIN, 1 << 53, (1 << 53) + 1][..]).prop_map(Value::from),
        1 => select(&[u64::MAX, 1 << 63][..]).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("long".repeat(500))),
    ]
}

const PLACES: [(f64, f64); 7] = [
    (0.0, 0.0),
    (-0.0, 10.0),
    (10.0, 10.0),
    (179.5, -20.0),
    (-179.5, -20.0),
    (180.0, 90.0),
    (181.0, 0.0),
];

fn place_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => select(&PLACES[..]).prop_map(|(lon, lat)| json!({"lon": lon, "lat": lat})),
        1 => Just(json!({"lon": 1, "lat": 2, "name": "x"})),
        1 => Just(json!({"lon": "1", "lat": 2})),
        1 => Just(json!({"lon": 1})),
    ]
}

fn one_value() -> impl Strategy<Value = Value> {
    prop_oneof![5 => scalar_value(), 1 => place_value()]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => one_value(),
        2 => prop::collection::vec(one_value(), 0..4).prop_map(Value::from),
        1 => prop::collection::vec(prop::collection::vec(scalar_value(), 0..3), 0..3).prop_map(Value::from),
        1 => scalar_value().prop_map(|value| json!({"b": value})),
        1 => prop::collection::vec(scalar_value().prop_map(|value| json!({"b": value})), 0..3)
            .prop_map(Value::from),
    ]
}

pub(super) fn stored() -> impl Strategy<Value = Stored> {
    let field = || prop::option::weighted(0.8, value());
    let payload = (field(), field()).prop_map(|(a, n)| {
        let fields = [("a", a), ("n", n)].into_iter();
        let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Payload::new(fields.collect::<Map<_, _>>()).unwrap()
    });
    (
        prop::collection::vec(payload, 0..30),
        prop::collection::hash_set(0_u32..30, 0..5),
    )
        .prop_map(|(payloads, dead)| Stored { payloads, dead })
}

const FIELDS: [&str; 5] = ["a", "a[]", "a.b", "a[].b", "n"];

fn path() -> impl Strategy<Value = Path> {
    select(&FIELDS[..]).prop_map(|field| Path::parse(field).unwrap())
}

pub(super) fn definitions() -> impl Strategy<Value = Vec<Definition>> {
    let settings = select(
        &[
            "",
            r#"{"tokenizer": "whitespace", "lowercase": false}"#,
            r#"{"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4}"#,
            r#"{"tokenizer": "word", "max_token_len": 4}"#,
        ][..],
    );
    let one = (select(&FIELDS[..]), select(&IndexKind::ALL[..]), settings).prop_map(
        |(field, kind, settings)| Definition::new(field, kind, settings.to_owned()).unwrap(),
    );
    prop::collection::vec(one, 0..5)
}

fn region() -> impl Strategy<Value = Region> {
    let place = || select(&PLACES[..6]).prop_map(|(lon, lat)| Place { lon, lat });
    let metres = select(&[0.0, 1.0, 200_000.0, 1_600_000.0, 3e7][..]);
    prop_oneof![
        (place(), place()).prop_map(|(a, b)| Region::rectangle(a, b)),
        (place(), metres).prop_map(|(center, metres)| Region::circle(center, metres)),
        prop::collection::vec((-180.0_f64..180.0, -90.0_f64..90.0), 3..6).prop_map(|line| {
            let mut line: Vec<Place> = line
                .into_iter()
                .map(|(lon, lat)| Place { lon, lat })
                .collect();
            line.push(line[0]);
            Region::polygon(&line, &[]).unwrap()
        }),
    ]
}

fn text() -> impl Strategy<Value = Test> {
    let query = select(
        &[
            "red",
            "RED",
            "green red",
            "red green",
            "red red",
            "re gr",
            "r",
            "été",
            "reddi",
            "!!",
            "",
            "5",
            "2024 02",
        ][..],
    );
    let words = (
        query,
        select(&[TextMode::All, TextMode::Any, TextMode::Phrase][..]),
    )
        .prop_map(|(text, mode)| Test::Text(TextQuery::new(text.to_owned(), mode)));
    let part = || select(&["", "re", "R", "5", "ish", "long", "2024-02", "é"][..]);
    prop_oneof![
        3 => words,
        1 => part().prop_map(|start| Test::Prefix(start.to_owned())),
        1 => part().prop_map(|part| Test::Substring(part.to_owned())),
    ]
}

fn scalars() -> impl Strategy<Value = Vec<Scalar>> {
    let one = scalar_value().prop_filter_map("a scalar", |value| match value {
        Value::String(text) => Some(Scalar::Keyword(text)),
        Value::Bool(truth) => Some(Scalar::Bool(truth)),
        Value::Number(number) => number.as_i64().map(Scalar::Integer),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    });
    prop::collection::vec(one, 0..4)
}

fn bounds<T: Clone + std::fmt::Debug>(
    values: impl Strategy<Value = T>,
) -> impl Strategy<Value = Bounds<T>> {
    let sides = prop::collection::vec(prop::option::weighted(0.4, values), 4);
    sides.prop_map(|sides| {
        let [gt, gte, lt, lte] = sides.try_into().unwrap();
        Bounds { gt, gte, lt, lte }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let number = select(
        &[
            -2.0,
            -1.5,
            -0.0,
            0.0,
            1.0,
            2.5,
            3.0,
            9.007_199_254_740_992e15,
            9.2e18,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ][..],
    );
    let time = select(
        &[
            "2024-02-03T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01",
        ][..],
    )
    .prop_map(|text| parse_datetime(text).unwrap());
    let test = prop_oneof![
        4 => scalars().prop_map(|scalars| Test::Any(scalars.into())),
        2 => scalars().prop_map(|scalars| Test::Except(scalars.into())),
        3 => bounds(number).prop_map(Test::Range),
        1 => bounds(time).prop_map(Test::DatetimeRange),
        4 => text(),
        2 => region().prop_map(Test::Within),
    ]
    .boxed();
    let inner = {
        let path = select(&["b", "n"][..]).prop_map(|field| Path::parse(field).unwrap());
        (path, test.clone()).prop_map(|(path, test)| Condition::Field(path, test))
    };
    let nested =
        (select(&["a", "a[]", "n"][..]), filter_of(inner.boxed())).prop_map(|(field, filter)| {
            Condition::Nested(Path::parse(field).unwrap().every(), Box::new(filter))
        });
    prop_oneof![
        8 => (path(), test).prop_map(|(path, test)| Condition::Field(path, test)),
        1 => path().prop_map(Condition::IsEmpty),
        1 => path().prop_map(Condition::IsNull),
        1 => (path(), bounds(0_u64..4)).prop_map(|(path, bounds)| Condition::ValuesCount(path, bounds)),
        1 => select(&["even", "other"][..]).prop_map(|name| Condition::HasVector(name.to_owned())),
        1 => (1_u32..4).prop_map(|total| Condition::Slice(Slice { total, index: total / 2 })),
        2 => nested,
        1 => prop::collection::hash_set((0_u64..40).prop_map(PointId::Number), 0..10)
            .prop_map(Condition::HasId),
    ]
}

fn filter_of(condition: impl Strategy<Value = Condition> + Clone) -> impl Strategy<Value = Filter> {
    let some = || prop::collection::vec(condition.clone(), 0..3);
    let least = prop::option::weighted(0.3, (some(), 0_usize..4));
    (some(), some(), some(), least).prop_map(|(must, should, must_not, min_should)| Filter {
        must,
        should,
        must_not,
        min_should,
    })
}

pub(super) fn filter() -> impl Strategy<Value = Filter> {
    let condition = condition().boxed();
    let nested =
        filter_of(condition.clone()).prop_map(|filter| Condition::Filter(Box::new(filter)));
    filter_of(prop_oneof![5 => condition, 1 => nested].boxed())
}
