//! Scroll: points page by page in id order, or the first by a payload value.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    filter, openapi,
    points::{self, LIMIT_DEFAULT},
    query::{Level, OrderByIn, Shown},
    select::{self, PayloadSelector, VectorSelector},
    wire::{self, Collection, NoOtherParameters, PointOut},
};
use crate::{
    http::{
        answer::Envelope,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::Kind,
    tenant::{CollectionName, PointId},
};

/// Which points, and where the page begins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Scroll)]
pub(super) struct ScrollIn {
    #[schema(value_type = Option<openapi::Id>)]
    offset: Option<PointId>,
    limit: Option<usize>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    order_by: Option<OrderByIn>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// A page of points.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct PageOut {
    points: Vec<PointOut>,
    /// Where the next page begins; null if there is none.
    #[schema(value_type = Option<openapi::Id>, required)]
    next_page_offset: Option<PointId>,
}

/// Points page by page in id order, or the first by a payload value.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/scroll",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = ScrollIn,
    responses((status = 200, description = "The answer.", body = Envelope<PageOut>))
)]
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
    )?;
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
        return in_order(&caller, name, order_by, level, shown).await;
    }
    let filter = filter::parse(body.filter.as_ref())?;
    caller
        .answer(Waits::Maybe, move |engine, principal| {
            let page = engine.scroll(principal, &name, body.offset, limit, filter.as_ref())?;
            let points = page.points.into_iter();
            let points = points
                .map(|record| select::point(record, &shown.payload, &shown.vectors))
                .collect();
            Ok(PageOut {
                points,
                next_page_offset: page.next,
            })
        })
        .await
}

/// The points with the first values of a field. There is no page after: the values tell where
/// the next begins.
async fn in_order(
    caller: &Caller,
    name: CollectionName,
    order_by: OrderByIn,
    level: Level,
    shown: Shown,
) -> Result<Response, Refusal> {
    let asked = shown.asked(level.ranked(Kind::Values(order_by.order()?))?);
    caller
        .answer(Waits::Maybe, move |engine, principal| {
            let found = engine.query(principal, &name, asked)?;
            let points = found.into_iter().map(|found| {
                let order_value = found.value;
                PointOut {
                    order_value: order_value.map(Into::into),
                    ..select::point(found.point, &shown.payload, &shown.vectors)
                }
            });
            Ok(PageOut {
                points: points.collect(),
                next_page_offset: None,
            })
        })
        .await
}
