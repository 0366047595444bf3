//! Choosing a slot's links among candidates.
//!
//! The rule of Vamana (`RobustPrune`): the nearest candidate is taken; it rules out those that are
//! nearer to it, by a factor, than to the slot itself, since a search gets to them through it. What
//! is left is near, and lies in different directions. A first round with a factor of one takes the
//! most telling ones, a second one with [`ALPHA`] adds longer links if there is room.

use super::LINKS_MAX;
use crate::index::{
    Arena,
    arena::Rows,
    query::{Likeness, Query},
};

/// What choosing needs, kept so that it allocates little.
pub(super) struct Pruner<'a> {
    rows: Rows<'a>,
    likeness: Likeness,
    query: Query,
    candidates: Vec<Candidate>,
}

impl<'a> Pruner<'a> {
    pub(super) fn new(arena: &'a Arena, likeness: Likeness) -> Self {
        Self {
            rows: arena.rows(),
            likeness,
            query: Query::new(),
            candidates: Vec::new(),
        }
    }

    /// Links for a slot, among slots whose nearness isn't known yet.
    pub(super) fn choose_among(
        &mut self,
        slot: u32,
        others: impl Iterator<Item = u32>,
    ) -> Vec<u32> {
        self.query.ask_slot(self.rows.arena(), self.likeness, slot);
        let near = others.map(|other| (other, self.query.near_one(&self.rows, other)));
        let candidates: Vec<(u32, f32)> = near.collect();
        self.choose(slot, candidates.into_iter())
    }

    /// Links for a slot, the most telling ones first, among candidates with their nearness.
    pub(super) fn choose(
        &mut self,
        slot: u32,
        candidates: impl Iterator<Item = (u32, f32)>,
    ) -> Vec<u32> {
        self.candidates.clear();
        let others = candidates.filter(|(other, _)| *other != slot);
        self.candidates
            .extend(others.map(|(other, near)| Candidate {
                slot: other,
                distance: -near,
                hidden: 0.0,
            }));
        let nearer = |a: &Candidate, b: &Candidate| {
            a.distance.total_cmp(&b.distance).then(a.slot.cmp(&b.slot))
        };
        self.candidates.sort_unstable_by(nearer);
        self.candidates.dedup_by_key(|candidate| candidate.slot);
        let mut chosen = Vec::with_capacity(LINKS_MAX);
        for factor in [1.0, ALPHA] {
            for number in 0..self.candidates.len() {
                if chosen.len() == LINKS_MAX {
                    return chosen;
                }
                let candidate = &mut self.candidates[number];
                if candidate.hidden <= factor {
                    // Not to be chosen again.
                    candidate.hidden = f32::INFINITY;
                    chosen.push(candidate.slot);
                    self.hide_behind(number);
                }
            }
        }
        chosen
    }

    /// Notes for the candidates behind a chosen one how much nearer to it they are than to the
    /// slot. Those before it were looked at already.
    fn hide_behind(&mut self, chosen: usize) {
        let (before, behind) = self.candidates.split_at_mut(chosen + 1);
        let Some(chosen) = before.last() else { return };
        self.query
            .ask_slot(self.rows.arena(), self.likeness, chosen.slot);
        let mut open = behind
            .iter_mut()
            .filter(|candidate| candidate.hidden <= ALPHA);
        loop {
            let four = [open.next(), open.next(), open.next(), open.next()];
            let [Some(first), ..] = &four else { return };
            let first = first.slot;
            let slots = four
                .each_ref()
                .map(|candidate| candidate.as_ref().map_or(first, |c| c.slot));
            let near = self.query.near(&self.rows, slots);
            for (candidate, near) in four.into_iter().flatten().zip(near) {
                // Equal vectors hide each other.
                let times = candidate.distance / (-near).max(f32::MIN_POSITIVE);
                candidate.hidden = candidate.hidden.max(times);
            }
        }
    }
}

struct Candidate {
    slot: u32,
    /// From the slot whose links are chosen.
    distance: f32,
    /// By how much, as a factor, it is nearer to a chosen candidate than to the slot, at most.
    hidden: f32,
}

/// How much nearer to a chosen link a candidate must be to be ruled out, in the second round, as a
/// factor on squared distances. 1.1 and 1.3 found less at equal work.
const ALPHA: f32 = 1.2;
