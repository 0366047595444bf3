//! The bodies of changes, read into operations.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    http::{
        data::{
            filter, openapi,
            points::within,
            vectors::{ManyVectors, VectorsIn},
            wire,
        },
        refusal::Refusal,
    },
    partition::{Operation, PayloadChange, PointUpsert, Selection, UpsertMode, UpsertRule},
    payload::{Payload, path::Path},
    tenant::PointId,
};

/// Points to store: one after the other, or as a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Upsert)]
pub(in crate::http::data) struct Upsert {
    points: Option<Vec<PointIn>>,
    batch: Option<Batch>,
    #[schema(ignore)]
    shard_key: Option<Value>,
    #[schema(value_type = Option<openapi::Filter>)]
    update_filter: Option<filter::Json>,
    update_mode: Option<Mode>,
}

/// A point to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PointIn)]
struct PointIn {
    #[schema(value_type = openapi::Id)]
    id: PointId,
    #[schema(value_type = openapi::Vectors)]
    vector: VectorsIn,
    #[schema(value_type = Option<openapi::Payload>)]
    payload: Option<Map<String, Value>>,
}

/// Points to store, field by field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpsertBatch)]
struct Batch {
    #[schema(value_type = Vec<openapi::Id>)]
    ids: Vec<PointId>,
    #[schema(value_type = openapi::ManyVectors)]
    vectors: ManyVectors,
    #[schema(value_type = Option<Vec<Option<openapi::Payload>>>)]
    payloads: Option<Vec<Option<Map<String, Value>>>>,
}

/// Which points an upsert may touch: new ones, those that are there, or both.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpsertMode)]
enum Mode {
    Upsert,
    InsertOnly,
    UpdateOnly,
}

/// Points by id, or those that match.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PointsSelector)]
pub(in crate::http::data) struct Selector {
    #[schema(value_type = Option<Vec<openapi::Id>>)]
    points: Option<Vec<PointId>>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Fields to set, and of which points.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetPayload)]
pub(in crate::http::data) struct SetPayload {
    #[schema(value_type = openapi::Payload)]
    payload: Map<String, Value>,
    key: Option<String>,
    #[schema(value_type = Option<Vec<openapi::Id>>)]
    points: Option<Vec<PointId>>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Keys to remove, and of which points.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeletePayload)]
pub(in crate::http::data) struct DeletePayload {
    keys: Vec<String>,
    #[schema(value_type = Option<Vec<openapi::Id>>)]
    points: Option<Vec<PointId>>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Vectors to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateVectors)]
pub(in crate::http::data) struct UpdateVectors {
    points: Vec<PointVectors>,
    #[schema(value_type = Option<openapi::Filter>)]
    update_filter: Option<filter::Json>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// The vectors of one point.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PointVectors)]
struct PointVectors {
    #[schema(value_type = openapi::Id)]
    id: PointId,
    #[schema(value_type = openapi::Vectors)]
    vector: VectorsIn,
}

/// Names of vectors to remove, and of which points.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteVectors)]
pub(in crate::http::data) struct DeleteVectors {
    vector: Vec<String>,
    #[schema(value_type = Option<Vec<openapi::Id>>)]
    points: Option<Vec<PointId>>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Changes, all of which happen or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateBatch)]
pub(in crate::http::data) struct Operations {
    pub(super) operations: Vec<OperationIn>,
}

/// One change.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpdateOperation)]
pub(super) enum OperationIn {
    Upsert(Upsert),
    Delete(Selector),
    SetPayload(SetPayload),
    OverwritePayload(SetPayload),
    DeletePayload(DeletePayload),
    ClearPayload(Selector),
    UpdateVectors(UpdateVectors),
    DeleteVectors(DeleteVectors),
}

impl OperationIn {
    /// The operation, and how many points it names.
    pub(super) fn read(self) -> Result<(Operation, usize), Refusal> {
        match self {
            Self::Upsert(body) => upserted(body),
            Self::Delete(selector) => {
                let (selection, count) = selector.read()?;
                Ok((Operation::Remove(selection), count))
            }
            Self::SetPayload(body) => {
                let path = body.key.as_deref().map(path).transpose()?;
                let fields = payload(body.payload)?;
                let (selection, count) =
                    Selector::of(body.points, body.filter, body.shard_key).read()?;
                let change = PayloadChange::Merge(fields, path);
                Ok((Operation::Payload(selection, change), count))
            }
            Self::OverwritePayload(body) => {
                if body.key.is_some() {
                    return Err(bad("`key` isn't supported where a payload is overwritten"));
                }
                let change = PayloadChange::Replace(payload(body.payload)?);
                let (selection, count) =
                    Selector::of(body.points, body.filter, body.shard_key).read()?;
                Ok((Operation::Payload(selection, change), count))
            }
            Self::DeletePayload(body) => {
                let paths: Result<Vec<Path>, Refusal> =
                    body.keys.iter().map(|key| path(key)).collect();
                let change = PayloadChange::Remove(paths?);
                let (selection, count) =
                    Selector::of(body.points, body.filter, body.shard_key).read()?;
                Ok((Operation::Payload(selection, change), count))
            }
            Self::ClearPayload(selector) => {
                let (selection, count) = selector.read()?;
                Ok((Operation::Payload(selection, PayloadChange::Clear), count))
            }
            Self::UpdateVectors(body) => vectors_put(body),
            Self::DeleteVectors(body) => {
                if body.vector.is_empty() {
                    return Err(bad("must specify vector names to delete"));
                }
                let (selection, count) =
                    Selector::of(body.points, body.filter, body.shard_key).read()?;
                Ok((Operation::RemoveVectors(selection, body.vector), count))
            }
        }
    }
}

impl Selector {
    const fn of(
        points: Option<Vec<PointId>>,
        filter: Option<filter::Json>,
        shard_key: Option<Value>,
    ) -> Self {
        Self {
            points,
            filter,
            shard_key,
        }
    }

    /// Which points are meant, and how many are named. Ids beside a filter could mean both or
    /// either, so that is refused.
    fn read(self) -> Result<(Selection, usize), Refusal> {
        wire::refuse_set([("shard_key", &self.shard_key)])?;
        let filter = filter::parse(self.filter.as_ref())?;
        match (self.points, filter) {
            (Some(ids), None) if ids.is_empty() => Err(bad("Empty update request")),
            (Some(ids), None) => {
                let count = ids.len();
                Ok((Selection::Ids(ids), count))
            }
            (None, Some(filter)) => Ok((Selection::Filter(filter), 0)),
            (Some(_), Some(_)) | (None, None) => Err(bad("give either `points` or `filter`")),
        }
    }
}

fn upserted(body: Upsert) -> Result<(Operation, usize), Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    let points = match (body.points, body.batch) {
        (Some(points), None) => points,
        (None, Some(batch)) => unbatched(batch)?,
        (Some(_), Some(_)) | (None, None) => return Err(bad("give either `points` or `batch`")),
    };
    if points.is_empty() {
        return Err(bad("Empty update request"));
    }
    within(points.len())?;
    let rule = UpsertRule {
        mode: match body.update_mode {
            None | Some(Mode::Upsert) => UpsertMode::Both,
            Some(Mode::InsertOnly) => UpsertMode::Insert,
            Some(Mode::UpdateOnly) => UpsertMode::Update,
        },
        replaced: filter::parse(body.update_filter.as_ref())?,
    };
    let points: Result<Vec<PointUpsert>, Refusal> = points
        .into_iter()
        .map(|point| {
            Ok(PointUpsert {
                id: point.id,
                vectors: point.vector.0,
                payload: payload(point.payload.unwrap_or_default())?,
            })
        })
        .collect();
    let points = points?;
    let count = points.len();
    Ok((Operation::Upsert(points, rule), count))
}

fn unbatched(batch: Batch) -> Result<Vec<PointIn>, Refusal> {
    let count = batch.ids.len();
    let payloads = batch
        .payloads
        .unwrap_or_else(|| (0..count).map(|_| None).collect());
    let vectors = batch.vectors.by_point().map_err(|error| bad(&error))?;
    if vectors.len() != count || payloads.len() != count {
        return Err(bad(&format!(
            "the batch has {count} ids, {} vectors and {} payloads",
            vectors.len(),
            payloads.len()
        )));
    }
    let points = batch.ids.into_iter().zip(vectors).zip(payloads);
    Ok(points
        .map(|((id, vector), payload)| PointIn {
            id,
            vector: VectorsIn(vector),
            payload,
        })
        .collect())
}

fn vectors_put(body: UpdateVectors) -> Result<(Operation, usize), Refusal> {
    wire::refuse_set([("shard_key", &body.shard_key)])?;
    if body.points.is_empty() {
        return Err(bad("must specify points to update"));
    }
    let only = filter::parse(body.update_filter.as_ref())?;
    let points = body.points.into_iter();
    let points: Vec<_> = points.map(|point| (point.id, point.vector.0)).collect();
    let count = points.len();
    Ok((Operation::PutVectors(points, only), count))
}

fn payload(map: Map<String, Value>) -> Result<Payload, Refusal> {
    Payload::new(map).map_err(|error| Refusal::invalid(format!("Wrong input: {error}")))
}

fn path(text: &str) -> Result<Path, Refusal> {
    Path::parse(text).map_err(|error| bad(&error.to_string()))
}

pub(super) fn bad(message: &str) -> Refusal {
    Refusal::invalid(format!("Bad request: {message}"))
}
