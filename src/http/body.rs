//! Request bodies: JSON, read whole, within the limit.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// A body of type `T`.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    Refusal::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        format!("the body is longer than the limit of {BODY_BYTES_MAX} bytes"),
                    )
                } else {
                    Refusal::new(rejection.status(), "the body couldn't be read to its end")
                }
            })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Refusal::invalid(format!("Format error in JSON body: {error}")))
    }
}

/// Longest body.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;
