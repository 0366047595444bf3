//! Tenants, for the operator.

use std::num::NonZeroU32;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    change::Change,
    erasures::{self, Wait},
};
use crate::{
    access::{Allowance, Policy, Quota, Watch},
    engine::Error,
    http::{
        body::{Body, NoBody, Object},
        caller::{Caller, Waits},
        parameters::{Parameters, Path},
        refusal::Refusal,
    },
    router::{NewTenant, TenantRecord},
    tenant::TenantId,
};

/// What a new tenant is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateTenant)]
pub(super) struct Create {
    /// Its public name, never given out again.
    #[schema(pattern = "^[a-z0-9-]{1,63}$")]
    id: String,
    #[serde(default)]
    #[schema(value_type = QuotaFields)]
    quota: Object<QuotaFields>,
    #[serde(default)]
    #[schema(value_type = WatchFields)]
    watch: Object<Watch>,
    /// Where its operator wants it; for the operator's own use.
    #[schema(max_length = 64)]
    region: Option<String>,
}

/// What a tenant may use. Nothing set means no limit.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Quota)]
pub(super) struct QuotaFields {
    /// Points that may be stored, over all collections.
    pub(super) points_max: Option<u64>,
    /// Requests a second, sustained; a burst may hold as many as a second's.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(super) requests_per_second: Option<NonZeroU32>,
    /// Bytes of request bodies a second, sustained. A body of any allowed length may come at once,
    /// and then has to be waited for.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(super) bytes_per_second: Option<NonZeroU32>,
    /// Requests of a kind (searches, small writes, long work) in flight at a time.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub(super) concurrent_requests: Option<NonZeroU32>,
    /// Bytes on disk. What is there already stays when this is set lower.
    pub(super) disk_bytes_max: Option<u64>,
}

impl QuotaFields {
    pub(super) const fn split(self) -> (Quota, Allowance) {
        let quota = Quota {
            points_max: self.points_max,
            requests_per_second: self.requests_per_second,
        };
        let allowance = Allowance {
            bytes_per_second: self.bytes_per_second,
            concurrent_requests: self.concurrent_requests,
            disk_bytes_max: self.disk_bytes_max,
        };
        (quota, allowance)
    }

    pub(super) const fn joined(quota: Quota, allowance: Allowance) -> Self {
        Self {
            points_max: quota.points_max,
            requests_per_second: quota.requests_per_second,
            bytes_per_second: allowance.bytes_per_second,
            concurrent_requests: allowance.concurrent_requests,
            disk_bytes_max: allowance.disk_bytes_max,
        }
    }
}

/// What is done about a key that behaves oddly. Nothing set means that it is only counted.
#[derive(ToSchema)]
#[schema(as = Watch)]
#[expect(dead_code, reason = "the document's picture of it")]
pub(super) struct WatchFields {
    /// Different points that a key of the role `inference` may be answered in a day.
    #[schema(minimum = 1)]
    distinct_points_per_day: Option<u32>,
    /// Whether queries past that are refused, and not only counted.
    refuse_past_distinct_points: Option<bool>,
    /// A key is suspended after so many refusals in a minute.
    #[schema(minimum = 1)]
    suspend_after_refusals: Option<u32>,
    /// A key is suspended when it comes from more than so many networks (/24, /48) in an hour.
    #[schema(minimum = 1)]
    suspend_after_networks: Option<u32>,
}

/// A tenant, as its operator sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct Shown {
    #[schema(value_type = String)]
    id: TenantId,
    /// `active`, `suspended` or `deleting`.
    state: &'static str,
    #[schema(required)]
    region: Option<String>,
    quota: QuotaFields,
    #[schema(value_type = WatchFields)]
    watch: Watch,
    #[schema(format = DateTime)]
    created_at: String,
}

/// Every tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenants)]
pub(super) struct List {
    tenants: Vec<Shown>,
}

/// A tenant that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewTenant)]
pub(super) struct Created {
    #[schema(value_type = String)]
    id: TenantId,
    state: &'static str,
    owner_key: OwnerKey,
}

/// The key to hand over: the operator's way to the tenant's data ends here.
#[derive(Serialize, ToSchema)]
struct OwnerKey {
    id: String,
    /// The key itself. Shown this once, and kept nowhere.
    key: String,
}

/// Makes a tenant, and its first key.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "tenants",
    request_body = Create,
    responses((status = 201, description = "The tenant, and its owner's key.", body = Created))
)]
pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let id = parse(&body.id)?;
    let (quota, allowance) = body.quota.0.split();
    let policy = Policy {
        allowance,
        watch: body.watch.0,
    };
    let new = NewTenant {
        id,
        quota,
        region: body.region.map(checked).transpose()?,
    };
    let created = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_tenant_with(principal, new, policy)
        })
        .await?;
    let created = Created {
        id: created.record.id.clone(),
        state: created.record.state.name(),
        owner_key: OwnerKey {
            id: created.owner_key.id.to_string(),
            key: created.owner_key.reveal().to_owned(),
        },
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// Every tenant of the node.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenants",
    responses((status = 200, description = "The tenants.", body = List))
)]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let records = caller
        .run(Waits::Maybe, |engine, principal| engine.tenants(principal))
        .await?;
    let tenants = records.iter();
    let tenants = tenants.map(|record| shown(&caller, record)).collect();
    Ok(Json(List { tenants }))
}

/// One tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "The tenant.", body = Shown))
)]
pub(super) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Json<Shown>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.tenant(principal, &id)
        })
        .await?;
    Ok(Json(shown(&caller, &record)))
}

/// Changes a tenant's quota, watch or region, by a JSON merge patch (RFC 7396): what it doesn't name
/// stays, what is `null` in it is lifted.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body(content((Change = "application/json"), (Change = "application/merge-patch+json"))),
    responses((status = 200, description = "The tenant.", body = Shown))
)]
pub(super) async fn change(
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Change>,
) -> Result<Json<Shown>, Refusal> {
    let id = known(&id)?;
    let change = body.checked()?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.change_tenant(principal, &id, |settings| change.apply(settings))
        })
        .await?;
    Ok(Json(shown(&caller, &record)))
}

/// Stops serving a tenant; nothing of it is lost.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/suspend",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "The tenant.", body = Shown))
)]
pub(super) async fn suspend(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<Shown>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.suspend(principal, &id)
        })
        .await?;
    Ok(Json(shown(&caller, &record)))
}

/// Serves a suspended tenant again.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/resume",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    responses((status = 200, description = "The tenant.", body = Shown))
)]
pub(super) async fn resume(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<Shown>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.resume(principal, &id)
        })
        .await?;
    Ok(Json(shown(&caller, &record)))
}

/// Deletes a tenant: its key is shredded, its data dropped.
#[utoipa::path(
    delete,
    path = "/v1/tenants/{id}",
    tag = "tenants",
    params(
        ("id" = String, Path, description = "The tenant's id"),
        ("wait" = Option<u64>, Query, maximum = 60, description = "Seconds to wait for the end before answering, 60 at most."),
    ),
    responses((status = 202, description = "The erasure of the tenant.", body = erasures::Shown))
)]
pub(super) async fn remove(
    caller: Caller,
    Path(id): Path<String>,
    Parameters(Wait { wait }): Parameters<Wait>,
    _: NoBody,
) -> Result<Response, Refusal> {
    let id = known(&id)?;
    let erasure = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_tenant(principal, &id)
        })
        .await?;
    erasures::accepted(&caller, erasure, wait).await
}

fn shown(caller: &Caller, record: &TenantRecord) -> Shown {
    let policy = caller.engine.policy_of(record);
    Shown {
        id: record.id.clone(),
        state: record.state.name(),
        region: record.region.clone(),
        quota: QuotaFields::joined(record.quota, policy.allowance),
        watch: policy.watch,
        created_at: record.created.to_string(),
    }
}

fn parse(id: &str) -> Result<TenantId, Refusal> {
    Ok(TenantId::parse(id).map_err(Error::from)?)
}

/// A name that can't be a tenant's is a tenant that isn't there.
pub(super) fn known(id: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(id).map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "there is no such tenant"))
}

/// A region of a length that may be.
pub(super) fn checked(region: String) -> Result<String, Refusal> {
    if region.len() > REGION_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "region is longer than {REGION_BYTES_MAX} bytes"
        )));
    }
    Ok(region)
}

const REGION_BYTES_MAX: usize = 64;
