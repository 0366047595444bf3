//! Payload indexes: made, removed, described.

use axum::{extract::FromRequestParts, http::request::Parts, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::wire::{Collection, NoOtherParameters, UpdateResult};
use crate::{
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        parameters::Path as InPath,
        refusal::Refusal,
    },
    partition,
    payload::{
        index::{Definition, IndexKind},
        path::Path,
    },
};

/// Which field, and as what its values are indexed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateIndex)]
pub(super) struct Create {
    field_name: String,
    field_schema: Option<Value>,
}

/// Makes a payload index.
#[utoipa::path(
    put,
    path = "/collections/{name}/index",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    request_body = Create,
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn create(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Create>,
) -> Result<Response, Refusal> {
    let definition = definition(&body)?;
    let seq = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_payload_index(principal, &name, definition)
        })
        .await?;
    Ok(answer::ok(&caller, UpdateResult::completed(seq)))
}

/// Removes a payload index.
#[utoipa::path(
    delete,
    path = "/collections/{name}/index/{field}",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one"), ("field" = String, Path, description = "The field, as in `author.name`"), ("wait" = Option<bool>, Query, description = "Taken and without effect: a write is durable and visible when it is answered"), ("ordering" = Option<String>, Query, description = "`weak`, `medium` or `strong`; without effect"), ("timeout" = Option<u64>, Query, minimum = 1, description = "Seconds; without effect")),
    responses((status = 200, description = "The answer.", body = Envelope<UpdateResult>))
)]
pub(super) async fn remove(
    caller: Caller,
    Collection(name): Collection,
    Field(field): Field,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    let seq = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_payload_index(principal, &name, &field)
        })
        .await?;
    Ok(answer::ok(&caller, UpdateResult::completed(seq)))
}

/// The field that a path names.
pub(super) struct Field(Path);

impl<S: Send + Sync> FromRequestParts<S> for Field {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Named {
            field: String,
        }
        let InPath(Named { field }) = InPath::<Named>::from_request_parts(parts, state).await?;
        let field = Path::parse(&field).map_err(|error| bad(&error.to_string()))?;
        Ok(Self(field))
    }
}

/// The indexes of a collection, as clients read them.
pub(super) fn described(collection: &partition::Collection) -> Value {
    let indexes = collection.payload_indexes().into_iter();
    let described = indexes.map(|(definition, points)| {
        let mut index = json!({"data_type": definition.kind().name(), "points": points});
        if let Ok(params) = serde_json::from_str::<Value>(definition.settings()) {
            index["params"] = params;
        }
        (definition.field().to_owned(), index)
    });
    Value::Object(described.collect::<Map<_, _>>())
}

fn definition(body: &Create) -> Result<Definition, Refusal> {
    let schema = body.field_schema.as_ref();
    let (kind, settings) = match schema {
        Some(Value::String(name)) => (kind(name)?, String::new()),
        Some(Value::Object(params)) => {
            let name = params.get("type").and_then(Value::as_str);
            let kind = kind(name.ok_or_else(|| bad("field_schema needs `type`"))?)?;
            known(kind, params)?;
            (kind, Value::Object(params.clone()).to_string())
        }
        Some(Value::Null) | None => {
            return Err(bad(
                "field_schema must be given: Locule doesn't guess what a field holds",
            ));
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            return Err(bad(
                "field_schema takes the name of a type, or an object with `type`",
            ));
        }
    };
    Definition::new(&body.field_name, kind, settings).map_err(|error| bad(&error.to_string()))
}

fn kind(name: &str) -> Result<IndexKind, Refusal> {
    let known = IndexKind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| {
        let names = IndexKind::ALL.map(IndexKind::name).join(", ");
        bad(&format!("unknown type of payload index; there are {names}"))
    })
}

/// Refuses parameters that the dialect doesn't have, and those that promise what isn't there.
/// Those of a text index say how it cuts texts. The others are about where Qdrant keeps an index
/// and what it is prepared for: given back, and without a meaning here.
fn known(kind: IndexKind, params: &Map<String, Value>) -> Result<(), Refusal> {
    let flags: &[&str] = match kind {
        IndexKind::Keyword => &["is_tenant", "prefix"],
        IndexKind::Uuid => &["is_tenant"],
        IndexKind::Integer => &["lookup", "range", "is_principal"],
        IndexKind::Float | IndexKind::Datetime => &["is_principal"],
        IndexKind::Bool | IndexKind::Geo => &[],
        IndexKind::Text => &["lowercase", "phrase_matching", "ascii_folding"],
    };
    let of_texts = kind == IndexKind::Text;
    for (name, value) in params {
        let fits = match name.as_str() {
            "type" => true,
            "memory" => value.is_string() || value.is_null(),
            "tokenizer" if of_texts => value.is_string() || value.is_null(),
            "min_token_len" | "max_token_len" if of_texts => value.is_u64() || value.is_null(),
            "stopwords" | "stemmer" if of_texts => true,
            flag if flags.contains(&flag) || ["on_disk", "enable_hnsw"].contains(&flag) => {
                value.is_boolean() || value.is_null()
            }
            _ => {
                return Err(bad(&format!(
                    "field_schema: unknown parameter of an index of type {}",
                    kind.name()
                )));
            }
        };
        if !fits {
            return Err(bad(&format!("field_schema: `{name}` has another type")));
        }
    }
    if of_texts {
        cut_as_it_can_be(params)?;
    }
    if let Some(Value::String(place)) = params.get("memory")
        && !["pinned", "cached", "cold"].contains(&place.as_str())
    {
        return Err(bad("field_schema: unknown placement in `memory`"));
    }
    Ok(())
}

/// Refuses what would cut texts, or change words, in a way that isn't there.
fn cut_as_it_can_be(params: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(Value::String(tokenizer)) = params.get("tokenizer")
        && !["word", "whitespace", "prefix"].contains(&tokenizer.as_str())
    {
        return Err(bad(
            "field_schema: `tokenizer` takes word, whitespace or prefix; multilingual isn't \
             supported",
        ));
    }
    let there = |name: &str| match params.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Object(parts)) if name == "stopwords" => parts
            .values()
            .any(|part| part.as_array().is_none_or(|list| !list.is_empty()) && !part.is_null()),
        Some(Value::Object(parts)) => parts.get("type") != Some(&Value::from("none")),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => true,
    };
    match ["ascii_folding", "stopwords", "stemmer"]
        .into_iter()
        .find(|name| there(name))
    {
        Some(name) => Err(bad(&format!(
            "field_schema: `{name}` isn't supported in a text index"
        ))),
        None => Ok(()),
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::invalid(format!("Bad request: {message}"))
}
