//! Tests of one payload value.

use jiff::Timestamp as Instant;
use serde_json::Value;

use super::Scalars;
use crate::payload::{
    region::{Place, Region},
    text::TextQuery,
    time::parse_datetime,
};

/// A test of one payload value.
#[derive(Clone, Debug)]
pub enum Test {
    /// Equal to one of these scalars.
    Any(Scalars),
    /// There, and equal to none of these scalars.
    Except(Scalars),
    /// A number within bounds.
    Range(Bounds<f64>),
    /// An RFC 3339 time within bounds.
    DatetimeRange(Bounds<Instant>),
    /// A string with certain words.
    Text(TextQuery),
    /// A string that starts so, byte for byte.
    Prefix(String),
    /// A string with this somewhere in it, byte for byte.
    Substring(String),
    /// A place within a region.
    Within(Region),
}

impl Test {
    /// Whether the value at a path passes: itself, or anything in the array that it is.
    pub(super) fn holds(&self, value: &Value) -> bool {
        elements(value).iter().any(|element| self.accepts(element))
    }

    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Any(scalars) => scalars.contain(value),
            Self::Except(scalars) => !value.is_null() && !scalars.contain(value),
            Self::Range(bounds) => value.as_f64().is_some_and(|number| bounds.hold(&number)),
            Self::DatetimeRange(bounds) => value
                .as_str()
                .and_then(parse_datetime)
                .is_some_and(|instant| bounds.hold(&instant)),
            Self::Text(query) => value.as_str().is_some_and(|text| query.accepts(text)),
            Self::Prefix(start) => value.as_str().is_some_and(|text| text.starts_with(start)),
            Self::Substring(part) => value.as_str().is_some_and(|text| text.contains(part)),
            Self::Within(region) => Place::of(value).is_some_and(|place| region.contains(place)),
        }
    }
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
    pub(super) fn hold(&self, value: &T) -> bool {
        self.hold_below(value) && self.hold_above(value)
    }

    /// Whether a value isn't below the bounds.
    pub(in crate::payload) fn hold_below(&self, value: &T) -> bool {
        self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
    }

    /// Whether a value isn't above the bounds.
    pub(in crate::payload) fn hold_above(&self, value: &T) -> bool {
        self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
    }
}

/// What a test looks at: the value itself, or what is in the array that it is. Not deeper.
pub(in crate::payload) fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}
