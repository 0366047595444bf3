//! The bodies of queries: one level, and those below it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Shown, Understood, given::Given, kinds};
use crate::{
    http::{
        data::{
            filter, openapi,
            points::LIMIT_DEFAULT,
            select::{PayloadSelector, VectorSelector},
            wire,
        },
        refusal::Refusal,
    },
    index::EF_DEFAULT,
    partition::{Grouping, Kind, PREFETCHES_MAX, Query},
    payload::path::Path,
};

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Query)]
pub(in crate::http::data) struct QueryIn {
    prefetch: Option<Prefetches>,
    #[schema(value_type = Option<openapi::QueryKind>)]
    query: Option<Given>,
    using: Option<String>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    score_threshold: Option<f32>,
    limit: Option<usize>,
    offset: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    #[schema(ignore)]
    lookup_from: Option<Value>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// Several queries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryBatch)]
pub(in crate::http::data) struct BatchIn {
    pub(super) searches: Vec<QueryIn>,
}

/// A query whose points are shown in groups.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QueryGroups)]
pub(in crate::http::data) struct GroupsIn {
    group_by: String,
    group_size: Option<usize>,
    #[schema(ignore)]
    with_lookup: Option<Value>,
    prefetch: Option<Prefetches>,
    #[schema(value_type = Option<openapi::QueryKind>)]
    query: Option<Given>,
    using: Option<String>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    score_threshold: Option<f32>,
    limit: Option<usize>,
    with_payload: Option<PayloadSelector>,
    #[serde(alias = "with_vectors")]
    with_vector: Option<VectorSelector>,
    #[schema(ignore)]
    lookup_from: Option<Value>,
    #[schema(ignore)]
    shard_key: Option<Value>,
}

/// A query whose points the one above ranks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Prefetch, no_recursion)]
pub(in crate::http::data) struct PrefetchIn {
    prefetch: Option<Prefetches>,
    #[schema(value_type = Option<openapi::QueryKind>)]
    query: Option<Given>,
    using: Option<String>,
    #[schema(value_type = Option<openapi::Filter>)]
    filter: Option<filter::Json>,
    params: Option<Params>,
    score_threshold: Option<f32>,
    limit: Option<usize>,
    #[schema(ignore)]
    lookup_from: Option<Value>,
}

/// How a search is to be done.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchParams)]
pub(in crate::http::data) struct Params {
    hnsw_ef: Option<usize>,
    exact: Option<bool>,
    // There is nothing that these could change: vectors are searched as they are stored, none
    // of them is left out, and none is sparse.
    #[serde(rename = "quantization")]
    _quantization: Option<Value>,
    #[serde(rename = "indexed_only")]
    _indexed_only: Option<bool>,
    #[serde(rename = "acorn")]
    _acorn: Option<Value>,
    #[serde(rename = "idf")]
    _idf: Option<Value>,
}

/// What one level of a query says, whatever body it came in.
#[derive(Default)]
pub(in crate::http::data) struct Level {
    pub(in crate::http::data) prefetch: Option<Prefetches>,
    pub(in crate::http::data) using: Option<String>,
    pub(in crate::http::data) filter: Option<filter::Json>,
    pub(in crate::http::data) params: Option<Params>,
    pub(in crate::http::data) score_threshold: Option<f32>,
    pub(in crate::http::data) limit: Option<usize>,
    pub(in crate::http::data) offset: Option<usize>,
}

impl Level {
    /// The query that ranks this level's points in this way.
    pub(in crate::http::data) fn ranked(self, kind: Kind) -> Result<Query, Refusal> {
        let prefetches = self
            .prefetch
            .map_or_else(Vec::new, |prefetches| prefetches.0);
        let prefetch = prefetches.into_iter().map(PrefetchIn::understood);
        let params = self.params.unwrap_or_default();
        Ok(Query {
            prefetch: prefetch.collect::<Result<_, _>>()?,
            kind,
            using: self.using.unwrap_or_default(),
            filter: filter::parse(self.filter.as_ref())?,
            limit: self.limit.unwrap_or(LIMIT_DEFAULT),
            offset: self.offset.unwrap_or(0),
            ef: params.hnsw_ef.unwrap_or(EF_DEFAULT).clamp(1, EF_MAX),
            exact: params.exact.unwrap_or(false),
            score_threshold: self.score_threshold,
        })
    }
}

impl QueryIn {
    pub(super) fn understood(self) -> Result<Understood, Refusal> {
        wire::refuse_set([
            ("lookup_from", &self.lookup_from),
            ("shard_key", &self.shard_key),
        ])?;
        let level = Level {
            prefetch: self.prefetch,
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: self.offset,
        };
        Ok(Understood {
            query: level.ranked(kinds::kind(self.query)?)?,
            shown: Shown::of(self.with_payload, self.with_vector)?,
        })
    }
}

impl GroupsIn {
    pub(super) fn understood(self) -> Result<(Understood, Grouping), Refusal> {
        wire::refuse_set([
            ("with_lookup", &self.with_lookup),
            ("lookup_from", &self.lookup_from),
            ("shard_key", &self.shard_key),
        ])?;
        let level = Level {
            prefetch: self.prefetch,
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: None,
        };
        let understood = Understood {
            query: level.ranked(kinds::kind(self.query)?)?,
            shown: Shown::of(self.with_payload, self.with_vector)?,
        };
        Ok((understood, grouping(&self.group_by, self.group_size)?))
    }
}

impl PrefetchIn {
    fn understood(self) -> Result<Query, Refusal> {
        wire::refuse_set([("lookup_from", &self.lookup_from)])?;
        let level = Level {
            prefetch: self.prefetch,
            using: self.using,
            filter: self.filter,
            params: self.params,
            score_threshold: self.score_threshold,
            limit: self.limit,
            offset: None,
        };
        level.ranked(kinds::kind(self.query)?)
    }
}

impl Shown {
    /// What of points is shown: nothing, if nobody says.
    pub(in crate::http::data) fn of(
        payload: Option<PayloadSelector>,
        vectors: Option<VectorSelector>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            payload: payload.unwrap_or(PayloadSelector::All(false)).wanted()?,
            vectors: VectorSelector::wanted(vectors),
        })
    }
}

/// By what points are grouped, and how many of each group are shown.
pub(in crate::http::data) fn grouping(
    group_by: &str,
    group_size: Option<usize>,
) -> Result<Grouping, Refusal> {
    let size = group_size.unwrap_or(GROUP_SIZE_DEFAULT);
    if size == 0 {
        return Err(Refusal::invalid(
            "Bad request: group_size must be 1 or more",
        ));
    }
    let path = Path::parse(group_by)
        .map_err(|error| Refusal::invalid(format!("Wrong input: group_by: {error}")))?;
    Ok(Grouping { path, size })
}

/// One prefetch, or several. Nesting is bounded by the JSON parser, and then by the query.
#[derive(ToSchema)]
#[schema(no_recursion)]
pub(in crate::http::data) struct Prefetches(Vec<PrefetchIn>);

impl<'de> Deserialize<'de> for Prefetches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shape;
        impl<'de> Visitor<'de> for Shape {
            type Value = Prefetches;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a prefetch, or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Prefetches, A::Error> {
                let one = PrefetchIn::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(Prefetches(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Prefetches, A::Error> {
                let mut several = Vec::new();
                while let Some(one) = items.next_element()? {
                    several.push(one);
                    if several.len() > PREFETCHES_MAX {
                        return Err(serde::de::Error::custom(format_args!(
                            "a query may have {PREFETCHES_MAX} prefetches at most"
                        )));
                    }
                }
                Ok(Prefetches(several))
            }
        }
        deserializer.deserialize_any(Shape)
    }
}

/// Largest `ef`: beyond it, ask for exact.
const EF_MAX: usize = 10_000;
/// Points of a group when nobody says how many.
const GROUP_SIZE_DEFAULT: usize = 3;
