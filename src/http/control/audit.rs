//! The audit log, for those whose acts it tells of: a tenant's own, and the node's.

use axum::response::Response;
use serde::Deserialize;

use crate::{
    audit::Extract,
    http::{
        answer,
        caller::{Caller, Waits},
        parameters::Parameters,
        refusal::Refusal,
    },
};

/// Which entries.
#[derive(Clone, Copy, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Entries with numbers above this; from the first, if it isn't said.
    #[serde(default)]
    after: u64,
    /// Most entries.
    #[serde(default = "entries_default")]
    #[param(default = 1000, minimum = 1, maximum = 10000)]
    limit: usize,
}

const fn entries_default() -> usize {
    1_000
}

/// The tenant's own audit log: an entry a line, in a chain of its own. When the end is reached, the
/// last line is a checkpoint that the node signed: keep it, and nothing before it can be changed or
/// cut off without your noticing. `locule verify audit` checks both.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    params(Page),
    responses((status = 200, description = "The entries.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn own(
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Response, Refusal> {
    let page = checked(page)?;
    let extract = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.audit(principal, page.after, page.limit)
        })
        .await?;
    Ok(shown(extract))
}

/// What the node's operators did, and what was asked without a credential that is good.
#[utoipa::path(
    get,
    path = "/v1/node/audit",
    tag = "audit",
    params(Page),
    responses((status = 200, description = "The entries.", body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn node(
    caller: Caller,
    Parameters(page): Parameters<Page>,
) -> Result<Response, Refusal> {
    let page = checked(page)?;
    let extract = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.node_audit(principal, page.after, page.limit)
        })
        .await?;
    Ok(shown(extract))
}

fn checked(page: Page) -> Result<Page, Refusal> {
    if (1..=ENTRIES_MAX).contains(&page.limit) {
        Ok(page)
    } else {
        Err(Refusal::invalid(format!(
            "limit must be 1 to {ENTRIES_MAX}"
        )))
    }
}

fn shown(extract: Extract) -> Response {
    let mut text = String::new();
    for line in extract.entries.iter().chain(&extract.checkpoint) {
        text.push_str(line);
        text.push('\n');
    }
    answer::text(text, "application/x-ndjson")
}

const ENTRIES_MAX: usize = 10_000;
