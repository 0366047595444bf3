//! The control plane, under `/v1`. Only operator routes have a tenant in the path.

mod audit;
mod backups;
mod change;
mod contain;
mod custody;
mod erasures;
mod keys;
mod messages;
mod own;
mod recovery;
mod report;
mod restores;
mod retention;
mod scope;
mod subjects;
mod tenants;
mod tokens;
mod webhooks;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{delete, get, post},
};
use utoipa::OpenApi;

use super::{message::MESSAGE_BYTES_MAX, refusal};
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
        recovery::create,
        erasures::create,
        erasures::list,
        erasures::show,
        erasures::receipt,
        keys::create,
        keys::list,
        keys::rotate,
        keys::revoke,
        keys::resume,
        subjects::list,
        subjects::resume,
        tokens::create,
        tokens::refresh,
        tokens::key_set,
        webhooks::create,
        webhooks::list,
        webhooks::remove,
        webhooks::deliveries,
        webhooks::replay,
        messages::create,
        own::show,
        own::usage,
        retention::list,
        retention::set_bound,
        retention::remove_bound,
        retention::show,
        retention::set,
        retention::remove,
        backups::create,
        backups::list,
        backups::show,
        backups::download,
        backups::upload,
        backups::remove,
        restores::create,
        restores::list,
        restores::show,
        custody::create,
        custody::list,
        custody::rotate,
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
        (name = "retention", description = "How long points are kept, for the tenant's owner."),
        (name = "backups", description = "Copies of the tenant's data and of its key, for its owner."),
        (name = "tokens", description = "Short-lived tokens in place of keys."),
        (name = "webhooks", description = "The tenant's webhooks, for its owner."),
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
        .route("/tenants/{id}/recovery-key", post(recovery::create))
        .route("/erasures", get(erasures::list).post(erasures::create))
        .route("/erasures/{id}", get(erasures::show))
        .route("/erasures/{id}/receipt", get(erasures::receipt))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", delete(keys::revoke))
        .route("/keys/{id}/resume", post(keys::resume))
        .route("/subjects", get(subjects::list))
        .route("/subjects/{subject}/resume", post(subjects::resume))
        .route("/keys/{id}/rotate", post(keys::rotate))
        .route("/token", post(tokens::create))
        .route("/token/refresh", post(tokens::refresh))
        .route("/jwks.json", get(tokens::key_set))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", delete(webhooks::remove))
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route(
            "/webhooks/{id}/deliveries/{delivery}/replay",
            post(webhooks::replay),
        )
        .route(
            "/webhooks/{id}/messages",
            post(messages::create).layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX)),
        )
        .route("/self", get(own::show))
        .route("/usage", get(own::usage))
        .route(
            "/retention",
            get(retention::list)
                .put(retention::set_bound)
                .delete(retention::remove_bound),
        )
        .route(
            "/retention/{collection}",
            get(retention::show)
                .put(retention::set)
                .delete(retention::remove),
        )
        .route("/backups", get(backups::list).post(backups::create))
        .route("/backups/upload", post(backups::upload))
        .route("/backups/{id}", get(backups::show).delete(backups::remove))
        .route("/backups/{id}/download", get(backups::download))
        .route("/restores", get(restores::list).post(restores::create))
        .route("/restores/{id}", get(restores::show))
        .route("/custody", get(custody::list).post(custody::create))
        .route("/root-key/rotate", post(custody::rotate))
        .route("/contain", post(contain::by_owner))
        .route("/tenants/{id}/contain", post(contain::by_operator))
        .route("/audit", get(audit::own))
        .route("/report", get(report::own))
        .route("/tenants/{id}/report", get(report::about))
        .route("/node/audit", get(audit::node))
        .fallback(refusal::no_such_route)
        .method_not_allowed_fallback(refusal::no_such_method)
}
