//! The routes that `query` took the place of: `search` and `recommend`, for clients that still
//! ask them. They are answered as queries are.

use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    filter, openapi,
    query::{self, Given, Level, Params, RecommendIn, Shown, StrategyIn, Understood},
    select::{PayloadSelector, VectorSelector},
    wire::{self, Collection, NoOtherParameters, PointOut},
};
use crate::{
    http::{answer::Envelope, body::Body, caller::Caller, refusal::Refusal},
    partition::{Example, Kind},
};

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Search)]
pub(super) struct SearchIn {
    vector: VectorIn,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    limit: Option<usize>,
    offset: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    score_threshold: Option<f32>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// A list, or one with its name.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "vector takes a list of numbers, or {name, vector}"
)]
#[schema(as = SearchVector)]
enum VectorIn {
    Plain(Vec<f32>),
    Named { name: String, vector: Vec<f32> },
}

/// Several searches.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchBatch)]
pub(super) struct SearchBatchIn {
    searches: Vec<SearchIn>,
}

/// A search whose points are shown in groups.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchGroups)]
pub(super) struct SearchGroupsIn {
    group_by: String,
    group_size: Option<usize>,
    #[schema(ignore)]
    with_lookup: Option<Value>,
    vector: VectorIn,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    limit: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    score_threshold: Option<f32>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Examples to be near to, and to be far from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecommendRequest)]
pub(super) struct RecommendBodyIn {
    #[schema(value_type = Option<Vec<openapi::Example>>)]
    positive: Option<Vec<Given>>,
    #[schema(value_type = Option<Vec<openapi::Example>>)]
    negative: Option<Vec<Given>>,
    strategy: Option<StrategyIn>,
    using: Option<String>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    limit: Option<usize>,
    offset: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    score_threshold: Option<f32>,
    #[schema(ignore)]
    lookup_from: Option<Value>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Several recommendations.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecommendBatch)]
pub(super) struct RecommendBatchIn {
    searches: Vec<RecommendBodyIn>,
}

/// The nearest neighbours of a vector; `query` took its place.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/search",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = SearchIn,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<PointOut>>))
)]
pub(super) async fn search(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<SearchIn>,
) -> Result<Response, Refusal> {
    query::answered(&caller, &name, body.understood()?, |points| points).await
}

/// Several searches at once; `query/batch` took its place.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/search/batch",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = SearchBatchIn,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<Vec<PointOut>>>))
)]
pub(super) async fn search_batch(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<SearchBatchIn>,
) -> Result<Response, Refusal> {
    let all = query::within(body.searches)?;
    let all = all.into_iter().map(SearchIn::understood);
    let all = all.collect::<Result<_, _>>()?;
    query::all_answered(&caller, &name, all, |points| points).await
}

/// The nearest neighbours in groups; `query/groups` took its place.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/search/groups",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = SearchGroupsIn,
    responses((status = 200, description = "The answer.", body = Envelope<query::Groups>))
)]
pub(super) async fn search_groups(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<SearchGroupsIn>,
) -> Result<Response, Refusal> {
    wire::refuse_set([("with_lookup", &body.with_lookup)])?;
    // One a group, where `query/groups` shows three.
    let grouping = query::grouping(&body.group_by, Some(body.group_size.unwrap_or(1)))?;
    let search = SearchIn {
        vector: body.vector,
        filter: body.filter,
        params: body.params,
        limit: body.limit,
        offset: None,
        with_payload: body.with_payload,
        with_vector: body.with_vector,
        score_threshold: body.score_threshold,
        shard_key: body.shard_key,
    };
    query::groups(&caller, &name, search.understood()?, grouping).await
}

/// Points like some and unlike others; `query` took its place.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/recommend",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = RecommendBodyIn,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<PointOut>>))
)]
pub(super) async fn recommend(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<RecommendBodyIn>,
) -> Result<Response, Refusal> {
    query::answered(&caller, &name, body.understood()?, |points| points).await
}

/// Several recommendations at once; `query/batch` took its place.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/recommend/batch",
    tag = "query",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = RecommendBatchIn,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<Vec<PointOut>>>))
)]
pub(super) async fn recommend_batch(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<RecommendBatchIn>,
) -> Result<Response, Refusal> {
    let all = query::within(body.searches)?;
    let all = all.into_iter().map(RecommendBodyIn::understood);
    let all = all.collect::<Result<_, _>>()?;
    query::all_answered(&caller, &name, all, |points| points).await
}

impl SearchIn {
    fn understood(self) -> Result<Understood, Refusal> {
        wire::refuse_set([("shard_key", &self.shard_key)])?;
        let (using, vector) = match self.vector {
            VectorIn::Plain(vector) => (None, vector),
            VectorIn::Named { name, vector } => (Some(name), vector),
        };
        let level = Level {
            using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: self.offset,
            ..Level::default()
        };
        Ok(Understood {
            query: level.ranked(Kind::Nearest(Example::Vector(vector)))?,
            shown: Shown::of(self.with_payload, self.with_vector)?,
        })
    }
}

impl RecommendBodyIn {
    fn understood(self) -> Result<Understood, Refusal> {
        wire::refuse_set([
            ("lookup_from", &self.lookup_from),
            ("shard_key", &self.shard_key),
        ])?;
        let recommend = RecommendIn {
            positive: self.positive,
            negative: self.negative,
            strategy: self.strategy,
        };
        let level = Level {
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: self.offset,
            ..Level::default()
        };
        Ok(Understood {
            query: level.ranked(recommend.kind()?)?,
            shown: Shown::of(self.with_payload, self.with_vector)?,
        })
    }
}
