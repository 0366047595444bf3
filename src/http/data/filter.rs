//! The dialect's filters, from JSON into the payload module's tree, within the limits.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    http::refusal::Refusal,
    payload::{
        filter::{
            Bounds, Condition, FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, Filter, Scalar, Test,
            parse_datetime,
        },
        path::Path,
    },
    tenant::PointId,
};

/// Reads a filter; none from nothing or null.
pub(super) fn parse(value: Option<&Value>) -> Result<Option<Filter>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Parser { conditions: 0 }.filter(value, 0).map(Some),
    }
}

struct Parser {
    conditions: usize,
}

impl Parser {
    fn filter(&mut self, value: &Value, depth: usize) -> Result<Filter, Refusal> {
        if depth >= FILTER_DEPTH_MAX {
            return Err(bad(&format!(
                "filters are nested deeper than {FILTER_DEPTH_MAX}"
            )));
        }
        let fields = object(value, "a filter")?;
        let mut filter = Filter::default();
        for (name, value) in fields {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("must", value) => filter.must = self.clause(value, depth)?,
                ("should", value) => filter.should = self.clause(value, depth)?,
                ("must_not", value) => filter.must_not = self.clause(value, depth)?,
                ("min_should", value) => {
                    let fields = object(value, "min_should")?;
                    let least = fields.get("min_count").and_then(Value::as_u64);
                    let least = least.and_then(|least| usize::try_from(least).ok());
                    let conditions = fields.get("conditions").unwrap_or(&Value::Null);
                    filter.min_should = Some((
                        self.clause(conditions, depth)?,
                        least.ok_or_else(|| bad("min_should needs min_count"))?,
                    ));
                }
                (other, _) => return Err(bad(&format!("unknown filter clause `{other}`"))),
            }
        }
        Ok(filter)
    }

    /// A list of conditions, or a single one.
    fn clause(&mut self, value: &Value, depth: usize) -> Result<Vec<Condition>, Refusal> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.condition(item, depth))
                .collect(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Ok(vec![self.condition(value, depth)?]),
        }
    }

    fn condition(&mut self, value: &Value, depth: usize) -> Result<Condition, Refusal> {
        self.conditions += 1;
        if self.conditions > FILTER_CONDITIONS_MAX {
            return Err(bad(&format!(
                "a filter has more than {FILTER_CONDITIONS_MAX} conditions"
            )));
        }
        let fields = object(value, "a condition")?;
        let has = |name: &str| fields.contains_key(name);
        if let Some(ids) = fields.get("has_id") {
            only(fields, &["has_id"])?;
            return Ok(Condition::HasId(has_id(ids)?));
        }
        if let Some(inner) = fields.get("is_empty") {
            only(fields, &["is_empty"])?;
            return Ok(Condition::IsEmpty(keyed(inner)?));
        }
        if let Some(inner) = fields.get("is_null") {
            only(fields, &["is_null"])?;
            return Ok(Condition::IsNull(keyed(inner)?));
        }
        if ["must", "should", "must_not", "min_should"]
            .into_iter()
            .any(has)
        {
            return Ok(Condition::Filter(Box::new(self.filter(value, depth + 1)?)));
        }
        if let Some(name) = ["nested", "has_vector"].into_iter().find(|name| has(name)) {
            return Err(bad(&format!("condition `{name}` isn't supported yet")));
        }
        field(fields)
    }
}

fn field(fields: &Map<String, Value>) -> Result<Condition, Refusal> {
    let key = fields.get("key").and_then(Value::as_str);
    let path = path(key.ok_or_else(|| bad("a condition needs `key`"))?)?;
    let mut tests = fields
        .iter()
        .filter(|(name, value)| *name != "key" && !value.is_null());
    let (Some((name, value)), None) = (tests.next(), tests.next()) else {
        return Err(bad(
            "a condition needs one test beside `key`: match, range, values_count, is_empty or is_null",
        ));
    };
    Ok(match name.as_str() {
        "match" => Condition::Field(path, matching(value)?),
        "range" => Condition::Field(path, range(value)?),
        "values_count" => Condition::ValuesCount(path, bounds(value, number)?),
        "is_empty" => flagged(value, Condition::IsEmpty(path))?,
        "is_null" => flagged(value, Condition::IsNull(path))?,
        other => return Err(bad(&format!("condition `{other}` isn't supported yet"))),
    })
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

fn matching(value: &Value) -> Result<Test, Refusal> {
    let fields = object(value, "match")?;
    let (Some((name, value)), 1) = (fields.iter().next(), fields.len()) else {
        return Err(bad("match takes one of value, any, except"));
    };
    match name.as_str() {
        "value" => Ok(Test::Any(vec![scalar(value)?])),
        "any" => Ok(Test::Any(scalars(value)?)),
        "except" => Ok(Test::Except(scalars(value)?)),
        other => Err(bad(&format!("match `{other}` isn't supported yet"))),
    }
}

fn scalars(value: &Value) -> Result<Vec<Scalar>, Refusal> {
    value
        .as_array()
        .ok_or_else(|| bad("match any and except take a list"))?
        .iter()
        .map(scalar)
        .collect()
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
        let time = |value: &Value| value.as_str().and_then(parse_datetime);
        Ok(Test::DatetimeRange(bounds(value, time)?))
    } else {
        Ok(Test::Range(bounds(value, number)?))
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn bounds<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<Bounds<T>, Refusal> {
    let fields = object(value, "a range")?;
    only(fields, &["gt", "gte", "lt", "lte"])?;
    let bound = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| {
            bad(&format!(
                "bound `{name}` isn't a number or an RFC 3339 time"
            ))
        }),
    };
    Ok(Bounds {
        gt: bound("gt")?,
        gte: bound("gte")?,
        lt: bound("lt")?,
        lte: bound("lte")?,
    })
}

fn has_id(value: &Value) -> Result<HashSet<PointId>, Refusal> {
    serde_json::from_value(value.clone())
        .map_err(|_| bad("has_id takes a list of point ids: unsigned integers and UUIDs"))
}

fn keyed(value: &Value) -> Result<Path, Refusal> {
    let fields = object(value, "is_empty and is_null")?;
    only(fields, &["key"])?;
    let key = fields.get("key").and_then(Value::as_str);
    path(key.ok_or_else(|| bad("is_empty and is_null need `key`"))?)
}

fn path(text: &str) -> Result<Path, Refusal> {
    Path::parse(text).map_err(|error| bad(&error.to_string()))
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value
        .as_object()
        .ok_or_else(|| bad(&format!("{what} must be an object")))
}

fn only(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Refusal> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(bad(&format!("unknown field `{other}` in a condition"))),
        None => Ok(()),
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::invalid(format!("Bad request: {message}"))
}
