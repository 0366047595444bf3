//! The dialect's filters, from JSON into the payload module's tree, within the limits.

mod field;
mod region;
mod strict;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    http::refusal::Refusal,
    payload::{
        filter::{
            Condition, FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_POLYGON_POINTS_MAX,
            FILTER_VALUES_MAX, Filter, Slice,
        },
        path::Path,
    },
    tenant::PointId,
};

pub(in crate::http) use self::strict::Json;

/// Reads a filter; none from nothing or null.
pub(super) fn parse(json: Option<&Json>) -> Result<Option<Filter>, Refusal> {
    match json {
        None | Some(Json(Value::Null)) => Ok(None),
        Some(Json(value)) => Parser::default().filter(value, 0).map(Some),
    }
}

/// What a filter has so far, of everything that has a limit.
#[derive(Default)]
struct Parser {
    conditions: usize,
    values: usize,
    polygon_points: usize,
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
                    only(fields, &["conditions", "min_count"])?;
                    let least = fields.get("min_count").and_then(Value::as_u64);
                    let least = least.and_then(|least| usize::try_from(least).ok());
                    let conditions = fields.get("conditions").unwrap_or(&Value::Null);
                    filter.min_should = Some((
                        self.clause(conditions, depth)?,
                        least
                            .filter(|least| *least > 0)
                            .ok_or_else(|| bad("min_should needs min_count, 1 or larger"))?,
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
            return Ok(Condition::HasId(self.has_id(ids)?));
        }
        if let Some(name) = fields.get("has_vector") {
            only(fields, &["has_vector"])?;
            return Ok(Condition::HasVector(text(name, "has_vector")?));
        }
        if let Some(inner) = fields.get("slice") {
            only(fields, &["slice"])?;
            return Ok(Condition::Slice(slice(inner)?));
        }
        if let Some(inner) = fields.get("nested") {
            only(fields, &["nested"])?;
            let inner = object(inner, "nested")?;
            only(inner, &["key", "filter"])?;
            let path = keyed(inner)?.every();
            let filter = inner
                .get("filter")
                .ok_or_else(|| bad("nested needs `filter`"))?;
            let filter = self.filter(filter, depth + 1)?;
            return Ok(Condition::Nested(path, Box::new(filter)));
        }
        if let Some(inner) = fields.get("is_empty").filter(|inner| inner.is_object()) {
            only(fields, &["is_empty"])?;
            return Ok(Condition::IsEmpty(key_alone(inner)?));
        }
        if let Some(inner) = fields.get("is_null").filter(|inner| inner.is_object()) {
            only(fields, &["is_null"])?;
            return Ok(Condition::IsNull(key_alone(inner)?));
        }
        if ["must", "should", "must_not", "min_should"]
            .into_iter()
            .any(has)
        {
            return Ok(Condition::Filter(Box::new(self.filter(value, depth + 1)?)));
        }
        self.field(fields)
    }

    /// Counts values of lists.
    fn count_values(&mut self, count: usize) -> Result<(), Refusal> {
        self.values = self.values.saturating_add(count);
        if self.values > FILTER_VALUES_MAX {
            return Err(bad(&format!(
                "a filter's lists have more than {FILTER_VALUES_MAX} values and ids together"
            )));
        }
        Ok(())
    }

    /// Counts points of polygons.
    fn count_polygon_points(&mut self, count: usize) -> Result<(), Refusal> {
        self.polygon_points = self.polygon_points.saturating_add(count);
        if self.polygon_points > FILTER_POLYGON_POINTS_MAX {
            return Err(bad(&format!(
                "a filter's polygons have more than {FILTER_POLYGON_POINTS_MAX} points together"
            )));
        }
        Ok(())
    }

    fn has_id(&mut self, value: &Value) -> Result<HashSet<PointId>, Refusal> {
        self.count_values(value.as_array().map_or(0, Vec::len))?;
        serde_json::from_value(value.clone())
            .map_err(|_| bad("has_id takes a list of point ids: unsigned integers and UUIDs"))
    }
}

fn slice(value: &Value) -> Result<Slice, Refusal> {
    let fields = object(value, "slice")?;
    only(fields, &["total", "index"])?;
    let number = |name: &str| {
        let number = fields.get(name).and_then(Value::as_u64);
        number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| bad("slice takes `total` and `index`, unsigned integers of 32 bits"))
    };
    let (total, index) = (number("total")?, number("index")?);
    if index >= total {
        return Err(bad("slice: `index` must be less than `total`"));
    }
    Ok(Slice { total, index })
}

fn key_alone(value: &Value) -> Result<Path, Refusal> {
    let fields = object(value, "is_empty and is_null")?;
    only(fields, &["key"])?;
    keyed(fields)
}

fn keyed(fields: &Map<String, Value>) -> Result<Path, Refusal> {
    let key = fields.get("key").and_then(Value::as_str);
    let key = key.ok_or_else(|| bad("a condition needs `key`"))?;
    Path::parse(key).map_err(|error| bad(&error.to_string()))
}

fn text(value: &Value, what: &str) -> Result<String, Refusal> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| bad(&format!("{what} takes a string")))
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
