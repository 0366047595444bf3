//! *A shortlist: from estimates to exact scores.*
//!
//! Estimates are off by up to a margin. Whatever could be among the k nearest, given the margins,
//! stays on the list; its exact nearness decides. So the list is as short as the codes are good.

use super::{
    arena::Arena,
    query::Query,
    top::{Hit, Top},
};

/// Slots that may be among the k nearest.
#[derive(Default)]
pub(super) struct Shortlist {
    k: usize,
    /// The k highest of what the slots are at least: a heap, the lowest on top.
    floors: Vec<f32>,
    /// What each slot is at most.
    kept: Vec<(f32, u32)>,
}

impl Shortlist {
    pub(super) fn begin(&mut self, k: usize) {
        self.k = k;
        self.floors.clear();
        self.kept.clear();
    }

    /// What a slot must reach, margin included, to be of use.
    #[inline]
    pub(super) fn floor(&self) -> f32 {
        if self.floors.len() < self.k {
            f32::NEG_INFINITY
        } else {
            self.floors.first().copied().unwrap_or(f32::INFINITY)
        }
    }

    /// Takes a slot's estimate.
    #[inline]
    pub(super) fn offer(&mut self, slot: u32, near: f32, margin: f32) {
        if near + margin >= self.floor() {
            self.kept.push((near + margin, slot));
            self.raise(near - margin);
        }
    }

    fn raise(&mut self, floor: f32) {
        let floors = &mut self.floors;
        if floors.len() < self.k {
            floors.push(floor);
            let mut at = floors.len() - 1;
            while at > 0 && floors[at] < floors[(at - 1) / 2] {
                floors.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
        } else if floors.first().is_some_and(|lowest| *lowest < floor) {
            floors[0] = floor;
            let mut at = 0;
            loop {
                let (left, right) = (2 * at + 1, 2 * at + 2);
                let mut least = at;
                for child in [left, right] {
                    if child < floors.len() && floors[child] < floors[least] {
                        least = child;
                    }
                }
                if least == at {
                    break;
                }
                floors.swap(at, least);
                at = least;
            }
        }
    }

    /// The k nearest of what was taken, nearest first, with their exact nearness.
    pub(super) fn finish(&mut self, arena: &Arena, query: &Query) -> Vec<Hit> {
        let floor = self.floor();
        self.kept.retain(|(ceiling, _)| *ceiling >= floor);
        let ahead = self.kept.iter().map(|(_, slot)| *slot);
        ahead
            .clone()
            .take(AHEAD)
            .for_each(|slot| query.prefetch_fine(arena, slot));
        let mut best = Top::new(self.k);
        for (number, (ceiling, slot)) in self.kept.iter().enumerate() {
            if let Some((_, later)) = self.kept.get(number + AHEAD) {
                query.prefetch_fine(arena, *later);
            }
            // What isn't near enough by its ceiling needn't be looked at.
            if *ceiling < best.floor() {
                continue;
            }
            let nearness = query.exact(arena, *slot);
            best.offer(Hit {
                slot: *slot,
                nearness,
            });
        }
        best.into_sorted()
    }
}

/// Rows that are asked for before they are read.
const AHEAD: usize = 8;
