//! How many points there are: that match, and with each value of a field.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    filter, openapi,
    points::{self, LIMIT_DEFAULT},
    wire::{self, Collection, NoOtherParameters},
};
use crate::{
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    payload::{path::Path, values::FacetValue},
};

/// Which points to count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Count)]
pub(super) struct CountIn {
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    exact: Option<bool>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Which values to count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Facet)]
pub(super) struct FacetIn {
    key: String,
    limit: Option<usize>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    // Always exact.
    #[serde(rename = "exact")]
    _exact: Option<bool>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// How many points there are.
#[derive(Serialize, ToSchema)]
#[schema(as = CountAnswer)]
pub(super) struct CountOut {
    count: u64,
}

/// Values, the most frequent first.
#[derive(Serialize, ToSchema)]
#[schema(as = FacetAnswer)]
pub(super) struct FacetOut {
    hits: Vec<FacetHit>,
}

/// A value, and how many points have it.
#[derive(Serialize, ToSchema)]
#[schema(as = FacetHit)]
struct FacetHit {
    value: FacetValueOut,
    count: u64,
}

/// A value.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = FacetValue)]
enum FacetValueOut {
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// How many points match.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/count",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = CountIn,
    responses((status = 200, description = "The answer.", body = Envelope<CountOut>))
)]
pub(super) async fn count(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<CountIn>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let filter = filter::parse(body.filter.as_ref())?;
    let exact = body.exact.unwrap_or(true);
    let count = caller
        .run(Waits::Maybe, move |engine, principal| {
            if exact {
                engine.count(principal, &name, filter.as_ref())
            } else {
                engine.estimate(principal, &name, filter.as_ref())
            }
        })
        .await?;
    Ok(answer::ok(&caller, CountOut { count }))
}

/// How many points have each value of a field.
#[utoipa::path(
    post,
    path = "/collections/{name}/facet",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = FacetIn,
    responses((status = 200, description = "The answer.", body = Envelope<FacetOut>))
)]
pub(super) async fn facet(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<FacetIn>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let limit = body.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::invalid("Bad request: limit must be 1 or more"));
    }
    points::within(limit)?;
    let filter = filter::parse(body.filter.as_ref())?;
    let path = Path::parse(&body.key)
        .map_err(|error| Refusal::invalid(format!("Wrong input: key: {error}")))?;
    let counts = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.facet(principal, &name, &path, filter.as_ref(), limit)
        })
        .await?;
    let hits = counts.into_iter().map(|(value, count)| FacetHit {
        value: value.into(),
        count,
    });
    let hits = hits.collect();
    Ok(answer::ok(&caller, FacetOut { hits }))
}

impl From<FacetValue> for FacetValueOut {
    fn from(value: FacetValue) -> Self {
        match value {
            FacetValue::Bool(truth) => Self::Bool(truth),
            FacetValue::Integer(number) => Self::Integer(number),
            FacetValue::Text(text) => Self::Text(text),
        }
    }
}
