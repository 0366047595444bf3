//! Conditions on a field: one test of the values at a key.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Parser, bad, keyed, object, only,
    region::{circle, rectangle},
    text,
};
use crate::{
    http::refusal::Refusal,
    payload::{
        filter::{Bounds, Condition, Filter, Scalar, Scalars, Test},
        text::{QUERY_TEXT_BYTES_MAX, TextMode, TextQuery},
        time::parse_datetime,
    },
};

impl Parser {
    pub(super) fn field(&mut self, fields: &Map<String, Value>) -> Result<Condition, Refusal> {
        let path = keyed(fields)?;
        let mut tests = fields
            .iter()
            .filter(|(name, value)| *name != "key" && !value.is_null());
        let (Some((name, value)), None) = (tests.next(), tests.next()) else {
            return Err(bad(
                "a condition takes one test beside `key`; several go into conditions of their own",
            ));
        };
        Ok(match name.as_str() {
            "match" => Condition::Field(path, self.matching(value)?),
            "range" => Condition::Field(path, range(value)?),
            "geo_bounding_box" => Condition::Field(path, Test::Within(rectangle(value)?)),
            "geo_radius" => Condition::Field(path, Test::Within(circle(value)?)),
            "geo_polygon" => Condition::Field(path, Test::Within(self.polygon(value)?)),
            "values_count" => Condition::ValuesCount(path, bounds(value, Value::as_u64, COUNT)?),
            "is_empty" => flagged(value, Condition::IsEmpty(path))?,
            "is_null" => flagged(value, Condition::IsNull(path))?,
            _ => {
                return Err(bad(
                    "unknown condition on a key; there are match, range, geo_bounding_box, \
                     geo_radius, geo_polygon, values_count, is_empty, is_null",
                ));
            }
        })
    }

    fn matching(&mut self, value: &Value) -> Result<Test, Refusal> {
        let mut fields = object(value, "match")?
            .iter()
            .filter(|(_, value)| !value.is_null());
        let (Some((name, value)), None) = (fields.next(), fields.next()) else {
            return Err(bad(&format!("match takes one of {MATCHES}")));
        };
        Ok(match name.as_str() {
            "value" => Test::Any([scalar(value)?].into()),
            "any" => Test::Any(self.scalars(value)?),
            "except" => Test::Except(self.scalars(value)?),
            "text" => Test::Text(words(value, TextMode::All)?),
            "text_any" => Test::Text(words(value, TextMode::Any)?),
            "phrase" => Test::Text(words(value, TextMode::Phrase)?),
            "prefix" => Test::Prefix(text(value, "match prefix")?),
            "substring" => Test::Substring(text(value, "match substring")?),
            _ => return Err(bad(&format!("unknown match; it takes one of {MATCHES}"))),
        })
    }

    fn scalars(&mut self, value: &Value) -> Result<Scalars, Refusal> {
        let values = value
            .as_array()
            .ok_or_else(|| bad("match any and except take a list"))?;
        self.count_values(values.len())?;
        values.iter().map(scalar).collect()
    }
}

/// `"is_empty": true` beside a key; false is its opposite.
fn flagged(value: &Value, condition: Condition) -> Result<Condition, Refusal> {
    match value {
        Value::Bool(true) => Ok(condition),
        Value::Bool(false) => Ok(Condition::Filter(Box::new(Filter {
            must_not: vec![condition],
            ..Filter::default()
        }))),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Err(bad("is_empty and is_null beside a key take true or false"))
        }
    }
}

fn words(value: &Value, mode: TextMode) -> Result<TextQuery, Refusal> {
    let text = text(value, "match text, text_any and phrase")?;
    if text.len() > QUERY_TEXT_BYTES_MAX {
        return Err(bad(&format!(
            "a text that is matched is longer than {QUERY_TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(TextQuery::new(text, mode))
}

fn scalar(value: &Value) -> Result<Scalar, Refusal> {
    match value {
        Value::String(text) => Ok(Scalar::Keyword(text.clone())),
        Value::Bool(truth) => Ok(Scalar::Bool(*truth)),
        Value::Number(number) => number
            .as_i64()
            .map(Scalar::Integer)
            .ok_or_else(|| bad("match takes strings, integers and booleans")),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(bad("match takes strings, integers and booleans"))
        }
    }
}

/// Bounds of numbers, or of times: the first bound that is set tells which.
fn range(value: &Value) -> Result<Test, Refusal> {
    let times = object(value, "range")?.values().any(Value::is_string);
    if times {
        let time = |value: &Value| -> Option<Timestamp> { value.as_str().and_then(parse_datetime) };
        Ok(Test::DatetimeRange(bounds(value, time, TIME)?))
    } else {
        Ok(Test::Range(bounds(value, Value::as_f64, NUMBER)?))
    }
}

fn bounds<T>(
    value: &Value,
    read: impl Fn(&Value) -> Option<T>,
    what: &str,
) -> Result<Bounds<T>, Refusal> {
    let fields = object(value, "a range")?;
    only(fields, &["gt", "gte", "lt", "lte"])?;
    let bound = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value)
            .map(Some)
            .ok_or_else(|| bad(&format!("bound `{name}` isn't {what}"))),
    };
    Ok(Bounds {
        gt: bound("gt")?,
        gte: bound("gte")?,
        lt: bound("lt")?,
        lte: bound("lte")?,
    })
}

const MATCHES: &str = "value, any, except, text, text_any, phrase, prefix, substring";
const COUNT: &str = "an unsigned integer";
const NUMBER: &str = "a number or an RFC 3339 time";
const TIME: &str = "an RFC 3339 time, as the others are";
