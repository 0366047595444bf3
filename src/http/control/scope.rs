//! The scope of an erasure, from JSON: exactly one of five.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    engine::{EraseScope, Error},
    http::{
        data::{self, Json, POINTS_MAX},
        refusal::Refusal,
    },
    ops::receipt::ScopeKind,
    partition::Erasing,
    payload::path::Path,
    tenant::{CollectionName, PointId},
};

/// What is to be erased: one of these.
#[derive(ToSchema)]
#[schema(as = ErasureScope, rename_all = "lowercase")]
#[expect(dead_code, reason = "the document's picture of a scope")]
pub(super) enum Picture {
    /// Every point, in any collection, that has a value at a field of its payload.
    Subject(SubjectPicture),
    /// Some points of a collection.
    Points(PointsPicture),
    /// The points of a collection that match.
    Filter(FilterPicture),
    /// A collection, by name.
    Collection(String),
    /// `true`: everything, and the tenant. Its id is never given out again.
    Tenant(bool),
}

/// A data subject.
#[derive(ToSchema)]
#[schema(as = ErasureSubject)]
#[expect(dead_code, reason = "a picture")]
pub(super) struct SubjectPicture {
    /// A path into payloads, like `user.email`.
    field: String,
    /// A string, an integer or a boolean.
    value: Value,
}

/// Points of a collection.
#[derive(ToSchema)]
#[schema(as = ErasurePoints)]
#[expect(dead_code, reason = "a picture")]
pub(super) struct PointsPicture {
    collection: String,
    ids: Vec<data::IdPicture>,
}

/// Points that match.
#[derive(ToSchema)]
#[schema(as = ErasureFilter)]
#[expect(dead_code, reason = "a picture")]
pub(super) struct FilterPicture {
    collection: String,
    filter: data::FilterPicture,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    field: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    collection: String,
    ids: Vec<PointId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matching {
    collection: String,
    filter: Json,
}

/// Reads a scope.
pub(super) fn read(json: &Json) -> Result<(EraseScope, ScopeKind), Refusal> {
    let mut fields = json.value().as_object().into_iter().flatten();
    let (Some((name, value)), None) = (fields.next(), fields.next()) else {
        return Err(Refusal::invalid(
            "scope takes exactly one of subject, points, filter, collection and tenant",
        ));
    };
    let part = |what, kind| Ok((EraseScope::Part(what), kind));
    match name.as_str() {
        "subject" => {
            let Subject { field, value } = fields_of(name, value)?;
            let matched = json!({"must": [{"key": field, "match": {"value": value}}]});
            Path::parse(&field).map_err(|error| Refusal::invalid(error.to_string()))?;
            let what = Erasing::Matching {
                collection: None,
                filter: data::filter(&Json::from_value(matched))?,
            };
            part(what, ScopeKind::Subject)
        }
        "points" => {
            let Points { collection, ids } = fields_of(name, value)?;
            if !(1..=POINTS_MAX).contains(&ids.len()) {
                return Err(Refusal::invalid(format!(
                    "points.ids takes 1 to {POINTS_MAX} ids"
                )));
            }
            let collection = parse(&collection)?;
            part(Erasing::Points { collection, ids }, ScopeKind::Points)
        }
        "filter" => {
            let Matching { collection, filter } = fields_of(name, value)?;
            let filter = data::filter(&filter)?;
            if filter.is_empty() {
                return Err(Refusal::invalid(
                    "filter has no condition; to erase all points, erase the collection",
                ));
            }
            let what = Erasing::Matching {
                collection: Some(parse(&collection)?),
                filter,
            };
            part(what, ScopeKind::Filter)
        }
        "collection" => {
            let name: String = fields_of(name, value)?;
            part(Erasing::Collection(parse(&name)?), ScopeKind::Collection)
        }
        "tenant" if *value == Value::Bool(true) => Ok((EraseScope::Tenant, ScopeKind::Tenant)),
        "tenant" => Err(Refusal::invalid("scope.tenant takes true")),
        other => Err(Refusal::invalid(format!(
            "unknown scope `{other}`; there are subject, points, filter, collection and tenant"
        ))),
    }
}

fn fields_of<T: for<'de> Deserialize<'de>>(name: &str, value: &Value) -> Result<T, Refusal> {
    T::deserialize(value).map_err(|error| Refusal::invalid(format!("scope.{name}: {error}")))
}

fn parse(name: &str) -> Result<CollectionName, Refusal> {
    Ok(CollectionName::parse(name).map_err(Error::from)?)
}
