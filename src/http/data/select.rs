//! What of a point is wanted: `with_payload` and `with_vector`.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;

use super::{vectors::VectorOut, wire::PointOut};
use crate::{
    engine::VectorsBack,
    partition::{PointRecord, ScoredPoint},
    payload::StoredPayload,
    vector::Vectors,
};

/// `with_payload`: yes or no, the fields that are wanted, or those that aren't.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "with_payload takes true, false, a list of fields, or {include} or {exclude}"
)]
pub(super) enum PayloadSelector {
    All(bool),
    Fields(Vec<String>),
    Include(Include),
    Exclude(Exclude),
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayloadInclude)]
pub(super) struct Include {
    include: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayloadExclude)]
pub(super) struct Exclude {
    exclude: Vec<String>,
}

/// `with_vector`: yes or no, or a list of names.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "with_vector takes true, false, or a list of vector names"
)]
pub(super) enum VectorSelector {
    All(bool),
    Names(Vec<String>),
}

impl VectorSelector {
    pub(super) fn wanted(selector: Option<Self>) -> VectorsBack {
        match selector {
            None | Some(Self::All(false)) => VectorsBack::No,
            Some(Self::All(true)) => VectorsBack::All,
            Some(Self::Names(names)) if names.is_empty() => VectorsBack::No,
            Some(Self::Names(names)) => VectorsBack::Named(names),
        }
    }
}

impl PayloadSelector {
    /// Whether any payload is wanted.
    pub(super) fn any(&self) -> bool {
        !matches!(self, Self::All(false))
    }

    fn apply(&self, payload: StoredPayload) -> Option<Box<RawValue>> {
        let json = match self {
            Self::All(false) => return None,
            Self::All(true) => payload.into_json(),
            Self::Fields(fields) | Self::Include(Include { include: fields }) => {
                let map = payload.parse().unwrap_or_default().into_map();
                let mut kept = Map::new();
                for field in fields {
                    include(&map, &steps(field), &mut kept);
                }
                Value::Object(kept).to_string()
            }
            Self::Exclude(Exclude { exclude: fields }) => {
                let mut map = payload.parse().unwrap_or_default().into_map();
                for field in fields {
                    exclude(&mut map, &steps(field));
                }
                Value::Object(map).to_string()
            }
        };
        RawValue::from_string(json).ok()
    }
}

/// A field's path: keys joined by dots; arrays are looked into with or without `[]`.
fn steps(field: &str) -> Vec<&str> {
    field
        .split('.')
        .map(|step| step.strip_suffix("[]").unwrap_or(step))
        .collect()
}

fn include(from: &Map<String, Value>, steps: &[&str], to: &mut Map<String, Value>) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    let Some(value) = from.get(*first) else {
        return;
    };
    if rest.is_empty() {
        to.insert((*first).to_owned(), value.clone());
        return;
    }
    match value {
        Value::Object(inner) => {
            let place = to
                .entry(*first)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(place) = place {
                include(inner, rest, place);
            }
        }
        Value::Array(items) => {
            let kept = items.iter().filter_map(Value::as_object).map(|inner| {
                let mut kept = Map::new();
                include(inner, rest, &mut kept);
                Value::Object(kept)
            });
            to.insert((*first).to_owned(), kept.collect());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn exclude(map: &mut Map<String, Value>, steps: &[&str]) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    if rest.is_empty() {
        map.remove(*first);
        return;
    }
    match map.get_mut(*first) {
        Some(Value::Object(inner)) => exclude(inner, rest),
        Some(Value::Array(items)) => {
            for inner in items.iter_mut().filter_map(Value::as_object_mut) {
                exclude(inner, rest);
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
}

/// A point as it is answered.
pub(super) fn point(
    record: PointRecord,
    payload: &PayloadSelector,
    vectors: &VectorsBack,
) -> PointOut {
    PointOut {
        id: record.id,
        version: None,
        score: None,
        payload: record.payload.and_then(|stored| payload.apply(stored)),
        vector: record.vectors.and_then(|found| chosen(found, vectors)),
        order_value: None,
    }
}

fn chosen(mut found: Vectors, vectors: &VectorsBack) -> Option<VectorOut> {
    match vectors {
        VectorsBack::No => return None,
        VectorsBack::All => {}
        VectorsBack::Named(names) => found.retain(|name, _| names.contains(name)),
    }
    Some(VectorOut::of(found))
}

/// A neighbour as it is answered.
pub(super) fn neighbour(
    scored: ScoredPoint,
    payload: &PayloadSelector,
    vectors: &VectorsBack,
) -> PointOut {
    let version = scored.point.version;
    PointOut {
        order_value: scored.value.map(Into::into),
        version: Some(version),
        score: Some(scored.score),
        ..point(scored.point, payload, vectors)
    }
}
