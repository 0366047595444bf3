//! The description of the wire, made from the code that serves it: `GET /openapi.json`.
//!
//! Every route says what it takes and answers where it stands; what all routes of a plane have in
//! common (credentials, refusals) is added here. `it/openapi.rs` holds the document against the
//! routes.

use std::sync::{Arc, LazyLock};

use axum::{Router, response::Response, routing::get};
use serde::Serialize;
use utoipa::{
    OpenApi, ToSchema,
    openapi::{
        Content, OpenApi as Description, Ref, RefOr, ResponseBuilder, Responses,
        path::Operation,
        security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        },
    },
};

use super::{answer, control, data, health};
use crate::engine::Engine;

pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new().route("/openapi.json", get(show))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "node", responses((status = 200, description = "The document.", body = serde_json::Value)))]
async fn show() -> Response {
    answer::text(DOCUMENT.clone(), "application/json")
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| description().to_json().unwrap_or_default());

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Locule",
        description = "Vector retrieval in which every tenant has a chamber of its own. The data plane speaks the Qdrant REST dialect; the tenant comes from the credential and from nowhere else."
    ),
    paths(show),
    components(schemas(Failure, Problem))
)]
struct Frame;

/// What a request to the data plane is answered when it is refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Failure)]
struct Failure {
    status: FailureStatus,
    /// Seconds.
    time: f64,
}

#[derive(Serialize, ToSchema)]
struct FailureStatus {
    /// What is wrong, and what the limit is.
    error: String,
}

/// What a request to the control plane is answered when it is refused (RFC 9457).
#[derive(Serialize, ToSchema)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    /// What is wrong, and what to do about it.
    detail: String,
}

fn description() -> Description {
    let mut whole = Frame::openapi();
    whole.info.version = env!("CARGO_PKG_VERSION").to_owned();
    whole.merge(health::Document::openapi());
    for (mut plane, refused, media) in [
        (data::document(), "Failure", "application/json"),
        (
            control::Document::openapi(),
            "Problem",
            "application/problem+json",
        ),
    ] {
        for operation in operations(&mut plane) {
            guard(operation, refused, media);
        }
        whole.merge(plane);
    }
    let components = whole.components.get_or_insert_default();
    components.add_security_scheme(
        "api-key",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("api-key"))),
    );
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    whole
}

fn operations(plane: &mut Description) -> impl Iterator<Item = &mut Operation> {
    plane.paths.paths.values_mut().flat_map(|item| {
        [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ]
        .into_iter()
        .flatten()
    })
}

/// A route that takes a credential, and says no where it has to.
fn guard(operation: &mut Operation, refused: &str, media: &str) {
    // A route that takes none, or another, says so itself.
    operation.security.get_or_insert_with(|| {
        ["api-key", "bearer"]
            .map(|scheme| SecurityRequirement::new::<_, _, &str>(scheme, []))
            .to_vec()
    });
    let refusals = [
        ("400", "The request is wrong; the message says how."),
        ("401", "No credential, or none that is good."),
        ("403", "The credential's role may not do this."),
        ("404", "There is no such thing."),
        (
            "409",
            "It is there already, or in a state that doesn't allow this.",
        ),
        ("413", "The body is too long."),
        ("415", "The body is encoded in a way that isn't known."),
        (
            "429",
            "Too many requests, or the quota is used up; `Retry-After` says when to come again.",
        ),
        ("500", "Stored data of this tenant didn't open, or a bug."),
        (
            "503",
            "The node can't do this now; `Retry-After` says when to come again.",
        ),
    ];
    for (status, description) in refusals {
        let schema = RefOr::Ref(Ref::from_schema_name(refused));
        let response = ResponseBuilder::new()
            .description(description)
            .content(media, Content::new(Some(schema)))
            .build();
        let Responses { responses, .. } = &mut operation.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.into());
    }
}
