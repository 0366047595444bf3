//! *What went wrong between this client and the server, and what to do about it.* Owns: both error
//! shapes of the wire (the data plane's `{"status":{"error"}}` and the control plane's RFC 9457
//! problems) and the advice per status.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// A request that didn't get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("can't use the address `{url}`: {advice}")]
    Address { url: String, advice: &'static str },
    #[error("`{name}` can't be a name here")]
    Name { name: String },
    #[error("the API key holds characters that no key has; check LOCULE_API_KEY or --api-key")]
    Key,
    #[error("can't read {}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} holds no certificate or key in PEM", path.display())]
    Pem { path: PathBuf },
    #[error("can't set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    #[error(
        "can't reach {url}: is `locule serve` running there? Set LOCULE_URL or --url if it's elsewhere"
    )]
    Unreachable { url: String, source: reqwest::Error },
    #[error("the connection to {url} broke before the answer was complete")]
    Broken { url: String, source: reqwest::Error },
    #[error("{message}")]
    Refused {
        status: StatusCode,
        message: String,
        retry_after: Option<Duration>,
    },
    #[error("{url} answered something that isn't JSON: is it a Locule server?")]
    Answer {
        url: String,
        source: serde_json::Error,
    },
}

impl ClientError {
    pub(super) fn pem(path: &Path) -> Self {
        Self::Pem {
            path: path.to_owned(),
        }
    }

    pub(super) fn refused(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        had_key: bool,
    ) -> Self {
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        let mut message = format!("the server answered {status}");
        if let Some(said) = told(body) {
            // Writing to a String can't fail.
            write!(message, ": {said}").ok();
        }
        if let Some(advice) = advice(status, had_key) {
            write!(message, " ({advice})").ok();
        }
        Self::Refused {
            status,
            message,
            retry_after,
        }
    }

    /// True if the same request may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused { status, .. } => PASSING.contains(status),
            Self::Address { .. }
            | Self::Name { .. }
            | Self::Key
            | Self::File { .. }
            | Self::Pem { .. }
            | Self::Setup(_)
            | Self::Answer { .. } => false,
        }
    }

    /// The status of a refusal.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        if let Self::Refused { status, .. } = self {
            Some(*status)
        } else {
            None
        }
    }

    /// How long the server asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused { retry_after, .. } = self {
            *retry_after
        } else {
            None
        }
    }
}

/// What the server said, in either shape. A body of another kind is quoted, shortened: it's a
/// proxy's, most likely.
pub(super) fn told(body: &[u8]) -> Option<String> {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        let text: String = text.trim().chars().take(QUOTED_CHARS_MAX).collect();
        return (!text.is_empty()).then_some(text);
    };
    let text = |pointer| {
        json.pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    text("/status/error")
        .or_else(|| text("/detail"))
        .or_else(|| text("/title"))
}

fn advice(status: StatusCode, had_key: bool) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED if had_key => {
            Some("the key is unknown, expired or revoked: check LOCULE_API_KEY or --api-key")
        }
        StatusCode::UNAUTHORIZED => Some("no key was sent: set LOCULE_API_KEY or --api-key"),
        StatusCode::FORBIDDEN => Some(
            "this key's role doesn't allow it: tenants need the operator key, a tenant's keys and data need one of its own",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => Some("send less at once, with a smaller --batch"),
        StatusCode::TOO_MANY_REQUESTS => Some("the tenant's quota is used up for the moment"),
        StatusCode::SERVICE_UNAVAILABLE => {
            Some("the server is starting, stopping or full: try again")
        }
        _ => None,
    }
}

/// Answers of a server, or of a proxy before it, that is busy or restarting.
const PASSING: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

const QUOTED_CHARS_MAX: usize = 200;
