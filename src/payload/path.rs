//! Paths into a payload: `city`, `address.city`, `tags[]`, `cities[].name`, `items[0]`.

use serde_json::{Map, Value};

/// A parsed path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path(pub(super) Vec<Step>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    Key(String),
    Every,
    Index(usize),
}

impl Path {
    /// Parses a path. Keys are separated by dots; `"a.b"` in quotes is one key; `[]` means every
    /// element of an array, `[3]` one of them.
    ///
    /// # Errors
    /// [`PathError`] for an empty path or key, an unclosed quote or bracket, or a path longer
    /// than the limits.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let fail = || PathError {
            path: text.chars().take(64).collect(),
        };
        if text.len() > PATH_BYTES_MAX {
            return Err(fail());
        }
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = if let Some(quoted) = rest.strip_prefix('"') {
                quoted.split_once('"').ok_or_else(fail)?
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                rest.split_at(end)
            };
            if key.is_empty() {
                return Err(fail());
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']').ok_or_else(fail)?;
                steps.push(match index {
                    "" => Step::Every,
                    digits => Step::Index(digits.parse().map_err(|_| fail())?),
                });
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self(steps)),
                None => return Err(fail()),
            }
        }
    }

    /// The path to the elements of the array that this one leads to; the same if it already is.
    #[must_use]
    pub fn every(mut self) -> Self {
        if self.0.last() != Some(&Step::Every) {
            self.0.push(Step::Every);
        }
        self
    }

    /// The path that goes on with another one.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// Every value that the path leads to, without looking into a final array.
    pub fn values<'a>(&self, map: &'a Map<String, Value>) -> Vec<&'a Value> {
        let mut found: Vec<&'a Value> = Vec::new();
        let Some((Step::Key(first), rest)) = self.0.split_first() else {
            return found;
        };
        if let Some(value) = map.get(first) {
            found.push(value);
        }
        for step in rest {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        found
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(map)) => map.get(key).into_iter().collect(),
            (Self::Every, Value::Array(items)) => items.iter().collect(),
            (Self::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
            (Self::Key(_) | Self::Every | Self::Index(_), _) => Vec::new(),
        }
    }
}

/// Not a path into a payload.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{path}` isn't a payload path: keys joined by dots, `[]` for every element of an array, at most {PATH_BYTES_MAX} bytes"
)]
pub struct PathError {
    path: String,
}

/// Longest path.
pub const PATH_BYTES_MAX: usize = 1024;
