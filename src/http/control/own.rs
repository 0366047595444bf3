//! What a tenant may know of itself.

use axum::Json;
use serde_json::{Value, json};

use super::keys;
use crate::{
    http::{
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    payload::PAYLOAD_BYTES_MAX,
};

pub(super) async fn show(caller: Caller) -> Json<Value> {
    let report = caller.engine.self_report(&caller.principal);
    Json(json!({
        "tenant": report.tenant.as_ref().map(|record| &record.id),
        "state": report.tenant.as_ref().map(|record| record.state.name()),
        "role": report.key.role,
        "key": keys::shown(&report.key),
        "limits": {
            "quota": report.tenant.as_ref().map(|record| record.quota),
            "neighbours_max": report.key.role.neighbours_max(),
            "payload_bytes_max": PAYLOAD_BYTES_MAX,
        },
    }))
}

pub(super) async fn usage(caller: Caller) -> Result<Json<Value>, Refusal> {
    let usage = caller
        .run(Waits::Maybe, |engine, principal| engine.usage(principal))
        .await?;
    Ok(Json(json!({
        "state": if usage.was_open { "open" } else { "cold" },
        "collections": usage.collections,
        "points": usage.points,
        "bytes_on_disk": usage.disk_bytes,
        "bytes_in_memory": usage.memory_bytes,
        "queries": usage.queries,
        "rejections": usage.rejections,
    })))
}
