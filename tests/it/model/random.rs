//! Vectors and payloads, at random.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::step::DIMENSION_MAX;

/// Vectors on a coarse grid, which often are equally far; vectors of any size; zero.
pub fn vector() -> impl Strategy<Value = Vec<f32>> {
    let grid = (-2_i8..=2).prop_map(|step| f32::from(step) * 0.5);
    prop_oneof![
        4 => prop::collection::vec(grid, DIMENSION_MAX),
        4 => prop::collection::vec(-100.0_f32..100.0, DIMENSION_MAX),
        1 => Just(vec![0.0; DIMENSION_MAX]),
    ]
}

/// Fields that filters ask about, each of which may be missing or of another kind.
pub fn payload() -> impl Strategy<Value = Map<String, Value>> {
    let colour = prop_oneof![
        6 => colour().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let number = prop_oneof![
        6 => (0_i64..10).prop_map(Value::from),
        1 => (0.0_f64..10.0).prop_map(Value::from),
        1 => Just(json!("five")),
    ];
    let tags = prop::collection::vec(colour_value(), 0..3).prop_map(Value::from);
    let part =
        (0_i64..3, colour_value()).prop_map(|(size, tint)| json!({"size": size, "tint": tint}));
    let fields = (
        prop::option::weighted(0.8, colour),
        prop::option::weighted(0.8, number),
        prop::option::weighted(0.6, tags),
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::weighted(0.6, one_or_some(words())),
        prop::option::weighted(0.6, one_or_some(place())),
        prop::option::weighted(0.5, one_or_some(part)),
        prop::option::weighted(0.3, until()),
    );
    fields.prop_map(|(colour, number, tags, sold, note, place, parts, until)| {
        let mut payload = Map::new();
        let fields = [
            ("colour", colour),
            ("n", number),
            ("tags", tags),
            ("sold", sold.map(Value::from)),
            ("note", note),
            ("place", place),
            ("parts", parts),
            ("until", until),
        ];
        for (name, value) in fields {
            payload.extend(value.map(|value| (name.to_owned(), value)));
        }
        payload
    })
}

pub fn colour() -> impl Strategy<Value = String> {
    select(&["red", "green", "blue"][..]).prop_map(str::to_owned)
}

fn colour_value() -> impl Strategy<Value = Value> {
    colour().prop_map(Value::from)
}

fn one_or_some(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let value = value.boxed();
    prop_oneof![
        3 => value.clone(),
        1 => prop::collection::vec(value, 0..3).prop_map(Value::from),
    ]
}

/// Times around those at which a node is asked, and what isn't one.
fn until() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-12_i64..200).prop_map(|hours| json!(1_800_000_000 + hours * 3_600)),
        1 => Just(json!("2027-01-16T20:00:00Z")),
        1 => Just(json!("when it is done")),
    ]
}

fn words() -> impl Strategy<Value = Value> {
    select(
        &[
            "Red wine",
            "wine, red!",
            "white-wine",
            "red",
            "...",
            "WHITE bread",
        ][..],
    )
    .prop_map(Value::from)
}

fn place() -> impl Strategy<Value = Value> {
    coordinates().prop_map(|(lon, lat)| json!({"lon": lon, "lat": lat}))
}

/// Places on a coarse grid, some of them at the date line.
pub fn coordinates() -> impl Strategy<Value = (f64, f64)> {
    let lon = select(&[-180.0, -179.0, -10.0, 0.0, 10.0, 179.0][..]);
    (lon, select(&[-10.0, 0.0, 10.0, 89.0][..]))
}
