//! Searching the frozen graph: greedy down the upper layers, then best-first at layer 0.

use std::cell::RefCell;

use fixedbitset::FixedBitSet;

use super::Graph;
use crate::{
    index::{
        Arena, kernels,
        top::{Hit, Top},
    },
    vector::Metric,
};

impl Graph {
    /// Offers the living slots that a search with `ef` candidates meets.
    pub(in crate::index) fn search(
        &self,
        metric: Metric,
        arena: &Arena,
        query: &[f32],
        dead: &FixedBitSet,
        ef: usize,
        best: &mut Top,
    ) {
        if self.is_empty() {
            return;
        }
        let nearness = kernels::nearness(metric);
        let near = |slot: u32| Hit {
            slot,
            nearness: nearness(query, arena.vector(slot as usize)),
        };
        let start = self.descend(near);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.begin(self.len, start);
            let mut next = 0;
            while let Some(candidate) = scratch.expand(&mut next) {
                for link in self.links(candidate) {
                    if scratch.visit(link) {
                        scratch.offer(near(link), ef, &mut next);
                    }
                }
            }
            for (hit, _) in &scratch.pool {
                if !dead.contains(hit.slot as usize) {
                    best.offer(*hit);
                }
            }
        });
    }

    fn descend(&self, near: impl Fn(u32) -> Hit) -> Hit {
        let mut here = near(self.entry);
        for layer in (0..self.upper.len()).rev() {
            loop {
                let links = self.upper_links(layer, here.slot);
                match links.iter().map(|link| near(*link)).min() {
                    Some(nearer) if nearer.nearness > here.nearness => here = nearer,
                    Some(_) | None => break,
                }
            }
        }
        here
    }
}

/// What a search needs, kept by its thread so that a search allocates nothing. It holds slot
/// numbers and nearness of whichever search ran last, never vectors.
#[derive(Default)]
struct Scratch {
    /// Which search last visited a slot.
    visited: Vec<u32>,
    epoch: u32,
    /// Candidates, nearest first, and whether each was expanded.
    pool: Vec<(Hit, bool)>,
}

impl Scratch {
    fn begin(&mut self, slots: usize, start: Hit) {
        if self.visited.len() < slots {
            self.visited.resize(slots, 0);
        }
        if self.epoch == u32::MAX {
            self.visited.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
        self.pool.clear();
        self.pool.push((start, false));
        self.visit(start.slot);
    }

    /// Marks a slot; whether it wasn't marked before.
    fn visit(&mut self, slot: u32) -> bool {
        let epoch = self.epoch;
        self.visited
            .get_mut(slot as usize)
            .is_some_and(|mark| std::mem::replace(mark, epoch) != epoch)
    }

    /// The nearest candidate that wasn't expanded, at `next` or behind.
    fn expand(&mut self, next: &mut usize) -> Option<u32> {
        while let Some((hit, expanded)) = self.pool.get_mut(*next) {
            *next += 1;
            if !std::mem::replace(expanded, true) {
                return Some(hit.slot);
            }
        }
        None
    }

    /// Takes a candidate if it is among the `ef` nearest.
    fn offer(&mut self, hit: Hit, ef: usize, next: &mut usize) {
        if self.pool.len() >= ef && self.pool.last().is_some_and(|(last, _)| *last < hit) {
            return;
        }
        let position = self.pool.partition_point(|(other, _)| *other < hit);
        self.pool.insert(position, (hit, false));
        self.pool.truncate(ef);
        *next = (*next).min(position);
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}
