//! Tokens in place of keys.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Presented, Role},
    engine::{Engine, TokenPair},
    http::{
        body::Body,
        caller::{Caller, From, Waits},
        long,
        refusal::Refusal,
    },
};

/// What a token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateToken)]
pub(super) struct Create {
    /// How long it is good.
    #[schema(default = 900, minimum = 1, maximum = 900)]
    ttl_seconds: Option<u32>,
    /// Its role: the key's own if that isn't said, or one that may do less.
    #[schema(value_type = Option<String>, example = "inference")]
    role: Option<Role>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RefreshToken)]
pub(super) struct Refresh {
    refresh_token: String,
}

/// A token, and what gets the next one.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct Created {
    /// A JWT, to be sent as `Authorization: Bearer TOKEN`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u32,
    /// Good once, within 24 hours. Used twice, it ends itself and all that came of it.
    refresh_token: String,
}

/// The public halves of the keys that sign here (RFC 7517).
#[derive(Serialize, ToSchema)]
#[schema(as = JsonWebKeySet)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JsonWebKey)]
struct Key {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    used_for: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
}

/// Gives a short-lived token in place of the key that asks.
#[utoipa::path(
    post,
    path = "/v1/token",
    tag = "tokens",
    request_body = Create,
    responses((status = 200, description = "The token.", body = Created))
)]
pub(super) async fn create(
    caller: Caller,
    Body(body): Body<Create>,
) -> Result<Json<Created>, Refusal> {
    let pair = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.token(principal, body.ttl_seconds, body.role)
        })
        .await?;
    Ok(Json(created(pair)))
}

/// Gives the next token for a refresh token, which is the credential: no other is looked at.
#[utoipa::path(
    post,
    path = "/v1/token/refresh",
    tag = "tokens",
    request_body = Refresh,
    security(()),
    responses((status = 200, description = "The token.", body = Created))
)]
pub(super) async fn refresh(
    State(engine): State<Arc<Engine>>,
    from: From,
    Body(body): Body<Refresh>,
) -> Result<Json<Created>, Refusal> {
    let presented = Presented::new(&body.refresh_token);
    let renew = move || engine.refresh_token(&presented, from.origin, from.request);
    Ok(Json(created(long::wait_for(renew).await?)))
}

/// The public halves of the keys that sign here.
#[utoipa::path(
    get,
    path = "/v1/jwks.json",
    tag = "tokens",
    security(()),
    responses((status = 200, description = "The keys.", body = KeySet))
)]
pub(super) async fn key_set(State(engine): State<Arc<Engine>>) -> Json<KeySet> {
    let keys = engine.published_keys().into_iter().map(|key| Key {
        kty: "OKP",
        crv: "Ed25519",
        used_for: "sig",
        alg: "EdDSA",
        kid: key.id,
        x: key.x,
    });
    Json(KeySet {
        keys: keys.collect(),
    })
}

fn created(pair: TokenPair) -> Created {
    Created {
        access_token: pair.access,
        token_type: "Bearer",
        expires_in: pair.seconds,
        refresh_token: pair.refresh,
    }
}
