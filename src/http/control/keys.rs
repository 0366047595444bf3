//! The tenant's keys, for its owner.

use std::time::Duration;

use axum::{
    Json,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    access::{ApiKeyId, ApiKeyRecord, Role},
    engine::NewKey,
    http::{
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    tenant::CollectionName,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    role: Role,
    #[serde(default = "days_default")]
    expires_in_days: u32,
    collections: Option<Vec<CollectionName>>,
    allowed_ips: Option<Vec<String>>,
}

const fn days_default() -> u32 {
    90
}

pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let new = checked(body)?;
    let created = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_key(principal, new)
        })
        .await?;
    let mut body = shown(&created.record);
    if let Some(fields) = body.as_object_mut() {
        fields.insert("key".to_owned(), json!(created.key.reveal()));
    }
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(super) async fn list(caller: Caller) -> Result<Json<Value>, Refusal> {
    let keys = caller
        .run(Waits::Maybe, |engine, principal| engine.keys(principal))
        .await?;
    let keys: Vec<Value> = keys.iter().map(|key| shown(key)).collect();
    Ok(Json(json!({"keys": keys})))
}

pub(super) async fn revoke(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let id = ApiKeyId::parse(&id)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such key"))?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.revoke_key(principal, id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key as it is shown: everything but the key.
pub(super) fn shown(record: &ApiKeyRecord) -> Value {
    json!({
        "id": record.id.to_string(),
        "name": record.name,
        "role": record.role,
        "created_at": record.created.to_string(),
        "expires_at": record.expires.map(|time| time.to_string()),
        "collections": record.collections,
        "allowed_ips": record.networks,
    })
}

fn checked(body: Create) -> Result<NewKey, Refusal> {
    if body.name.is_empty() || body.name.len() > NAME_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "name must be 1 to {NAME_BYTES_MAX} bytes"
        )));
    }
    if !(1..=DAYS_MAX).contains(&body.expires_in_days) {
        return Err(Refusal::invalid(format!(
            "expires_in_days must be 1 to {DAYS_MAX}"
        )));
    }
    let lists = [
        body.collections.as_ref().map(Vec::len),
        body.allowed_ips.as_ref().map(Vec::len),
    ];
    if lists
        .into_iter()
        .flatten()
        .any(|length| !(1..=LIST_MAX).contains(&length))
    {
        return Err(Refusal::invalid(format!(
            "collections and allowed_ips must have 1 to {LIST_MAX} entries, or be left out"
        )));
    }
    let networks = body
        .allowed_ips
        .map(|texts| texts.iter().map(|text| network(text)).collect());
    Ok(NewKey {
        name: body.name,
        role: body.role,
        lasts: Duration::from_secs(u64::from(body.expires_in_days) * 24 * 60 * 60),
        collections: body.collections,
        networks: networks.transpose()?,
    })
}

/// An address, or a network in CIDR notation.
fn network(text: &str) -> Result<IpNet, Refusal> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| {
            Refusal::invalid("allowed_ips takes addresses and networks like 10.1.2.3 or 10.0.0.0/8")
        })
}

const NAME_BYTES_MAX: usize = 128;
const DAYS_MAX: u32 = 3650;
const LIST_MAX: usize = 64;
