//! Filters: which points a query means.
//!
//! Owns: the tree of conditions and its one evaluator, total over every payload. The tree is
//! bounded on construction, so evaluating can't exhaust the stack.

use std::collections::HashSet;

use jiff::Timestamp as Instant;
use serde_json::{Map, Value};

use super::{Payload, path::Path};
use crate::tenant::PointId;

/// Clauses joined by AND: all of `must`, one of `should`, at least `min_should` of its own, none
/// of `must_not`. An empty clause holds.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// All must hold.
    pub must: Vec<Condition>,
    /// At least one must hold, if there is any.
    pub should: Vec<Condition>,
    /// None may hold.
    pub must_not: Vec<Condition>,
    /// At least so many of these must hold.
    pub min_should: Option<(Vec<Condition>, usize)>,
}

/// One condition of a [`Filter`].
#[derive(Clone, Debug)]
pub enum Condition {
    /// A test of the payload's values at a path: holds when it holds for any of them, looking
    /// into arrays.
    Field(Path, Test),
    /// How many values there are at a path.
    ValuesCount(Path, Bounds<f64>),
    /// No value at the path, or null, or an empty array.
    IsEmpty(Path),
    /// The value at the path is null, or an array that holds null.
    IsNull(Path),
    /// The point's id is one of these.
    HasId(HashSet<PointId>),
    /// A filter in a filter.
    Filter(Box<Filter>),
}

/// A test of one payload value.
#[derive(Clone, Debug)]
pub enum Test {
    /// Equal to one of these scalars.
    Any(Vec<Scalar>),
    /// Equal to none of these scalars.
    Except(Vec<Scalar>),
    /// A number within bounds.
    Range(Bounds<f64>),
    /// An RFC 3339 time within bounds.
    DatetimeRange(Bounds<Instant>),
}

/// What a payload value can be matched with.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// A string, exactly.
    Keyword(String),
    /// An integer.
    Integer(i64),
    /// A truth value.
    Bool(bool),
}

/// Bounds that may be open on either side.
#[derive(Clone, PartialEq, Debug)]
pub struct Bounds<T> {
    /// Greater than.
    pub gt: Option<T>,
    /// Greater than or equal.
    pub gte: Option<T>,
    /// Less than.
    pub lt: Option<T>,
    /// Less than or equal.
    pub lte: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    fn hold(&self, value: &T) -> bool {
        self.hold_below(value) && self.hold_above(value)
    }

    /// Whether a value isn't below the bounds.
    pub(super) fn hold_below(&self, value: &T) -> bool {
        self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
    }

    /// Whether a value isn't above the bounds.
    pub(super) fn hold_above(&self, value: &T) -> bool {
        self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
    }
}

impl Filter {
    /// Whether a point with this id and payload is meant.
    pub fn matches(&self, id: PointId, payload: &Payload) -> bool {
        self.holds(id, payload.as_map())
    }

    fn holds(&self, id: PointId, payload: &Map<String, Value>) -> bool {
        let holds = |condition: &Condition| condition.holds(id, payload);
        self.must.iter().all(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && !self.must_not.iter().any(holds)
            && self.min_should.as_ref().is_none_or(|(conditions, least)| {
                conditions
                    .iter()
                    .filter(|condition| holds(condition))
                    .take(*least)
                    .count()
                    >= *least
            })
    }

    /// Whether the filter has no condition at all.
    pub fn is_empty(&self) -> bool {
        self.must.is_empty()
            && self.should.is_empty()
            && self.must_not.is_empty()
            && self.min_should.is_none()
    }
}

impl Condition {
    fn holds(&self, id: PointId, payload: &Map<String, Value>) -> bool {
        match self {
            Self::Field(path, test) => path.values(payload).into_iter().any(|v| test.holds(v)),
            Self::ValuesCount(path, bounds) => path
                .values(payload)
                .into_iter()
                .any(|value| bounds.hold(&count(value))),
            Self::IsEmpty(path) => path.values(payload).into_iter().all(is_empty),
            Self::IsNull(path) => path.values(payload).into_iter().any(is_null),
            Self::HasId(ids) => ids.contains(&id),
            Self::Filter(filter) => filter.holds(id, payload),
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        elements(value).any(|element| self.accepts(element))
    }

    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Any(scalars) => scalars.iter().any(|scalar| scalar.equals(value)),
            Self::Except(scalars) => {
                (value.is_string() || value.is_i64() || value.is_u64())
                    && !scalars.iter().any(|scalar| scalar.equals(value))
            }
            Self::Range(bounds) => value.as_f64().is_some_and(|number| bounds.hold(&number)),
            Self::DatetimeRange(bounds) => value
                .as_str()
                .and_then(parse_datetime)
                .is_some_and(|instant| bounds.hold(&instant)),
        }
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match self {
            Self::Keyword(text) => value.as_str() == Some(text),
            Self::Integer(number) => value.as_i64() == Some(*number),
            Self::Bool(truth) => value.as_bool() == Some(*truth),
        }
    }
}

/// What a test looks at: the value itself, or what is in the array that it is.
pub(super) fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    let elements = match value {
        Value::Array(items) => items.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    };
    elements.iter().filter(|element| !element.is_array())
}

/// Whether a value counts as none.
pub(super) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether a value is null, or holds null.
pub(super) fn is_null(value: &Value) -> bool {
    value.is_null()
        || value
            .as_array()
            .is_some_and(|items| items.iter().any(Value::is_null))
}

fn count(value: &Value) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "no payload holds 2^53 values")]
        Value::Array(items) => items.len() as f64,
        Value::Null => 0.0,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => 1.0,
    }
}

/// Reads the spellings of a time that the Qdrant dialect takes: RFC 3339, or without an offset
/// (then it is UTC), or a date alone.
pub fn parse_datetime(text: &str) -> Option<Instant> {
    if let Ok(instant) = text.parse::<Instant>() {
        return Some(instant);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok()
}

/// Deepest nesting of filters.
pub const FILTER_DEPTH_MAX: usize = 32;
/// Most conditions in a filter, nested ones included.
pub const FILTER_CONDITIONS_MAX: usize = 4096;
