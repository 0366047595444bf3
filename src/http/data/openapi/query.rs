//! What ranks points, for the document. Read by hand, since its first byte tells what it is.

use utoipa::ToSchema;

use super::Id;
use crate::http::data::query::QueryObject;

/// A vector, a point's id, or another way to rank points.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = QueryKind)]
pub(in crate::http::data) enum QueryKind {
    Vector(Vec<f32>),
    Point(Id),
    Told(Box<QueryObject>),
}

/// A vector, or the id of a point whose vector is meant.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Example)]
pub(in crate::http::data) enum Example {
    Vector(Vec<f32>),
    Point(Id),
}
