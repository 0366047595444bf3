//! The tenant's backups, for its owner: made, kept, taken elsewhere, brought back.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Json,
    body::Body as Payload,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::{
    http::{
        body::NoBody,
        caller::{Caller, Waits},
        long,
        parameters::Path,
        refusal::Refusal,
    },
    ops::backup::{BackupError, BackupId, BackupRecord, BackupState, Download, Upload},
};

/// A backup, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup)]
pub(super) struct Shown {
    id: String,
    /// `running`, `done`, `failed`, or `ended`: its key was shredded, so it opens for nobody.
    state: &'static str,
    /// The generation whose key opens it.
    generation: u32,
    /// The moment that it is of.
    #[schema(format = DateTime)]
    made_at: String,
    points: u64,
    /// The number of the last write that is in it.
    seq: u64,
    /// Bytes of it; so far, while it is made.
    bytes: u64,
    /// Of these, bytes that the backups before it didn't have.
    new_bytes: u64,
    /// The SHA-256 of its manifest.
    sha256: String,
    /// How often it was downloaded or uploaded: each is a copy elsewhere.
    downloads: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When its key was shredded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// The erasure that shredded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
}

/// A tenant's backups.
#[derive(Serialize, ToSchema)]
#[schema(as = Backups)]
pub(super) struct List {
    backups: Vec<Shown>,
}

/// Begins a backup of the caller's tenant, as of now. Queries and writes go on meanwhile.
#[utoipa::path(
    post,
    path = "/v1/backups",
    tag = "backups",
    responses((status = 202, description = "It is being made: ask after it by its id.", body = Shown))
)]
pub(super) async fn create(caller: Caller, _: NoBody) -> Result<Response, Refusal> {
    let record = caller
        .run(Waits::Maybe, |engine, principal| {
            engine.make_backup(principal)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&record))).into_response())
}

/// Every backup of the caller's tenant, the oldest first.
#[utoipa::path(get, path = "/v1/backups", tag = "backups", responses((status = 200, description = "The backups.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let records = caller
        .run(Waits::Maybe, |engine, principal| engine.backups(principal))
        .await?;
    let backups = records.iter().map(shown).collect();
    Ok(Json(List { backups }))
}

/// One backup.
#[utoipa::path(
    get,
    path = "/v1/backups/{id}",
    tag = "backups",
    params(("id" = String, Path, description = "The backup's id")),
    responses((status = 200, description = "The backup.", body = Shown))
)]
pub(super) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Json<Shown>, Refusal> {
    let id = parse(&id)?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.backup(principal, id)
        })
        .await?;
    Ok(Json(shown(&record)))
}

/// A backup as one file: ciphertext, for keeping elsewhere. The key isn't in it.
#[utoipa::path(
    get,
    path = "/v1/backups/{id}/download",
    tag = "backups",
    params(("id" = String, Path, description = "The backup's id")),
    responses((status = 200, description = "The file.", content_type = "application/octet-stream", body = [u8]))
)]
pub(super) async fn download(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id = parse(&id)?;
    let download = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.download_backup(principal, id)
        })
        .await?;
    let length = download.bytes();
    let mut response = Payload::new(Pieces::of(download)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    // The id is hexadecimal digits.
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{id}.backup\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Takes in a backup that was downloaded, so that it can be restored. Of any length. One that is
/// another tenant's, damaged, or of a generation whose key was shredded is refused.
#[utoipa::path(
    post,
    path = "/v1/backups/upload",
    tag = "backups",
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 201, description = "The backup, ready to be restored.", body = Shown))
)]
pub(super) async fn upload(caller: Caller, request: Request) -> Result<Response, Refusal> {
    let upload = caller
        .run(Waits::Maybe, |engine, principal| {
            engine.upload_backup(principal)
        })
        .await?;
    let upload = received(request.into_body(), upload).await?;
    let record = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.take_in_backup(principal, upload)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown(&record))).into_response())
}

/// Deletes a backup. Copies that were downloaded stay wherever they are.
#[utoipa::path(
    delete,
    path = "/v1/backups/{id}",
    tag = "backups",
    params(("id" = String, Path, description = "The backup's id")),
    responses((status = 204, description = "It is deleted."))
)]
pub(super) async fn remove(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    let id = parse(&id)?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_backup(principal, id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn parse(id: &str) -> Result<BackupId, Refusal> {
    BackupId::parse(id)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, BackupError::NotFound.to_string()))
}

pub(super) fn shown(record: &BackupRecord) -> Shown {
    let (mut error, mut ended_at, mut ended_by) = (None, None, None);
    match &record.state {
        BackupState::Running | BackupState::Done | BackupState::Deleted => {}
        BackupState::Failed(why) => error = Some(why.clone()),
        BackupState::Ended { at, erasure } => {
            ended_at = Some(at.to_string());
            ended_by = erasure.map(|id| BackupId(id).to_string());
        }
    }
    Shown {
        id: record.id.to_string(),
        state: record.state.name(),
        generation: record.generation.0,
        made_at: record.made.to_string(),
        points: record.points,
        seq: record.seq,
        bytes: record.bytes,
        new_bytes: record.new_bytes,
        sha256: record
            .digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        downloads: record.downloads,
        error,
        ended_at,
        ended_by,
    }
}

/// Writes a body to the disk as it comes in, in pieces of a mebibyte or so.
async fn received(mut body: Payload, mut upload: Upload) -> Result<Upload, Refusal> {
    let mut piece = Vec::with_capacity(2 * PIECE_BYTES);
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let last = frame.is_none();
        if let Some(frame) = frame {
            let frame =
                frame.map_err(|_| Refusal::invalid("the body couldn't be read to its end"))?;
            if let Some(data) = frame.data_ref() {
                piece.extend_from_slice(data);
            }
        }
        if last || piece.len() >= PIECE_BYTES {
            let written = long::wait_for(move || {
                upload.add(&piece)?;
                piece.clear();
                Ok::<_, BackupError>((upload, piece))
            });
            (upload, piece) = written.await.map_err(crate::engine::Error::from)?;
        }
        if last {
            return Ok(upload);
        }
    }
}

/// A file that is read piece by piece while it is sent.
struct Pieces(mpsc::Receiver<Result<Vec<u8>, BackupError>>);

impl Pieces {
    fn of(download: Download) -> Self {
        let (pieces, read) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            for piece in download {
                if let Err(error) = &piece {
                    tracing::error!(%error, "a download broke off");
                }
                // Nobody reads any more.
                if pieces.blocking_send(piece).is_err() {
                    break;
                }
            }
        });
        Self(read)
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = BackupError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackupError>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| piece.map(|piece| Frame::data(piece.into()))))
    }
}

/// How much of an upload is written at a time.
const PIECE_BYTES: usize = 1 << 20;
