//! The data plane: the Qdrant REST dialect, for dense vectors.
//!
//! Supported: collections (create, get, list, exists, delete), payload indexes, points (upsert, retrieve, delete),
//! query and query batch, legacy search, count, scroll, filters over match, range, datetime
//! range, values count, empty, null, ids. Collections have any number of dense
//! vectors, by name. Known differences: writes are always durable when they are answered, whatever `wait` says; what isn't supported
//! is refused by name. Qdrant's words stand in this folder and nowhere else.

mod collections;
mod filter;
mod indexes;
mod points;
mod query;
mod select;
mod vectors;
mod wire;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post, put},
};
use utoipa::OpenApi;

use crate::{engine::Engine, http::refusal};

/// The data plane's part of the document.
#[derive(OpenApi)]
#[openapi(paths())]
pub(super) struct Document;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/collections", get(collections::list))
        .route(
            "/collections/{name}",
            put(collections::create)
                .get(collections::show)
                .delete(collections::remove),
        )
        .route("/collections/{name}/exists", get(collections::exists))
        .route("/collections/{name}/index", put(indexes::create))
        .route("/collections/{name}/index/{field}", delete(indexes::remove))
        .route(
            "/collections/{name}/points",
            put(points::upsert).post(points::retrieve),
        )
        .route(
            "/collections/{name}/points/{id}",
            // What is posted here is for a route that isn't there yet, like `points/payload`.
            get(points::show).fallback(refusal::no_such_route),
        )
        .route("/collections/{name}/points/delete", post(points::remove))
        .route("/collections/{name}/points/scroll", post(points::scroll))
        .route("/collections/{name}/points/count", post(points::count))
        .route("/collections/{name}/points/query", post(query::query))
        .route(
            "/collections/{name}/points/query/batch",
            post(query::query_batch),
        )
        .route("/collections/{name}/points/search", post(query::search))
        .route(
            "/collections/{name}/points/search/batch",
            post(query::search_batch),
        )
}
