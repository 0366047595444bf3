//! What stands in a request's address: path and query parameters, those that a route takes and no
//! others.

use axum::{
    extract::{self, FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// Path parameters of type `P`.
pub(super) struct Path<P>(pub(super) P);

impl<P: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        // Every route takes any text there: only what isn't text doesn't fit.
        let found = extract::Path::<P>::from_request_parts(parts, state).await;
        let extract::Path(found) =
            found.map_err(|_| Refusal::invalid("Bad request: the path isn't valid UTF-8"))?;
        Ok(Self(found))
    }
}

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
