//! *The candidates of a walk, nearest first: a sorted list, since it is short.*
//!
//! In columns, since finding a place looks at nothing but how near the others are.

/// The nearest candidates so far.
#[derive(Default)]
pub(super) struct Pool {
    /// How near each is, the nearest first.
    nears: Vec<f32>,
    slots: Vec<u32>,
    states: Vec<State>,
    /// How many of them count.
    counted: usize,
}

#[derive(Clone, Copy)]
struct State {
    expanded: bool,
    /// Whether it takes up one of the `ef` places: the dead show the way and take none.
    counts: bool,
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.nears.clear();
        self.slots.clear();
        self.states.clear();
        self.counted = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.nears.len()
    }

    /// The slot at a place.
    pub(super) fn slot(&self, place: usize) -> Option<u32> {
        self.slots.get(place).copied()
    }

    /// Slots and how near they are, nearest first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.slots.iter().copied().zip(self.nears.iter().copied())
    }

    /// The nearest candidate that wasn't expanded, at `next` or behind.
    #[inline]
    pub(super) fn expand(&mut self, next: &mut usize) -> Option<u32> {
        while let Some(state) = self.states.get_mut(*next) {
            let place = *next;
            *next += 1;
            if !state.expanded {
                state.expanded = true;
                return self.slot(place);
            }
        }
        None
    }

    /// Takes a candidate if it is among the `ef` nearest that count, and says at which place;
    /// otherwise says the pool's length.
    #[inline]
    pub(super) fn offer(
        &mut self,
        slot: u32,
        near: f32,
        ef: usize,
        counts: impl Fn(u32) -> bool,
    ) -> usize {
        let full = self.counted >= ef || self.len() >= ef * POOL_PER_EF;
        if full && self.nears.last().is_some_and(|last| *last >= near) {
            return self.len();
        }
        let counts = counts(slot);
        let at = self.nears.partition_point(|other| *other >= near);
        self.nears.insert(at, near);
        self.slots.insert(at, slot);
        let state = State {
            expanded: false,
            counts,
        };
        self.states.insert(at, state);
        self.counted += usize::from(counts);
        while self.counted > ef || self.len() > ef * POOL_PER_EF {
            let last = self.states.pop();
            self.counted -= usize::from(last.is_some_and(|last| last.counts));
            self.nears.truncate(self.states.len());
            self.slots.truncate(self.states.len());
        }
        at
    }
}

/// Candidates beside those that count: where whole regions are dead or don't match, a walk must
/// not get lost in them.
const POOL_PER_EF: usize = 8;
