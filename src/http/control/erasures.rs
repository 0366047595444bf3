//! Erasures, for the tenant's owner: asked for, followed, and their receipts.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::scope;
use crate::{
    engine::ErasureAsked,
    http::{
        body::Body,
        caller::{Caller, Waits},
        data,
        parameters::{Parameters, Path},
        refusal::Refusal,
    },
    ops::erase::{Erasure, ErasureId},
};

/// An erasure that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Erase)]
pub(super) struct Ask {
    /// Why. It stands in the receipt, so it should name nobody.
    #[schema(min_length = 1, max_length = 256)]
    reason: String,
    #[schema(value_type = scope::Picture)]
    scope: data::Json,
}

/// How long to wait for the end of an erasure before answering. Read before anything is done: who is
/// told that a request is wrong may believe that nothing was.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    #[serde(default)]
    pub(super) wait: Seconds,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Seconds(u64);

impl TryFrom<u64> for Seconds {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        if seconds > WAIT_SECONDS_MAX {
            return Err(format!("wait is at most {WAIT_SECONDS_MAX} seconds"));
        }
        Ok(Self(seconds))
    }
}

/// An erasure.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
pub(super) struct Shown {
    id: String,
    /// `queued`, `running`, `verifying` or `done`. In each of them nothing of the data is answered any
    /// more. What fails is tried again, until it is done.
    state: &'static str,
    /// `points`, `filter`, `subject`, `collection`, `tenant`, `retention` or `rotation`.
    scope: Value,
    reason: String,
    #[schema(format = DateTime)]
    requested_at: String,
    /// The id of the key that asked, or `node`.
    requested_by: String,
    /// Points that were removed.
    points: u64,
    collections: Vec<CollectionShown>,
    steps: Vec<StepShown>,
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
    /// Why the last attempt to carry it out failed, until one doesn't.
    #[schema(required)]
    failure: Option<String>,
}

/// Points that were removed from a collection.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasedFrom)]
struct CollectionShown {
    name: String,
    points: u64,
}

/// A thing that was done.
#[derive(Serialize, ToSchema)]
#[schema(as = ErasureStep)]
struct StepShown {
    #[schema(value_type = String)]
    name: crate::ops::receipt::StepName,
    #[schema(format = DateTime)]
    at: String,
    seconds: f64,
}

/// A tenant's erasures.
#[derive(Serialize, ToSchema)]
#[schema(as = Erasures)]
pub(super) struct List {
    erasures: Vec<Shown>,
}

/// Erases points, a data subject, a collection, or the tenant. Once this is answered, no request
/// gets any of it; its bytes and its key end soon after, and then there is a receipt.
#[utoipa::path(
    post,
    path = "/v1/erasures",
    tag = "erasures",
    params(("wait" = Option<u64>, Query, maximum = 60, description = "Seconds to wait for the end before answering, 60 at most. Without it the answer comes once nothing of the data is answered any more.")),
    request_body = Ask,
    responses((status = 202, description = "The erasure.", body = Shown))
)]
pub(super) async fn create(
    caller: Caller,
    Parameters(Wait { wait }): Parameters<Wait>,
    Body(body): Body<Ask>,
) -> Result<Response, Refusal> {
    let asked = asked(body.reason, body.scope)?;
    let erasure = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.erase(principal, asked)
        })
        .await?;
    accepted(&caller, erasure, wait).await
}

/// Reads what is to be erased, and why.
pub(super) fn asked(reason: String, scope: data::Json) -> Result<ErasureAsked, Refusal> {
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::invalid(format!(
            "reason must be 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    let (what, kind) = scope::read(&scope)?;
    Ok(ErasureAsked {
        scope: what,
        kind,
        words: scope.into_value(),
        reason,
    })
}

/// Answers an erasure that was accepted, after waiting for its end if that is wanted.
pub(super) async fn accepted(
    caller: &Caller,
    erasure: Erasure,
    Seconds(wait): Seconds,
) -> Result<Response, Refusal> {
    let erasure = caller
        .run(Waits::Maybe, move |engine, _| {
            Ok(engine.await_erasure(&erasure, Duration::from_secs(wait)))
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&erasure))).into_response())
}

/// The tenant's erasures, the oldest first.
#[utoipa::path(get, path = "/v1/erasures", tag = "erasures", responses((status = 200, description = "The erasures.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let erasures = caller
        .run(Waits::Maybe, |engine, principal| engine.erasures(principal))
        .await?;
    let erasures = erasures.iter().map(shown).collect();
    Ok(Json(List { erasures }))
}

/// One erasure. An operator sees those of whole tenants.
#[utoipa::path(
    get,
    path = "/v1/erasures/{id}",
    tag = "erasures",
    params(("id" = String, Path, description = "The erasure's id")),
    responses((status = 200, description = "The erasure.", body = Shown))
)]
pub(super) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Json<Shown>, Refusal> {
    Ok(Json(shown(&find(&caller, &id).await?)))
}

/// The signed receipt of an erasure that is done.
#[utoipa::path(
    get,
    path = "/v1/erasures/{id}/receipt",
    tag = "erasures",
    params(("id" = String, Path, description = "The erasure's id")),
    responses(
        (status = 200, description = "The receipt, as `locule verify receipt` reads it.", body = Value),
        (status = 409, description = "The erasure isn't done yet."),
    )
)]
pub(super) async fn receipt(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let erasure = find(&caller, &id).await?;
    let Some(receipt) = erasure.receipt else {
        let message = format!(
            "the erasure is {}; its receipt is signed when it is done",
            erasure.state.name()
        );
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    };
    // To the byte: the signature is over it.
    let kind = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, kind)], receipt).into_response())
}

async fn find(caller: &Caller, id: &str) -> Result<Erasure, Refusal> {
    let id = ErasureId::parse(id)
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such erasure"))?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.erasure(principal, id)
        })
        .await
}

pub(super) fn shown(erasure: &Erasure) -> Shown {
    let steps = erasure.steps.iter().map(|done| StepShown {
        name: done.step,
        at: done.at.to_string(),
        seconds: Duration::from_micros(done.micros).as_secs_f64(),
    });
    let collections = erasure.collections.iter();
    Shown {
        id: erasure.id.to_string(),
        state: erasure.state.name(),
        scope: serde_json::to_value(erasure.kind).unwrap_or_default(),
        reason: erasure.reason.clone(),
        requested_at: erasure.requested.to_string(),
        requested_by: erasure.by.to_string(),
        points: erasure.points,
        collections: collections
            .map(|(name, points)| CollectionShown {
                name: name.clone(),
                points: *points,
            })
            .collect(),
        steps: steps.collect(),
        finished_at: erasure.finished.map(|time| time.to_string()),
        failure: erasure.failure.clone(),
    }
}

const REASON_BYTES_MAX: usize = 256;
const WAIT_SECONDS_MAX: u64 = 60;
