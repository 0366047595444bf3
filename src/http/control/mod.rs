//! The control plane, under `/v1`. Only operator routes have a tenant in the path.

mod audit;
mod contain;
mod erasures;
mod keys;
mod own;
mod report;
mod scope;
mod tenants;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};
use utoipa::OpenApi;

use super::refusal;
use crate::engine::Engine;

/// The control plane's part of the document.
#[derive(OpenApi)]
#[openapi(
    paths(
        tenants::create,
        tenants::list,
        tenants::show,
        tenants::change,
        tenants::suspend,
        tenants::resume,
        tenants::remove,
        erasures::create,
        erasures::list,
        erasures::show,
        erasures::receipt,
        keys::create,
        keys::list,
        keys::revoke,
        own::show,
        own::usage,
        contain::by_operator,
        contain::by_owner,
        audit::own,
        audit::node,
        report::own,
        report::about,
    ),
    tags(
        (name = "tenants", description = "The node's tenants, for its operator."),
        (name = "erasures", description = "What is erased, and the receipts, for the tenant's owner."),
        (name = "keys", description = "The tenant's keys, for its owner."),
        (name = "audit", description = "What was asked, by whom, and what the answer was."),
        (name = "tenant", description = "What a tenant may know of itself."),
    )
)]
pub(super) struct Document;

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
        .route("/erasures", get(erasures::list).post(erasures::create))
        .route("/erasures/{id}", get(erasures::show))
        .route("/erasures/{id}/receipt", get(erasures::receipt))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", delete(keys::revoke))
        .route("/self", get(own::show))
        .route("/usage", get(own::usage))
        .route("/contain", post(contain::by_owner))
        .route("/tenants/{id}/contain", post(contain::by_operator))
        .route("/audit", get(audit::own))
        .route("/report", get(report::own))
        .route("/tenants/{id}/report", get(report::about))
        .route("/node/audit", get(audit::node))
        .fallback(refusal::no_such_route)
        .method_not_allowed_fallback(refusal::no_such_method)
}
