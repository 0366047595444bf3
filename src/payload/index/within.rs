//! Which slots a filter means, as far as indexes tell.

use roaring::RoaringBitmap;

/// Two bounds of a set of slots: those that surely match, and all that possibly do. Where the
/// bounds meet, the set is known exactly.
#[derive(Clone, PartialEq, Debug)]
pub struct Within {
    /// These match. All of them are possible too.
    pub(super) sure: RoaringBitmap,
    /// No others match.
    pub(super) possible: RoaringBitmap,
}

impl Within {
    /// A set that is known.
    pub(super) fn exactly(slots: RoaringBitmap) -> Self {
        Self {
            possible: slots.clone(),
            sure: slots,
        }
    }

    /// A set of which nothing is known but what it is a part of.
    pub(super) fn at_most(possible: RoaringBitmap) -> Self {
        Self {
            sure: RoaringBitmap::new(),
            possible,
        }
    }

    /// Slots that match.
    pub const fn sure(&self) -> &RoaringBitmap {
        &self.sure
    }

    /// Slots that match or may match.
    pub const fn possible(&self) -> &RoaringBitmap {
        &self.possible
    }

    /// Slots of which only their payload tells.
    pub fn open(&self) -> RoaringBitmap {
        &self.possible - &self.sure
    }

    /// How many slots match: at least, and at most.
    pub fn estimate(&self) -> (u64, u64) {
        (self.sure.len(), self.possible.len())
    }

    pub(super) fn and(&mut self, other: &Self) {
        self.sure &= &other.sure;
        self.possible &= &other.possible;
    }

    pub(super) fn or(&mut self, other: &Self) {
        self.sure |= &other.sure;
        self.possible |= &other.possible;
    }

    /// And not.
    pub(super) fn minus(&mut self, other: &Self) {
        self.sure -= &other.possible;
        self.possible -= &other.sure;
    }
}
