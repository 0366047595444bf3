//! What a filter looks like, for the document. Filters are read by hand in `filter`, within limits
//! that a schema can't tell.

use utoipa::ToSchema;

use super::Id;

/// Which points are meant. Each clause takes a condition or a list of them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Filter)]
pub(in crate::http) struct Filter {
    /// All of these hold.
    must: Option<Clause>,
    /// At least one of these holds.
    should: Option<Clause>,
    /// None of these holds.
    must_not: Option<Clause>,
    /// At least so many of these hold.
    min_should: Option<MinShould>,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MinShould)]
pub(super) struct MinShould {
    conditions: Clause,
    #[schema(minimum = 1)]
    min_count: u64,
}

/// A condition, or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Clause, no_recursion)]
pub(super) enum Clause {
    One(Box<Condition>),
    All(Vec<Condition>),
}

/// What must hold for a point.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Condition, no_recursion)]
pub(super) enum Condition {
    /// One test of the values at a key, like `city` or `reviews[].stars`.
    Match {
        key: String,
        r#match: Match,
    },
    Range {
        key: String,
        range: Range,
    },
    GeoBoundingBox {
        key: String,
        geo_bounding_box: GeoBoundingBox,
    },
    GeoRadius {
        key: String,
        geo_radius: GeoRadius,
    },
    GeoPolygon {
        key: String,
        geo_polygon: GeoPolygon,
    },
    ValuesCount {
        key: String,
        values_count: CountRange,
    },
    /// There is no value at the key, or null, or an empty list.
    IsEmpty {
        is_empty: Key,
    },
    /// The value at the key is null.
    IsNull {
        is_null: Key,
    },
    HasId {
        has_id: Vec<Id>,
    },
    /// The point has a vector of this name; the empty name is the default vector.
    HasVector {
        has_vector: String,
    },
    /// One object of the list at the key passes a filter of its own.
    Nested {
        nested: Nested,
    },
    Filter(Box<Filter>),
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayloadKey)]
pub(super) struct Key {
    key: String,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Nested, no_recursion)]
pub(super) struct Nested {
    key: String,
    filter: Box<Filter>,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Match)]
pub(super) enum Match {
    Value {
        value: Scalar,
    },
    Any {
        any: Vec<Scalar>,
    },
    Except {
        except: Vec<Scalar>,
    },
    /// All tokens, by the field's text index; without one, a part of the text.
    Text {
        text: String,
    },
    TextAny {
        text_any: String,
    },
    Phrase {
        phrase: String,
    },
}

/// A keyword, an integer or a boolean.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Scalar)]
pub(super) enum Scalar {
    Keyword(String),
    Integer(i64),
    Bool(bool),
}

/// Bounds of numbers, or of times (RFC 3339).
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Range)]
pub(super) struct Range {
    gt: Option<Bound>,
    gte: Option<Bound>,
    lt: Option<Bound>,
    lte: Option<Bound>,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Bound)]
pub(super) enum Bound {
    Number(f64),
    Time(String),
}

/// Bounds of how many values there are.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CountRange)]
pub(super) struct CountRange {
    gt: Option<u64>,
    gte: Option<u64>,
    lt: Option<u64>,
    lte: Option<u64>,
}

/// A place, in degrees.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeoPoint)]
pub(super) struct GeoPoint {
    #[schema(minimum = -180, maximum = 180)]
    lon: f64,
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeoBoundingBox)]
pub(super) struct GeoBoundingBox {
    top_left: GeoPoint,
    bottom_right: GeoPoint,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeoRadius)]
pub(super) struct GeoRadius {
    center: GeoPoint,
    /// Metres.
    #[schema(minimum = 0)]
    radius: f64,
}

#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeoPolygon)]
pub(super) struct GeoPolygon {
    exterior: GeoLine,
    interiors: Option<Vec<GeoLine>>,
}

/// A closed line: its last point is its first.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GeoLine)]
pub(super) struct GeoLine {
    #[schema(min_items = 4)]
    points: Vec<GeoPoint>,
}
