//! Points: retrieve.

use axum::{http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    openapi,
    select::{self, PayloadBack, PayloadSelector, VectorSelector},
    wire::{self, Collection, NoOtherParameters, PointOut},
};
use crate::{
    engine::{Error, VectorsBack},
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
    tenant::PointId,
};

/// Which points, and what of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Retrieve)]
pub(super) struct Retrieve {
    #[schema(value_type = Vec<openapi::Id>)]
    ids: Vec<PointId>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Points by id, those that are there, in the order in which they are asked for.
#[utoipa::path(
    post,
    path = "/collections/{name}/points",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = Retrieve,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<PointOut>>))
)]
pub(super) async fn retrieve(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Retrieve>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    within(body.ids.len())?;
    let payload = body
        .with_payload
        .unwrap_or(PayloadSelector::All(true))
        .wanted()?;
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

/// One point, with its payload and vectors.
#[utoipa::path(
    get,
    path = "/collections/{name}/points/{id}",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("id" = openapi::Id, Path, description = "The point's id")),
    responses((status = 200, description = "The answer.", body = Envelope<PointOut>))
)]
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
        select::point(record, &PayloadBack::All, &VectorsBack::All),
    ))
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
pub(in crate::http) const POINTS_MAX: usize = 10_000;
pub(super) const LIMIT_DEFAULT: usize = 10;
