//! From a request to who is asking, and the threads that do what they ask.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    observe::{Ending, RequestNumber},
    refusal::Refusal,
};
use crate::{
    access::{Origin, Presented, Principal},
    clock::Stopwatch,
    engine::{Engine, Error},
};

/// Who is asking, and since when.
pub(super) struct Caller {
    pub(super) engine: Arc<Engine>,
    pub(super) principal: Principal,
    pub(super) watch: Stopwatch,
}

/// Whether an act may wait: for the disk, for an fsync, for a cold partition to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// It may.
    Maybe,
    /// It won't, if the partition is open.
    NotWhenWarm,
}

impl Caller {
    /// Does something with the engine. What may wait is done on a thread that may.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        waits: Waits,
        act: impl FnOnce(&Arc<Engine>, &Principal) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        if waits == Waits::NotWhenWarm && self.engine.is_warm(&self.principal) {
            return Ok(act(&self.engine, &self.principal)?);
        }
        let (engine, principal) = (Arc::clone(&self.engine), self.principal.clone());
        let done = tokio::task::spawn_blocking(move || act(&engine, &principal)).await;
        match done {
            Ok(result) => Ok(result?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

impl FromRequestParts<Arc<Engine>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, engine: &Arc<Engine>) -> Result<Self, Refusal> {
        let watch = Stopwatch::start();
        let number = parts
            .extensions
            .get::<RequestNumber>()
            .map_or(0, |number| number.0);
        let origin = parts.extensions.get::<Origin>().copied();
        let credential = credential(&parts.headers)?;
        let principal = engine.authenticate(&credential, origin.unwrap_or_default(), number)?;
        if let Some(end) = engine.key_ends_soon(&principal)
            && let Some(ending) = parts.extensions.get::<Ending>()
        {
            ending.tell(end);
        }
        Ok(Self {
            engine: Arc::clone(engine),
            principal,
            watch,
        })
    }
}

/// The credential, from `api-key: KEY` or `Authorization: Bearer KEY`.
fn credential(headers: &HeaderMap) -> Result<Presented, Refusal> {
    let text = headers
        .get("api-key")
        .or_else(|| headers.get(AUTHORIZATION));
    let text = text.and_then(|value| value.to_str().ok());
    let text = text.map(|text| text.strip_prefix("Bearer ").unwrap_or(text).trim());
    text.filter(|text| !text.is_empty())
        .map(Presented::new)
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "Must provide an API key: send it as `api-key: KEY` or `Authorization: Bearer KEY`",
            )
        })
}

/// A data-plane request that tries to name a tenant is refused, not ignored: its sender believes
/// something that isn't so.
pub(super) async fn refuse_named_tenant(request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .keys()
        .any(|name| name.as_str().contains("tenant"));
    let parameter = request.uri().query().is_some_and(|query| {
        query.split('&').any(|pair| {
            pair.split('=')
                .next()
                .is_some_and(|name| name.to_ascii_lowercase().contains("tenant"))
        })
    });
    if header || parameter {
        let place = if header {
            "a header"
        } else {
            "a query parameter"
        };
        return Refusal::invalid(format!(
            "Bad request: {place} names a tenant; the tenant comes from the credential and from nowhere else"
        ))
        .into_response();
    }
    next.run(request).await
}
