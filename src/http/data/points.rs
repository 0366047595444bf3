//! Points: upsert, retrieve, delete, scroll, count.

use axum::{extract::Path, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    filter,
    select::{self, PayloadSelector, VectorSelector},
    vectors::{ManyVectors, VectorsIn},
    wire::{self, Collection, NoOtherParameters, UpdateResult},
};
use crate::{
    engine::{Error, VectorsBack},
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::{PointUpsert, Selection},
    payload::Payload,
    tenant::PointId,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upsert {
    points: Option<Vec<PointIn>>,
    batch: Option<Batch>,
    shard_key: Option<Value>,
    update_filter: Option<Value>,
    update_mode: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointIn {
    id: PointId,
    vector: VectorsIn,
    payload: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    ids: Vec<PointId>,
    vectors: ManyVectors,
    payloads: Option<Vec<Option<Map<String, Value>>>>,
}

pub(super) async fn upsert(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Upsert>,
) -> Result<Response, Refusal> {
    wire::refuse_set([
        ("shard_key", &body.shard_key),
        ("update_filter", &body.update_filter),
        ("update_mode", &body.update_mode),
    ])?;
    let points = match (body.points, body.batch) {
        (Some(points), None) => points,
        (None, Some(batch)) => unbatched(batch)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::invalid(
                "Bad request: give either `points` or `batch`",
            ));
        }
    };
    within(points.len())?;
    let points = points
        .into_iter()
        .map(|point| {
            let payload = Payload::new(point.payload.unwrap_or_default())
                .map_err(|error| Refusal::invalid(format!("Wrong input: {error}")))?;
            Ok(PointUpsert {
                id: point.id,
                vectors: point.vector.0,
                payload,
            })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let seq = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.upsert(principal, &name, points)
        })
        .await?;
    Ok(answer::ok(&caller, UpdateResult::completed(seq)))
}

fn unbatched(batch: Batch) -> Result<Vec<PointIn>, Refusal> {
    let count = batch.ids.len();
    let payloads = batch
        .payloads
        .unwrap_or_else(|| (0..count).map(|_| None).collect());
    let vectors = batch.vectors.by_point();
    let vectors = vectors.map_err(|error| Refusal::invalid(format!("Bad request: {error}")))?;
    if vectors.len() != count || payloads.len() != count {
        return Err(Refusal::invalid(format!(
            "Bad request: the batch has {count} ids, {} vectors and {} payloads",
            vectors.len(),
            payloads.len()
        )));
    }
    let points = batch.ids.into_iter().zip(vectors).zip(payloads);
    Ok(points
        .map(|((id, vector), payload)| PointIn {
            id,
            vector: VectorsIn(vector),
            payload,
        })
        .collect())
}

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
pub(super) struct Remove {
    points: Option<Vec<PointId>>,
    filter: Option<Value>,
    shard_key: Option<Value>,
}

pub(super) async fn remove(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Remove>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let selection = match (body.points, filter::parse(body.filter.as_ref())?) {
        (Some(ids), None) => {
            within(ids.len())?;
            Selection::Ids(ids)
        }
        (None, Some(filter)) => Selection::Filter(filter),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::invalid(
                "Bad request: give either `points` or `filter`",
            ));
        }
    };
    let seq = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.remove(principal, &name, selection)
        })
        .await?;
    Ok(answer::ok(&caller, UpdateResult::completed(seq)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scroll {
    offset: Option<PointId>,
    limit: Option<usize>,
    filter: Option<Value>,
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
    filter: Option<Value>,
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

fn within(points: usize) -> Result<(), Refusal> {
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
