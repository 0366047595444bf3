//! `query`, its batch form and its groups: the routes that every other way to search goes by.

mod body;
mod given;
mod kinds;

use axum::response::Response;
use serde::Serialize;

use self::body::{BatchIn, GroupsIn, QueryIn};
pub(super) use self::{
    body::{Level, Params, PrefetchIn, grouping},
    given::Given,
    kinds::{OrderByIn, QueryObject, RecommendIn, StrategyIn},
};
use utoipa::ToSchema;

use super::{
    select::{self, PayloadBack},
    wire::{Collection, NoOtherParameters, PointOut},
};
use crate::{
    engine::{Asked, VectorsBack},
    http::{
        answer::Envelope,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::{Grouping, Query, ScoredPoint},
    payload::values::GroupId,
    tenant::CollectionName,
};

/// The points that rank first.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/query",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = QueryIn,
    responses((status = 200, description = "The answer.", body = Envelope<Points>))
)]
pub(super) async fn query(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<QueryIn>,
) -> Result<Response, Refusal> {
    let understood = body.understood()?;
    answered(&caller, &name, understood, |points| Points { points }).await
}

/// Several queries at once.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/query/batch",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = BatchIn,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<Points>>))
)]
pub(super) async fn query_batch(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<BatchIn>,
) -> Result<Response, Refusal> {
    // Every query is understood before the first is answered.
    let asked = within(body.searches)?.into_iter().map(QueryIn::understood);
    let asked = asked.collect::<Result<_, _>>()?;
    all_answered(&caller, &name, asked, |points| Points { points }).await
}

/// The points that rank first, in groups by a payload value.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/query/groups",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = GroupsIn,
    responses((status = 200, description = "The answer.", body = Envelope<Groups>))
)]
pub(super) async fn query_groups(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<GroupsIn>,
) -> Result<Response, Refusal> {
    let (understood, grouping) = body.understood()?;
    groups(&caller, &name, understood, grouping).await
}

/// A query that was understood, and what of the points that it finds is shown.
pub(super) struct Understood {
    pub(super) query: Query,
    pub(super) shown: Shown,
}

/// What of points is shown.
pub(super) struct Shown {
    pub(super) payload: PayloadBack,
    pub(super) vectors: VectorsBack,
}

impl Shown {
    pub(super) fn asked(&self, query: Query) -> Asked {
        Asked {
            query,
            with_payload: self.payload.any(),
            vectors: self.vectors.clone(),
        }
    }

    fn points(&self, found: Vec<ScoredPoint>) -> Vec<PointOut> {
        let found = found.into_iter();
        found
            .map(|point| select::neighbour(point, &self.payload, &self.vectors))
            .collect()
    }
}

/// The points that were found.
#[derive(Serialize, ToSchema)]
#[schema(as = QueryAnswer)]
struct Points {
    points: Vec<PointOut>,
}

/// The groups that were found.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupsAnswer)]
pub(super) struct Groups {
    groups: Vec<GroupOut>,
}

/// The points of one group.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
struct GroupOut {
    id: GroupIdOut,
    hits: Vec<PointOut>,
}

/// The value that a group shares.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = GroupId)]
enum GroupIdOut {
    Text(String),
    Integer(i64),
    Unsigned(u64),
}

impl From<GroupId> for GroupIdOut {
    fn from(id: GroupId) -> Self {
        match id {
            GroupId::Text(text) => Self::Text(text),
            GroupId::Integer(number) => Self::Integer(number),
            GroupId::Unsigned(number) => Self::Unsigned(number),
        }
    }
}

/// Asks, and answers with what `shape` makes of the points.
pub(super) async fn answered<T: Serialize>(
    caller: &Caller,
    name: &CollectionName,
    Understood { query, shown }: Understood,
    shape: impl FnOnce(Vec<PointOut>) -> T + Send + 'static,
) -> Result<Response, Refusal> {
    // Matching a filter reads rows from disk, and so may what isn't a plain search. A deep one
    // takes long.
    let deep = query.exact || query.limit.max(query.ef) > QUICK_CANDIDATES_MAX;
    let waits = if query.filter.is_none() && query.is_search() && !deep {
        Waits::NotWhenWarm
    } else {
        Waits::Maybe
    };
    let asked = shown.asked(query);
    let name = name.clone();
    caller
        .answer(waits, move |engine, principal| {
            let found = engine.query(principal, &name, asked)?;
            Ok(shape(shown.points(found)))
        })
        .await
}

/// A query alone stays on its own thread; several are shared out.
pub(super) async fn all_answered<T: Serialize>(
    caller: &Caller,
    name: &CollectionName,
    mut all: Vec<Understood>,
    shape: impl Fn(Vec<PointOut>) -> T + Send + 'static,
) -> Result<Response, Refusal> {
    if all.len() == 1
        && let Some(only) = all.pop()
    {
        return answered(caller, name, only, move |points| [shape(points)]).await;
    }
    let (mut batch, mut shown) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for understood in all {
        batch.push(understood.shown.asked(understood.query));
        shown.push(understood.shown);
    }
    let name = name.clone();
    caller
        .answer(Waits::Maybe, move |engine, principal| {
            let found = engine.query_batch(principal, &name, batch)?;
            let found = found.into_iter().zip(shown);
            let shaped = found.map(|(found, shown)| shape(shown.points(found)));
            Ok(shaped.collect::<Vec<_>>())
        })
        .await
}

pub(super) async fn groups(
    caller: &Caller,
    name: &CollectionName,
    Understood { query, shown }: Understood,
    grouping: Grouping,
) -> Result<Response, Refusal> {
    let asked = shown.asked(query);
    let name = name.clone();
    caller
        .answer(Waits::Maybe, move |engine, principal| {
            let found = engine.query_groups(principal, &name, &asked, &grouping)?;
            let groups = found.into_iter().map(|group| GroupOut {
                id: group.id.into(),
                hits: shown.points(group.points),
            });
            let groups = groups.collect();
            Ok(Groups { groups })
        })
        .await
}

/// The queries of a batch, if they aren't too many.
pub(super) fn within<T>(searches: Vec<T>) -> Result<Vec<T>, Refusal> {
    if searches.len() > QUERIES_MAX {
        return Err(Refusal::invalid(format!(
            "Bad request: {} queries in one batch, more than the limit of {QUERIES_MAX}",
            searches.len()
        )));
    }
    Ok(searches)
}

/// A search that keeps more candidates isn't done between others: some milliseconds.
const QUICK_CANDIDATES_MAX: usize = 1_000;
/// Most queries of one batch.
const QUERIES_MAX: usize = 1_000;
