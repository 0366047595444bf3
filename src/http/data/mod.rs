//! The data plane: the Qdrant REST dialect, for dense vectors.
//!
//! Supported: collections (create, get, list, exists, change what is said about them, delete) with
//! any number of dense vectors by name, aliases, payload indexes, points (upsert with its modes,
//! retrieve, delete), payloads (set, overwrite, delete keys, clear), vectors of points (put, delete),
//! batches of all of these, query (trees of prefetches, batches and groups), legacy search and
//! recommend, count, facet, scroll, the whole filter language. Known differences: a write is always
//! durable when it is answered, whatever `wait` says; one request that writes is done whole or not at
//! all, a batch too, so an id that isn't there lets none of it happen; what isn't supported is
//! refused by name. Qdrant's words stand in this folder and nowhere else.

mod aliases;
mod collections;
mod counts;
mod filter;
mod indexes;
mod openapi;
mod points;
mod query;
mod scroll;
mod search;
mod select;
mod settings;
mod update;
mod vectors;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post, put},
};
use utoipa::OpenApi;

pub(super) use self::{
    filter::Json,
    openapi::{Filter as FilterPicture, Id as IdPicture},
    points::POINTS_MAX,
};
use crate::{
    engine::Engine,
    http::refusal::{self, Refusal},
    payload::filter::Filter,
};

/// Reads a filter, for the control plane.
pub(super) fn filter(json: &Json) -> Result<Filter, Refusal> {
    Ok(filter::parse(Some(json))?.unwrap_or_default())
}

#[derive(OpenApi)]
#[openapi(
    paths(
        collections::list,
        collections::create,
        collections::show,
        collections::exists,
        collections::remove,
        settings::update,
        indexes::create,
        indexes::remove,
        aliases::change,
        aliases::list,
        aliases::of_collection,
        update::upsert,
        update::remove,
        update::set_payload,
        update::overwrite_payload,
        update::delete_payload,
        update::clear_payload,
        update::update_vectors,
        update::delete_vectors,
        update::batch,
        points::retrieve,
        points::show,
        query::query,
        query::query_batch,
        query::query_groups,
        search::search,
        search::search_batch,
        search::search_groups,
        search::recommend,
        search::recommend_batch,
        scroll::scroll,
        counts::count,
        counts::facet,
    ),
    tags(
        (name = "collections", description = "Collections, their payload indexes and aliases."),
        (name = "points", description = "Points: stored, changed, read back."),
        (name = "query", description = "Nearest neighbours, and every other way to rank points."),
    )
)]
struct Described;

/// The data plane's part of the document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Described::openapi();
    document.merge(openapi::Recursive::openapi());
    document
}

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/collections", get(collections::list))
        .route("/collections/aliases", post(aliases::change))
        .route("/aliases", get(aliases::list))
        .route("/collections/{name}/aliases", get(aliases::of_collection))
        .route(
            "/collections/{name}",
            put(collections::create)
                .get(collections::show)
                .patch(settings::update)
                .delete(collections::remove),
        )
        .route("/collections/{name}/exists", get(collections::exists))
        .route("/collections/{name}/index", put(indexes::create))
        .route("/collections/{name}/index/{field}", delete(indexes::remove))
        .route(
            "/collections/{name}/points",
            put(update::upsert).post(points::retrieve),
        )
        .route(
            "/collections/{name}/points/payload",
            post(update::set_payload).put(update::overwrite_payload),
        )
        .route(
            "/collections/{name}/points/payload/delete",
            post(update::delete_payload),
        )
        .route(
            "/collections/{name}/points/payload/clear",
            post(update::clear_payload),
        )
        .route(
            "/collections/{name}/points/vectors",
            put(update::update_vectors),
        )
        .route(
            "/collections/{name}/points/vectors/delete",
            post(update::delete_vectors),
        )
        .route("/collections/{name}/points/batch", post(update::batch))
        .route(
            "/collections/{name}/points/{id}",
            // What is posted here is for a route that isn't there yet, like `points/payload`.
            get(points::show).fallback(refusal::no_such_route),
        )
        .route("/collections/{name}/points/delete", post(update::remove))
        .route("/collections/{name}/points/scroll", post(scroll::scroll))
        .route("/collections/{name}/points/count", post(counts::count))
        .route("/collections/{name}/points/query", post(query::query))
        .route(
            "/collections/{name}/points/query/batch",
            post(query::query_batch),
        )
        .route(
            "/collections/{name}/points/query/groups",
            post(query::query_groups),
        )
        .route("/collections/{name}/facet", post(counts::facet))
        .route("/collections/{name}/points/search", post(search::search))
        .route(
            "/collections/{name}/points/search/batch",
            post(search::search_batch),
        )
        .route(
            "/collections/{name}/points/search/groups",
            post(search::search_groups),
        )
        .route(
            "/collections/{name}/points/recommend",
            post(search::recommend),
        )
        .route(
            "/collections/{name}/points/recommend/batch",
            post(search::recommend_batch),
        )
}
