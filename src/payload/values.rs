//! What points are ordered, grouped and counted by: the values at a path.
//!
//! Owns: which payload values each of the three takes, and how they compare. A value in an array
//! counts as the point's own, one level deep. What these say never depends on an index.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Payload, path::Path, time::parse_datetime};

/// What points are ordered by: a number, or a time as microseconds since 1970.
///
/// Whole and other numbers compare by their value, so 5 and 5.0 are the same.
#[derive(Clone, Copy, Debug)]
pub enum OrderValue {
    /// A whole number, or a time.
    Integer(i64),
    /// Any other number.
    Float(f64),
}

impl OrderValue {
    /// A number. Nothing for one that isn't finite.
    pub fn float(number: f64) -> Option<Self> {
        // Zero has two signs, and one place in the order.
        number.is_finite().then_some(Self::Float(number + 0.0))
    }

    /// A time, in any of the spellings that filters take.
    pub fn time(text: &str) -> Option<Self> {
        parse_datetime(text).map(|at| Self::Integer(at.as_microsecond()))
    }

    /// What a payload value is ordered by, if it is something that has an order.
    pub fn of(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Self::time(text);
        }
        let whole = value.as_i64().map(Self::Integer);
        whole.or_else(|| value.as_f64().and_then(Self::float))
    }

    /// The values at a path that have an order, each once.
    pub fn all(payload: &Payload, path: &Path) -> Vec<Self> {
        let mut found: Vec<Self> = at(payload, path).into_iter().filter_map(Self::of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl PartialEq for OrderValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OrderValue {}

impl PartialOrd for OrderValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Integer(a), Self::Float(b)) => compare(*a, *b),
            (Self::Float(a), Self::Integer(b)) => compare(*b, *a).reverse(),
        }
    }
}

/// A whole number and another, without rounding either.
fn compare(whole: i64, number: f64) -> Ordering {
    if number >= TWO_TO_63 {
        return Ordering::Less;
    }
    if number < -TWO_TO_63 {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the bounds above")]
    let floor = number.floor() as i64;
    let fraction = number > number.floor();
    whole.cmp(&floor).then(if fraction {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

/// What points are grouped by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum GroupId {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A whole number above all of those.
    Unsigned(u64),
}

impl GroupId {
    /// The groups that a point is in, by what stands at a path. A point with anything else there is
    /// in none.
    pub fn all(payload: &Payload, path: &Path) -> Vec<Self> {
        let mut found = Vec::new();
        for value in at(payload, path) {
            let id = value.as_str().map(|text| Self::Text(text.to_owned()));
            let id = id.or_else(|| value.as_i64().map(Self::Integer));
            let Some(id) = id.or_else(|| value.as_u64().map(Self::Unsigned)) else {
                return Vec::new();
            };
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found
    }
}

/// What points are counted by. Truth values sort first, then numbers, then texts.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FacetValue {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

impl FacetValue {
    fn of(value: &Value) -> Option<Self> {
        if let Some(text) = value.as_str() {
            return Some(Self::Text(text.to_owned()));
        }
        let whole = value.as_i64().map(Self::Integer);
        whole.or_else(|| value.as_bool().map(Self::Bool))
    }

    /// The values at a path that are counted, each once.
    pub fn all(payload: &Payload, path: &Path) -> Vec<Self> {
        let mut found: Vec<Self> = at(payload, path).into_iter().filter_map(Self::of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The values at a path, and of an array those that are in it.
fn at<'a>(payload: &'a Payload, path: &Path) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for value in path.values(payload.as_map()) {
        match value.as_array() {
            Some(items) => found.extend(items),
            None => found.push(value),
        }
    }
    found
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload(value: Value) -> Payload {
        let object = json!({"a": value});
        Payload::new(object.as_object().unwrap().clone()).unwrap()
    }

    fn path() -> Path {
        Path::parse("a").unwrap()
    }

    fn number() -> impl Strategy<Value = OrderValue> {
        prop_oneof![
            any::<i64>().prop_map(OrderValue::Integer),
            (-9_i64..9).prop_map(OrderValue::Integer),
            prop_oneof![
                any::<f64>(),
                -9.0..9.0,
                Just(TWO_TO_63),
                Just(-TWO_TO_63),
                Just(-0.0)
            ]
            .prop_filter_map("finite", OrderValue::float),
        ]
    }

    proptest! {
        #[test]
        fn numbers_have_one_order(a in number(), b in number(), c in number()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c, "{a:?} {b:?} {c:?}");
            }
            if let (OrderValue::Integer(whole), OrderValue::Float(other)) = (a, b)
                && whole.abs() < 1 << 53
            {
                #[expect(clippy::cast_precision_loss, reason = "it is small")]
                let whole = whole as f64;
                prop_assert_eq!(a.cmp(&b), whole.partial_cmp(&other).unwrap());
            }
        }
    }

    #[test]
    fn a_group_is_a_text_or_a_whole_number() {
        let groups = |value| GroupId::all(&payload(value), &path());
        assert_eq!(
            groups(json!(["x", 1, "x", u64::MAX])),
            [
                GroupId::Text("x".to_owned()),
                GroupId::Integer(1),
                GroupId::Unsigned(u64::MAX)
            ]
        );
        for other in [json!([1, true]), json!(1.5), json!(null), json!([["x"]])] {
            assert_eq!(groups(other), []);
        }
    }

    #[test]
    fn what_has_no_order_is_passed_over() {
        let values = OrderValue::all(
            &payload(json!([
                2,
                true,
                "1970-01-01T00:00:01Z",
                null,
                0.5,
                2.0,
                "no"
            ])),
            &path(),
        );
        assert_eq!(
            values,
            [
                OrderValue::Float(0.5),
                OrderValue::Integer(2),
                OrderValue::Integer(1_000_000)
            ]
        );
    }

    #[test]
    fn a_facet_counts_truth_values_whole_numbers_and_texts() {
        let values = FacetValue::all(&payload(json!(["b", 1, true, "a", 1, 1.5, {}])), &path());
        assert_eq!(
            values,
            [
                FacetValue::Bool(true),
                FacetValue::Integer(1),
                FacetValue::Text("a".to_owned()),
                FacetValue::Text("b".to_owned())
            ]
        );
    }
}
