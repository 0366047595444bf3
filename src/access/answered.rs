//! How many different points somebody was answered today, so that a budget can be held.
//!
//! Points are counted by hashes of 32 bits, under a key of the node's own: what is written down of
//! them says nothing to who hasn't that. What came in since the last time is written down as a record
//! of its own, so that a day costs what was answered in it and not that times the minutes.

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::watched::WatchedId;
use crate::{
    seal::HashKey,
    tenant::{CollectionName, PointId},
};

/// Hashes of points as they stand in the catalog: the variant is the version, and versions are only
/// ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredAnswered {
    /// The first version: some of a day's.
    V1(Vec<u32>),
}

/// Where they stand there: `who 8 | day u32 BE | number u32 BE`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnsweredId {
    /// Who was answered: [`WatchedId::bytes`].
    pub who: [u8; 8],
    /// The day, counted from 1970 in UTC.
    pub day: u32,
    /// Which of the records of that day.
    pub number: u32,
}

impl AnsweredId {
    /// The id in the catalog.
    pub fn catalog_id(self) -> [u8; 16] {
        let (day, number) = (u64::from(self.day), u64::from(self.number));
        let who = u128::from(u64::from_be_bytes(self.who));
        (who << 64 | u128::from(day << 32 | number)).to_be_bytes()
    }

    /// Reads what [`Self::catalog_id`] wrote.
    pub fn from_catalog_id(id: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, day @ .., _, _, _, _] = id;
        let [_, _, _, _, _, _, _, _, _, _, _, _, number @ ..] = id;
        Self {
            who: [a, b, c, d, e, f, g, h],
            day: u32::from_be_bytes(day),
            number: u32::from_be_bytes(number),
        }
    }
}

/// What somebody was answered on one day.
#[derive(Debug, Default)]
pub(super) struct Answered {
    day: u32,
    points: RoaringBitmap,
    /// Those that aren't written down yet.
    unwritten: Vec<u32>,
    /// The number of the next record.
    next: u32,
}

impl Answered {
    /// How many different ones it were on a day.
    pub(super) fn on(&self, day: u32) -> u64 {
        if self.day == day {
            self.points.len()
        } else {
            0
        }
    }

    pub(super) fn add(&mut self, day: u32, points: impl IntoIterator<Item = u32>) {
        self.begin(day);
        for point in points {
            if self.points.insert(point) {
                self.unwritten.push(point);
            }
        }
    }

    /// Takes up what was written down before the node was started.
    pub(super) fn resume(&mut self, id: AnsweredId, StoredAnswered::V1(points): StoredAnswered) {
        self.begin(id.day);
        self.points.extend(points);
        self.next = self.next.max(id.number.saturating_add(1));
    }

    /// What is to be written down, as records of a bounded size. It counts as written from here on.
    pub(super) fn take_unwritten(&mut self, who: WatchedId) -> Vec<(AnsweredId, StoredAnswered)> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let records = unwritten.chunks(HASHES_A_RECORD).map(|hashes| {
            let id = AnsweredId {
                who: who.bytes(),
                day: self.day,
                number: self.next,
            };
            self.next = self.next.saturating_add(1);
            (id, StoredAnswered::V1(hashes.to_vec()))
        });
        records.collect()
    }

    /// It couldn't be written down.
    pub(super) fn give_back(&mut self, day: u32, StoredAnswered::V1(points): StoredAnswered) {
        if self.day == day {
            self.unwritten.extend(points);
        }
    }

    fn begin(&mut self, day: u32) {
        if self.day != day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
    }
}

/// The hash that a point is counted by.
pub fn point_hash(hasher: &HashKey, collection: &CollectionName, point: PointId) -> u32 {
    // No name holds a control character, so the place where it ends is known.
    hasher.short(format!("{collection}\n{point}").as_bytes())
}

/// 32 KiB of them: a record of the catalog holds 64.
const HASHES_A_RECORD: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ApiKeyId;

    const ID: AnsweredId = AnsweredId {
        who: [1, 2, 3, 4, 5, 6, 7, 8],
        day: 20_833,
        number: 7,
    };
    const WHO: WatchedId = WatchedId::Key(ApiKeyId(ID.who));

    #[test]
    fn a_place_in_the_catalog_is_a_key_a_day_and_a_number() {
        let id = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x51, 0x61, 0, 0, 0, 7];
        assert_eq!(ID.catalog_id(), id);
        assert_eq!(AnsweredId::from_catalog_id(id), ID);
    }

    #[test]
    fn what_is_written_down_and_taken_up_again_is_the_same_day() {
        let mut before = Answered::default();
        let mut after = Answered::default();
        let mut numbers = Vec::new();
        let mut write = |before: &mut Answered| {
            for (id, stored) in before.take_unwritten(WHO) {
                numbers.push(id.number);
                after.resume(id, stored);
            }
        };
        before.add(5, 0..20_000);
        write(&mut before);
        before.add(5, 10_000..20_001);
        write(&mut before);
        write(&mut before);
        assert_eq!(numbers, [0, 1, 2, 3], "what is written isn't written again");
        assert_eq!((after.on(5), after.on(6)), (20_001, 0));
        // It goes on where it was, and writes nothing twice.
        after.add(5, 0..20_001);
        assert!(after.take_unwritten(WHO).is_empty());
        after.add(5, [20_001]);
        let written = after.take_unwritten(WHO);
        assert_eq!((written.len(), written[0].0.number), (1, 4));
        // What couldn't be written waits for the next time, unless the day is over.
        after.give_back(5, written[0].1.clone());
        assert_eq!(after.take_unwritten(WHO).len(), 1);
        after.add(6, [1]);
        after.give_back(5, written[0].1.clone());
        let next = after.take_unwritten(WHO);
        assert_eq!((next[0].0.day, next[0].0.number, next.len()), (6, 0, 1));
        assert_eq!((after.on(5), after.on(6)), (0, 1));
    }
}
