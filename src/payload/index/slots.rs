//! The slots that hold one value.

use std::sync::Arc;

use roaring::RoaringBitmap;

/// At least one slot. Most values of an id or a price stand in one slot only: those take no bitmap.
#[derive(Clone, Debug)]
pub(super) enum Slots {
    One(u32),
    Many(Arc<RoaringBitmap>),
}

impl Slots {
    pub(super) fn insert(&mut self, slot: u32) {
        match self {
            Self::One(only) if *only == slot => {}
            Self::One(only) => *self = Self::Many(Arc::new([*only, slot].into_iter().collect())),
            // Copied if a reader holds it too.
            Self::Many(many) => {
                Arc::make_mut(many).insert(slot);
            }
        }
    }

    /// The slots under their new numbers; none if all of them are gone.
    pub(super) fn renumbered(&self, table: &[Option<u32>]) -> Option<Self> {
        match self {
            Self::One(slot) => renumber(*slot, table).map(Self::One),
            Self::Many(many) => Self::of(renumber_all(many, table)),
        }
    }

    pub(super) fn to_bitmap(&self) -> RoaringBitmap {
        match self {
            Self::One(slot) => std::iter::once(*slot).collect(),
            Self::Many(many) => (**many).clone(),
        }
    }

    /// How many of them are among these.
    pub(super) fn count_among(&self, among: &RoaringBitmap) -> u64 {
        match self {
            Self::One(slot) => u64::from(among.contains(*slot)),
            Self::Many(many) => many.intersection_len(among),
        }
    }

    pub(super) fn of(bitmap: RoaringBitmap) -> Option<Self> {
        match (bitmap.len(), bitmap.min()) {
            (_, None) => None,
            (1, Some(only)) => Some(Self::One(only)),
            (_, Some(_)) => Some(Self::Many(Arc::new(bitmap))),
        }
    }
}

/// Slots of many values, gathered into one bitmap.
#[derive(Default)]
pub(super) struct Union {
    singles: Vec<u32>,
    bitmap: RoaringBitmap,
}

impl Union {
    pub(super) fn add(&mut self, slots: &Slots) {
        match slots {
            Slots::One(slot) => self.singles.push(*slot),
            Slots::Many(many) if many.len() <= FEW => self.singles.extend(many.iter()),
            Slots::Many(many) => self.bitmap |= &**many,
        }
    }

    pub(super) fn extend<'a>(&mut self, all: impl IntoIterator<Item = &'a Slots>) {
        for slots in all {
            self.add(slots);
        }
    }

    pub(super) fn into_bitmap(mut self) -> RoaringBitmap {
        let length = self.singles.iter().max().map_or(0, |last| last / 8 + 1) as usize;
        if length > self.singles.len() * 8 {
            // A bitmap takes slots in order several times faster than out of order.
            self.singles.sort_unstable();
            return self.bitmap | self.singles.into_iter().collect::<RoaringBitmap>();
        }
        // So many of them are marked faster than sorted.
        let mut bytes = vec![0_u8; length];
        for slot in self.singles {
            if let Some(byte) = bytes.get_mut(slot as usize / 8) {
                *byte |= 1 << (slot % 8);
            }
        }
        self.bitmap | RoaringBitmap::from_lsb0_bytes(0, &bytes)
    }
}

impl<'a> FromIterator<&'a Slots> for Union {
    fn from_iter<I: IntoIterator<Item = &'a Slots>>(all: I) -> Self {
        let mut union = Self::default();
        union.extend(all);
        union
    }
}

/// So few slots of a value are gathered one by one: a union of bitmaps costs more.
const FEW: u64 = 64;

/// The new numbers of slots, of those that have one.
pub(super) fn renumber_all(slots: &RoaringBitmap, table: &[Option<u32>]) -> RoaringBitmap {
    let mut renumbered: Vec<u32> = slots
        .iter()
        .filter_map(|slot| renumber(slot, table))
        .collect();
    renumbered.sort_unstable();
    renumbered.into_iter().collect()
}

fn renumber(slot: u32, table: &[Option<u32>]) -> Option<u32> {
    *table.get(slot as usize)?
}
