//! Liveness, readiness, metrics, and who we are. No credential needed, no tenant named.

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::Response, routing::get};
use serde_json::{Value, json};

use super::answer;
use crate::engine::Engine;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/", get(root))
        .route("/healthz", get(alive))
        .route("/livez", get(alive))
        .route("/readyz", get(alive))
        .route("/metrics", get(metrics))
}

/// Clients of the Qdrant dialect warn unless `version` is within a minor version of their own.
async fn root() -> Json<Value> {
    Json(json!({
        "title": "locule",
        "version": DIALECT_VERSION,
        "locule_version": env!("CARGO_PKG_VERSION"),
    }))
}

/// A node listens only once it has started, so answering at all is being ready.
async fn alive() -> Response {
    answer::text("ok\n".to_owned(), "text/plain; charset=utf-8")
}

async fn metrics(State(engine): State<Arc<Engine>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer::text(engine.metrics().render(), kind)
}

/// The version of the Qdrant dialect that this speaks.
const DIALECT_VERSION: &str = "1.19.0";
