//! The k best so far.

use std::{cmp::Ordering, collections::BinaryHeap};

/// A slot and its nearness.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// The slot.
    pub slot: u32,
    /// Higher is nearer.
    pub nearness: f32,
}

impl PartialEq for Hit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Hit {}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hit {
    /// The nearer sorts first; of equals, the older slot.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .nearness
            .total_cmp(&self.nearness)
            .then(self.slot.cmp(&other.slot))
    }
}

/// Keeps the `k` nearest of what it is offered.
pub(super) struct Top {
    k: usize,
    /// The farthest is on top.
    heap: BinaryHeap<Hit>,
}

impl Top {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::with_capacity(k + 1),
        }
    }

    /// What a hit must reach to be of use.
    pub(super) fn floor(&self) -> f32 {
        let full = self.heap.len() == self.k;
        match self.heap.peek().filter(|_| full) {
            Some(farthest) => farthest.nearness,
            None => f32::NEG_INFINITY,
        }
    }

    pub(super) fn offer(&mut self, hit: Hit) {
        if self.heap.len() < self.k {
            self.heap.push(hit);
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && hit < *farthest
        {
            *farthest = hit;
        }
    }

    pub(super) fn into_sorted(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}
