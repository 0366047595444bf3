//! One log line and one count for every request.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header::HeaderName},
    middleware::Next,
    response::Response,
};

use crate::{clock::Stopwatch, engine::Engine};

/// The request's number, for its handler, its log line and its audit entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestNumber(pub(super) u64);

pub(super) async fn observe(
    State(engine): State<Arc<Engine>>,
    mut request: Request,
    next: Next,
) -> Response {
    let watch = Stopwatch::start();
    let number = engine.next_request();
    request.extensions_mut().insert(RequestNumber(number));
    let method = request.method().clone();
    // Paths hold collection names and point ids; patterns don't.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let mut response = next.run(request).await;
    let took = watch.elapsed();
    let status = response.status().as_u16();
    engine.metrics().request(route, status, took);
    let id = format!("{number:016x}");
    tracing::debug!(
        target: "locule::request",
        request_id = %id,
        method = %method,
        route,
        status,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
