//! *What went wrong between this client and the server, and what to do about it.* Owns: both error
//! shapes of the wire (the data plane's `{"status":{"error"}}` and the control plane's RFC 9457
//! problems), the advice per status, and that per way in which TLS fails.

use std::error::Error;
use std::fmt::Write;
use std::io;
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
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate or key in PEM", path.display())]
    Pem { path: PathBuf },
    #[error("can't set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    #[error(
        "can't reach {url}: is `locule serve` running there? Set LOCULE_URL or --url if it's elsewhere"
    )]
    Unreachable { url: String, source: reqwest::Error },
    #[error("no safe connection to {url}: {advice}")]
    Tls {
        url: String,
        advice: &'static str,
        source: reqwest::Error,
    },
    #[error("the connection to {url} broke before the answer was complete{hint}")]
    Broken {
        url: String,
        hint: &'static str,
        source: reqwest::Error,
    },
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

    /// What lies between a request and its answer.
    pub(super) fn broken(url: String, source: reqwest::Error) -> Self {
        let source = source.without_url();
        if let Some(advice) = tls_advice(&source) {
            Self::Tls {
                url,
                advice,
                source,
            }
        } else if source.is_connect() {
            Self::Unreachable { url, source }
        } else {
            let hint = match url.split_once("://") {
                // An answer had begun, or was waited for long enough.
                _ if !source.is_request() || source.is_timeout() => "",
                // A server that speaks TLS has no answer to anything else.
                Some(("http", _)) => "; if the server has a tls_certificate, write https://",
                // With TLS 1.3 a client certificate is judged after the handshake, and what the
                // server says of it may come too late to be read.
                _ => {
                    "; if the server has a tls_client_ca, it may want a client certificate, or another one than that of --identity FILE"
                }
            };
            Self::Broken { url, hint, source }
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
            | Self::Tls { .. }
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

/// What to do about a TLS handshake that failed; none if it isn't about that.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "there are dozens of ways, and the enum is another crate's that grows"
)]
fn tls_advice(error: &reqwest::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};

    Some(match tls_error(error)? {
        // The latter where an authority was made anew under its old name.
        Tls::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            "nobody that is believed here vouches for its certificate; name its authority with --ca FILE"
        }
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired; renew it, and the server takes it up by itself"
        }
        Tls::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => "its certificate isn't good yet; look at the clocks of both machines",
        Tls::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => {
            "its certificate is for other names; use one of them in LOCULE_URL or --url, or give the server a certificate for this one"
        }
        Tls::AlertReceived(Alert::CertificateRequired) => {
            "the server wants a client certificate; name a file with one and its key with --identity FILE"
        }
        Tls::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::DecryptError,
        ) => {
            "the server doesn't accept the client certificate of --identity; it takes those of its tls_client_ca that are in date"
        }
        Tls::InvalidMessage(_) => {
            "that isn't TLS; write http:// if the server has no tls_certificate"
        }
        _ => "the TLS handshake failed",
    })
}

fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // What an I/O error wraps isn't its source, but what it is.
        let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
        if let Some(tls) = wrapped.and_then(|wrapped| tls_error(wrapped)) {
            return Some(tls);
        }
        next = error.source();
    }
    None
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
