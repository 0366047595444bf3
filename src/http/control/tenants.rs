//! Tenants, for the operator.

use axum::{
    Json,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    access::Quota,
    engine::{Engine, Error},
    http::{
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    router::{NewTenant, TenantRecord},
    tenant::TenantId,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    id: String,
    #[serde(default)]
    quota: Quota,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    quota: Option<Quota>,
    region: Option<String>,
}

pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let id = parse(&body.id)?;
    let new = NewTenant {
        id,
        quota: body.quota,
        region: checked(body.region)?,
    };
    let created = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_tenant(principal, new)
        })
        .await?;
    let body = json!({
        "id": created.record.id,
        "state": created.record.state.name(),
        "owner_key": {
            "id": created.owner_key.id.to_string(),
            "key": created.owner_key.reveal(),
        },
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(super) async fn list(caller: Caller) -> Result<Json<Value>, Refusal> {
    let records = caller
        .run(Waits::Maybe, |engine, principal| engine.tenants(principal))
        .await?;
    let tenants: Vec<Value> = records.iter().map(|record| shown(record)).collect();
    Ok(Json(json!({"tenants": tenants})))
}

pub(super) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.tenant(principal, &id)
        })
        .await?;
    Ok(Json(shown(&record)))
}

pub(super) async fn change(
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Change>,
) -> Result<Json<Value>, Refusal> {
    let id = known(&id)?;
    let region = checked(body.region)?;
    let record = caller
        .run(
            Waits::Maybe,
            move |engine: &std::sync::Arc<Engine>, principal| {
                engine.change_tenant(principal, &id, body.quota, region)
            },
        )
        .await?;
    Ok(Json(shown(&record)))
}

pub(super) async fn suspend(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.suspend(principal, &id)
        })
        .await?;
    Ok(Json(shown(&record)))
}

pub(super) async fn resume(caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.resume(principal, &id)
        })
        .await?;
    Ok(Json(shown(&record)))
}

pub(super) async fn remove(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id = known(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_tenant(principal, &id)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&record))).into_response())
}

fn shown(record: &TenantRecord) -> Value {
    json!({
        "id": record.id,
        "state": record.state.name(),
        "region": record.region,
        "quota": record.quota,
        "created_at": record.created.to_string(),
    })
}

fn parse(id: &str) -> Result<TenantId, Refusal> {
    Ok(TenantId::parse(id).map_err(Error::from)?)
}

/// A name that can't be a tenant's is a tenant that isn't there.
fn known(id: &str) -> Result<TenantId, Refusal> {
    TenantId::parse(id).map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "there is no such tenant"))
}

fn checked(region: Option<String>) -> Result<Option<String>, Refusal> {
    match region {
        Some(region) if region.len() > REGION_BYTES_MAX => Err(Refusal::invalid(format!(
            "region is longer than {REGION_BYTES_MAX} bytes"
        ))),
        region => Ok(region),
    }
}

const REGION_BYTES_MAX: usize = 64;
