//! What is said about a collection and changes nothing about its answers: kept, changed, given back.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::wire::{self, Collection, NoOtherParameters};
use crate::{
    engine::Error,
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    partition::{PartitionError, Schema},
    payload::edit,
};

/// What is said about a collection from now on; what isn't named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateCollection)]
pub(super) struct Update {
    #[schema(value_type = Option<Object>)]
    vectors: Option<Map<String, Value>>,
    #[schema(ignore)]
    sparse_vectors: Option<Value>,
    #[schema(value_type = Option<Object>)]
    params: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    hnsw_config: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    optimizers_config: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    strict_mode_config: Option<Map<String, Value>>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    quantization_config: Option<Value>,
}

/// What may be said about one vector.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorUpdate {
    #[serde(rename = "hnsw_config")]
    _hnsw_config: Option<Map<String, Value>>,
    #[serde(rename = "quantization_config")]
    _quantization_config: Option<Value>,
    #[serde(rename = "on_disk")]
    _on_disk: Option<bool>,
    #[serde(rename = "memory")]
    _memory: Option<String>,
}

/// Changes what was said about a collection.
#[utoipa::path(
    patch,
    path = "/collections/{name}",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = Update,
    responses((status = 200, description = "The answer.", body = Envelope<bool>))
)]
pub(super) async fn update(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Update>,
) -> Result<Response, Refusal> {
    let sparse = body.sparse_vectors.clone();
    wire::refuse_set([(
        "sparse_vectors",
        &sparse.filter(|value| *value != json!({})),
    )])?;
    for (vector, update) in body.vectors.iter().flatten() {
        VectorUpdate::deserialize(update).map_err(|error| {
            Refusal::invalid(format!(
                "Format error in JSON body: vectors `{vector}`: {error}"
            ))
        })?;
    }
    let params = body.params.iter().flat_map(Map::keys);
    if let Some(other) = params
        .into_iter()
        .find(|name| !PARAMS.contains(&name.as_str()))
    {
        return Err(Refusal::invalid(format!(
            "Format error in JSON body: params: unknown field `{other}`"
        )));
    }
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.update_collection(principal, &name, |schema, before| {
                updated(schema, before, body)
            })
        })
        .await?;
    Ok(answer::ok(&caller, true))
}

/// The settings with what was said since.
fn updated(schema: &Schema, before: &str, body: Update) -> Result<String, Error> {
    let mut settings: Map<String, Value> = serde_json::from_str(before).unwrap_or_default();
    for (name, update) in body.vectors.into_iter().flatten() {
        if schema.vector(&name).is_none() {
            return Err(PartitionError::NoVector { name }.into());
        }
        let params = vector_params(&mut settings, &name);
        if let (Some(params), Value::Object(mut update)) = (params, update) {
            if let Some(Value::Object(hnsw)) = update.remove("hnsw_config") {
                change(params, "hnsw_config", &hnsw, set);
            }
            set(params, &update);
        }
    }
    for (name, update) in [
        ("hnsw_config", body.hnsw_config),
        ("optimizers_config", body.optimizers_config),
        ("strict_mode_config", body.strict_mode_config),
    ] {
        if let Some(update) = update {
            change(&mut settings, name, &update, set);
        }
    }
    if let Some(metadata) = body.metadata {
        change(&mut settings, "metadata", &metadata, edit::merge);
    }
    set(&mut settings, &body.params.unwrap_or_default());
    if let Some(quantization) = body.quantization_config {
        settings.insert("quantization_config".to_owned(), quantization);
    }
    text(settings).map_err(Error::invalid)
}

/// The settings as text.
pub(super) fn text(settings: Map<String, Value>) -> Result<String, String> {
    let text = Value::Object(settings).to_string();
    if text.len() > SETTINGS_BYTES_MAX {
        return Err(format!(
            "Bad request: the collection's settings are longer than {SETTINGS_BYTES_MAX} bytes"
        ));
    }
    Ok(text)
}

/// What was said about a vector: by name, or about the default one alone.
fn vector_params<'a>(
    settings: &'a mut Map<String, Value>,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    let vectors = settings.get_mut("vectors")?.as_object_mut()?;
    if is_plain(vectors) {
        return Some(vectors);
    }
    vectors.get_mut(name)?.as_object_mut()
}

/// Whether these are the parameters of the default vector, and not a map of them by name.
pub(super) fn is_plain(vectors: &Map<String, Value>) -> bool {
    // A vector may be called `size`, and then it has parameters.
    let plain = |field: &str| vectors.get(field).is_some_and(|value| !value.is_object());
    plain("size") || plain("distance")
}

/// Sets what isn't null.
fn set(into: &mut Map<String, Value>, update: &Map<String, Value>) {
    let given = update.iter().filter(|(_, value)| !value.is_null());
    into.extend(given.map(|(name, value)| (name.clone(), value.clone())));
}

/// Changes one of the objects within: there is an empty one, if none was.
fn change(
    within: &mut Map<String, Value>,
    name: &str,
    update: &Map<String, Value>,
    how: fn(&mut Map<String, Value>, &Map<String, Value>),
) {
    let mut inner = match within.remove(name) {
        Some(Value::Object(inner)) => inner,
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | None => Map::new(),
    };
    how(&mut inner, update);
    within.insert(name.to_owned(), Value::Object(inner));
}

/// What `params` may change.
const PARAMS: [&str; 6] = [
    "replication_factor",
    "write_consistency_factor",
    "read_fan_out_factor",
    "read_fan_out_delay_ms",
    "on_disk_payload",
    "payload",
];
/// Longest settings: they are kept for their owner to read back, nothing more.
const SETTINGS_BYTES_MAX: usize = 16 << 10;
