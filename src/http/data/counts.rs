//! How many points there are: that match, and with each value of a field.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    filter,
    points::{self, LIMIT_DEFAULT},
    wire::{self, Collection, NoOtherParameters},
};
use crate::{
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    payload::{path::Path, values::FacetValue},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountIn {
    filter: Option<filter::Json>,
    exact: Option<bool>,
    shard_key: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FacetIn {
    key: String,
    limit: Option<usize>,
    filter: Option<filter::Json>,
    // Always exact.
    #[serde(rename = "exact")]
    _exact: Option<bool>,
    shard_key: Option<Value>,
}

#[derive(Serialize)]
struct FacetHit {
    value: FacetValueOut,
    count: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FacetValueOut {
    Bool(bool),
    Integer(i64),
    Text(String),
}

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
    Ok(answer::ok(&caller, json!({"count": count})))
}

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
    let hits: Vec<FacetHit> = hits.collect();
    Ok(answer::ok(&caller, json!({"hits": hits})))
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
