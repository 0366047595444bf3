//! Payload indexes of the node's collections: made and removed at any time, never seen in an
//! answer, and described as they are.

use locule::payload::{
    index::{Definition, IndexKind},
    path::Path,
};
use serde_json::Value;

use super::{
    step::{FIELDS, Place},
    subject::{Subject, key, missing, name},
};

impl Subject {
    pub fn index(&mut self, place: Place, field: usize, kind: IndexKind) {
        let owner = self.owner(place.tenant);
        let definition = Definition::new(FIELDS[field], kind, String::new()).unwrap();
        let made = self
            .engine()
            .create_payload_index(&owner, &name(place), definition);
        match self.expected.get_mut(&key(place)) {
            Some(expected) => {
                made.unwrap();
                expected.indexes.insert(FIELDS[field], kind);
            }
            None => missing(made),
        }
        self.check_indexes(place);
    }

    pub fn unindex(&mut self, place: Place, field: usize) {
        let owner = self.owner(place.tenant);
        let path = Path::parse(FIELDS[field]).unwrap();
        let removed = self
            .engine()
            .delete_payload_index(&owner, &name(place), &path);
        match self.expected.get_mut(&key(place)) {
            Some(expected) => {
                removed.unwrap();
                expected.indexes.remove(FIELDS[field]);
            }
            None => missing(removed),
        }
        self.check_indexes(place);
    }

    /// The indexes are those that were made, and each knows how many points it holds.
    pub fn check_indexes(&self, place: Place) {
        let Some(expected) = self.expected.get(&key(place)) else {
            return;
        };
        let owner = self.owner(place.tenant);
        let collection = self
            .engine()
            .describe_collection(&owner, &name(place))
            .unwrap();
        let mut found: Vec<(String, IndexKind, u64)> = collection
            .payload_indexes()
            .into_iter()
            .map(|(index, points)| (index.field().to_owned(), index.kind(), points))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let wanted: Vec<(String, IndexKind, u64)> = expected
            .indexes
            .iter()
            .map(|(field, kind)| {
                let points = expected.points.values();
                let held = points.filter(|point| holds(&point.payload, field, *kind));
                ((*field).to_owned(), *kind, held.count() as u64)
            })
            .collect();
        assert_eq!(found, wanted);
    }
}

/// Whether a payload has a value of an index's kind in a field.
fn holds(payload: &serde_json::Map<String, Value>, field: &str, kind: IndexKind) -> bool {
    let mut values = Vec::new();
    match field.split_once("[].") {
        Some((list, inner)) => {
            let items = payload.get(list).and_then(Value::as_array);
            values.extend(
                items
                    .into_iter()
                    .flatten()
                    .filter_map(|item| item.get(inner)),
            );
        }
        None => match payload.get(field.trim_end_matches("[]")) {
            Some(Value::Array(items)) => values.extend(items),
            // Only an array has elements to go through.
            Some(_) if field.ends_with("[]") => {}
            value => values.extend(value),
        },
    }
    values.iter().any(|value| match kind {
        IndexKind::Keyword => value.is_string(),
        IndexKind::Integer => value.is_i64(),
        IndexKind::Float => value.is_number(),
        IndexKind::Bool => value.is_boolean(),
        // No text that is made at random is a time or a UUID.
        IndexKind::Datetime | IndexKind::Uuid => false,
        IndexKind::Geo => value.get("lon").is_some(),
        IndexKind::Text => value
            .as_str()
            .is_some_and(|text| text.contains(char::is_alphanumeric)),
    })
}
