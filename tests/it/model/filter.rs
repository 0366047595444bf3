//! Which points are wanted: as the node is asked, and as the oracle sees it.

use std::collections::HashSet;

use locule::{
    payload::{
        filter::{Bounds, Condition, Filter, Scalar, Test},
        path::Path,
        region::{Place, Region},
        text::{TextMode, TextQuery},
    },
    tenant::PointId,
};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value};

use super::{random, step};

/// A filter that can be told in two ways.
#[derive(Clone, Debug)]
pub enum Wanted {
    Colour(String),
    NotColour(String),
    Tagged(String),
    Sold(bool),
    /// From, and up to but not with.
    NumberIn(i64, i64),
    NoTags,
    /// As many tags, or more.
    Tags(u64),
    /// A colour that starts so, or has this in it.
    ColourLike(bool, String),
    Noted(TextMode, String),
    /// Nearer than so many metres.
    Near((f64, f64), f64),
    /// Between a western and an eastern meridian, a northern and a southern parallel.
    Between((f64, f64), (f64, f64)),
    /// The same, as the lines that enclose it, which can't go across the date line.
    Enclosed((f64, f64), (f64, f64)),
    /// One part of this size and this tint.
    Part(i64, String),
    Ids(Vec<PointId>),
    All(Vec<Self>),
    Any(Vec<Self>),
    None(Vec<Self>),
}

impl Wanted {
    pub fn any() -> impl Strategy<Value = Self> {
        let one = prop_oneof![
            3 => random::colour().prop_map(Self::Colour),
            1 => random::colour().prop_map(Self::NotColour),
            2 => random::colour().prop_map(Self::Tagged),
            1 => any::<bool>().prop_map(Self::Sold),
            3 => (0_i64..10, 0_i64..10).prop_map(|(from, to)| Self::NumberIn(from, to)),
            1 => Just(Self::NoTags),
            1 => (0_u64..3).prop_map(Self::Tags),
            1 => (any::<bool>(), select(&["", "r", "re", "e", "green", "x"][..]))
                .prop_map(|(start, part)| Self::ColourLike(start, part.to_owned())),
            2 => noted(),
            1 => (random::coordinates(), select(&[1.0, 1_500_000.0, 2e7][..]))
                .prop_map(|(center, metres)| Self::Near(center, metres)),
            1 => (random::coordinates(), random::coordinates())
                .prop_map(|(a, b)| Self::Between((a.0, b.0 + 0.5), (a.1 + 0.5, b.1))),
            1 => (random::coordinates(), random::coordinates())
                .prop_map(|(a, b)| Self::Enclosed((a.0, b.0 + 0.5), (a.1 + 0.5, b.1))),
            2 => (0_i64..3, random::colour()).prop_map(|(size, tint)| Self::Part(size, tint)),
            1 => prop::collection::vec(step::id(), 0..4).prop_map(Self::Ids),
        ];
        one.prop_recursive(2, 6, 3, |inner| {
            let some = prop::collection::vec(inner, 1..3);
            prop_oneof![
                some.clone().prop_map(Self::All),
                some.clone().prop_map(Self::Any),
                some.prop_map(Self::None),
            ]
        })
    }

    /// As the oracle sees it.
    pub fn holds(&self, id: PointId, payload: &Map<String, Value>) -> bool {
        let tags = || payload.get("tags").and_then(Value::as_array);
        let any_of = |field: &str, holds: &dyn Fn(&Value) -> bool| match payload.get(field) {
            Some(Value::Array(items)) => items.iter().any(holds),
            Some(one) => holds(one),
            None => false,
        };
        let place = |holds: &dyn Fn(f64, f64) -> bool| {
            any_of("place", &|place| {
                let number = |name: &str| place[name].as_f64().unwrap();
                holds(number("lon"), number("lat"))
            })
        };
        match self {
            Self::Colour(colour) => payload.get("colour").and_then(Value::as_str) == Some(colour),
            Self::NotColour(colour) => payload
                .get("colour")
                .and_then(Value::as_str)
                .is_some_and(|other| other != colour),
            Self::Tagged(tag) => tags().is_some_and(|tags| tags.iter().any(|t| t == tag)),
            Self::Sold(sold) => payload.get("sold").and_then(Value::as_bool) == Some(*sold),
            #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
            Self::NumberIn(from, to) => payload
                .get("n")
                .and_then(Value::as_f64)
                .is_some_and(|n| n >= *from as f64 && n < *to as f64),
            Self::NoTags => tags().is_none_or(Vec::is_empty),
            Self::Tags(least) => tags().map_or(0, |tags| tags.len() as u64) >= *least,
            Self::ColourLike(start, part) => any_of("colour", &|colour| {
                colour.as_str().is_some_and(|colour| match start {
                    true => colour.starts_with(part),
                    false => colour.contains(part),
                })
            }),
            Self::Noted(mode, text) => any_of("note", &|note| {
                let (wanted, there) = (words(text), words(note.as_str().unwrap()));
                let has = |word: &String| there.contains(word);
                match mode {
                    _ if wanted.is_empty() => false,
                    TextMode::All => wanted.iter().all(has),
                    TextMode::Any => wanted.iter().any(has),
                    TextMode::Phrase => there.windows(wanted.len()).any(|some| some == wanted),
                }
            }),
            Self::Near((lon, lat), metres) => {
                place(&|x, y| haversine((*lon, *lat), (x, y)) < *metres)
            }
            Self::Between((west, east), (north, south)) => place(&|x, y| {
                let across = west > east;
                let lon = if across {
                    x > *west || x < *east
                } else {
                    x > *west && x < *east
                };
                lon && y < *north && y > *south
            }),
            Self::Enclosed((a, b), (c, d)) => {
                place(&|x, y| x > a.min(*b) && x < a.max(*b) && y > c.min(*d) && y < c.max(*d))
            }
            // Only an array has elements to go through.
            Self::Part(size, tint) => {
                payload
                    .get("parts")
                    .and_then(Value::as_array)
                    .is_some_and(|parts| {
                        parts
                            .iter()
                            .any(|part| part["size"] == *size && part["tint"] == **tint)
                    })
            }
            Self::Ids(ids) => ids.contains(&id),
            Self::All(all) => all.iter().all(|one| one.holds(id, payload)),
            Self::Any(any) => any.iter().any(|one| one.holds(id, payload)),
            Self::None(none) => !none.iter().any(|one| one.holds(id, payload)),
        }
    }

    /// As the node is asked.
    pub fn filter(&self) -> Filter {
        let conditions = |list: &[Self]| list.iter().map(Self::condition).collect();
        let mut filter = Filter::default();
        match self {
            Self::All(all) => filter.must = conditions(all),
            Self::Any(any) => filter.should = conditions(any),
            Self::None(none) => filter.must_not = conditions(none),
            Self::Colour(_)
            | Self::NotColour(_)
            | Self::Tagged(_)
            | Self::Sold(_)
            | Self::NumberIn(..)
            | Self::NoTags
            | Self::Tags(_)
            | Self::ColourLike(..)
            | Self::Noted(..)
            | Self::Near(..)
            | Self::Between(..)
            | Self::Enclosed(..)
            | Self::Part(..)
            | Self::Ids(_) => filter.must = vec![self.condition()],
        }
        filter
    }

    fn condition(&self) -> Condition {
        let path = |text| Path::parse(text).unwrap();
        let keyword = |text: &String| [Scalar::Keyword(text.clone())].into();
        let place = |(lon, lat): (f64, f64)| Place { lon, lat };
        let within = |region| Condition::Field(path("place"), Test::Within(region));
        match self {
            Self::Colour(colour) => Condition::Field(path("colour"), Test::Any(keyword(colour))),
            Self::NotColour(colour) => {
                Condition::Field(path("colour"), Test::Except(keyword(colour)))
            }
            Self::Tagged(tag) => Condition::Field(path("tags[]"), Test::Any(keyword(tag))),
            Self::Sold(sold) => {
                Condition::Field(path("sold"), Test::Any([Scalar::Bool(*sold)].into()))
            }
            #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
            Self::NumberIn(from, to) => {
                let bounds = Bounds {
                    gt: None,
                    gte: Some(*from as f64),
                    lt: Some(*to as f64),
                    lte: None,
                };
                Condition::Field(path("n"), Test::Range(bounds))
            }
            Self::NoTags => Condition::IsEmpty(path("tags")),
            Self::Tags(least) => {
                let bounds = Bounds {
                    gt: None,
                    gte: Some(*least),
                    lt: None,
                    lte: None,
                };
                Condition::ValuesCount(path("tags"), bounds)
            }
            Self::ColourLike(true, start) => {
                Condition::Field(path("colour"), Test::Prefix(start.clone()))
            }
            Self::ColourLike(false, part) => {
                Condition::Field(path("colour"), Test::Substring(part.clone()))
            }
            Self::Noted(mode, text) => {
                let query = TextQuery::new(text.clone(), *mode);
                Condition::Field(path("note"), Test::Text(query))
            }
            Self::Near(center, metres) => within(Region::circle(place(*center), *metres)),
            Self::Between((west, east), (north, south)) => within(Region::rectangle(
                place((*west, *north)),
                place((*east, *south)),
            )),
            Self::Enclosed((a, b), (c, d)) => {
                let corners = [(*a, *c), (*b, *c), (*b, *d), (*a, *d), (*a, *c)];
                within(Region::polygon(&corners.map(place), &[]).unwrap())
            }
            Self::Part(size, tint) => {
                let inner = Filter {
                    must: vec![
                        Condition::Field(path("size"), Test::Any([Scalar::Integer(*size)].into())),
                        Condition::Field(path("tint"), Test::Any(keyword(tint))),
                    ],
                    ..Filter::default()
                };
                Condition::Nested(path("parts").every(), Box::new(inner))
            }
            Self::Ids(ids) => Condition::HasId(ids.iter().copied().collect::<HashSet<_>>()),
            Self::All(_) | Self::Any(_) | Self::None(_) => {
                Condition::Filter(Box::new(self.filter()))
            }
        }
    }
}

fn noted() -> impl Strategy<Value = Wanted> {
    let mode = select(&[TextMode::All, TextMode::Any, TextMode::Phrase][..]);
    let text = select(&["red wine", "WINE", "wine red", "bread wine", "win", ""][..]);
    (mode, text).prop_map(|(mode, text)| Wanted::Noted(mode, text.to_owned()))
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn haversine(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let cosines = a.1.to_radians().cos() * b.1.to_radians().cos();
    let square = half(a.1, b.1) + cosines * half(a.0, b.0);
    2.0 * 6_371_008.8 * square.sqrt().asin()
}
