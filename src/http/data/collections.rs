//! Collections.

use std::sync::Arc;

use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    indexes, openapi, settings,
    wire::{self, Collection, NoOtherParameters},
};
use crate::{
    engine::ErrorKind,
    http::{
        answer::{self, Envelope},
        body::Body,
        caller::{Caller, Waits},
        refusal::Refusal,
    },
    index::Precision,
    partition::{self, Schema, VectorSchema},
    tenant::CollectionName,
    vector::{DEFAULT_VECTOR, Dimension, Metric},
};

/// What a collection is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateCollection)]
pub(super) struct Create {
    #[schema(value_type = Option<openapi::VectorsConfig>)]
    vectors: Option<Value>,
    #[schema(ignore)]
    sparse_vectors: Option<Value>,
    #[schema(ignore)]
    init_from: Option<Value>,
    #[schema(ignore)]
    sharding_method: Option<Value>,
    // Accepted and given back: none of them changes an answer here.
    shard_number: Option<Value>,
    replication_factor: Option<Value>,
    write_consistency_factor: Option<Value>,
    on_disk_payload: Option<Value>,
    payload: Option<Value>,
    hnsw_config: Option<Value>,
    wal_config: Option<Value>,
    optimizers_config: Option<Value>,
    quantization_config: Option<Value>,
    strict_mode_config: Option<Value>,
    metadata: Option<Value>,
}

/// A vector of a collection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VectorParams)]
pub(super) struct VectorParams {
    size: u64,
    distance: Distance,
    #[schema(ignore)]
    multivector_config: Option<Value>,
    datatype: Option<String>,
    #[serde(rename = "hnsw_config")]
    _hnsw_config: Option<Value>,
    quantization_config: Option<Value>,
    #[serde(rename = "on_disk")]
    _on_disk: Option<bool>,
    #[serde(rename = "memory")]
    _memory: Option<String>,
}

/// How vectors are compared.
#[derive(Deserialize, ToSchema)]
#[schema(as = Distance)]
enum Distance {
    Cosine,
    Dot,
    Euclid,
    Manhattan,
}

/// Collections by name.
#[derive(Serialize, ToSchema)]
#[schema(as = Collections)]
pub(super) struct CollectionsOut {
    collections: Vec<Named>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CollectionName)]
struct Named {
    #[schema(value_type = String)]
    name: CollectionName,
}

/// Whether there is a collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Exists)]
pub(super) struct ExistsOut {
    exists: bool,
}

/// Makes a collection.
#[utoipa::path(
    put,
    path = "/collections/{name}",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    request_body = Create,
    responses((status = 200, description = "The answer.", body = Envelope<bool>))
)]
pub(super) async fn create(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
    Body(body): Body<Create>,
) -> Result<Response, Refusal> {
    let schema = schema(body)?;
    caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.create_collection(principal, &name, schema)
        })
        .await?;
    Ok(answer::ok(&caller, true))
}

/// The collections that the key is good for.
#[utoipa::path(
    get,
    path = "/collections",
    tag = "collections",
    responses((status = 200, description = "The answer.", body = Envelope<CollectionsOut>))
)]
pub(super) async fn list(caller: Caller, _: NoOtherParameters) -> Result<Response, Refusal> {
    let all = caller
        .run(Waits::NotWhenWarm, |engine, principal| {
            engine.collections(principal)
        })
        .await?;
    let collections = all.iter().map(|collection| Named {
        name: collection.name().clone(),
    });
    let collections = collections.collect();
    Ok(answer::ok(&caller, CollectionsOut { collections }))
}

/// What a collection is, and what it holds.
#[utoipa::path(
    get,
    path = "/collections/{name}",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    responses((status = 200, description = "The answer.", body = Envelope<Value>))
)]
pub(super) async fn show(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    let collection = caller
        .run(Waits::NotWhenWarm, move |engine, principal| {
            engine.describe_collection(principal, &name)
        })
        .await?;
    Ok(answer::ok(&caller, described(&collection)))
}

/// Whether there is a collection.
#[utoipa::path(
    get,
    path = "/collections/{name}/exists",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    responses((status = 200, description = "The answer.", body = Envelope<ExistsOut>))
)]
pub(super) async fn exists(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    let exists = caller
        .run(Waits::NotWhenWarm, move |engine, principal| {
            match engine.describe_collection(principal, &name) {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await?;
    Ok(answer::ok(&caller, ExistsOut { exists }))
}

/// Deletes a collection and its points. Whether there was one.
#[utoipa::path(
    delete,
    path = "/collections/{name}",
    tag = "collections",
    params(("name" = String, Path, description = "The collection, or an alias of one")),
    responses((status = 200, description = "The answer.", body = Envelope<bool>))
)]
pub(super) async fn remove(
    caller: Caller,
    Collection(name): Collection,
    _: NoOtherParameters,
) -> Result<Response, Refusal> {
    let deleted = caller
        .run(Waits::Maybe, move |engine, principal| {
            engine.delete_collection(principal, &name)
        })
        .await?;
    Ok(answer::ok(&caller, deleted))
}

fn schema(body: Create) -> Result<Schema, Refusal> {
    wire::refuse_set([
        (
            "sparse_vectors",
            &body.sparse_vectors.filter(|value| *value != json!({})),
        ),
        ("init_from", &body.init_from),
        ("sharding_method", &body.sharding_method),
    ])?;
    let given = body.vectors.filter(|value| !value.is_null());
    let given = given.unwrap_or_else(|| json!({}));
    let vectors: Result<Vec<VectorSchema>, Refusal> = named(&given)?
        .into_iter()
        .map(|(name, params)| vector(name, params, body.quantization_config.as_ref()))
        .collect();
    let vectors = vectors?;
    let mut settings = Map::new();
    settings.insert("vectors".to_owned(), given);
    for (name, value) in [
        ("shard_number", body.shard_number),
        ("replication_factor", body.replication_factor),
        ("write_consistency_factor", body.write_consistency_factor),
        ("on_disk_payload", body.on_disk_payload),
        ("payload", body.payload),
        ("hnsw_config", body.hnsw_config),
        ("wal_config", body.wal_config),
        ("optimizers_config", body.optimizers_config),
        ("quantization_config", body.quantization_config),
        ("strict_mode_config", body.strict_mode_config),
        ("metadata", body.metadata),
    ] {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            settings.insert(name.to_owned(), value);
        }
    }
    let settings = settings::text(settings).map_err(Refusal::invalid)?;
    Schema::new(vectors, settings)
        .map_err(|error| Refusal::invalid(format!("Wrong input: {error}")))
}

/// Each vector's name and parameters: given as they are for the default one, or in a map.
fn named(vectors: &Value) -> Result<Vec<(&str, &Value)>, Refusal> {
    let fields = vectors.as_object().ok_or_else(|| {
        Refusal::invalid(
            "Bad request: `vectors` must be an object with `size` and `distance`, or a map of such objects by name",
        )
    })?;
    Ok(if settings::is_plain(fields) {
        vec![(DEFAULT_VECTOR, vectors)]
    } else {
        let vectors = fields.iter();
        vectors
            .map(|(name, params)| (name.as_str(), params))
            .collect()
    })
}

fn vector(
    name: &str,
    params: &Value,
    quantization: Option<&Value>,
) -> Result<VectorSchema, Refusal> {
    let params = VectorParams::deserialize(params).map_err(|error| {
        Refusal::invalid(format!("Format error in JSON body: vectors: {error}"))
    })?;
    wire::refuse_set([("multivector_config", &params.multivector_config)])?;
    let datatype = params.datatype.as_deref();
    if datatype.is_some_and(|datatype| datatype != "float32") {
        return Err(Refusal::invalid(
            "Bad request: `datatype` other than float32 isn't supported yet",
        ));
    }
    let metric = match params.distance {
        Distance::Cosine => Metric::Cosine,
        Distance::Dot => Metric::Dot,
        Distance::Euclid => Metric::Euclid,
        Distance::Manhattan => Metric::Manhattan,
    };
    let dimension = Dimension::new(params.size)
        .map_err(|error| Refusal::invalid(format!("Wrong input: {error}")))?;
    // Int8 codes are the default here; this is how the dialect says to do without.
    let quantization = params.quantization_config.as_ref().or(quantization);
    let precision = if quantization.and_then(Value::as_str) == Some("Disabled") {
        Precision::Full
    } else {
        Precision::Codes
    };
    Ok(VectorSchema {
        name: name.to_owned(),
        dimension,
        metric,
        precision,
    })
}

/// What clients read of a collection. The values that Locule doesn't have are the dialect's
/// defaults, since clients refuse an answer without them.
fn described(collection: &Arc<partition::Collection>) -> Value {
    let settings: Map<String, Value> =
        serde_json::from_str(&collection.settings()).unwrap_or_default();
    // Clients know it as a word of requests alone.
    let quantization = settings.get("quantization_config");
    let quantization = quantization.filter(|value| value.as_str() != Some("Disabled"));
    let set = |name: &str, default: Value| settings.get(name).cloned().unwrap_or(default);
    let over = |name: &str, mut defaults: Value| {
        if let (Some(fields), Some(Value::Object(set))) =
            (defaults.as_object_mut(), settings.get(name))
        {
            let given = set.iter().filter(|(_, value)| !value.is_null());
            fields.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        }
        defaults
    };
    json!({
        "status": if collection.is_settled() { "green" } else { "yellow" },
        "optimizer_status": "ok",
        "points_count": collection.points(),
        "indexed_vectors_count": collection.indexed(),
        "segments_count": 1,
        "config": {
            "params": {
                "vectors": set("vectors", Value::Null),
                "shard_number": set("shard_number", json!(1)),
                "replication_factor": set("replication_factor", json!(1)),
                "write_consistency_factor": set("write_consistency_factor", json!(1)),
                "on_disk_payload": set("on_disk_payload", json!(true)),
                "read_fan_out_factor": set("read_fan_out_factor", Value::Null),
                "read_fan_out_delay_ms": set("read_fan_out_delay_ms", Value::Null),
                "payload": set("payload", Value::Null),
            },
            "hnsw_config": over("hnsw_config", json!({
                "m": 16,
                "ef_construct": 200,
                "full_scan_threshold": 10_000,
                "max_indexing_threads": 0,
                "on_disk": false,
            })),
            "optimizer_config": over("optimizers_config", json!({
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 1,
                "max_segment_size": null,
                "memmap_threshold": null,
                "indexing_threshold": 20_000,
                "flush_interval_sec": 0,
                "max_optimization_threads": null,
            })),
            "wal_config": over("wal_config", json!({
                "wal_capacity_mb": 64,
                "wal_segments_ahead": 0,
            })),
            "quantization_config": quantization.unwrap_or(&Value::Null),
            "strict_mode_config": set("strict_mode_config", Value::Null),
            "metadata": set("metadata", Value::Null),
        },
        "payload_schema": indexes::described(collection),
    })
}
