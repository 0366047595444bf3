//! Scroll: points page by page in id order, or the first by a payload value.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    filter,
    points::{self, LIMIT_DEFAULT},
    query::{Level, OrderByIn, Shown},
    select::{self, PayloadSelector, VectorSelector},
    wire::{self, Collection, NoOtherParameters, PointOut},
};
use crate::{
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::Kind,
    tenant::{CollectionName, PointId},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScrollIn {
    offset: Option<PointId>,
    limit: Option<usize>,
    filter: Option<filter::Json>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    order_by: Option<OrderByIn>,
    shard_key: Option<Value>,
}

pub(super) async fn scroll(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<ScrollIn>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let limit = body.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::invalid("Bad request: limit must be 1 or more"));
    }
    points::within(limit)?;
    let shown = Shown::of(
        Some(body.with_payload.unwrap_or(PayloadSelector::All(true))),
        body.with_vector,
    );
    if let Some(order_by) = body.order_by {
        if body.offset.is_some() {
            return Err(Refusal::invalid(
                "Bad request: `offset` doesn't go with `order_by`; begin at a value with `start_from`",
            ));
        }
        let level = Level {
            filter: body.filter,
            limit: Some(limit),
            ..Level::default()
        };
        let points = in_order(&caller, name, order_by, level, &shown).await?;
        return Ok(answer::ok(
            &caller,
            json!({"points": points, "next_page_offset": null}),
        ));
    }
    let filter = filter::parse(body.filter.as_ref())?;
    let page = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.scroll(principal, &name, body.offset, limit, filter.as_ref())
        })
        .await?;
    let points = page.points.into_iter();
    let points: Vec<PointOut> = points
        .map(|record| select::point(record, &shown.payload, &shown.vectors))
        .collect();
    Ok(answer::ok(
        &caller,
        json!({"points": points, "next_page_offset": page.next}),
    ))
}

/// The points with the first values of a field. There is no page after: the values tell where
/// the next begins.
async fn in_order(
    caller: &Caller,
    name: CollectionName,
    order_by: OrderByIn,
    level: Level,
    shown: &Shown,
) -> Result<Vec<PointOut>, Refusal> {
    let asked = shown.asked(level.ranked(Kind::Values(order_by.order()?))?);
    let found = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.query(principal, &name, asked)
        })
        .await?;
    let found = found.into_iter().map(|found| {
        let order_value = found.value;
        PointOut {
            order_value: order_value.map(Into::into),
            ..select::point(found.point, &shown.payload, &shown.vectors)
        }
    });
    Ok(found.collect())
}
