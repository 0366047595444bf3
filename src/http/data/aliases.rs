//! Aliases of collections.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Collection, NoOtherParameters};
use crate::{
    http::{
        answer,
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::AliasAction,
    tenant::CollectionName,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    actions: Vec<ActionIn>,
}

#[derive(Deserialize)]
enum ActionIn {
    #[serde(rename = "create_alias")]
    Create(CreateAlias),
    #[serde(rename = "delete_alias")]
    Delete(DeleteAlias),
    #[serde(rename = "rename_alias")]
    Rename(RenameAlias),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAlias {
    alias_name: CollectionName,
    collection_name: CollectionName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteAlias {
    alias_name: CollectionName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameAlias {
    old_alias_name: CollectionName,
    new_alias_name: CollectionName,
}

/// All actions or none, in one commit.
pub(super) async fn change(
    caller: Caller,
    _: NoOtherParameters,
    Body(body): Body<Change>,
) -> Result<Response, Refusal> {
    if body.actions.len() > ACTIONS_MAX {
        return Err(Refusal::invalid(format!(
            "Bad request: {} actions in one request, more than the limit of {ACTIONS_MAX}",
            body.actions.len()
        )));
    }
    let actions: Vec<AliasAction> = body.actions.into_iter().map(AliasAction::from).collect();
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.change_aliases(principal, &actions)
        })
        .await?;
    Ok(answer::ok(&caller, true))
}

impl From<ActionIn> for AliasAction {
    fn from(action: ActionIn) -> Self {
        match action {
            ActionIn::Create(action) => Self::Create {
                alias: action.alias_name,
                collection: action.collection_name,
            },
            ActionIn::Delete(action) => Self::Delete {
                alias: action.alias_name,
            },
            ActionIn::Rename(action) => Self::Rename {
                from: action.old_alias_name,
                to: action.new_alias_name,
            },
        }
    }
}

pub(super) async fn list(caller: Caller, _: NoOtherParameters) -> Result<Response, Refusal> {
    listed(caller, None).await
}

pub(super) async fn of_collection(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    listed(caller, Some(name)).await
}

async fn listed(caller: Caller, of: Option<CollectionName>) -> Result<Response, Refusal> {
    let aliases = caller
        .run(Waits::NotWhenWarm, move |engine, principal| {
            engine.aliases(principal, of.as_ref())
        })
        .await?;
    let aliases: Vec<Value> = aliases
        .iter()
        .map(|(alias, of)| json!({"alias_name": alias, "collection_name": of}))
        .collect();
    Ok(answer::ok(&caller, json!({"aliases": aliases})))
}

/// Most actions of one request.
const ACTIONS_MAX: usize = 1_000;
