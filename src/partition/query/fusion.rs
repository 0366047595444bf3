//! *Fusion: one ranking from several.* By ranks, or by scores that are made comparable. In double
//! precision and in the order in which points first come, so that equals stay in one order.

use std::collections::HashMap;

use super::Ranked;

/// How rankings become one.
#[derive(Clone, PartialEq, Debug)]
pub enum Fusion {
    /// Each ranking gives a point `1 / ((place + 1) / weight + k - 1)`; places count from 0.
    Rrf {
        /// How much less the first places stand out.
        k: usize,
        /// One weight a ranking. All are 1 if there are none.
        weights: Vec<f32>,
    },
    /// Each ranking gives a point its score, by where it lies between three standard deviations
    /// below the ranking's mean and three above. Higher is better, as in the dialect, even where the
    /// scores are distances.
    Dbsf,
}

impl Fusion {
    /// The points of all rankings, best first.
    pub(super) fn fuse(&self, rankings: &[Vec<Ranked>]) -> Vec<Ranked> {
        let mut sums = Sums::default();
        for (number, ranking) in rankings.iter().enumerate() {
            match self {
                Self::Rrf { k, weights } => {
                    let weight = weights.get(number).copied().unwrap_or(1.0);
                    let places = (0_u32..).zip(ranking);
                    for (place, point) in places {
                        sums.add(point.slot, by_rank(place, *k, f64::from(weight)));
                    }
                }
                Self::Dbsf => {
                    let spread = Spread::of(ranking);
                    for point in ranking {
                        sums.add(point.slot, spread.place(f64::from(point.score)));
                    }
                }
            }
        }
        sums.sorted()
    }
}

fn by_rank(place: u32, k: usize, weight: f64) -> f64 {
    if weight <= 0.0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a constant of a few digits")]
    let k = k as f64;
    1.0 / ((f64::from(place) + 1.0) / weight + k - 1.0)
}

/// Points and what they got, in the order in which they came.
#[derive(Default)]
struct Sums {
    order: Vec<(u32, f64)>,
    places: HashMap<u32, usize>,
}

impl Sums {
    fn add(&mut self, slot: u32, score: f64) {
        let place = *self.places.entry(slot).or_insert_with(|| {
            self.order.push((slot, 0.0));
            self.order.len() - 1
        });
        if let Some((_, sum)) = self.order.get_mut(place) {
            *sum += score;
        }
    }

    fn sorted(mut self) -> Vec<Ranked> {
        // Stable: equals stay as they came.
        self.order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let sorted = self.order.into_iter();
        sorted
            .map(|(slot, sum)| {
                #[expect(clippy::cast_possible_truncation, reason = "f64 to f32 rounds")]
                let score = sum as f32;
                Ranked { slot, score }
            })
            .collect()
    }
}

/// The mean of a ranking's scores and their standard deviation, if they deviate.
struct Spread {
    mean: f64,
    deviation: Option<f64>,
}

impl Spread {
    fn of(ranking: &[Ranked]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "rankings are shorter than 2^53")]
        let count = ranking.len() as f64;
        let scores = ranking.iter().map(|point| f64::from(point.score));
        let mean = scores.clone().sum::<f64>() / count;
        let squares: f64 = scores.map(|score| (score - mean).powi(2)).sum();
        let variance = squares / (count - 1.0);
        Self {
            mean,
            deviation: (ranking.len() > 1 && variance > 0.0).then(|| variance.sqrt()),
        }
    }

    fn place(&self, score: f64) -> f64 {
        self.deviation.map_or(0.5, |deviation| {
            let low = self.mean - 3.0 * deviation;
            (score - low) / (6.0 * deviation)
        })
    }
}

/// What `k` of [`Fusion::Rrf`] is when nobody says.
pub const RRF_K_DEFAULT: usize = 2;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ranking() -> impl Strategy<Value = Vec<Ranked>> {
        let points = proptest::collection::btree_map(0_u32..20, -3.0_f32..3.0, 0..12);
        points.prop_map(|points| {
            let points = points.into_iter();
            points.map(|(slot, score)| Ranked { slot, score }).collect()
        })
    }

    /// Each point's sum, said the long way.
    fn naive(fusion: &Fusion, rankings: &[Vec<Ranked>]) -> BTreeMap<u32, f64> {
        let mut sums = BTreeMap::new();
        for (number, ranking) in rankings.iter().enumerate() {
            let scores: Vec<f64> = ranking.iter().map(|p| f64::from(p.score)).collect();
            let count = scores.len() as f64;
            let mean = scores.iter().sum::<f64>() / count;
            let variance =
                scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (count - 1.0);
            for (place, point) in ranking.iter().enumerate() {
                let got = match fusion {
                    Fusion::Rrf { k, weights } => {
                        let weight = weights.get(number).map_or(1.0, |w| f64::from(*w));
                        1.0 / ((place as f64 + 1.0) / weight + *k as f64 - 1.0)
                    }
                    Fusion::Dbsf if scores.len() == 1 || variance == 0.0 => 0.5,
                    Fusion::Dbsf => {
                        let low = mean - 3.0 * variance.sqrt();
                        let high = mean + 3.0 * variance.sqrt();
                        (scores[place] - low) / (high - low)
                    }
                };
                *sums.entry(point.slot).or_insert(0.0) += got;
            }
        }
        sums
    }

    proptest! {
        #[test]
        fn every_point_gets_what_its_rankings_give_it_best_first(
            rankings in proptest::collection::vec(ranking(), 0..4),
            k in 1_usize..80,
            weights in proptest::collection::vec(0.1_f32..4.0, 4),
            by_score in any::<bool>(),
        ) {
            let fusion = if by_score { Fusion::Dbsf } else { Fusion::Rrf { k, weights } };
            let fused = fusion.fuse(&rankings);
            let expected = naive(&fusion, &rankings);
            prop_assert_eq!(fused.len(), expected.len());
            for point in &fused {
                prop_assert!((f64::from(point.score) - expected[&point.slot]).abs() < 1e-5);
            }
            prop_assert!(fused.is_sorted_by(|a, b| a.score >= b.score));
        }
    }

    #[test]
    fn equals_stay_in_the_order_in_which_they_come() {
        let ranked = |slots: [u32; 2]| slots.map(|slot| Ranked { slot, score: 1.0 }).to_vec();
        let fusion = Fusion::Rrf {
            k: RRF_K_DEFAULT,
            weights: Vec::new(),
        };
        let slots = |rankings: &[Vec<Ranked>]| -> Vec<u32> {
            fusion
                .fuse(rankings)
                .iter()
                .map(|point| point.slot)
                .collect()
        };
        assert_eq!(slots(&[ranked([7, 3]), ranked([3, 7])]), [7, 3]);
        assert_eq!(slots(&[ranked([3, 7]), ranked([7, 3])]), [3, 7]);
    }

    #[test]
    fn a_ranking_without_weight_gives_its_points_nothing() {
        let fusion = Fusion::Rrf {
            k: 2,
            weights: vec![0.0, 1.0],
        };
        let one = |slot| vec![Ranked { slot, score: 1.0 }];
        let fused = fusion.fuse(&[one(1), one(2)]);
        let scores: Vec<_> = fused
            .iter()
            .map(|point| (point.slot, point.score))
            .collect();
        assert_eq!(scores, [(2, 0.5), (1, 0.0)]);
    }
}
