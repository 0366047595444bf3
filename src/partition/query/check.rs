//! What a query may ask for: its limits, and what must come together.

use super::{Diversity, Example, Fusion, Kind, Query, Strategy};

/// A query that can't be asked. Says what could.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum QueryError {
    /// Prefetches in prefetches in prefetches.
    #[error("prefetches may be nested {PREFETCH_DEPTH_MAX} deep at most")]
    TooDeep,
    /// Too many prefetches.
    #[error("a query may have {PREFETCHES_MAX} prefetches at most, nested ones included")]
    TooManyPrefetches,
    /// A limit that isn't one.
    #[error("limit must be 1 or more")]
    NoLimit,
    /// A prefetch or a diversity wants too much.
    #[error("{what} of {got} is more than the limit of {PREFETCH_LIMIT_MAX}")]
    TooMany {
        /// What does.
        what: &'static str,
        /// How many it wants.
        got: usize,
    },
    /// Something that needs prefetches has none.
    #[error("a fusion needs prefetches")]
    NoPrefetch,
    /// Prefetches, and nothing said about them.
    #[error(
        "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
    )]
    NoMerge,
    /// A threshold without scores.
    #[error(
        "A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
    )]
    NoScores,
    /// A threshold of an order by values.
    #[error("Can't use score_threshold with an order_by query.")]
    ThresholdOfValues,
    /// A fusion of vectors.
    #[error("Fusion queries cannot be combined with the 'using' field.")]
    FusionUsing,
    /// Not one weight a prefetch.
    #[error("rrf takes one weight for each prefetch: {weights} for {prefetches}")]
    Weights {
        /// How many weights there are.
        weights: usize,
        /// How many prefetches.
        prefetches: usize,
    },
    /// A weight that is no number, or `k` is 0.
    #[error("rrf takes a k of 1 or more and weights that are finite")]
    Rrf,
    /// No example, or none of what is wanted.
    #[error(
        "recommend takes at least one positive example, or one of either kind with the strategies best_score and sum_scores"
    )]
    NoExample,
    /// Too many examples.
    #[error("recommend takes {EXAMPLES_MAX} examples at most, not {got}")]
    TooManyExamples {
        /// How many there are.
        got: usize,
    },
    /// A diversity out of bounds.
    #[error("mmr diversity must be between 0 and 1")]
    Diversity,
    /// A diversity among many for many.
    #[error(
        "mmr of {candidates} candidates for {wanted} points compares more than {MMR_COMPARISONS_MAX} pairs"
    )]
    Comparisons {
        /// How many are chosen among.
        candidates: usize,
        /// How many are chosen.
        wanted: usize,
    },
}

impl Query {
    /// Checks the whole tree.
    ///
    /// # Errors
    /// [`QueryError`], of what is wrong first.
    pub fn check(&self) -> Result<(), QueryError> {
        let mut prefetches = 0;
        self.check_level(0, &mut prefetches)
    }

    fn check_level(&self, depth: usize, prefetches: &mut usize) -> Result<(), QueryError> {
        if self.limit == 0 {
            return Err(QueryError::NoLimit);
        }
        self.check_kind()?;
        if depth == PREFETCH_DEPTH_MAX && !self.prefetch.is_empty() {
            return Err(QueryError::TooDeep);
        }
        *prefetches += self.prefetch.len();
        if *prefetches > PREFETCHES_MAX {
            return Err(QueryError::TooManyPrefetches);
        }
        for prefetch in &self.prefetch {
            within("a prefetch's limit", prefetch.limit)?;
            prefetch.check_level(depth + 1, prefetches)?;
        }
        Ok(())
    }

    fn check_kind(&self) -> Result<(), QueryError> {
        let threshold = self.score_threshold.is_some();
        match &self.kind {
            Kind::Ids if !self.prefetch.is_empty() => Err(QueryError::NoMerge),
            Kind::Ids if threshold => Err(QueryError::NoScores),
            Kind::Values(_) if threshold => Err(QueryError::ThresholdOfValues),
            Kind::Ids | Kind::Values(_) | Kind::Random | Kind::Nearest(_) => Ok(()),
            Kind::Diverse(_, diversity) => self.check_diversity(*diversity),
            Kind::Recommend {
                positive,
                negative,
                strategy,
            } => check_examples(positive, negative, *strategy),
            Kind::Fusion(fusion) => self.check_fusion(fusion),
        }
    }

    fn check_diversity(&self, diversity: Diversity) -> Result<(), QueryError> {
        if !(0.0..=1.0).contains(&diversity.weight) {
            return Err(QueryError::Diversity);
        }
        let candidates = diversity.candidates.unwrap_or(self.limit);
        within("mmr candidates_limit", candidates)?;
        let wanted = self.limit.saturating_add(self.offset).min(candidates);
        if candidates.saturating_mul(wanted) > MMR_COMPARISONS_MAX {
            return Err(QueryError::Comparisons { candidates, wanted });
        }
        Ok(())
    }

    fn check_fusion(&self, fusion: &Fusion) -> Result<(), QueryError> {
        let prefetches = self.prefetch.len();
        if prefetches == 0 {
            return Err(QueryError::NoPrefetch);
        }
        if !self.using.is_empty() {
            return Err(QueryError::FusionUsing);
        }
        match fusion {
            Fusion::Dbsf => Ok(()),
            Fusion::Rrf { weights, .. } if !weights.is_empty() && weights.len() != prefetches => {
                Err(QueryError::Weights {
                    weights: weights.len(),
                    prefetches,
                })
            }
            Fusion::Rrf { k, weights } if *k == 0 || !weights.iter().all(|w| w.is_finite()) => {
                Err(QueryError::Rrf)
            }
            Fusion::Rrf { .. } => Ok(()),
        }
    }
}

fn within(what: &'static str, got: usize) -> Result<(), QueryError> {
    if got > PREFETCH_LIMIT_MAX {
        return Err(QueryError::TooMany { what, got });
    }
    Ok(())
}

fn check_examples(
    positive: &[Example],
    negative: &[Example],
    strategy: Strategy,
) -> Result<(), QueryError> {
    let got = positive.len() + negative.len();
    if got > EXAMPLES_MAX {
        return Err(QueryError::TooManyExamples { got });
    }
    let enough = match strategy {
        Strategy::AverageVector => !positive.is_empty(),
        Strategy::BestScore | Strategy::SumScores => got > 0,
    };
    enough.then_some(()).ok_or(QueryError::NoExample)
}

/// Deepest nesting of prefetches.
pub const PREFETCH_DEPTH_MAX: usize = 8;
/// Most prefetches of a query, nested ones included: each is a search.
pub const PREFETCHES_MAX: usize = 64;
/// Most points that a prefetch may find, or that a diversity may choose among.
pub const PREFETCH_LIMIT_MAX: usize = 10_000;
/// Most examples of a recommendation: by the strategies other than the mean, each point is
/// compared with each.
pub const EXAMPLES_MAX: usize = 256;
/// Most pairs of points that one diversity compares: at 384 dimensions about half a second.
pub const MMR_COMPARISONS_MAX: usize = 4_000_000;
