//! Containment, by the operator or by a tenant's owner.

use std::{collections::BTreeMap, time::Duration};

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tenants;
use crate::{
    clock::Timestamp,
    engine::{Accessed, Contained, Engine},
    http::{
        body::Body,
        caller::{Caller, Waits},
        parameters::Path,
        refusal::Refusal,
    },
};

/// From when on acts are told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Contain)]
pub(super) struct ContainIn {
    /// A time in RFC 3339, in UTC; a day ago if it isn't said.
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// A tenant that was contained.
#[derive(Serialize, ToSchema)]
#[schema(as = Contained)]
pub(super) struct ContainedOut {
    tenant: String,
    /// `suspended`: keys and sessions are refused until the operator resumes it.
    state: &'static str,
    /// Whether the partition is closed and its data key out of memory. If not, a request that was
    /// under way still holds them, and lets go when it is done.
    closed: bool,
    accessed: AccessedOut,
}

/// What was done in the tenant's name.
#[derive(Serialize, ToSchema)]
#[schema(as = Accessed)]
pub(super) struct AccessedOut {
    #[schema(format = DateTime)]
    since: String,
    keys: Vec<KeyOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeyActs)]
struct KeyOut {
    /// The key; none for what the node did by itself.
    #[schema(required)]
    key_id: Option<String>,
    /// How often, by action and outcome.
    acts: BTreeMap<String, BTreeMap<String, u64>>,
    /// The addresses that it came from, 100 at most.
    ips: Vec<String>,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
}

/// Closes a tenant at once, and tells what was done in its name: its keys and sessions are refused,
/// its partition is closed, its data key leaves the memory. `resume` ends that.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/contain",
    tag = "tenants",
    params(("id" = String, Path, description = "The tenant's id")),
    request_body = ContainIn,
    responses((status = 200, description = "The tenant is closed.", body = ContainedOut))
)]
pub(super) async fn by_operator(
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<ContainIn>,
) -> Result<Json<ContainedOut>, Refusal> {
    let id = tenants::known(&id)?;
    let since = since(&caller.engine, body)?;
    let contained = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.contain(principal, &id, since)
        })
        .await?;
    Ok(Json(shown(contained)))
}

/// Closes the caller's own tenant at once. Only the operator can resume it.
#[utoipa::path(
    post,
    path = "/v1/contain",
    tag = "tenant",
    request_body = ContainIn,
    responses((status = 200, description = "The tenant is closed.", body = ContainedOut))
)]
pub(super) async fn by_owner(
    caller: Caller,
    Body(body): Body<ContainIn>,
) -> Result<Json<ContainedOut>, Refusal> {
    let since = since(&caller.engine, body)?;
    let contained = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.contain_own(principal, since)
        })
        .await?;
    Ok(Json(shown(contained)))
}

fn since(engine: &Engine, body: ContainIn) -> Result<Timestamp, Refusal> {
    match body.since {
        None => Ok(Timestamp(engine.now().0.saturating_sub(millis(DAY)))),
        Some(text) => Timestamp::parse(&text)
            .ok_or_else(|| Refusal::invalid("since takes a time like 2026-11-25T08:00:00.000Z")),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn shown(contained: Contained) -> ContainedOut {
    ContainedOut {
        tenant: contained.record.id.to_string(),
        state: contained.record.state.name(),
        closed: contained.closed,
        accessed: accessed(contained.accessed),
    }
}

pub(super) fn accessed(accessed: Accessed) -> AccessedOut {
    let keys = accessed.keys.into_iter().map(|(id, key)| {
        let mut acts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((action, outcome), count) in key.acts {
            acts.entry(action).or_default().insert(outcome, count);
        }
        KeyOut {
            key_id: (!id.is_empty()).then_some(id),
            acts,
            ips: key.ips.into_iter().collect(),
            first_at: key.first,
            last_at: key.last,
        }
    });
    AccessedOut {
        since: accessed.since.to_string(),
        keys: keys.collect(),
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
