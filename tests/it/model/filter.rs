//! Which points are wanted: as the node is asked, and as the oracle sees it.

use std::collections::HashSet;

use locule::{
    payload::{
        filter::{Bounds, Condition, Filter, Scalar, Test},
        path::Path,
    },
    tenant::PointId,
};
use proptest::prelude::*;
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
            | Self::Ids(_) => filter.must = vec![self.condition()],
        }
        filter
    }

    fn condition(&self) -> Condition {
        let path = |text| Path::parse(text).unwrap();
        let keyword = |text: &String| vec![Scalar::Keyword(text.clone())];
        match self {
            Self::Colour(colour) => Condition::Field(path("colour"), Test::Any(keyword(colour))),
            Self::NotColour(colour) => {
                Condition::Field(path("colour"), Test::Except(keyword(colour)))
            }
            Self::Tagged(tag) => Condition::Field(path("tags[]"), Test::Any(keyword(tag))),
            Self::Sold(sold) => {
                Condition::Field(path("sold"), Test::Any(vec![Scalar::Bool(*sold)]))
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
            Self::Ids(ids) => Condition::HasId(ids.iter().copied().collect::<HashSet<_>>()),
            Self::All(_) | Self::Any(_) | Self::None(_) => {
                Condition::Filter(Box::new(self.filter()))
            }
        }
    }
}
