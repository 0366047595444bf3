//! Parts of a payload: those that paths lead to, or all the others.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::path::{Path, Step};

/// Parts of payloads, by the paths to them. Into lists only `[]` leads: of an element with a
/// number nothing is selected.
#[derive(Clone, Debug)]
pub struct Selection(Tree);

/// What is selected of a value.
#[derive(Clone, Debug)]
enum Tree {
    Whole,
    Below(HashMap<Step, Self>),
}

impl Selection {
    /// What any of the paths leads to.
    pub fn new(paths: &[Path]) -> Self {
        let mut tree = Tree::Below(HashMap::new());
        for path in paths {
            tree.add(&path.0);
        }
        Self(tree)
    }

    /// The selected parts of a payload. A value that a path wanted to go into, and couldn't, is
    /// one.
    #[must_use]
    pub fn of(&self, map: Map<String, Value>) -> Value {
        self.0.kept(Value::Object(map))
    }

    /// A payload without the selected parts.
    #[must_use]
    pub fn rest_of(&self, map: Map<String, Value>) -> Value {
        self.0.left(Value::Object(map))
    }
}

impl Tree {
    fn add(&mut self, steps: &[Step]) {
        match (self, steps.split_first()) {
            // Whatever it is, it is selected already.
            (Self::Whole, _) => {}
            (tree, None) => *tree = Self::Whole,
            (Self::Below(parts), Some((first, rest))) => {
                let part = parts.entry(first.clone());
                part.or_insert_with(|| Self::Below(HashMap::new()))
                    .add(rest);
            }
        }
    }

    fn kept(&self, value: Value) -> Value {
        let Self::Below(parts) = self else {
            return value;
        };
        match value {
            Value::Object(map) => {
                let kept = map.into_iter().filter_map(|(key, value)| {
                    let (key, part) = part(parts, key);
                    Some((key, part?.kept(value)))
                });
                Value::Object(kept.collect())
            }
            Value::Array(items) => match parts.get(&Step::Every) {
                Some(part) => items.into_iter().map(|item| part.kept(item)).collect(),
                None => Value::Array(Vec::new()),
            },
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
        }
    }

    fn left(&self, value: Value) -> Value {
        let Self::Below(parts) = self else {
            return value;
        };
        match value {
            Value::Object(map) => {
                let left = map.into_iter().filter_map(|(key, value)| {
                    let (key, part) = part(parts, key);
                    match part {
                        None => Some((key, value)),
                        Some(Self::Whole) => None,
                        Some(part) => Some((key, part.left(value))),
                    }
                });
                Value::Object(left.collect())
            }
            Value::Array(items) => match parts.get(&Step::Every) {
                None => Value::Array(items),
                Some(Self::Whole) => Value::Array(Vec::new()),
                Some(part) => items.into_iter().map(|item| part.left(item)).collect(),
            },
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
        }
    }
}

/// What is selected below a key.
fn part(parts: &HashMap<Step, Tree>, key: String) -> (String, Option<&Tree>) {
    let step = Step::Key(key);
    let part = parts.get(&step);
    match step {
        Step::Key(key) => (key, part),
        Step::Every | Step::Index(_) => (String::new(), None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn both(paths: &[&str]) -> (Value, Value) {
        let payload = json!({
            "a.b": 1,
            "colour": "red",
            "o": {"x": 1, "y": {"z": 2}},
            "list": [{"x": 1, "y": 2}, 3],
        });
        let paths: Vec<Path> = paths
            .iter()
            .map(|path| Path::parse(path).unwrap())
            .collect();
        let selection = Selection::new(&paths);
        let map = payload.as_object().unwrap().clone();
        (selection.of(map.clone()), selection.rest_of(map))
    }

    #[test]
    fn keys_quoted_keys_and_paths_lead_to_parts() {
        let (kept, left) = both(&["\"a.b\"", "o.y.z", "o.missing"]);
        assert_eq!(kept, json!({"a.b": 1, "o": {"y": {"z": 2}}}));
        let without = json!({"colour": "red", "o": {"x": 1, "y": {}},
            "list": [{"x": 1, "y": 2}, 3]});
        assert_eq!(left, without);
    }

    #[test]
    fn a_path_that_ends_earlier_than_it_wants_keeps_what_is_there() {
        assert_eq!(both(&["colour.deep"]).0, json!({"colour": "red"}));
    }

    #[test]
    fn only_brackets_without_a_number_lead_into_lists() {
        assert_eq!(both(&["list[].x"]).0, json!({"list": [{"x": 1}, 3]}));
        assert_eq!(both(&["list[0]"]).0, json!({"list": []}));
        assert_eq!(both(&["list.x"]).0, json!({"list": []}));
        assert_eq!(both(&["list[]"]).1["list"], json!([]));
        assert_eq!(both(&["list[].x"]).1["list"], json!([{"y": 2}, 3]));
        assert_eq!(both(&["list[0]"]).1["list"], json!([{"x": 1, "y": 2}, 3]));
    }

    #[test]
    fn the_shorter_of_two_paths_wins() {
        let whole = json!({"o": {"x": 1, "y": {"z": 2}}});
        assert_eq!(both(&["o", "o.x"]).0, whole);
        assert_eq!(both(&["o.x", "o"]).0, whole);
    }
}
