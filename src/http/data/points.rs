//! Points: retrieve, scroll, count.

use axum::{extract::Path, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    filter,
    select::{self, PayloadSelector, VectorSelector},
    wire::{self, Collection, NoOtherParameters},
};
use crate::{
    engine::{Error, VectorsBack},
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    tenant::PointId,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retrieve {
    ids: Vec<PointId>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    shard_key: Option<Value>,
}

pub(super) async fn retrieve(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Retrieve>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    within(body.ids.len())?;
    let payload = body.with_payload.unwrap_or(PayloadSelector::All(true));
    let vectors = VectorSelector::wanted(body.with_vector);
    let ids = body.ids;
    let records = caller
        .run(Waits::NotWhenWarm, move |engine, principal| {
            engine.retrieve(principal, &name, &ids)
        })
        .await?;
    let points: Vec<_> = records
        .into_iter()
        .map(|record| select::point(record, &payload, &vectors))
        .collect();
    Ok(answer::ok(&caller, points))
}

pub(super) async fn show(
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
    Collection(name): Collection,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    let id = PointId::parse(&id).map_err(Error::from)?;
    let records = caller
        .run(Waits::NotWhenWarm, move |engine, principal| {
            engine.retrieve(principal, &name, &[id])
        })
        .await?;
    let record = records.into_iter().next().ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "Not found: there is no point with this id",
        )
    })?;
    Ok(answer::ok(
        &caller,
        select::point(record, &PayloadSelector::All(true), &VectorsBack::All),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scroll {
    offset: Option<PointId>,
    limit: Option<usize>,
    filter: Option<filter::Json>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    order_by: Option<Value>,
    shard_key: Option<Value>,
}

pub(super) async fn scroll(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Scroll>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("order_by", &body.order_by), ("shard_key", &body.shard_key)])?;
    let limit = body.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::invalid("Bad request: limit must be 1 or more"));
    }
    within(limit)?;
    let filter = filter::parse(body.filter.as_ref())?;
    let payload = body.with_payload.unwrap_or(PayloadSelector::All(true));
    let vectors = VectorSelector::wanted(body.with_vector);
    let page = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.scroll(principal, &name, body.offset, limit, filter.as_ref())
        })
        .await?;
    let points: Vec<_> = page
        .points
        .into_iter()
        .map(|record| select::point(record, &payload, &vectors))
        .collect();
    Ok(answer::ok(
        &caller,
        json!({"points": points, "next_page_offset": page.next}),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    filter: Option<filter::Json>,
    #[serde(rename = "exact")]
    _exact: Option<bool>,
    shard_key: Option<Value>,
}

/// Always exact.
pub(super) async fn count(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Count>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let filter = filter::parse(body.filter.as_ref())?;
    let count = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.count(principal, &name, filter.as_ref())
        })
        .await?;
    Ok(answer::ok(&caller, json!({"count": count})))
}

pub(super) fn within(points: usize) -> Result<(), Refusal> {
    if points > POINTS_MAX {
        return Err(Refusal::invalid(format!(
            "Bad request: {points} points in one request, more than the limit of {POINTS_MAX}"
        )));
    }
    Ok(())
}

/// Most points that one request may name, store, or ask for.
const POINTS_MAX: usize = 10_000;
pub(super) const LIMIT_DEFAULT: usize = 10;
