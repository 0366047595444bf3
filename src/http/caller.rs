//! From a request to who is asking, and the threads that do what they ask.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    answer, long,
    observe::{Ending, RequestNumber},
    refusal::Refusal,
};
use crate::{
    access::{Origin, Presented, Principal},
    clock::Stopwatch,
    engine::{Engine, Error, Work},
};

/// Who is asking, and since when.
pub(super) struct Caller {
    pub(super) engine: Arc<Engine>,
    pub(super) principal: Principal,
    pub(super) watch: Stopwatch,
    body_bytes: u64,
}

/// Whether an act may wait: for the disk, for an fsync, for a cold partition to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// It may.
    Maybe,
    /// It won't, if the partition is open.
    NotWhenWarm,
    /// For the disk, as all writes do; those that are short, for one fsync together.
    ForDisk,
}

impl Caller {
    /// Someone who was believed, and sent a body of so many bytes.
    pub(super) fn new(engine: &Arc<Engine>, principal: Principal, body_bytes: u64) -> Self {
        Self {
            engine: Arc::clone(engine),
            principal,
            watch: Stopwatch::start(),
            body_bytes,
        }
    }

    /// Answers with what is done with the engine. A long answer is written where it was made, not
    /// between others.
    pub(super) async fn answer<T: Serialize>(
        &self,
        waits: Waits,
        act: impl FnOnce(&Arc<Engine>, &Principal) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response, Refusal> {
        let watch = self.watch;
        self.run(waits, move |engine, principal| {
            let done = act(engine, principal)?;
            Ok(answer::wrapped(engine, &watch, done))
        })
        .await
    }

    /// Does something with the engine. What may wait is done on a thread that may.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        waits: Waits,
        act: impl FnOnce(&Arc<Engine>, &Principal) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let warm = waits == Waits::NotWhenWarm && self.engine.is_warm(&self.principal);
        let work = if warm {
            Work::Quick
        } else if waits == Waits::ForDisk && self.body_bytes <= SMALL_BODY_BYTES_MAX {
            Work::Write
        } else {
            Work::Long
        };
        let turn = self.engine.take_turn(&self.principal, work).await?;
        if warm {
            return Ok(act(&self.engine, &self.principal)?);
        }
        let (engine, principal) = (Arc::clone(&self.engine), self.principal.clone());
        let act = move || {
            // Given back when the work is done, also if whoever asked has gone.
            let _turn = turn;
            act(&engine, &principal)
        };
        let done = if work == Work::Long {
            long::run(act).await
        } else {
            long::wait_for(act).await
        };
        Ok(done?)
    }
}

impl FromRequestParts<Arc<Engine>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, engine: &Arc<Engine>) -> Result<Self, Refusal> {
        let watch = Stopwatch::start();
        let from = From::of(parts);
        let credential = credential(&parts.headers)?;
        let principal = engine.authenticate(&credential, from.origin, from.request)?;
        if let Some(end) = engine.key_ends_soon(&principal)
            && let Some(ending) = parts.extensions.get::<Ending>()
        {
            ending.tell(end);
        }
        parts.extensions.insert(principal.clone());
        Ok(Self {
            engine: Arc::clone(engine),
            principal,
            watch,
            // A body of unknown length may be a long one.
            body_bytes: content_length(&parts.headers).unwrap_or(u64::MAX),
        })
    }
}

/// Where a request comes from, and its number.
pub(super) struct From {
    pub(super) origin: Origin,
    pub(super) request: u64,
}

impl From {
    pub(super) fn of(parts: &Parts) -> Self {
        let origin = parts.extensions.get::<Origin>().copied();
        let number = parts.extensions.get::<RequestNumber>();
        Self {
            origin: origin.unwrap_or_default(),
            request: number.map_or(0, |number| number.0),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// The credential, from `api-key: KEY` or `Authorization: Bearer KEY`.
fn credential(headers: &HeaderMap) -> Result<Presented, Refusal> {
    let text = headers
        .get("api-key")
        .or_else(|| headers.get(AUTHORIZATION));
    let text = text.and_then(|value| value.to_str().ok());
    let text = text.map(|text| match text.split_once(' ') {
        // Schemes are written as one likes (RFC 9110, 11.1).
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        Some(_) | None => text.trim(),
    });
    text.filter(|text| !text.is_empty())
        .map(Presented::new)
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "Must provide an API key: send it as `api-key: KEY` or `Authorization: Bearer KEY`",
            )
        })
}

/// How long the body is, if its sender says so.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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

/// Longest body of a write that counts as small: a few points.
const SMALL_BODY_BYTES_MAX: u64 = 64 << 10;
