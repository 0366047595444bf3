//! One log line and one count for every request.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header::HeaderName},
    middleware::Next,
    response::Response,
};

use crate::{
    clock::{Stopwatch, Timestamp},
    engine::Engine,
};

/// The request's number, for its handler, its log line and its audit entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestNumber(pub(super) u64);

/// Where a handler leaves when its caller's key ends, if that is soon.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Arc<OnceLock<Timestamp>>);

impl Ending {
    pub(super) fn tell(&self, end: Timestamp) {
        self.0.get_or_init(|| end);
    }
}

pub(super) async fn observe(
    State(engine): State<Arc<Engine>>,
    mut request: Request,
    next: Next,
) -> Response {
    let watch = Stopwatch::start();
    let number = engine.next_request();
    let ending = Ending::default();
    request.extensions_mut().insert(RequestNumber(number));
    request.extensions_mut().insert(ending.clone());
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
    if let Some(end) = ending.0.get()
        && let Ok(end) = HeaderValue::from_str(&end.to_string())
    {
        response.headers_mut().insert(KEY_EXPIRES, end);
    }
    response
}

/// When the key that asked ends, once that is within two weeks.
pub(super) const KEY_EXPIRES: HeaderName = HeaderName::from_static("locule-key-expires");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
