//! An owner's key for a tenant whose owner lost theirs, for the operator.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{keys, tenants};
use crate::http::{
    body::Body,
    caller::{Caller, Waits},
    parameters::Path,
    refusal::Refusal,
};

/// Why a key is made in the owner's place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recovery)]
pub(super) struct Create {
    /// Why. It stands in the key's name, which the tenant's owners see.
    #[schema(min_length = 1, max_length = 118)]
    reason: String,
}

/// Makes an owner's key for a tenant whose owner lost theirs. It is in the tenant's own audit log, and is
/// sent to its webhooks as `security.suspicious`. Not for a suspended tenant.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/recovery-key",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body = Create,
    responses((status = 201, description = "The key. Shown this once.", body = keys::Created))
)]
pub(super) async fn create(
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Create>,
) -> Result<Response, Refusal> {
    let id = tenants::known(&id)?;
    let reason = body.reason.trim().to_owned();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "reason must be 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    let made = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.recovery_key(principal, &id, &reason)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(keys::new_key(&made))).into_response())
}

/// So that it fits into a key's name.
const REASON_BYTES_MAX: usize = 118;
