//! What ranks points, for the document. Read by hand, since a vector is told by its first byte.

use utoipa::ToSchema;

use super::Id;

/// A vector, a point's id, or another way to rank points.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = QueryKind, no_recursion)]
pub(in crate::http::data) enum QueryKind {
    Vector(Vec<f32>),
    Point(Id),
    Nearest {
        nearest: Example,
        mmr: Option<Mmr>,
    },
    Recommend {
        recommend: Recommend,
    },
    OrderBy {
        order_by: OrderBy,
    },
    Fusion {
        fusion: Fusion,
    },
    Rrf {
        rrf: Rrf,
    },
    Sample {
        sample: Sample,
    },
}

/// A vector, or the id of a point whose vector is meant.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Example)]
enum Example {
    Vector(Vec<f32>),
    Point(Id),
}

/// Maximal marginal relevance: neighbours that aren't alike.
#[derive(ToSchema)]
#[schema(as = Mmr, additional_properties = false)]
struct Mmr {
    /// 0: nearness alone, 1: diversity alone.
    #[schema(minimum = 0, maximum = 1)]
    diversity: Option<f32>,
    #[schema(minimum = 1)]
    candidates_limit: Option<u32>,
}

#[derive(ToSchema)]
#[schema(as = Recommend, additional_properties = false)]
struct Recommend {
    positive: Option<Vec<Example>>,
    negative: Option<Vec<Example>>,
    strategy: Option<Strategy>,
}

#[derive(ToSchema)]
#[schema(as = RecommendStrategy, rename_all = "snake_case")]
enum Strategy {
    AverageVector,
    BestScore,
    SumScores,
}

/// A field's name, or how to order by it.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = OrderBy)]
pub(in crate::http::data) enum OrderBy {
    Key(String),
    Told(OrderByTold),
}

#[derive(ToSchema)]
#[schema(as = OrderByKey, additional_properties = false)]
struct OrderByTold {
    key: String,
    direction: Option<Direction>,
    start_from: Option<StartFrom>,
}

#[derive(ToSchema)]
#[schema(as = Direction, rename_all = "snake_case")]
enum Direction {
    Asc,
    Desc,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = StartFrom)]
enum StartFrom {
    Number(f64),
    Time(String),
}

#[derive(ToSchema)]
#[schema(as = Fusion, rename_all = "snake_case")]
enum Fusion {
    Rrf,
    Dbsf,
}

/// Reciprocal rank fusion (Cormack et al., 2009).
#[derive(ToSchema)]
#[schema(as = Rrf, additional_properties = false)]
struct Rrf {
    #[schema(minimum = 1)]
    k: Option<u32>,
    weights: Option<Vec<f32>>,
}

#[derive(ToSchema)]
#[schema(as = Sample, rename_all = "snake_case")]
enum Sample {
    Random,
}

/// A query whose points the one above ranks, or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Prefetches, no_recursion)]
pub(in crate::http::data) enum Prefetches {
    One(Box<PrefetchPicture>),
    All(Vec<PrefetchPicture>),
}
