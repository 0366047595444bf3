//! Copies of the tenant's generation key for someone outside, for its owner; and the node's root
//! key, for its operator.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    engine::Error,
    http::{
        body::{Body, NoBody},
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    ops::{backup::BackupId, custody::CustodyRecord},
    router::RouterError,
    seal::Keeper,
};

/// For whom a key is to be exported. Either a passphrase or a recipient.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExportKey)]
pub(super) struct Create {
    /// At least 12 characters.
    #[schema(min_length = 12)]
    passphrase: Option<String>,
    /// An age public key, like `age1..`.
    recipient: Option<String>,
    /// Why. Kept with the record, not in the audit log.
    #[schema(min_length = 1, max_length = 256)]
    reason: String,
}

/// An export, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyExport)]
pub(super) struct Shown {
    id: String,
    /// The generation whose key it is.
    generation: u32,
    #[schema(format = DateTime)]
    at: String,
    /// `passphrase`, or the recipient.
    to: String,
    reason: String,
    /// The id of the API key that asked.
    by: String,
}

/// A key that was just exported.
#[derive(Serialize, ToSchema)]
#[schema(as = NewKeyExport)]
pub(super) struct Created {
    #[serde(flatten)]
    shown: Shown,
    /// The age file, binary, in base64. Kept nowhere here.
    file: String,
}

/// A tenant's exports.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyExports)]
pub(super) struct List {
    exports: Vec<Shown>,
}

/// Seals the tenant's generation key for a keeper outside, as an age file. It is a copy that no
/// later erasure can shred, so each is recorded, and named in later receipts.
#[utoipa::path(
    post,
    path = "/v1/custody",
    tag = "backups",
    request_body = Create,
    responses((status = 201, description = "The age file. Shown this once.", body = Created))
)]
pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    if body.reason.trim().is_empty() || body.reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "reason must be 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    let keeper = match (body.passphrase, body.recipient) {
        (Some(passphrase), None) => Keeper::with_passphrase(passphrase),
        (None, Some(recipient)) => Keeper::recipient(&recipient),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::invalid("give one of passphrase and recipient"));
        }
    };
    let keeper = keeper.map_err(|error| Error::from(RouterError::from(error)))?;
    let exported = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.export_key(principal, &keeper, body.reason)
        })
        .await?;
    let created = Created {
        shown: shown(&exported.record),
        file: STANDARD.encode(&exported.file),
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// Every export of a key of the caller's tenant, the oldest first.
#[utoipa::path(get, path = "/v1/custody", tag = "backups", responses((status = 200, description = "The exports.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let records = caller
        .run(Waits::Maybe, |engine, principal| engine.exports(principal))
        .await?;
    let exports = records.iter().map(shown).collect();
    Ok(Json(List { exports }))
}

fn shown(record: &CustodyRecord) -> Shown {
    Shown {
        id: BackupId(record.id).to_string(),
        generation: record.generation.0,
        at: record.at.to_string(),
        to: record.to.clone(),
        reason: record.reason.clone(),
        by: record.by.clone(),
    }
}

/// What a rotation did.
#[derive(Serialize, ToSchema)]
#[schema(as = RootKeyRotation)]
pub(super) struct Rotated {
    /// Tells the root key from others, and nothing of what it is.
    root_key: String,
    /// The one before it.
    previous: String,
    /// Key files that were wrapped anew.
    files: u64,
    /// What is left to do by hand, if anything is.
    #[schema(required)]
    then: Option<&'static str>,
}

/// Puts another root key in place of the current one: every key file is wrapped anew, and no data
/// is touched. Where the root key is a file of the node's own, a new one is made; else the next one
/// comes from the node's settings, since whoever has an operator key must not choose a program or a
/// file of the host.
#[utoipa::path(
    post,
    path = "/v1/root-key/rotate",
    tag = "tenants",
    responses((status = 200, description = "It is done.", body = Rotated))
)]
pub(super) async fn rotate(caller: Caller, _: NoBody) -> Result<Json<Rotated>, Refusal> {
    let rotated = caller
        .run(Waits::Maybe, |engine, principal| {
            engine.rotate_root(principal)
        })
        .await?;
    Ok(Json(Rotated {
        root_key: rotated.to.to_string(),
        previous: rotated.from.to_string(),
        files: rotated.files,
        then: rotated.settings_follow.then_some(
            "set root_key_* to what root_key_next_* says, take root_key_next_* out, and destroy the root key before",
        ),
    }))
}

const REASON_BYTES_MAX: usize = 256;
