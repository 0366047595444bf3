//! The tenant's webhooks, for its owner.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    engine::{Delivery, Direction, EventKind, Webhook, WebhookId},
    http::{
        body::{Body, NoBody},
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
};

/// What a webhook is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateWebhook)]
pub(super) struct Create {
    /// Where to tell of events: `https`.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// Of which events: `erasure.done`, `key.expiring`, `quota.near`, `security.suspicious`,
    /// `tenant.contained`.
    #[schema(min_items = 1)]
    events: Option<Vec<String>>,
    /// `true`, in place of the two others: messages come in here, and ask for erasures.
    #[serde(default)]
    inbound: bool,
}

/// A webhook as it is shown: everything but its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(super) struct Shown {
    id: String,
    #[schema(required)]
    url: Option<String>,
    events: Vec<&'static str>,
    inbound: bool,
    /// Where messages are posted to, if the webhook is inbound.
    #[schema(required)]
    path: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

/// A webhook that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewWebhook)]
pub(super) struct Created {
    #[serde(flatten)]
    shown: Shown,
    /// `whsec_` and base64, as Standard Webhooks has it. Shown this once.
    secret: String,
}

/// A tenant's webhooks.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub(super) struct List {
    webhooks: Vec<Shown>,
}

/// Something that is to be sent to a webhook, or couldn't be.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(super) struct ShownDelivery {
    id: String,
    event: &'static str,
    /// `waiting`, or `dead` once it was tried ten times.
    state: &'static str,
    attempts: u32,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// What came of the last attempt.
    #[schema(required)]
    failure: Option<String>,
}

/// What is to be sent to a webhook, or couldn't be.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDeliveries)]
pub(super) struct Deliveries {
    deliveries: Vec<ShownDelivery>,
}

/// Makes a webhook for the caller's tenant.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    request_body = Create,
    responses((status = 201, description = "The webhook. Its secret is shown this once.", body = Created))
)]
pub(super) async fn create(caller: Caller, Body(body): Body<Create>) -> Result<Response, Refusal> {
    let direction = direction(body)?;
    let made = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_webhook(principal, direction)
        })
        .await?;
    let created = Created {
        shown: shown(made.id, &made.webhook),
        secret: made.secret.as_str().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// Every webhook of the caller's tenant, without their secrets.
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks", responses((status = 200, description = "The webhooks.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let own = caller
        .run(Waits::Maybe, |engine, principal| engine.webhooks(principal))
        .await?;
    let webhooks = own
        .iter()
        .map(|(id, webhook)| shown(*id, webhook))
        .collect();
    Ok(Json(List { webhooks }))
}

/// Deletes a webhook, and what was to be sent to it.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn remove(
    caller: Caller,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    let id = number(&id)?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_webhook(principal, id)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is to be sent to a webhook, and what couldn't be.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses((status = 200, description = "The deliveries.", body = Deliveries))
)]
pub(super) async fn deliveries(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Deliveries>, Refusal> {
    let id = number(&id)?;
    let found = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.deliveries(principal, id)
        })
        .await?;
    let deliveries = found.iter();
    let deliveries = deliveries.map(|(id, delivery)| shown_delivery(*id, delivery));
    Ok(Json(Deliveries {
        deliveries: deliveries.collect(),
    }))
}

/// Has a delivery tried again, from the start.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/deliveries/{delivery}/replay",
    tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id"),
        ("delivery" = String, Path, description = "The delivery's id")
    ),
    responses((status = 202, description = "It is tried.", body = ShownDelivery))
)]
pub(super) async fn replay(
    caller: Caller,
    Path((id, delivery)): Path<(String, String)>,
    _: NoBody,
) -> Result<Response, Refusal> {
    let (id, delivery) = (number(&id)?, number(&delivery)?);
    let replayed = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.replay(principal, id, delivery)
        })
        .await?;
    let shown = Json(shown_delivery(delivery, &replayed));
    Ok((StatusCode::ACCEPTED, shown).into_response())
}

fn number(text: &str) -> Result<WebhookId, Refusal> {
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "there is no such webhook");
    WebhookId::parse(text).ok_or_else(missing)
}

fn shown(id: WebhookId, webhook: &Webhook) -> Shown {
    let (url, events) = match &webhook.direction {
        Direction::Out { url, events } => (Some(url.clone()), events.as_slice()),
        Direction::In => (None, [].as_slice()),
    };
    let inbound = url.is_none();
    Shown {
        id: id.to_string(),
        inbound,
        path: inbound.then(|| format!("/v1/webhooks/{id}/messages")),
        url,
        events: events.iter().map(|event| event.name()).collect(),
        created_at: webhook.created.to_string(),
    }
}

fn shown_delivery(id: WebhookId, delivery: &Delivery) -> ShownDelivery {
    ShownDelivery {
        id: id.to_string(),
        event: delivery.event.name(),
        state: if delivery.next.is_some() {
            "waiting"
        } else {
            "dead"
        },
        attempts: delivery.attempts,
        created_at: delivery.created.to_string(),
        next_attempt_at: delivery.next.map(|time| time.to_string()),
        failure: delivery.failure.clone(),
    }
}

fn direction(body: Create) -> Result<Direction, Refusal> {
    match (body.inbound, body.url, body.events) {
        (true, None, None) => Ok(Direction::In),
        (false, Some(url), Some(names)) => Ok(Direction::Out {
            url: sound(url)?,
            events: events(&names)?,
        }),
        _ => Err(Refusal::invalid(
            "a webhook takes url and events, or inbound: true and neither of them",
        )),
    }
}

fn events(names: &[String]) -> Result<Vec<EventKind>, Refusal> {
    let mut events = Vec::new();
    for name in names {
        let event = EventKind::parse(name).ok_or_else(|| {
            let known = EventKind::ALL.map(EventKind::name).join(", ");
            Refusal::invalid(format!("events takes {known}"))
        })?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    if events.is_empty() {
        return Err(Refusal::invalid("events must name at least one"));
    }
    Ok(events)
}

/// A URL that could work. Where it leads is judged when it is called.
fn sound(url: String) -> Result<String, Refusal> {
    let wrong = || {
        Refusal::invalid(format!(
            "url takes https (or http to 127.0.0.1 or [::1]) without a user or a fragment, of at most {URL_BYTES_MAX} bytes"
        ))
    };
    let uri: axum::http::Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    let here = ["127.0.0.1", "[::1]"].contains(&authority.host());
    let speaks = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => here,
        Some(_) | None => false,
    };
    let plain = !authority.as_str().contains('@') && !url.contains('#');
    if speaks && plain && url.len() <= URL_BYTES_MAX {
        Ok(url)
    } else {
        Err(wrong())
    }
}

const URL_BYTES_MAX: usize = 2048;
