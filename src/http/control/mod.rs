//! The control plane, under `/v1`. Only operator routes have a tenant in the path.

mod keys;
mod own;
mod tenants;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};

use super::refusal;
use crate::engine::Engine;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/tenants", get(tenants::list).post(tenants::create))
        .route(
            "/tenants/{id}",
            get(tenants::show)
                .patch(tenants::change)
                .delete(tenants::remove),
        )
        .route("/tenants/{id}/suspend", post(tenants::suspend))
        .route("/tenants/{id}/resume", post(tenants::resume))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", delete(keys::revoke))
        .route("/self", get(own::show))
        .route("/usage", get(own::usage))
        .fallback(refusal::no_such_route)
        .method_not_allowed_fallback(refusal::no_such_method)
}
