//! Query parameters: those that a route takes, and no others.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// Query parameters of type `P`, which refuses those that it doesn't know.
pub(super) struct Parameters<P>(pub(super) P);

impl<P: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let found = Query::<P>::from_request_parts(parts, state).await;
        let Query(found) = found
            .map_err(|error| Refusal::invalid(format!("Bad request: {}", error.body_text())))?;
        Ok(Self(found))
    }
}
