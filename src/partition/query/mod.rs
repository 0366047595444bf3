//! Queries: a tree of rankings, evaluated on one snapshot.
//!
//! Owns: what a query is, its limits, and how each kind ranks points. A query without prefetches
//! ranks the collection's points that match; one with prefetches ranks what those found. A filter
//! holds for everything below it too. Plain nearest neighbours of a vector go by
//! [`search`](super::search), which these share their parts with.
//! Of equals, the older slot comes first, or what came first; by value and at random, the lesser id.

mod answer;
mod check;
mod diversity;
mod evaluate;
mod example;
mod fusion;
mod groups;
mod listing;

use std::mem;

pub use self::{
    check::{
        EXAMPLES_MAX, MMR_COMPARISONS_MAX, PREFETCH_DEPTH_MAX, PREFETCH_LIMIT_MAX, PREFETCHES_MAX,
        QueryError,
    },
    diversity::Diversity,
    fusion::{Fusion, RRF_K_DEFAULT},
    groups::{Group, Grouping},
};
use super::search::SearchQuery;
use crate::{
    payload::{filter::Filter, index::Direction, path::Path, values::OrderValue},
    tenant::PointId,
};

/// One level of a query.
#[derive(Clone, Debug)]
pub struct Query {
    /// What is ranked, if not the whole collection: what these find.
    pub prefetch: Vec<Self>,
    /// How points are ranked.
    pub kind: Kind,
    /// The vector that they are ranked by.
    pub using: String,
    /// Which points may be found, here and below.
    pub filter: Option<Filter>,
    /// How many are wanted, after `offset`.
    pub limit: usize,
    /// How many of the best to pass over.
    pub offset: usize,
    /// Candidates that the graph keeps.
    pub ef: usize,
    /// Whether to look at every vector.
    pub exact: bool,
    /// A score that those found must be better than.
    pub score_threshold: Option<f32>,
}

/// How points are ranked.
#[derive(Clone, Debug)]
pub enum Kind {
    /// In id order.
    Ids,
    /// The nearest first.
    Nearest(Example),
    /// The nearest, but not all alike.
    Diverse(Example, Diversity),
    /// By examples of what is wanted and what isn't.
    Recommend {
        /// What is wanted.
        positive: Vec<Example>,
        /// What isn't.
        negative: Vec<Example>,
        /// What becomes of them.
        strategy: Strategy,
    },
    /// By a payload value.
    Values(Order),
    /// By what all prefetches say.
    Fusion(Fusion),
    /// In no order.
    Random,
}

/// A vector to rank by.
#[derive(Clone, Debug)]
pub enum Example {
    /// This one, as it came.
    Vector(Vec<f32>),
    /// That of a stored point, which isn't answered then.
    Point(PointId),
}

/// What becomes of the examples of a recommendation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// The nearest to their mean, moved away from what isn't wanted.
    AverageVector,
    /// Each point is scored by the one example that it is nearest to.
    BestScore,
    /// Each point is scored by the sum over all examples.
    SumScores,
}

/// An order by payload values. A point with several values comes once for each.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where the values are.
    pub path: Path,
    /// Which way it goes.
    pub direction: Direction,
    /// The value to begin with.
    pub from: Option<OrderValue>,
}

/// What of a point is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its payload.
    pub payload: bool,
    /// Its vectors.
    pub vectors: bool,
}

/// A point of a ranking.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Ranked {
    slot: u32,
    score: f32,
}

/// Points, best first.
#[derive(Default)]
struct Ranking {
    points: Vec<Ranked>,
    /// What each was ordered by, if it was by values.
    values: Vec<OrderValue>,
}

impl Ranking {
    const fn of(points: Vec<Ranked>) -> Self {
        Self {
            points,
            values: Vec::new(),
        }
    }
}

impl Query {
    /// Whether what comes first depends on something other than likeness: such a query goes
    /// through a collection as reading does, and takes permission to read.
    pub fn enumerates(&self) -> bool {
        match &self.kind {
            Kind::Ids | Kind::Values(_) | Kind::Random => true,
            Kind::Nearest(_) | Kind::Diverse(..) | Kind::Recommend { .. } | Kind::Fusion(_) => {
                self.prefetch.iter().any(Self::enumerates)
            }
        }
    }

    /// Whether it asks for plain nearest neighbours.
    pub const fn is_search(&self) -> bool {
        matches!(self.kind, Kind::Nearest(_)) && self.prefetch.is_empty()
    }

    /// Takes out the search that this is, and the point that it is about, if it asks for plain
    /// nearest neighbours.
    pub fn take_search(&mut self, with_payload: bool) -> Option<(SearchQuery, Option<PointId>)> {
        if !self.prefetch.is_empty() {
            return None;
        }
        let Kind::Nearest(example) = &mut self.kind else {
            return None;
        };
        let (vector, point) = match example {
            Example::Vector(vector) => (mem::take(vector), None),
            Example::Point(id) => (Vec::new(), Some(*id)),
        };
        let search = SearchQuery {
            vector,
            using: mem::take(&mut self.using),
            filter: self.filter.take(),
            limit: self.limit,
            offset: self.offset,
            ef: self.ef,
            exact: self.exact,
            score_threshold: self.score_threshold,
            except: None,
            with_payload,
        };
        Some((search, point))
    }
}
