//! The data plane's envelope: `{"result": .., "status": "ok", "time": seconds}`.

use axum::{
    Json,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use crate::{clock::Stopwatch, engine::Engine, telemetry::Stage};

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
    wrapped(&caller.engine, &caller.watch, result)
}

/// Wraps the result of what was asked when the watch was started.
pub(super) fn wrapped<T: Serialize>(engine: &Engine, watch: &Stopwatch, result: T) -> Response {
    let envelope = Envelope {
        result,
        status: "ok",
        time: watch.elapsed().as_secs_f64(),
    };
    let stages = &engine.metrics().stages;
    stages.timed(Stage::Serialise, || Json(envelope).into_response())
}

/// Plain text.
pub(super) fn text(text: String, kind: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}
