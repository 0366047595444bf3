//! Aliases of collections.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::{Collection, NoOtherParameters};
use crate::{
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::AliasAction,
    tenant::CollectionName,
};

/// What happens to aliases: all of it or nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeAliases)]
pub(super) struct Change {
    actions: Vec<ActionIn>,
}

/// One change of an alias.
#[derive(Deserialize, ToSchema)]
#[schema(as = AliasAction)]
enum ActionIn {
    #[serde(rename = "create_alias")]
    Create(CreateAlias),
    #[serde(rename = "delete_alias")]
    Delete(DeleteAlias),
    #[serde(rename = "rename_alias")]
    Rename(RenameAlias),
}

/// A new alias, or one that points elsewhere from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateAlias)]
struct CreateAlias {
    #[schema(value_type = String)]
    alias_name: CollectionName,
    #[schema(value_type = String)]
    collection_name: CollectionName,
}

/// An alias that goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteAlias)]
struct DeleteAlias {
    #[schema(value_type = String)]
    alias_name: CollectionName,
}

/// An alias that gets another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RenameAlias)]
struct RenameAlias {
    #[schema(value_type = String)]
    old_alias_name: CollectionName,
    #[schema(value_type = String)]
    new_alias_name: CollectionName,
}

/// Aliases, by name.
#[derive(Serialize, ToSchema)]
#[schema(as = Aliases)]
pub(super) struct AliasesOut {
    aliases: Vec<AliasOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Alias)]
struct AliasOut {
    #[schema(value_type = String)]
    alias_name: CollectionName,
    #[schema(value_type = String)]
    collection_name: CollectionName,
}

/// All actions or none, in one commit.
#[utoipa::path(
    post,
    path = "/collections/aliases",
    tag = "collections",
    request_body = Change,
    responses((status = 200, description = "The answer.", body = Envelope<bool>))
)]
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

/// Every alias.
#[utoipa::path(
    get,
    path = "/aliases",
    tag = "collections",
    responses((status = 200, description = "The answer.", body = Envelope<AliasesOut>))
)]
pub(super) async fn list(caller: Caller, _: NoOtherParameters) -> Result<Response, Refusal> {
    listed(caller, None).await
}

/// The aliases of a collection.
#[utoipa::path(
    get,
    path = "/collections/{name}/aliases",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    responses((status = 200, description = "The answer.", body = Envelope<AliasesOut>))
)]
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
    let aliases = aliases
        .into_iter()
        .map(|(alias_name, collection_name)| AliasOut {
            alias_name,
            collection_name,
        });
    let aliases = aliases.collect();
    Ok(answer::ok(&caller, AliasesOut { aliases }))
}

/// Most actions of one request.
const ACTIONS_MAX: usize = 1_000;
