//! Pictures for the document of what is read by hand: ids, vectors, filters, kinds of queries.
//!
//! What serde reads is described where it is read; nothing here is ever made.

#![expect(dead_code, reason = "pictures for the document")]

mod filter;
mod query;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{collections::VectorParams, query::PrefetchIn};

pub(in crate::http) use self::filter::Filter;
pub(super) use self::query::{Example, QueryKind};

/// What is reached only through pictures of themselves, which utoipa doesn't follow.
#[derive(OpenApi)]
#[openapi(components(schemas(
    Filter,
    filter::Clause,
    filter::Condition,
    filter::CountRange,
    filter::GeoBoundingBox,
    filter::GeoPolygon,
    filter::GeoRadius,
    filter::Key,
    filter::Match,
    filter::MinShould,
    filter::Nested,
    filter::Range,
    PrefetchIn,
)))]
pub(super) struct Recursive;

/// A point's id: an unsigned integer or a UUID.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = PointId)]
pub(in crate::http) enum Id {
    Number(u64),
    /// In any of the forms that RFC 9562 knows.
    Uuid(String),
}

/// The default vector, or vectors by name; the empty name is the default vector.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Vectors)]
pub(super) enum Vectors {
    Default(Vec<f32>),
    Named(BTreeMap<String, Vec<f32>>),
}

/// The vectors of many points: one after the other, or by name.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = ManyVectors)]
pub(super) enum ManyVectors {
    ByPoint(Vec<Vectors>),
    ByName(BTreeMap<String, Vec<Vec<f32>>>),
}

/// A collection's vectors: the default one alone, or several by name.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = VectorsConfig)]
pub(super) enum VectorsConfig {
    Default(VectorParams),
    Named(BTreeMap<String, VectorParams>),
}

/// Any JSON object.
#[derive(ToSchema)]
#[schema(as = Payload, value_type = Object)]
pub(super) struct Payload(Map<String, Value>);
