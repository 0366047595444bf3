//! Changing payloads: fields of objects, and what a path leads to.

use serde_json::{Map, Value};

use super::path::{Path, Step};

/// Sets fields of an object. A null removes its field.
pub fn merge(map: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
}

impl Path {
    /// Sets fields of the objects that the path leads to. What isn't there yet is made; what isn't
    /// an object or an array where the path needs one gives way to one. An array gains no elements.
    pub fn merge(&self, map: &mut Map<String, Value>, fields: &Map<String, Value>) {
        if let Some((Step::Key(first), rest)) = self.0.split_first() {
            merge_at(place(map, first), rest, fields);
        }
    }

    /// Removes what the path leads to. `[]` at its end empties the array; an element is never taken
    /// out of one, since doing that twice would be something else than once.
    pub fn remove(&self, map: &mut Map<String, Value>) {
        match self.0.split_first() {
            Some((Step::Key(last), [])) => drop(map.remove(last)),
            Some((Step::Key(first), rest)) => {
                if let Some(value) = map.get_mut(first) {
                    remove_at(value, rest);
                }
            }
            Some((Step::Every | Step::Index(_), _)) | None => {}
        }
    }
}

/// The value of a key: an empty object if there was none.
fn place<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Value {
    map.entry(key).or_insert_with(|| Value::Object(Map::new()))
}

fn merge_at(value: &mut Value, steps: &[Step], fields: &Map<String, Value>) {
    let needs_object = matches!(steps.first(), None | Some(Step::Key(_)));
    if needs_object && !value.is_object() {
        *value = Value::Object(Map::new());
    } else if !needs_object && !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match (steps.split_first(), value) {
        (None, Value::Object(map)) => merge(map, fields),
        (Some((Step::Key(key), rest)), Value::Object(map)) => {
            merge_at(place(map, key), rest, fields);
        }
        (Some((Step::Every, rest)), Value::Array(items)) => {
            for item in items {
                merge_at(item, rest, fields);
            }
        }
        (Some((Step::Index(index), rest)), Value::Array(items)) => {
            if let Some(item) = items.get_mut(*index) {
                merge_at(item, rest, fields);
            }
        }
        // It was made what the step needs.
        (Some((Step::Key(_) | Step::Every | Step::Index(_), _)) | None, _) => {}
    }
}

fn remove_at(value: &mut Value, steps: &[Step]) {
    match (steps.split_first(), value) {
        (Some((Step::Key(last), [])), Value::Object(map)) => drop(map.remove(last)),
        (Some((Step::Key(key), rest)), Value::Object(map)) => {
            if let Some(value) = map.get_mut(key) {
                remove_at(value, rest);
            }
        }
        (Some((Step::Every, [])), Value::Array(items)) => items.clear(),
        (Some((Step::Every, rest)), Value::Array(items)) => {
            for item in items {
                remove_at(item, rest);
            }
        }
        (Some((Step::Index(index), rest)), Value::Array(items)) if !rest.is_empty() => {
            if let Some(item) = items.get_mut(*index) {
                remove_at(item, rest);
            }
        }
        (Some((Step::Key(_) | Step::Every | Step::Index(_), _)) | None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut into: Value, at: &str, fields: Value) -> Value {
        let path = Path::parse(at).unwrap();
        path.merge(into.as_object_mut().unwrap(), fields.as_object().unwrap());
        into
    }

    fn removed(mut from: Value, at: &str) -> Value {
        Path::parse(at)
            .unwrap()
            .remove(from.as_object_mut().unwrap());
        from
    }

    #[test]
    fn fields_are_set_where_a_path_leads() {
        let new = || json!({"c": 3, "gone": null});
        for (into, at, expected) in [
            (json!({}), "a.b", json!({"a": {"b": {"c": 3}}})),
            (
                json!({"a": {"b": {"gone": 1, "d": 2}}}),
                "a.b",
                json!({"a": {"b": {"c": 3, "d": 2}}}),
            ),
            (json!({"a": 1}), "a.b", json!({"a": {"b": {"c": 3}}})),
            (
                json!({"a": [{"d": 1}, 2]}),
                "a[]",
                json!({"a": [{"d": 1, "c": 3}, {"c": 3}]}),
            ),
            (
                json!({"a": [{"b": 1}, {}]}),
                "a[].b",
                json!({"a": [{"b": {"c": 3}}, {"b": {"c": 3}}]}),
            ),
            (json!({"a": [1, 2]}), "a[1]", json!({"a": [1, {"c": 3}]})),
            (json!({"a": [1, 2]}), "a[2]", json!({"a": [1, 2]})),
            (json!({"a": {}}), "a[0]", json!({"a": []})),
            (json!({}), "a[].b", json!({"a": []})),
        ] {
            assert_eq!(merged(into.clone(), at, new()), expected, "{into} at {at}");
        }
    }

    #[test]
    fn what_a_path_leads_to_is_removed() {
        for (from, at, expected) in [
            (json!({"a": 1, "b": 2}), "a", json!({"b": 2})),
            (
                json!({"a": {"b": 1, "c": 2}}),
                "a.b",
                json!({"a": {"c": 2}}),
            ),
            (
                json!({"a": [{"b": 1}, {"b": 2, "c": 3}]}),
                "a[].b",
                json!({"a": [{}, {"c": 3}]}),
            ),
            (
                json!({"a": [{"b": 1}, {"b": 2}]}),
                "a[1].b",
                json!({"a": [{"b": 1}, {}]}),
            ),
            (json!({"a": [1, 2]}), "a[]", json!({"a": []})),
            (json!({"a": [1, 2]}), "a[0]", json!({"a": [1, 2]})),
            (json!({"a": 1}), "a.b", json!({"a": 1})),
            (json!({"a": 1}), "x", json!({"a": 1})),
        ] {
            assert_eq!(removed(from.clone(), at), expected, "{from} at {at}");
        }
    }
}
