//! What a tenant may know of itself.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::{keys, tenants};
use crate::{
    access::Role,
    http::{
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    payload::PAYLOAD_BYTES_MAX,
    tenant::TenantId,
};

/// Who the caller is.
#[derive(Serialize, ToSchema)]
#[schema(as = SelfReport)]
pub(super) struct Report {
    /// The caller's tenant; none for an operator.
    #[schema(value_type = Option<String>, required)]
    tenant: Option<TenantId>,
    #[schema(required)]
    state: Option<&'static str>,
    #[schema(value_type = String, example = "writer")]
    role: Role,
    /// When the credential that asks ends.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// The key that asks, or that the token was given to; none for another issuer's token.
    #[schema(required)]
    key: Option<keys::Shown>,
    limits: LimitsReport,
}

/// What the caller may use.
#[derive(Serialize, ToSchema)]
struct LimitsReport {
    #[schema(required)]
    quota: Option<tenants::QuotaFields>,
    /// Most neighbours that one query may ask for.
    neighbours_max: usize,
    payload_bytes_max: usize,
}

/// What the caller's tenant uses.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(super) struct UsageReport {
    /// `open` when its vectors are in memory, else `cold`.
    state: &'static str,
    collections: usize,
    points: u64,
    bytes_on_disk: u64,
    bytes_in_memory: u64,
    /// Queries since the node started.
    queries: u64,
    /// Requests that were refused since the node started.
    rejections: u64,
}

/// The caller's tenant, role, key and limits.
#[utoipa::path(get, path = "/v1/self", tag = "tenant", responses((status = 200, description = "Who the caller is.", body = Report)))]
pub(super) async fn show(caller: Caller) -> Result<Json<Report>, Refusal> {
    let report = caller
        .run(Waits::NotWhenWarm, |engine, principal| {
            engine.self_report(principal)
        })
        .await?;
    let tenant = report.tenant.as_ref();
    let role = caller.principal.role();
    Ok(Json(Report {
        tenant: tenant.map(|record| record.id.clone()),
        state: tenant.map(|record| record.state.name()),
        role,
        expires_at: caller.principal.expires().map(|time| time.to_string()),
        key: report.key.as_deref().map(keys::shown_known),
        limits: LimitsReport {
            quota: tenant.map(|record| {
                let allowance = caller.engine.policy_of(record).allowance;
                tenants::QuotaFields::joined(record.quota, allowance)
            }),
            neighbours_max: role.neighbours_max(),
            payload_bytes_max: PAYLOAD_BYTES_MAX,
        },
    }))
}

/// What the caller's tenant uses.
#[utoipa::path(get, path = "/v1/usage", tag = "tenant", responses((status = 200, description = "The usage.", body = UsageReport)))]
pub(super) async fn usage(caller: Caller) -> Result<Json<UsageReport>, Refusal> {
    let usage = caller
        .run(Waits::Maybe, |engine, principal| engine.usage(principal))
        .await?;
    Ok(Json(UsageReport {
        state: if usage.was_open { "open" } else { "cold" },
        collections: usage.collections,
        points: usage.points,
        bytes_on_disk: usage.disk_bytes,
        bytes_in_memory: usage.memory_bytes,
        queries: usage.queries,
        rejections: usage.rejections,
    }))
}
