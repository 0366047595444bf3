//! Examples: the vectors to rank by, and scores by many of them.

use super::{Example, Kind, Query, Strategy};
use crate::{
    index,
    partition::{
        PartitionError,
        query::evaluate::{Evaluation, Place},
    },
    tenant::PointId,
    vector::Vector,
};

impl Query {
    /// The points that this level is about.
    pub(super) fn mentioned(&self) -> Vec<PointId> {
        let of = |example: &Example| match example {
            Example::Vector(_) => None,
            Example::Point(id) => Some(*id),
        };
        match &self.kind {
            Kind::Nearest(example) | Kind::Diverse(example, _) => of(example).into_iter().collect(),
            Kind::Recommend {
                positive, negative, ..
            } => positive.iter().chain(negative).filter_map(of).collect(),
            Kind::Ids | Kind::Values(_) | Kind::Fusion(_) | Kind::Random => Vec::new(),
        }
    }
}

impl Evaluation<'_> {
    /// The vector that an example is, in stored form.
    pub(super) fn vector(
        &self,
        place: Place<'_>,
        example: &Example,
    ) -> Result<Vector, PartitionError> {
        stored(place, self.values(place, example)?)
    }

    fn values(&self, place: Place<'_>, example: &Example) -> Result<Vec<f32>, PartitionError> {
        match example {
            Example::Vector(values) => Ok(values.clone()),
            Example::Point(id) => {
                let found = self.view.slot(*id).map(|(slot, _)| slot);
                let slot = found.ok_or(PartitionError::NoPoint { id: *id })?;
                if place.space.has(slot) {
                    Ok(place.space.arena.vector(slot))
                } else {
                    Err(PartitionError::PointWithoutVector {
                        id: *id,
                        name: place.schema.name.clone(),
                    })
                }
            }
        }
    }

    /// The mean of what is wanted, moved from the mean of what isn't.
    pub(super) fn average(
        &self,
        place: Place<'_>,
        positive: &[Example],
        negative: &[Example],
    ) -> Result<Vector, PartitionError> {
        let mut average = self.mean(place, positive)?;
        if !negative.is_empty() {
            let away = self.mean(place, negative)?;
            for (value, away) in average.iter_mut().zip(away) {
                *value = *value + *value - away;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
        let values = average.into_iter().map(|value| value as f32).collect();
        stored(place, values)
    }

    fn mean(&self, place: Place<'_>, examples: &[Example]) -> Result<Vec<f64>, PartitionError> {
        let mut sums = vec![0.0; place.schema.dimension.get()];
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let count = examples.len() as f64;
        for example in examples {
            let values = self.values(place, example)?;
            // Checked as any vector is; but the mean is of what came.
            stored(place, values.clone())?;
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value) / count;
            }
        }
        Ok(sums)
    }

    /// The scores of slots by all examples.
    pub(super) fn scores(
        &self,
        place: Place<'_>,
        slots: &[u32],
        positive: &[Example],
        negative: &[Example],
        strategy: Strategy,
    ) -> Result<Vec<f32>, PartitionError> {
        let combined = |examples: &[Example]| {
            let (start, combine): (f32, fn(f32, f32) -> f32) = match strategy {
                Strategy::SumScores => (0.0, |sum, near| sum + near),
                Strategy::BestScore | Strategy::AverageVector => (f32::NEG_INFINITY, f32::max),
            };
            let mut scores = vec![start; slots.len()];
            for example in examples {
                let vector = self.vector(place, example)?;
                let near = index::nearness(&place.space.arena, vector.as_slice(), slots);
                for (score, near) in scores.iter_mut().zip(near) {
                    *score = combine(*score, near);
                }
            }
            Ok::<_, PartitionError>(scores)
        };
        let pairs = combined(positive)?.into_iter().zip(combined(negative)?);
        Ok(pairs
            .map(|(wanted, unwanted)| match strategy {
                Strategy::SumScores => wanted - unwanted,
                Strategy::BestScore | Strategy::AverageVector if wanted > unwanted => {
                    squashed(wanted)
                }
                Strategy::BestScore | Strategy::AverageVector => -squashed(unwanted),
            })
            .collect())
    }
}

fn stored(place: Place<'_>, values: Vec<f32>) -> Result<Vector, PartitionError> {
    let schema = place.schema;
    Ok(Vector::new(values, schema.dimension, schema.metric)?)
}

/// Between 0 and 1, in the same order.
fn squashed(near: f32) -> f32 {
    if near.is_infinite() {
        return if near > 0.0 { 1.0 } else { 0.0 };
    }
    0.5 * (near / (1.0 + near.abs()) + 1.0)
}
