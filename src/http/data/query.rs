//! Nearest neighbours: `query`, its batch form, and the legacy `search` routes.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    filter,
    points::LIMIT_DEFAULT,
    select::{self, PayloadSelector, VectorSelector},
    vectors::Dense,
    wire::{self, Collection, NoOtherParameters, PointOut},
};
use crate::{
    engine::{Query, VectorsBack},
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    index::EF_DEFAULT,
    partition::SearchQuery,
    tenant::{CollectionName, PointId},
};

/// The body of `query` (which has `query`) and of `search` (which has `vector`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryIn {
    query: Option<Box<RawValue>>,
    vector: Option<VectorIn>,
    filter: Option<Value>,
    params: Option<Params>,
    limit: Option<usize>,
    offset: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    score_threshold: Option<f32>,
    using: Option<String>,
    prefetch: Option<Value>,
    lookup_from: Option<Value>,
    shard_key: Option<Value>,
}

/// The legacy routes' vector: a list, or one with its name.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "vector takes a list of numbers, or {name, vector}"
)]
enum VectorIn {
    Plain(Vec<f32>),
    Named { name: String, vector: Vec<f32> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    hnsw_ef: Option<usize>,
    exact: Option<bool>,
    // There is nothing yet that they could change: vectors are searched as they are stored.
    #[serde(rename = "quantization")]
    _quantization: Option<Value>,
    #[serde(rename = "indexed_only")]
    _indexed_only: Option<bool>,
    #[serde(rename = "acorn")]
    _acorn: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchIn {
    searches: Vec<QueryIn>,
}

pub(super) async fn query(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<QueryIn>,
) -> Result<Response, Refusal> {
    let asked = asked(body, Route::Query)?;
    let points = answers(&caller, &name, asked).await?;
    Ok(answer::ok(&caller, json_points(points)))
}

pub(super) async fn query_batch(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<BatchIn>,
) -> Result<Response, Refusal> {
    let asked = batch(body, Route::Query)?;
    let results = all_answers(&caller, &name, asked).await?.into_iter();
    Ok(answer::ok(
        &caller,
        results.map(json_points).collect::<Vec<_>>(),
    ))
}

pub(super) async fn search(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<QueryIn>,
) -> Result<Response, Refusal> {
    let asked = asked(body, Route::Search)?;
    let points = answers(&caller, &name, asked).await?;
    Ok(answer::ok(&caller, points))
}

pub(super) async fn search_batch(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<BatchIn>,
) -> Result<Response, Refusal> {
    let asked = batch(body, Route::Search)?;
    let results = all_answers(&caller, &name, asked).await?;
    Ok(answer::ok(&caller, results))
}

/// Which of the two generations of routes a body came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Query,
    Search,
}

/// A query that was understood, and what of its answers is wanted.
struct Asked {
    query: Query,
    payload: PayloadSelector,
}

#[derive(serde::Serialize)]
struct Points {
    points: Vec<PointOut>,
}

const fn json_points(points: Vec<PointOut>) -> Points {
    Points { points }
}

async fn answers(
    caller: &Caller,
    name: &CollectionName,
    asked: Asked,
) -> Result<Vec<PointOut>, Refusal> {
    let Asked { query, payload } = asked;
    // Matching a filter reads rows from disk.
    let waits = if query.search.filter.is_some() {
        Waits::Maybe
    } else {
        Waits::NotWhenWarm
    };
    let vectors = query.vectors.clone();
    let name = name.clone();
    let scored = caller
        .run(waits, move |engine, principal| {
            engine.search(principal, &name, query)
        })
        .await?;
    Ok(scored
        .into_iter()
        .map(|point| select::neighbour(point, &payload, &vectors))
        .collect())
}

/// A query alone stays on its own thread; several are shared out.
async fn all_answers(
    caller: &Caller,
    name: &CollectionName,
    mut asked: Vec<Asked>,
) -> Result<Vec<Vec<PointOut>>, Refusal> {
    if asked.len() == 1
        && let Some(only) = asked.pop()
    {
        return Ok(vec![answers(caller, name, only).await?]);
    }
    let mut queries = Vec::with_capacity(asked.len());
    let mut shown = Vec::with_capacity(asked.len());
    for Asked { query, payload } in asked {
        shown.push((payload, query.vectors.clone()));
        queries.push(query);
    }
    let name = name.clone();
    let scored = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.search_batch(principal, &name, queries)
        })
        .await?;
    let all = scored.into_iter().zip(shown);
    Ok(all
        .map(|(points, (payload, vectors))| {
            let points = points.into_iter();
            points
                .map(|point| select::neighbour(point, &payload, &vectors))
                .collect()
        })
        .collect())
}

/// Every query of a batch is understood before the first is answered.
fn batch(body: BatchIn, route: Route) -> Result<Vec<Asked>, Refusal> {
    if body.searches.len() > QUERIES_MAX {
        return Err(Refusal::invalid(format!(
            "Bad request: {} queries in one batch, more than the limit of {QUERIES_MAX}",
            body.searches.len()
        )));
    }
    body.searches
        .into_iter()
        .map(|query| asked(query, route))
        .collect()
}

fn asked(body: QueryIn, route: Route) -> Result<Asked, Refusal> {
    wire::refuse_set([
        (
            "prefetch",
            &body.prefetch.filter(|value| *value != json!([])),
        ),
        ("lookup_from", &body.lookup_from),
        ("shard_key", &body.shard_key),
    ])?;
    let mut using = body.using.unwrap_or_default();
    let (vector, by_point) = match (route, body.query, body.vector) {
        (Route::Query, Some(raw), None) => nearest(&raw)?,
        (Route::Search, None, Some(VectorIn::Plain(vector))) => (vector, None),
        (Route::Search, None, Some(VectorIn::Named { name, vector })) => {
            using = name;
            (vector, None)
        }
        (Route::Query, ..) => {
            return Err(Refusal::invalid(
                "Bad request: `query` must be given: a vector, a point id, or {\"nearest\": ..}; use scroll to go through points",
            ));
        }
        (Route::Search, ..) => return Err(Refusal::invalid("Bad request: `vector` must be given")),
    };
    let limit = body.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::invalid("Bad request: limit must be 1 or more"));
    }
    let params = body.params.as_ref();
    let payload = body.with_payload.unwrap_or(PayloadSelector::All(false));
    let vectors: VectorsBack = VectorSelector::wanted(body.with_vector);
    let search = SearchQuery {
        vector,
        using,
        filter: filter::parse(body.filter.as_ref())?,
        limit,
        offset: body.offset.unwrap_or(0),
        ef: params
            .and_then(|params| params.hnsw_ef)
            .unwrap_or(EF_DEFAULT)
            .clamp(1, EF_MAX),
        exact: params.and_then(|params| params.exact).unwrap_or(false),
        score_threshold: body.score_threshold,
        except: None,
        with_payload: payload.any(),
    };
    Ok(Asked {
        query: Query {
            search,
            by_point,
            vectors,
        },
        payload,
    })
}

/// A vector or a point id, as they are or as `{"nearest": ..}`.
fn nearest(raw: &RawValue) -> Result<(Vec<f32>, Option<PointId>), Refusal> {
    let text = raw.get().trim_start();
    let bad = |error: serde_json::Error| {
        Refusal::invalid(format!("Format error in JSON body: query: {error}"))
    };
    match text.as_bytes().first() {
        Some(b'[') => Ok((serde_json::from_str::<Dense>(text).map_err(bad)?.0, None)),
        Some(b'{') => {
            let fields: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(bad)?;
            if let Some(other) = fields.keys().find(|name| *name != "nearest") {
                return Err(Refusal::invalid(format!(
                    "Bad request: `{other}` isn't supported yet in a query; ask for {{\"nearest\": ..}}"
                )));
            }
            let inner = fields.get("nearest").ok_or_else(|| {
                Refusal::invalid("Bad request: an empty query; ask for {\"nearest\": ..}")
            })?;
            if inner.is_array() {
                let vector = serde_json::from_value::<Dense>(inner.clone()).map_err(bad)?;
                return Ok((vector.0, None));
            }
            let id = serde_json::from_value::<PointId>(inner.clone()).map_err(bad)?;
            Ok((Vec::new(), Some(id)))
        }
        _ => Ok((
            Vec::new(),
            Some(serde_json::from_str::<PointId>(text).map_err(bad)?),
        )),
    }
}

/// Most queries of one batch.
const QUERIES_MAX: usize = 1_000;
/// Largest `ef`: beyond it, ask for exact.
const EF_MAX: usize = 10_000;
