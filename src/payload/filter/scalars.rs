//! Values that payload values are compared with.

use std::collections::HashSet;

use serde_json::Value;

/// What a payload value can be matched with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Scalar {
    /// A string, exactly.
    Keyword(String),
    /// An integer.
    Integer(i64),
    /// A truth value.
    Bool(bool),
}

/// A set of scalars. Looking one up costs the same however many there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scalars {
    keywords: HashSet<String>,
    integers: HashSet<i64>,
    truth: HashSet<bool>,
}

impl Scalars {
    /// Whether a payload value equals one of them. No value equals a float: 5.0 isn't 5.
    pub(super) fn contain(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.keywords.contains(text),
            Value::Number(number) => number
                .as_i64()
                .is_some_and(|number| self.integers.contains(&number)),
            Value::Bool(truth) => self.truth.contains(truth),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    /// Each of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Scalar> {
        let keywords = self.keywords.iter().cloned().map(Scalar::Keyword);
        let integers = self.integers.iter().copied().map(Scalar::Integer);
        keywords
            .chain(integers)
            .chain(self.truth.iter().copied().map(Scalar::Bool))
    }
}

impl FromIterator<Scalar> for Scalars {
    fn from_iter<I: IntoIterator<Item = Scalar>>(all: I) -> Self {
        let mut scalars = Self::default();
        for scalar in all {
            match scalar {
                Scalar::Keyword(text) => scalars.keywords.insert(text),
                Scalar::Integer(number) => scalars.integers.insert(number),
                Scalar::Bool(truth) => scalars.truth.insert(truth),
            };
        }
        scalars
    }
}

impl From<Vec<Scalar>> for Scalars {
    fn from(all: Vec<Scalar>) -> Self {
        all.into_iter().collect()
    }
}

impl<const N: usize> From<[Scalar; N]> for Scalars {
    fn from(all: [Scalar; N]) -> Self {
        all.into_iter().collect()
    }
}
