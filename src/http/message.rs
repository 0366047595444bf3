//! Signed messages: requests whose signature is their credential.
//!
//! The body is what was signed, so it is read before it is known who sent it: it may be short alone,
//! and what can be told from the head is told before.

use std::{mem, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_ENCODING},
};
use serde::de::DeserializeOwned;

use super::{
    body,
    caller::{Caller, From},
    refusal::Refusal,
};
use crate::{
    access::{Message, MessageHead, Unauthenticated},
    engine::{Believed, Engine, Error, WebhookId},
};

/// A message that is believed, of the webhook that the request's path names.
pub(super) struct Signed<T> {
    pub(super) caller: Caller,
    pub(super) believed: Believed,
    pub(super) content: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Engine>> for Signed<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, engine: &Arc<Engine>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<String>::from_request_parts(&mut parts, engine).await;
        let webhook = path.ok().and_then(|Path(id)| WebhookId::parse(&id));
        let webhook = webhook.ok_or_else(|| unbelieved(Unauthenticated::Message))?;
        let From { origin, request } = From::of(&parts);
        let headers = mem::take(&mut parts.headers);
        let head = head(&headers)?;
        // Senders sign what they send, so it comes as it is.
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a message is sent as it is, without an encoding",
            ));
        }
        // The limit is the route's, and comes with the parts.
        let body = Bytes::from_request(Request::from_parts(parts, body), engine).await;
        let body = body.map_err(|why| body::unread(why.status(), MESSAGE_BYTES_MAX))?;
        let message = Message { head, body: &body };
        let believed = body::in_place(body.len(), || {
            engine.believe(webhook, &message, origin, request)
        })?;
        let principal = believed.principal();
        engine.take_bytes(principal, body.len() as u64)?;
        Ok(Self {
            caller: Caller::new(engine, principal.clone(), body.len() as u64),
            content: body::object(&body)?,
            believed,
        })
    }
}

fn head(headers: &HeaderMap) -> Result<MessageHead<'_>, Refusal> {
    // One of each: of two, a proxy and this node might look at different ones.
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        let only = values.next().filter(|_| values.next().is_none());
        only.and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let [id, timestamp, signatures] = HEAD.map(one);
    MessageHead::read(id, timestamp, signatures).map_err(unbelieved)
}

fn unbelieved(why: Unauthenticated) -> Refusal {
    Refusal::from(Error::from(why))
}

const HEAD: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
/// Longest message: that of 10,000 points by UUID is half of it.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;
