//! What a refused request is answered: one table from error kinds to statuses, two shapes.

use std::any::Any;

use axum::{
    Json,
    http::{
        HeaderValue, Method, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::engine::{Error, ErrorKind};

/// A refused request. It becomes an answer in its plane's own shape on the way out.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after_seconds: None,
        }
    }

    /// 400, for what was sent.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, retry_after_seconds) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, None),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, None),
            ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, None),
            ErrorKind::Denied => (StatusCode::FORBIDDEN, None),
            ErrorKind::Limited(wait) => {
                // Whole seconds, and at least one: clients take the header as an integer.
                let seconds = wait.as_nanos().div_ceil(1_000_000_000).max(1);
                (StatusCode::TOO_MANY_REQUESTS, u64::try_from(seconds).ok())
            }
            ErrorKind::Conflict => (StatusCode::CONFLICT, None),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(1)),
            ErrorKind::Corrupt | ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        if status.is_server_error() {
            tracing::error!(error = error.chain(), "a request failed");
        }
        Self {
            status,
            message: error.to_string(),
            retry_after_seconds,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The data plane's shape: `{"status": {"error": ".."}, "time": 0.0}`.
pub(super) async fn as_qdrant(response: Response) -> Response {
    shaped(response, |refusal| {
        Json(json!({"status": {"error": refusal.message}, "time": 0.0})).into_response()
    })
}

/// The control plane's shape: RFC 9457.
pub(super) async fn as_problem(response: Response) -> Response {
    shaped(response, |refusal| {
        let problem = json!({
            "type": "about:blank",
            "title": refusal.status.canonical_reason().unwrap_or("Error"),
            "status": refusal.status.as_u16(),
            "detail": refusal.message,
        });
        let mut shaped = Json(problem).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        shaped.headers_mut().insert(CONTENT_TYPE, kind);
        shaped
    })
}

fn shaped(response: Response, shape: impl FnOnce(&Refusal) -> Response) -> Response {
    let (parts, body) = response.into_parts();
    let Some(refusal) = parts.extensions.get::<Refusal>() else {
        return Response::from_parts(parts, body);
    };
    let mut shaped = shape(refusal);
    *shaped.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            shaped.headers_mut().insert(name, value.clone());
        }
    }
    shaped
}

pub(super) async fn no_such_route() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "Not found: there is no such route, or Locule doesn't support this feature yet",
    )
}

pub(super) async fn no_such_method(method: Method) -> Refusal {
    let message = format!("the method {method} isn't allowed on this route");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

/// A panic is a bug: it is logged, answered, and stops nothing else.
pub(super) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    // Rust's own messages (an index out of range, an overflow) hold no tenant's data.
    tracing::error!(panic = message, "a request panicked");
    let body = json!({"status": {"error": "internal error"}, "time": 0.0});
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}
