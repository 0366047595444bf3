//! Messages of the tenant's own systems, which ask for erasures.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{erasures, scope};
use crate::http::{caller::Waits, data, message::Signed, refusal::Refusal};

/// A message, in the form that Standard Webhooks has for them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Message)]
pub(super) struct MessageIn {
    /// `erasure.request`.
    #[serde(rename = "type")]
    kind: String,
    /// When what the message tells of happened: for its sender. What counts is `webhook-timestamp`.
    #[serde(default, rename = "timestamp")]
    #[schema(format = DateTime)]
    _timestamp: Option<String>,
    data: Data,
}

/// What a message asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageData)]
struct Data {
    /// Why. It stands in the receipt, so it should name nobody.
    #[schema(min_length = 1, max_length = 256)]
    reason: Option<String>,
    /// Everything but `tenant`.
    #[schema(value_type = scope::Picture)]
    scope: data::Json,
}

/// The erasure that a message asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageTaken)]
pub(super) struct Taken {
    /// The erasure's id: the same, however often the message comes.
    id: String,
    /// How far it got, as in `Erasure`.
    state: &'static str,
}

/// Takes a message that asks for an erasure. Its signature, made with the secret of the inbound
/// webhook that the path names, is its credential: it says whose data is meant. A message that comes
/// again, with a fresh time and the same id, is answered with the erasure that it made the first time.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/messages",
    tag = "webhooks",
    security(()),
    params(
        ("id" = String, Path, description = "The inbound webhook's id"),
        ("webhook-id" = String, Header, max_length = 256, description = "The message's id: the same at each attempt to send it."),
        ("webhook-timestamp" = String, Header, description = "Seconds since 1970, within 300 of the node's time."),
        ("webhook-signature" = String, Header, description = "`v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`. Up to eight, with spaces between.")
    ),
    request_body = MessageIn,
    responses(
        (status = 202, description = "The erasure. Nothing of what it is about is answered any more.", body = Taken),
        (status = 409, description = "A message with this id asked for something else, or the tenant is being restored.")
    )
)]
pub(super) async fn create(message: Signed<MessageIn>) -> Result<Response, Refusal> {
    let Signed {
        caller,
        believed,
        content: MessageIn { kind, data, .. },
    } = message;
    if kind != ERASE {
        return Err(Refusal::invalid(format!("type takes {ERASE}")));
    }
    let reason = data.reason.unwrap_or_else(|| REASON.to_owned());
    let asked = erasures::asked(reason, data.scope)?;
    let erasure = caller
        .run(Waits::Maybe, move |engine, _| {
            engine.erase_for(&believed, asked)
        })
        .await?;
    // No more than that: whoever sends messages isn't the tenant's owner.
    let taken = Taken {
        id: erasure.id.to_string(),
        state: erasure.state.name(),
    };
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}

const ERASE: &str = "erasure.request";
const REASON: &str = "asked for by a webhook";
