//! A map of points, and a scan in double precision.

use std::collections::BTreeMap;

use locule::{
    payload::index::IndexKind,
    tenant::PointId,
    vector::{Metric, Vectors},
};
use serde_json::{Map, Value};

use super::{
    filter::Wanted,
    retention::Kept,
    step::{NewPoint, Question},
};

/// What a collection should hold.
#[derive(Debug)]
pub struct Expected {
    pub metric: Metric,
    pub dimension: usize,
    pub points: BTreeMap<PointId, Point>,
    pub indexes: BTreeMap<&'static str, IndexKind>,
    pub kept: Kept,
}

#[derive(Clone, Debug)]
pub struct Point {
    /// As they came.
    pub vectors: Vectors,
    pub payload: Map<String, Value>,
    pub version: u64,
}

/// A neighbour that should be answered, or one as near.
#[derive(Clone, Copy, Debug)]
pub struct Neighbour {
    pub id: PointId,
    pub score: f64,
    /// How far from it a score in single precision may be.
    pub tolerance: f64,
}

impl Expected {
    pub fn new(metric: Metric, dimension: usize) -> Self {
        Self {
            metric,
            dimension,
            points: BTreeMap::new(),
            indexes: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    pub fn put(&mut self, point: NewPoint, version: u64) {
        let id = point.id;
        self.points
            .insert(id, Point::new(point, self.dimension, version));
    }

    pub fn matching(&self, wanted: Option<&Wanted>) -> Vec<PointId> {
        let holds =
            |id, point: &Point| wanted.is_none_or(|wanted| wanted.holds(id, &point.payload));
        let matching = self.points.iter().filter(|(id, point)| holds(**id, point));
        matching.map(|(id, _)| *id).collect()
    }

    /// Every point that a question is about, the nearest first.
    pub fn nearest(&self, question: &Question) -> Vec<Neighbour> {
        let using = question.using();
        let query = match question.by_point {
            Some(id) => &self.points[&id].vectors[using],
            None => &question.vector(self.dimension),
        };
        let mut neighbours: Vec<Neighbour> = self
            .matching(question.wanted.as_ref())
            .into_iter()
            .filter(|id| question.by_point != Some(*id) && self.has(*id, using))
            .map(|id| self.neighbour(id, using, query))
            .collect();
        neighbours.sort_by(|a, b| {
            let nearer = if self.metric.higher_is_nearer() {
                b.score.total_cmp(&a.score)
            } else {
                a.score.total_cmp(&b.score)
            };
            nearer.then(a.id.cmp(&b.id))
        });
        neighbours
    }

    fn neighbour(&self, id: PointId, using: &str, query: &[f32]) -> Neighbour {
        let vector = &self.points[&id].vectors[using];
        let pairs = || {
            let query = query.iter().map(|x| f64::from(*x));
            query.zip(vector.iter().map(|x| f64::from(*x)))
        };
        let dot = || pairs().map(|(x, y)| x * y).sum::<f64>();
        let (a, b) = (norm(query), norm(vector));
        let (score, size) = match self.metric {
            Metric::Cosine if a == 0.0 || b == 0.0 => (0.0, 0.0),
            Metric::Cosine => (dot() / a / b, 1.0),
            Metric::Dot => (dot(), a * b),
            Metric::Euclid => {
                let squares = pairs().map(|(x, y)| (x - y).powi(2));
                (squares.sum::<f64>().sqrt(), a + b)
            }
            Metric::Manhattan => (pairs().map(|(x, y)| (x - y).abs()).sum(), 3.0 * (a + b)),
        };
        Neighbour {
            id,
            score,
            tolerance: 2e-6 * (1.0 + size),
        }
    }
}

impl Point {
    pub fn new(point: NewPoint, dimension: usize, version: u64) -> Self {
        Self {
            vectors: point.vectors(dimension),
            payload: point.payload,
            version,
        }
    }
}

/// A threshold between two neighbours that rounding can't make one of, and how many are before.
pub fn threshold(neighbours: &[Neighbour], after: f64) -> Option<(f32, usize)> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a part of a short list"
    )]
    let place = (after * neighbours.len() as f64) as usize;
    let (before, behind) = (
        neighbours.get(place.checked_sub(1)?)?,
        neighbours.get(place)?,
    );
    let gap = (before.score - behind.score).abs();
    let wide = gap > 8.0 * (before.tolerance + behind.tolerance);
    #[expect(clippy::cast_possible_truncation, reason = "the gap is wide enough")]
    let middle = f64::midpoint(before.score, behind.score) as f32;
    wide.then_some((middle, place))
}

pub fn norm(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|x| f64::from(*x).powi(2));
    squares.sum::<f64>().sqrt()
}
