//! Liveness, readiness, metrics, who we are, and the key that signs. No credential needed, no tenant named.

use std::sync::Arc;

use axum::{Json, Router, extract::State, response::Response, routing::get};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::answer;
use crate::{engine::Engine, ops::Hex};

/// These routes' part of the document.
#[derive(OpenApi)]
#[openapi(paths(root, healthz, livez, readyz, metrics, signing_key), tags((name = "node", description = "No credential needed, no tenant named.")))]
pub(super) struct Document;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/", get(root))
        .route("/healthz", get(healthz))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/v1/node/key", get(signing_key))
}

/// The metrics alone: they may have a listener of their own.
pub(super) fn metrics_routes() -> Router<Arc<Engine>> {
    Router::new().route("/metrics", get(metrics))
}

/// What is served here.
#[derive(Serialize, ToSchema)]
struct Root {
    title: &'static str,
    /// The version of the Qdrant dialect: clients warn unless it is within a minor version of
    /// their own.
    version: &'static str,
    locule_version: &'static str,
}

/// What is served here.
#[utoipa::path(get, path = "/", tag = "node", responses((status = 200, description = "Name and versions.", body = Root)))]
async fn root() -> Json<Root> {
    Json(Root {
        title: "locule",
        version: DIALECT_VERSION,
        locule_version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether the node runs.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "It does.", body = String)))]
async fn healthz() -> Response {
    alive()
}

/// Whether the node runs.
#[utoipa::path(get, path = "/livez", tag = "node", responses((status = 200, description = "It does.", body = String)))]
async fn livez() -> Response {
    alive()
}

/// Whether the node takes requests.
#[utoipa::path(get, path = "/readyz", tag = "node", responses((status = 200, description = "It does.", body = String)))]
async fn readyz() -> Response {
    alive()
}

/// A node listens only once it has started, so answering at all is being ready.
fn alive() -> Response {
    answer::text("ok\n".to_owned(), "text/plain; charset=utf-8")
}

/// The node's metrics, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "node",
    responses((status = 200, description = "The metrics.", body = String, content_type = "application/openmetrics-text"))
)]
async fn metrics(State(engine): State<Arc<Engine>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer::text(engine.metrics().render(), kind)
}

/// The public half of the key with which the node signs.
#[derive(Serialize, ToSchema)]
struct SigningKey {
    algorithm: &'static str,
    key_id: String,
    /// 64 hex digits.
    public_key: String,
}

/// The public half of the key with which the node signs receipts. Keep it: whoever checks one later
/// must know it from elsewhere than the receipt, and may have no credential any more.
#[utoipa::path(get, path = "/v1/node/key", tag = "node", responses((status = 200, description = "The key.", body = SigningKey)))]
async fn signing_key(State(engine): State<Arc<Engine>>) -> Json<SigningKey> {
    let key = engine.public_key();
    Json(SigningKey {
        algorithm: "Ed25519",
        key_id: key.id().to_string(),
        public_key: Hex(*key.as_bytes()).to_string(),
    })
}

/// The version of the Qdrant dialect that this speaks.
const DIALECT_VERSION: &str = "1.19.0";
