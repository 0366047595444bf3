//! Restores of the tenant's backups, for its owner.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backups;
use crate::{
    http::{
        body::Body,
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
    ops::backup::BackupId,
    router::{RestoreId, RestoreRecord, RestoreState},
};

/// What is to be restored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateRestore)]
pub(super) struct Create {
    /// A backup's id. One that was kept elsewhere is uploaded first.
    backup: String,
}

/// A restore, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Restore)]
pub(super) struct Shown {
    id: String,
    /// `running`, `done`, or `failed`: then the tenant has the data that it had.
    state: &'static str,
    backup: String,
    #[schema(format = DateTime)]
    began_at: String,
    /// The points that are there, once it is done.
    points: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A tenant's last restores.
#[derive(Serialize, ToSchema)]
#[schema(as = Restores)]
pub(super) struct List {
    restores: Vec<Shown>,
}

/// Begins to put a backup in place of the tenant's data: all of it, at once, or nothing. What was
/// written since the backup is gone afterwards.
#[utoipa::path(
    post,
    path = "/v1/restores",
    tag = "backups",
    request_body = Create,
    responses((status = 202, description = "It is under way: ask after it by its id.", body = Shown))
)]
pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let backup = backups::parse(&body.backup)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.restore_backup(principal, backup)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&record))).into_response())
}

/// The last restores, the oldest first.
#[utoipa::path(get, path = "/v1/restores", tag = "backups", responses((status = 200, description = "The restores.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let records = caller
        .run(Waits::Maybe, |engine, principal| engine.restores(principal))
        .await?;
    let restores = records.iter().map(shown).collect();
    Ok(Json(List { restores }))
}

/// One restore.
#[utoipa::path(
    get,
    path = "/v1/restores/{id}",
    tag = "backups",
    params(("id" = String, Path, description = "The restore's id")),
    responses((status = 200, description = "The restore.", body = Shown))
)]
pub(super) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Json<Shown>, Refusal> {
    // Written as a backup's id is.
    let id = BackupId::parse(&id)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such restore"))?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.restore(principal, RestoreId(id.0))
        })
        .await?;
    Ok(Json(shown(&record)))
}

fn shown(record: &RestoreRecord) -> Shown {
    Shown {
        id: BackupId(record.id.0).to_string(),
        state: record.shown_state(),
        backup: BackupId(record.backup).to_string(),
        began_at: record.began.to_string(),
        points: record.points,
        error: match &record.state {
            RestoreState::Failed(why) => Some(why.clone()),
            RestoreState::Running | RestoreState::Done => None,
        },
    }
}
