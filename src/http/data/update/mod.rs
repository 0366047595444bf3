//! Changes to points: each operation on a route of its own, and any number of them in a batch.

mod body;

use axum::response::Response;

use self::body::{
    DeletePayload, DeleteVectors, OperationIn, Operations, Selector, SetPayload, UpdateVectors,
    Upsert, bad,
};
use super::{
    points::within,
    wire::{Collection, UpdateResult, WriteParameters},
};
use crate::{
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    tenant::CollectionName,
};

/// Does operations in one commit.
async fn change(
    caller: &Caller,
    name: CollectionName,
    operations: Vec<OperationIn>,
) -> Result<UpdateResult, Refusal> {
    let mut planned = Vec::with_capacity(operations.len());
    let mut points = 0;
    for operation in operations {
        let (operation, named) = operation.read()?;
        points += named;
        within(points)?;
        planned.push(operation);
    }
    let seq = caller
        .run(Waits::ForDisk, move |engine, principal| {
            engine.change(principal, &name, planned)
        })
        .await?;
    Ok(UpdateResult::completed(seq))
}

async fn one(
    caller: Caller,
    name: CollectionName,
    operation: OperationIn,
) -> Result<Response, Refusal> {
    let done = change(&caller, name, vec![operation]).await?;
    Ok(answer::ok(&caller, done))
}

/// Stores points; what stands under their ids is replaced.
#[utoipa::path(
    put,
    path = "/collections/{name}/points",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = Upsert,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn upsert(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<Upsert>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::Upsert(body)).await
}

/// Deletes points.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/delete",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = Selector,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn remove(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<Selector>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::Delete(body)).await
}

/// Sets fields of payloads; others stay.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/payload",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = SetPayload,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn set_payload(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<SetPayload>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::SetPayload(body)).await
}

/// Replaces payloads.
#[utoipa::path(
    put,
    path = "/collections/{name}/points/payload",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = SetPayload,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn overwrite_payload(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<SetPayload>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::OverwritePayload(body)).await
}

/// Removes keys of payloads.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/payload/delete",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = DeletePayload,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn delete_payload(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<DeletePayload>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::DeletePayload(body)).await
}

/// Empties payloads.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/payload/clear",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = Selector,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn clear_payload(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<Selector>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::ClearPayload(body)).await
}

/// Sets vectors; others stay.
#[utoipa::path(
    put,
    path = "/collections/{name}/points/vectors",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = UpdateVectors,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn update_vectors(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<UpdateVectors>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::UpdateVectors(body)).await
}

/// Removes vectors.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/vectors/delete",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = DeleteVectors,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn delete_vectors(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<DeleteVectors>,
) -> Result<Response, Refusal> {
    one(caller, name, OperationIn::DeleteVectors(body)).await
}

/// All operations or none, in one commit: each has the same number in the answer.
#[utoipa::path(
    post,
    path = "/collections/{name}/points/batch",
    tag = "points",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = Operations,
    responses((status = 200, description = "The answer.", body = Envelope<Vec<UpdateResult>>))
)]
pub(super) async fn batch(
    caller: Caller,
    Collection(name): Collection,
    _: WriteParameters,
    Body(body): Body<Operations>,
) -> Result<Response, Refusal> {
    let count = body.operations.len();
    if count == 0 {
        return Err(bad("Empty update request"));
    }
    if count > OPERATIONS_MAX {
        return Err(bad(&format!(
            "{count} operations in one batch, more than the limit of {OPERATIONS_MAX}"
        )));
    }
    let done = change(&caller, name, body.operations).await?;
    Ok(answer::ok(&caller, vec![done; count]))
}

/// Most operations of one batch.
const OPERATIONS_MAX: usize = 1_000;
