//! The data plane's envelope: `{"result": .., "status": "ok", "time": seconds}`.

use axum::{
    Json,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::telemetry::Stage;

/// A result as it is answered.
#[derive(Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    result: T,
    /// `ok`.
    status: &'static str,
    /// Seconds.
    time: f64,
}

/// Wraps a result.
pub(super) fn ok<T: Serialize>(caller: &Caller, result: T) -> Response {
    let time = caller.watch.elapsed().as_secs_f64();
    let envelope = Envelope {
        result,
        status: "ok",
        time,
    };
    let stages = &caller.engine.metrics().stages;
    stages.timed(Stage::Serialise, || Json(envelope).into_response())
}

/// Plain text.
pub(super) fn text(text: String, kind: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
