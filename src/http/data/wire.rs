//! JSON shapes that several routes share, in the dialect's own words.

use std::num::NonZeroU64;

use axum::extract::FromRequestParts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use super::{openapi, vectors::VectorOut};
use crate::{
    engine::Error,
    http::{
        parameters::{Parameters, Path},
        refusal::Refusal,
    },
    payload::values::OrderValue,
    tenant::{CollectionName, PointId},
};

/// The collection that a path names.
pub(super) struct Collection(pub(super) CollectionName);

impl<S: Send + Sync> FromRequestParts<S> for Collection {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let Path(Named { name }) = Path::<Named>::from_request_parts(parts, state).await?;
        Ok(Self(CollectionName::parse(&name).map_err(Error::from)?))
    }
}

/// The query parameters that routes of the dialect take. Writes are always waited for and reads
/// always consistent, so none of them changes an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownParameters {
    #[serde(rename = "wait")]
    _wait: Option<String>,
    #[serde(rename = "ordering")]
    _ordering: Option<String>,
    #[serde(rename = "consistency")]
    _consistency: Option<String>,
    #[serde(rename = "timeout")]
    _timeout: Option<String>,
}

/// Refuses query parameters that aren't known.
pub(super) struct NoOtherParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoOtherParameters {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Refusal> {
        Parameters::<KnownParameters>::from_request_parts(parts, state).await?;
        Ok(Self)
    }
}

/// What must not be set, because it would change the answer and isn't supported.
pub(super) fn refuse_set<const N: usize>(
    fields: [(&str, &Option<Value>); N],
) -> Result<(), Refusal> {
    for (name, value) in fields {
        if value.as_ref().is_some_and(|value| !value.is_null()) {
            return Err(Refusal::invalid(format!(
                "Bad request: `{name}` isn't supported yet"
            )));
        }
    }
    Ok(())
}

/// What a point was ordered by.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = OrderValue)]
pub(super) enum OrderValueOut {
    Integer(i64),
    Float(f64),
}

impl From<OrderValue> for OrderValueOut {
    fn from(value: OrderValue) -> Self {
        match value {
            OrderValue::Integer(number) => Self::Integer(number),
            OrderValue::Float(number) => Self::Float(number),
        }
    }
}

/// The query parameters of a write. It is always waited for, durable and visible when it is
/// answered, so they are checked and change nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownWriteParameters {
    #[serde(rename = "wait")]
    _wait: Option<bool>,
    #[serde(rename = "ordering")]
    _ordering: Option<Ordering>,
    #[serde(rename = "timeout")]
    _timeout: Option<NonZeroU64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ordering {
    Weak,
    Medium,
    Strong,
}

/// Refuses query parameters that a write doesn't have.
pub(super) struct WriteParameters;

impl<S: Send + Sync> FromRequestParts<S> for WriteParameters {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Refusal> {
        Parameters::<KnownWriteParameters>::from_request_parts(parts, state).await?;
        Ok(Self)
    }
}

/// A point in an answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Point)]
pub(super) struct PointOut {
    #[schema(value_type = openapi::Id)]
    pub(super) id: PointId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<openapi::Payload>)]
    pub(super) payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<openapi::Vectors>)]
    pub(super) vector: Option<VectorOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_value: Option<OrderValueOut>,
}

/// What a write is answered.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct UpdateResult {
    pub(super) operation_id: u64,
    pub(super) status: &'static str,
}

impl UpdateResult {
    pub(super) const fn completed(operation_id: u64) -> Self {
        Self {
            operation_id,
            status: "completed",
        }
    }
}
