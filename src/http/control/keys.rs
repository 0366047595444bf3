//! The tenant's keys, for its owner.

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{ApiKeyId, ApiKeyRecord, Fingerprint, KeyExtras, KeyLimits, KnownKey, Role},
    clock::Timestamp,
    engine::{CreatedKey, NewKey},
    http::{
        body::{Body, NoBody},
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
    tenant::CollectionName,
};

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateKey)]
pub(super) struct Create {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
    #[schema(inline, value_type = TenantRole)]
    role: Role,
    /// Days until it ends.
    #[serde(default = "days_default")]
    #[schema(default = 90, minimum = 1, maximum = 3650)]
    expires_in_days: u32,
    /// The collections that it is good for; all of them if that isn't said.
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 64)]
    collections: Option<Vec<CollectionName>>,
    /// The addresses and networks (CIDR) that it may be used from; any if that isn't said.
    #[schema(min_items = 1, max_items = 64)]
    allowed_ips: Option<Vec<String>>,
    /// SHA-256 of the DER of the client certificate that must come with it, in hex. Needs TLS with
    /// client certificates (`tls_client_ca`).
    #[schema(min_length = 64, max_length = 64)]
    client_certificate: Option<String>,
    #[schema(value_type = Option<LimitFields>)]
    limits: Option<KeyLimits>,
}

/// What a key is good for, within its tenant's quota. Nothing set means no limit of its own.
#[derive(ToSchema)]
#[schema(as = KeyLimits)]
#[expect(dead_code, reason = "the document's picture of it")]
struct LimitFields {
    /// Requests a second, sustained; a burst may hold as many as a second's.
    #[schema(minimum = 1)]
    requests_per_second: Option<u32>,
    /// Bytes of request bodies a second, sustained. A body of any allowed length may come at once,
    /// and then has to be waited for.
    #[schema(minimum = 1)]
    bytes_per_second: Option<u32>,
    /// Requests of a kind (searches, small writes, long work) in flight at a time.
    #[schema(minimum = 1)]
    concurrent_requests: Option<u32>,
}

/// How a key is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateKey)]
pub(super) struct Rotate {
    /// How long the old key is good yet.
    #[serde(default)]
    #[schema(default = 0, maximum = 2_592_000)]
    grace_seconds: u64,
}

/// What a tenant's key may do.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "the document's picture of the roles that a tenant gives out"
)]
enum TenantRole {
    Inference,
    Writer,
    Owner,
    Auditor,
}

/// A key as it is shown: everything but the key.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct Shown {
    /// Its public part, by which it is listed and revoked.
    id: String,
    name: String,
    #[schema(value_type = String, example = "writer")]
    role: Role,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    #[schema(value_type = Option<Vec<String>>, required)]
    collections: Option<Vec<CollectionName>>,
    #[schema(value_type = Option<Vec<String>>, required)]
    allowed_ips: Option<Vec<IpNet>>,
    #[schema(required)]
    client_certificate: Option<String>,
    #[schema(value_type = LimitFields)]
    limits: KeyLimits,
    /// The key that it took the place of, when that was rotated.
    #[schema(required)]
    replaces: Option<String>,
    /// When it was used last, to the second; none if it never was.
    #[schema(format = DateTime, required)]
    last_used_at: Option<String>,
    /// Since when it isn't believed, because it behaved oddly; `resume` ends that.
    #[schema(format = DateTime, required)]
    suspended_at: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub(super) struct Created {
    #[serde(flatten)]
    shown: Shown,
    /// The key itself. Shown this once, and kept nowhere.
    key: String,
}

/// A key that took another one's place.
#[derive(Serialize, ToSchema)]
#[schema(as = RotatedApiKey)]
pub(super) struct Rotated {
    #[serde(flatten)]
    made: Created,
    /// Until when the old key is good yet; a time that is over if it had ended before.
    #[schema(format = DateTime)]
    old_key_expires_at: String,
}

/// A tenant's keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeys)]
pub(super) struct List {
    keys: Vec<Shown>,
}

const fn days_default() -> u32 {
    90
}

/// Makes a key for the caller's tenant.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "keys",
    request_body = Create,
    responses((status = 201, description = "The key. Shown this once.", body = Created))
)]
pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let new = checked(body)?;
    let created = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_key(principal, new)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(new_key(&created))).into_response())
}

/// Makes a new key that is what an old one is, and lets the old one end.
#[utoipa::path(
    post,
    path = "/v1/keys/{id}/rotate",
    tag = "keys",
    params(("id" = String, Path, description = "The old key's id")),
    request_body = Rotate,
    responses((status = 201, description = "The new key. Shown this once.", body = Rotated))
)]
pub(super) async fn rotate(
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Rotate>,
) -> Result<Response, Refusal> {
    let id = key_id(&id)?;
    if body.grace_seconds > GRACE_SECONDS_MAX {
        return Err(Refusal::invalid(format!(
            "grace_seconds must be at most {GRACE_SECONDS_MAX}"
        )));
    }
    let grace = Duration::from_secs(body.grace_seconds);
    let rotated = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.rotate_key(principal, id, grace)
        })
        .await?;
    let rotated = Rotated {
        made: new_key(&rotated.made),
        old_key_expires_at: rotated.old_ends.to_string(),
    };
    Ok((StatusCode::CREATED, Json(rotated)).into_response())
}

pub(super) fn new_key(created: &CreatedKey) -> Created {
    Created {
        shown: shown(&created.record, &created.extras, None),
        key: created.key.reveal().to_owned(),
    }
}

fn key_id(text: &str) -> Result<ApiKeyId, Refusal> {
    ApiKeyId::parse(text).ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such key"))
}

/// Every key of the caller's tenant, without the keys themselves.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses((status = 200, description = "The keys.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let keys = caller
        .run(Waits::Maybe, |engine, principal| engine.keys(principal))
        .await?;
    let keys = keys.iter().map(|key| shown_known(key)).collect();
    Ok(Json(List { keys }))
}

/// Ends a key at once.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It is no key any more."))
)]
pub(super) async fn revoke(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    let id = key_id(&id)?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.revoke_key(principal, id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Believes a key again that was suspended for behaving oddly.
#[utoipa::path(
    post,
    path = "/v1/keys/{id}/resume",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key.", body = Shown))
)]
pub(super) async fn resume(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<Shown>, Refusal> {
    let id = key_id(&id)?;
    let key = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.resume_key(principal, id)
        })
        .await?;
    Ok(Json(shown_known(&key)))
}

pub(super) fn shown_known(key: &KnownKey) -> Shown {
    shown(key.record(), key.extras(), key.last_used())
}

fn shown(record: &ApiKeyRecord, extras: &KeyExtras, last_used: Option<Timestamp>) -> Shown {
    Shown {
        id: record.id.to_string(),
        name: record.name.clone(),
        role: record.role,
        created_at: record.created.to_string(),
        expires_at: record.expires.map(|time| time.to_string()),
        collections: record.collections.as_ref().map(|names| names.to_vec()),
        allowed_ips: record.networks.as_ref().map(|networks| networks.to_vec()),
        client_certificate: extras.certificate.map(|print| print.to_string()),
        limits: extras.limits,
        replaces: extras.replaces.map(|id| id.to_string()),
        last_used_at: last_used.map(|time| time.to_string()),
        suspended_at: extras.suspended.map(|time| time.to_string()),
    }
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
    let certificate = body.client_certificate.map(|text| {
        Fingerprint::parse(&text).ok_or_else(|| {
            Refusal::invalid("client_certificate takes the SHA-256 of its DER, in 64 hex digits")
        })
    });
    Ok(NewKey {
        name: body.name,
        role: body.role,
        lasts: Duration::from_secs(u64::from(body.expires_in_days) * 24 * 60 * 60),
        collections: body.collections,
        networks: networks.transpose()?,
        certificate: certificate.transpose()?,
        limits: body.limits.unwrap_or_default(),
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
/// Thirty days: a key that is to be good for longer isn't being rotated.
const GRACE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;
