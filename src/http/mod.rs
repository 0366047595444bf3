//! The wire. The only place that knows axum and JSON dialects.
//!
//! Owns: every route of both planes, and what every answer looks like.
//! **Invariant:** the tenant comes from the credential: no path, header, query parameter or body
//! field of the data plane names one, and a request that tries gets 400 (`it/crossing/`).
//! **Invariant:** logs and metrics name a route by its pattern, never by its path.
//! Called by: `cli/serve`.

mod answer;
mod body;
mod caller;
mod chunks;
mod control;
mod data;
mod health;
mod long;
mod merge;
mod message;
mod observe;
mod openapi;
mod options;
mod origin;
mod parameters;
mod pieces;
mod protect;
mod refusal;
mod serve;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tower_http::catch_panic::CatchPanicLayer;

pub use self::{
    options::{Options, TlsOptions},
    serve::{Server, TlsError, serve_metrics},
};
use crate::engine::Engine;

/// Every route of a node, for `fuzz/`: compiled with the feature `fuzzing` alone.
#[cfg(feature = "fuzzing")]
pub fn fuzzed_routes(engine: &Arc<Engine>) -> Router {
    routes(engine, &Options::default(), false)
}

/// Whom a request comes from, as a connection tells it, for `fuzz/`.
#[cfg(feature = "fuzzing")]
pub fn fuzzed_client(
    peer: std::net::IpAddr,
    headers: &axum::http::HeaderMap,
    trusted: &[ipnet::IpNet],
) -> std::net::IpAddr {
    origin::client(peer, headers, trusted)
}

/// Every route of a node.
fn routes(engine: &Arc<Engine>, options: &Options, tls: bool) -> Router {
    let in_time = middleware::from_fn_with_state(options.request_time, protect::in_time);
    let data = data::routes().layer(middleware::from_fn(caller::refuse_named_tenant));
    let control = control::routes()
        .layer(in_time.clone())
        .layer(middleware::map_response(refusal::as_problem));
    let metrics = if options.metrics_apart {
        Router::new()
    } else {
        health::metrics_routes()
    };
    // What isn't the control plane's is answered in the data plane's shape.
    let routes = data
        .merge(health::routes())
        .merge(metrics)
        .merge(openapi::routes())
        .fallback(refusal::no_such_route)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(in_time)
        .layer(middleware::map_response(refusal::as_qdrant))
        .nest("/v1", control)
        .layer(DefaultBodyLimit::max(body::BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(refusal::after_panic))
        .layer(middleware::from_fn_with_state(
            Arc::clone(engine),
            observe::observe,
        ))
        .with_state(Arc::clone(engine));
    protect::around(routes, options, tls)
}
