//! `query`: the ways to rank, each told by its field.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use utoipa::ToSchema;

use super::given::Given;
use crate::{
    http::{data::openapi, refusal::Refusal},
    partition::{Diversity, Example, Fusion, Kind, Order, RRF_K_DEFAULT, Strategy},
    payload::{index::Direction, path::Path, values::OrderValue},
};

/// Every way to rank that has a field, and what comes in the place of a vector.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryObject)]
pub(in crate::http::data) struct QueryObject {
    #[schema(value_type = Option<openapi::Example>)]
    nearest: Option<Given>,
    mmr: Option<MmrIn>,
    recommend: Option<RecommendIn>,
    order_by: Option<OrderByIn>,
    fusion: Option<FusionIn>,
    rrf: Option<RrfIn>,
    sample: Option<SampleIn>,
    #[schema(ignore)]
    discover: Option<IgnoredAny>,
    #[schema(ignore)]
    context: Option<IgnoredAny>,
    #[schema(ignore)]
    formula: Option<IgnoredAny>,
    #[schema(ignore)]
    defaults: Option<IgnoredAny>,
    #[schema(ignore)]
    relevance_feedback: Option<IgnoredAny>,
    #[schema(ignore)]
    indices: Option<IgnoredAny>,
    #[schema(ignore)]
    values: Option<IgnoredAny>,
    #[schema(ignore)]
    text: Option<IgnoredAny>,
    #[schema(ignore)]
    image: Option<IgnoredAny>,
    #[schema(ignore)]
    object: Option<IgnoredAny>,
    #[schema(ignore)]
    model: Option<IgnoredAny>,
    #[schema(ignore)]
    options: Option<IgnoredAny>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mmr)]
struct MmrIn {
    diversity: Option<f32>,
    candidates_limit: Option<usize>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recommend)]
pub(in crate::http::data) struct RecommendIn {
    #[schema(value_type = Option<Vec<openapi::Example>>)]
    pub(in crate::http::data) positive: Option<Vec<Given>>,
    #[schema(value_type = Option<Vec<openapi::Example>>)]
    pub(in crate::http::data) negative: Option<Vec<Given>>,
    pub(in crate::http::data) strategy: Option<StrategyIn>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecommendStrategy)]
pub(in crate::http::data) enum StrategyIn {
    AverageVector,
    BestScore,
    SumScores,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Fusion)]
enum FusionIn {
    Rrf,
    Dbsf,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rrf)]
struct RrfIn {
    k: Option<usize>,
    weights: Option<Vec<f32>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Sample)]
enum SampleIn {
    Random,
}

/// A field to order by, or one with a direction and a beginning.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "order_by takes a field, or {key, direction, start_from}"
)]
#[schema(as = OrderBy)]
pub(in crate::http::data) enum OrderByIn {
    Key(String),
    Full(FullOrderBy),
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderByKey)]
pub(in crate::http::data) struct FullOrderBy {
    key: String,
    direction: Option<DirectionIn>,
    #[schema(value_type = Option<StartFrom>)]
    start_from: Option<Value>,
}

/// A number, or a time (RFC 3339).
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "a picture for the document: values are read by their type"
)]
enum StartFrom {
    Number(f64),
    Time(String),
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Direction)]
enum DirectionIn {
    Asc,
    Desc,
}

/// How a `query` ranks: by id, if there is none.
pub(super) fn kind(given: Option<Given>) -> Result<Kind, Refusal> {
    let object = match given {
        None => return Ok(Kind::Ids),
        Some(Given::Object(object)) => *object,
        Some(example) => return Ok(Kind::Nearest(vector_or_id(example)?)),
    };
    object.refuse_unsupported()?;
    let mut kinds = Vec::new();
    match (object.nearest, object.mmr) {
        (Some(nearest), None) => kinds.push(Kind::Nearest(vector_or_id(nearest)?)),
        (Some(nearest), Some(mmr)) => {
            let diversity = Diversity {
                weight: mmr.diversity.unwrap_or(DIVERSITY_DEFAULT),
                candidates: mmr.candidates_limit,
            };
            kinds.push(Kind::Diverse(vector_or_id(nearest)?, diversity));
        }
        (None, Some(_)) => {
            return Err(Refusal::invalid("Bad request: `mmr` goes with `nearest`"));
        }
        (None, None) => {}
    }
    if let Some(recommend) = object.recommend {
        kinds.push(recommend.kind()?);
    }
    if let Some(order_by) = object.order_by {
        kinds.push(Kind::Values(order_by.order()?));
    }
    if let Some(fusion) = object.fusion {
        kinds.push(Kind::Fusion(match fusion {
            FusionIn::Rrf => rrf(None, None),
            FusionIn::Dbsf => Fusion::Dbsf,
        }));
    }
    if let Some(RrfIn { k, weights }) = object.rrf {
        kinds.push(Kind::Fusion(rrf(k, weights)));
    }
    if let Some(SampleIn::Random) = object.sample {
        kinds.push(Kind::Random);
    }
    match (kinds.pop(), kinds.is_empty()) {
        (Some(kind), true) => Ok(kind),
        (Some(_), false) => Err(Refusal::invalid(
            "Bad request: a query ranks in one way; this one names several",
        )),
        (None, _) => Err(Refusal::invalid(
            "Bad request: an empty query; ask for a vector, a point id, or {\"nearest\": ..}",
        )),
    }
}

fn rrf(k: Option<usize>, weights: Option<Vec<f32>>) -> Fusion {
    Fusion::Rrf {
        k: k.unwrap_or(RRF_K_DEFAULT),
        weights: weights.unwrap_or_default(),
    }
}

impl QueryObject {
    fn refuse_unsupported(&self) -> Result<(), Refusal> {
        let sparse = self.indices.is_some() || self.values.is_some();
        if sparse {
            return Err(Refusal::invalid(
                "Bad request: sparse vectors aren't supported yet in a query",
            ));
        }
        let others = [
            ("discover", &self.discover),
            ("context", &self.context),
            ("formula", &self.formula),
            ("defaults", &self.defaults),
            ("relevance_feedback", &self.relevance_feedback),
            ("text", &self.text),
            ("image", &self.image),
            ("object", &self.object),
            ("model", &self.model),
            ("options", &self.options),
        ];
        match others.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => Err(Refusal::invalid(format!(
                "Bad request: `{name}` isn't supported yet in a query"
            ))),
            None => Ok(()),
        }
    }
}

impl RecommendIn {
    pub(in crate::http::data) fn kind(self) -> Result<Kind, Refusal> {
        let examples = |given: Option<Vec<Given>>| -> Result<Vec<Example>, Refusal> {
            let given = given.unwrap_or_default();
            given.into_iter().map(vector_or_id).collect()
        };
        Ok(Kind::Recommend {
            positive: examples(self.positive)?,
            negative: examples(self.negative)?,
            strategy: match self.strategy {
                None | Some(StrategyIn::AverageVector) => Strategy::AverageVector,
                Some(StrategyIn::BestScore) => Strategy::BestScore,
                Some(StrategyIn::SumScores) => Strategy::SumScores,
            },
        })
    }
}

impl OrderByIn {
    pub(in crate::http::data) fn order(self) -> Result<Order, Refusal> {
        let FullOrderBy {
            key,
            direction,
            start_from,
        } = match self {
            Self::Full(full) => full,
            Self::Key(key) => FullOrderBy {
                key,
                direction: None,
                start_from: None,
            },
        };
        let from = start_from.map(|value| {
            OrderValue::of(&value).ok_or_else(|| {
                Refusal::invalid("Wrong input: start_from takes a number or an RFC 3339 time")
            })
        });
        Ok(Order {
            path: Path::parse(&key)
                .map_err(|error| Refusal::invalid(format!("Wrong input: order_by: {error}")))?,
            direction: match direction {
                None | Some(DirectionIn::Asc) => Direction::Ascending,
                Some(DirectionIn::Desc) => Direction::Descending,
            },
            from: from.transpose()?,
        })
    }
}

/// A vector, or the id of a stored point.
fn vector_or_id(given: Given) -> Result<Example, Refusal> {
    match given {
        Given::Vector(vector) => Ok(Example::Vector(vector)),
        Given::Point(id) => Ok(Example::Point(id)),
        Given::Object(object) => {
            object.refuse_unsupported()?;
            Err(Refusal::invalid(
                "Bad request: a vector or a point id was expected in a query",
            ))
        }
    }
}

/// How diverse neighbours are made when nobody says.
const DIVERSITY_DEFAULT: f32 = 0.5;
