//! *The candidates of a walk, nearest first: a sorted list, since it is short.*

/// The nearest candidates so far.
#[derive(Default)]
pub(super) struct Pool {
    all: Vec<Candidate>,
    /// How many of them count.
    counted: usize,
}

#[derive(Clone, Copy)]
struct Candidate {
    near: f32,
    slot: u32,
    expanded: bool,
    /// Whether it takes up one of the `ef` places: the dead show the way and take none.
    counts: bool,
}

impl Pool {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.counted = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// The slot at a place.
    pub(super) fn slot(&self, place: usize) -> Option<u32> {
        self.all.get(place).map(|candidate| candidate.slot)
    }

    /// Slots and how near they are, nearest first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        let all = self.all.iter();
        all.map(|candidate| (candidate.slot, candidate.near))
    }

    /// The nearest candidate that wasn't expanded, at `next` or behind.
    #[inline]
    pub(super) fn expand(&mut self, next: &mut usize) -> Option<u32> {
        while let Some(candidate) = self.all.get_mut(*next) {
            *next += 1;
            if !candidate.expanded {
                candidate.expanded = true;
                return Some(candidate.slot);
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
        if full && self.all.last().is_some_and(|last| last.near >= near) {
            return self.len();
        }
        let counts = counts(slot);
        let at = self.all.partition_point(|other| other.near >= near);
        let candidate = Candidate {
            near,
            slot,
            expanded: false,
            counts,
        };
        self.all.insert(at, candidate);
        self.counted += usize::from(counts);
        while self.counted > ef || self.len() > ef * POOL_PER_EF {
            let last = self.all.pop();
            self.counted -= usize::from(last.is_some_and(|last| last.counts));
        }
        at
    }
}

/// Candidates beside those that count: where whole regions are dead or don't match, a walk must
/// not get lost in them.
const POOL_PER_EF: usize = 8;
