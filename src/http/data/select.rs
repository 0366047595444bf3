//! What of a point is wanted: `with_payload` and `with_vector`.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{vectors::VectorOut, wire::PointOut};
use crate::{
    engine::VectorsBack,
    http::refusal::Refusal,
    partition::{PointRecord, ScoredPoint},
    payload::{StoredPayload, path::Path, selection::Selection},
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
    /// What of payloads is wanted.
    pub(super) fn wanted(self) -> Result<PayloadBack, Refusal> {
        Ok(match self {
            Self::All(false) => PayloadBack::No,
            Self::All(true) => PayloadBack::All,
            Self::Fields(fields) | Self::Include(Include { include: fields }) => {
                PayloadBack::Only(selection(&fields)?)
            }
            Self::Exclude(Exclude { exclude: fields }) => PayloadBack::Without(selection(&fields)?),
        })
    }
}

fn selection(fields: &[String]) -> Result<Selection, Refusal> {
    if fields.len() > FIELDS_MAX {
        return Err(Refusal::invalid(format!(
            "Bad request: with_payload names {} fields, more than the limit of {FIELDS_MAX}",
            fields.len()
        )));
    }
    let paths: Result<Vec<Path>, _> = fields.iter().map(|field| Path::parse(field)).collect();
    let paths =
        paths.map_err(|error| Refusal::invalid(format!("Bad request: with_payload: {error}")))?;
    Ok(Selection::new(&paths))
}

/// What of payloads comes back.
pub(super) enum PayloadBack {
    No,
    All,
    Only(Selection),
    Without(Selection),
}

impl PayloadBack {
    /// Whether any payload is wanted.
    pub(super) const fn any(&self) -> bool {
        !matches!(self, Self::No)
    }

    fn apply(&self, payload: StoredPayload) -> Option<Box<RawValue>> {
        let map = |payload: StoredPayload| payload.parse().unwrap_or_default().into_map();
        let json = match self {
            Self::No => return None,
            Self::All => payload.into_json(),
            Self::Only(selection) => selection.of(map(payload)).to_string(),
            Self::Without(selection) => selection.rest_of(map(payload)).to_string(),
        };
        RawValue::from_string(json).ok()
    }
}

/// A point as it is answered.
pub(super) fn point(record: PointRecord, payload: &PayloadBack, vectors: &VectorsBack) -> PointOut {
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
    payload: &PayloadBack,
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

/// Most fields that a selector may name.
const FIELDS_MAX: usize = 1_000;
