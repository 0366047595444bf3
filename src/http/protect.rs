//! What every answer says to browsers, and how long a request may take.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            RETRY_AFTER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{cors::CorsLayer, timeout::RequestBodyTimeoutLayer};

use super::{
    observe::{KEY_EXPIRES, REQUEST_ID},
    options::Options,
    refusal::Refusal,
};

/// Puts what holds for all routes around them.
pub(super) fn around(routes: Router, options: &Options, tls: bool) -> Router {
    let routes = routes.layer(RequestBodyTimeoutLayer::new(BODY_PIECE_TIME));
    let origins: Vec<HeaderValue> = options
        .cors_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    let routes = if origins.is_empty() {
        routes
    } else {
        routes.layer(
            CorsLayer::new()
                .allow_origin(origins)
                .allow_methods([
                    Method::GET,
                    Method::PUT,
                    Method::POST,
                    Method::PATCH,
                    Method::DELETE,
                ])
                .allow_headers([
                    AUTHORIZATION,
                    CONTENT_TYPE,
                    HeaderName::from_static("api-key"),
                ])
                .expose_headers([RETRY_AFTER, REQUEST_ID, KEY_EXPIRES])
                .max_age(PREFLIGHT_LASTS),
        )
    };
    // Outermost: what is answered before a route is asked, as to a preflight, says it too.
    routes.layer(middleware::map_response(move |response| {
        with_headers(response, tls)
    }))
}

/// Answers are nobody's but the caller's: no cache keeps them, no page shows or guesses at them.
async fn with_headers(mut response: Response, tls: bool) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page of the node's own says what of it may be shown.
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    if tls {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Refuses a request that takes too long. What it asked for may still be done.
pub(super) async fn in_time(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the request wasn't answered within the limit of {} seconds; a write may still happen",
                limit.as_secs()
            ),
        )
        .into_response(),
    }
}

/// How long a client may take to send the next piece of a body.
const BODY_PIECE_TIME: Duration = Duration::from_secs(30);
/// How long a browser needn't ask again whether a page may ask.
const PREFLIGHT_LASTS: Duration = Duration::from_secs(600);
