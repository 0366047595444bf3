//! How long points are kept, for the tenant's owner.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    engine::Error,
    http::{
        body::{Body, NoBody},
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
    partition::{CollectionRetention, End, PURGE_HOURS_DEFAULT, Retention},
    tenant::CollectionName,
};

/// How long a collection's points are to be kept. `ttl_days` or `field`, or neither, with
/// `purge_within_hours` alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetRetention)]
pub(super) struct Asked {
    /// Days until a point ends, from its last write on.
    #[schema(minimum = 1, maximum = 36500)]
    ttl_days: Option<u64>,
    /// The payload field that says when a point ends: a time (RFC 3339), or seconds since 1970. A
    /// point without it doesn't.
    #[schema(example = "expires_at")]
    field: Option<String>,
    /// Hours until what has ended is gone from the disk, 24 if that isn't said. If it is, then
    /// points that are deleted or replaced are gone within them, too.
    #[schema(minimum = 1, maximum = 8760)]
    purge_within_hours: Option<u64>,
}

/// How long a collection's points are kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Retention)]
pub(super) struct Shown {
    collection: String,
    /// Days from a point's last write until it ends.
    #[schema(required)]
    ttl_days: Option<u32>,
    /// The payload field that says when a point ends.
    #[schema(required)]
    field: Option<String>,
    /// Hours within which what has ended is gone from the disk.
    purge_within_hours: u32,
    /// Whether that holds for points that are deleted or replaced, too.
    purges_deleted: bool,
    /// When the collection was first given a retention. Points that don't know when they were
    /// written count their days from here.
    #[schema(format = DateTime)]
    since: String,
}

/// A bound for what is deleted or replaced, for collections that have none of their own.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PurgeWithin)]
pub(super) struct Bound {
    /// Hours until what is deleted or replaced from now on is gone from the disk.
    #[schema(minimum = 1, maximum = 8760)]
    purge_within_hours: u64,
}

/// The collections that have a retention.
#[derive(Serialize, ToSchema)]
#[schema(as = Retentions)]
pub(super) struct List {
    retentions: Vec<Shown>,
    /// Hours within which what is deleted or replaced is gone from the disk, in collections that have
    /// no `purge_within_hours` of their own.
    #[schema(required)]
    purge_within_hours: Option<u32>,
}

/// The collection that a path names.
pub(super) struct Collection(CollectionName);

impl<S: Send + Sync> FromRequestParts<S> for Collection {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await?;
        Ok(Self(CollectionName::parse(&name).map_err(Error::from)?))
    }
}

/// Sets how long a collection's points are kept, those that are there too.
#[utoipa::path(
    put,
    path = "/v1/retention/{collection}",
    tag = "retention",
    params(("collection" = String, Path, description = "The collection's name, or an alias")),
    request_body = Asked,
    responses((status = 200, description = "It holds from now on.", body = Shown))
)]
pub(super) async fn set(
    caller: Caller,
    Collection(collection): Collection,
    Body(asked): Body<Asked>,
) -> Result<Json<Shown>, Refusal> {
    let retention = Retention::new(
        asked.ttl_days,
        asked.field.as_deref(),
        asked.purge_within_hours,
    )
    .map_err(|error| Refusal::invalid(error.to_string()))?;
    let set = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.set_retention(principal, &collection, retention)
        })
        .await?;
    Ok(Json(set.into()))
}

/// How long a collection's points are kept.
#[utoipa::path(
    get,
    path = "/v1/retention/{collection}",
    tag = "retention",
    params(("collection" = String, Path, description = "The collection's name, or an alias")),
    responses((status = 200, description = "Its retention.", body = Shown))
)]
pub(super) async fn show(
    caller: Caller,
    Collection(collection): Collection,
) -> Result<Json<Shown>, Refusal> {
    let retention = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.retention(principal, &collection)
        })
        .await?;
    Ok(Json(retention.into()))
}

/// Lets a collection keep its points until they are deleted. What has ended before stays gone.
#[utoipa::path(
    delete,
    path = "/v1/retention/{collection}",
    tag = "retention",
    params(("collection" = String, Path, description = "The collection's name, or an alias")),
    responses((status = 204, description = "It has no retention any more."))
)]
pub(super) async fn remove(
    caller: Caller,
    Collection(collection): Collection,
    _: NoBody,
) -> Result<StatusCode, Refusal> {
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.remove_retention(principal, &collection)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every collection that has a retention.
#[utoipa::path(get, path = "/v1/retention", tag = "retention", responses((status = 200, description = "The retentions.", body = List)))]
pub(super) async fn list(caller: Caller) -> Result<Json<List>, Refusal> {
    let (retentions, purge_within_hours) = caller
        .run(Waits::Maybe, |engine, principal| {
            let retentions = engine.retentions(principal)?;
            Ok((retentions, engine.purge_within(principal)?))
        })
        .await?;
    let retentions = retentions.into_iter().map(Shown::from).collect();
    Ok(Json(List {
        retentions,
        purge_within_hours,
    }))
}

/// Sets a bound for what is deleted or replaced from now on, in collections that have none of their own.
#[utoipa::path(
    put,
    path = "/v1/retention",
    tag = "retention",
    request_body = Bound,
    responses((status = 200, description = "It holds from now on.", body = Bound))
)]
pub(super) async fn set_bound(
    caller: Caller,
    Body(bound): Body<Bound>,
) -> Result<Json<Bound>, Refusal> {
    let asked = Retention::new(None, None, Some(bound.purge_within_hours));
    let asked = asked.map_err(|error| Refusal::invalid(error.to_string()))?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.set_purge_within(principal, asked)
        })
        .await?;
    Ok(Json(bound))
}

/// Takes that bound back. What was deleted under it is gone within it all the same.
#[utoipa::path(
    delete,
    path = "/v1/retention",
    tag = "retention",
    responses((status = 204, description = "There is no bound any more."))
)]
pub(super) async fn remove_bound(caller: Caller, _: NoBody) -> Result<StatusCode, Refusal> {
    caller
        .run(Waits::Maybe, |engine, principal| {
            engine.remove_purge_within(principal)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CollectionRetention> for Shown {
    fn from(of: CollectionRetention) -> Self {
        let (ttl_days, field) = match of.retention.end() {
            Some(End::Days(days)) => (Some(*days), None),
            Some(End::Field { text, .. }) => (None, Some(text.clone())),
            None => (None, None),
        };
        let hours = of.retention.purge_within_hours();
        Self {
            collection: of.collection.into(),
            ttl_days,
            field,
            purge_within_hours: hours.unwrap_or(PURGE_HOURS_DEFAULT),
            purges_deleted: hours.is_some(),
            since: of.since.to_string(),
        }
    }
}
