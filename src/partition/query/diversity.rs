//! *Maximal marginal relevance:* neighbours that aren't all alike.
//!
//! The most relevant comes first; then, again and again, whichever is most relevant for how much
//! it is like the one among the chosen that it is most like.

/// How neighbours are made diverse.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Diversity {
    /// From 0, relevance alone, to 1, nothing but being different.
    pub weight: f32,
    /// How many neighbours to choose among, if not as many as are wanted.
    pub candidates: Option<usize>,
}

/// Which candidates are chosen, in order. `likeness` tells how like the chosen one each of the others
/// is, in their order. Of equals the later is chosen, as in the dialect.
pub(super) fn choose(
    relevance: &[f32],
    wanted: usize,
    weight: f32,
    mut likeness: impl FnMut(usize, &[usize]) -> Vec<f32>,
) -> Vec<usize> {
    let weight = f64::from(weight);
    let mut pending: Vec<usize> = (0..relevance.len()).collect();
    // How like its likest among the chosen each candidate is.
    let mut likest = vec![f64::NEG_INFINITY; relevance.len()];
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < wanted && !pending.is_empty() {
        let worth = |candidate: &usize| {
            let relevance = f64::from(relevance[*candidate]);
            let alone = chosen.is_empty();
            let worth = if alone {
                relevance
            } else {
                (1.0 - weight) * relevance - weight * likest[*candidate]
            };
            // Zero has two signs, which are equals.
            worth + 0.0
        };
        let best = pending.iter().map(worth).enumerate();
        // The last of equals.
        let best = best.max_by(|(_, a), (_, b)| a.total_cmp(b));
        let Some((place, _)) = best else { break };
        let candidate = pending.swap_remove(place);
        chosen.push(candidate);
        if chosen.len() < wanted {
            let alike = likeness(candidate, &pending);
            for (other, like) in pending.iter().zip(alike) {
                likest[*other] = likest[*other].max(f64::from(like));
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn product(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    /// As the definition has it: the worth of all that are left, anew each time.
    fn naive(vectors: &[Vec<f32>], query: &[f32], wanted: usize, weight: f32) -> Vec<usize> {
        let mut left: Vec<usize> = (0..vectors.len()).collect();
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < wanted && !left.is_empty() {
            let worth = |i: usize| {
                let relevance = f64::from(product(&vectors[i], query));
                let likest = chosen
                    .iter()
                    .map(|j| f64::from(product(&vectors[i], &vectors[*j])))
                    .fold(f64::NEG_INFINITY, f64::max);
                if chosen.is_empty() {
                    return relevance;
                }
                (1.0 - f64::from(weight)) * relevance - f64::from(weight) * likest
            };
            let mut best = 0;
            for place in 1..left.len() {
                if worth(left[place]) >= worth(left[best]) {
                    best = place;
                }
            }
            chosen.push(left.swap_remove(best));
        }
        chosen
    }

    proptest! {
        #[test]
        fn the_chosen_are_those_of_the_definition(
            vectors in proptest::collection::vec(proptest::collection::vec(-2_i8..=2, 3), 0..12),
            wanted in 0_usize..14,
            weight in 0.0_f32..=1.0,
        ) {
            let vectors: Vec<Vec<f32>> =
                vectors.into_iter().map(|v| v.into_iter().map(f32::from).collect()).collect();
            let query = [1.0, 0.5, -0.25];
            let relevance: Vec<f32> = vectors.iter().map(|v| product(v, &query)).collect();
            let chosen = choose(&relevance, wanted, weight, |one, others| {
                others.iter().map(|other| product(&vectors[one], &vectors[*other])).collect()
            });
            prop_assert_eq!(chosen, naive(&vectors, &query, wanted, weight));
        }
    }
}
