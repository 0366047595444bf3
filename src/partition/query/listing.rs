//! Rankings by something other than likeness: by id, by payload values, at random.

use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::{Order, Ranked, Ranking, evaluate::Evaluation};
use crate::{
    partition::{PartitionError, format::Row, planned::Planned, read::parsed},
    payload::{
        index::{Direction, FieldIndex},
        values::OrderValue,
    },
    seal,
    tenant::PointId,
};

/// Living slots that a level may find, as far as ids and indexes tell.
pub(super) struct Open<'a> {
    /// These match.
    pub(super) sure: RoaringBitmap,
    /// No others match.
    pub(super) possible: RoaringBitmap,
    /// What those in between must match.
    pub(super) planned: Option<Planned<'a>>,
}

/// A point and one of its values.
type Valued = (OrderValue, PointId, u32);

impl Evaluation<'_> {
    /// The points with the least ids.
    pub(super) fn by_id(&self, open: &Open<'_>, wanted: usize) -> Result<Ranking, PartitionError> {
        let mut points = Vec::new();
        for slot in self.view.ids.values().copied() {
            if points.len() == wanted {
                break;
            }
            if !open.possible.contains(slot) {
                continue;
            }
            let found = open.sure.contains(slot) || self.read(open, slot, |_| Ok(()))?.is_some();
            if found {
                points.push(Ranked { slot, score: SCORE });
            }
        }
        Ok(Ranking::of(points))
    }

    /// The points with the first values in an order.
    pub(super) fn by_value(
        &self,
        order: &Order,
        open: &Open<'_>,
        wanted: usize,
    ) -> Result<Ranking, PartitionError> {
        let mut found = match self.view.indexes.get(&order.path) {
            Some(index) => self.first_values(order, open, index, wanted)?,
            None => None,
        };
        if found.is_none() {
            found = Some(self.all_values(order, open, &open.possible)?);
        }
        let mut found = found.unwrap_or_default();
        found.sort_unstable_by(|(value, id, _), (other, other_id, _)| {
            let values = match order.direction {
                Direction::Ascending => value.cmp(other),
                Direction::Descending => other.cmp(value),
            };
            values.then(id.cmp(other_id))
        });
        found.truncate(wanted);
        let found = found.into_iter();
        let (points, values) = found
            .map(|(value, _, slot)| (Ranked { slot, score: SCORE }, value))
            .unzip();
        Ok(Ranking { points, values })
    }

    /// The values of as many points as it takes to know the first `wanted` values. Nothing if the
    /// index has no order.
    fn first_values(
        &self,
        order: &Order,
        open: &Open<'_>,
        index: &FieldIndex,
        wanted: usize,
    ) -> Result<Option<Vec<Valued>>, PartitionError> {
        let Some(runs) = index.ordered(order.direction, order.from) else {
            return Ok(None);
        };
        // What the index doesn't hold may come anywhere.
        let mut read = index.others() & &open.possible;
        let mut found = self.all_values(order, open, &read)?;
        let mut matching: RoaringBitmap = found.iter().map(|(.., slot)| *slot).collect();
        let mut met = 0;
        let mut last = None;
        for run in runs {
            if met >= wanted && last != Some(run.value) {
                break;
            }
            let slots = run.slots & &open.possible;
            let slots = slots.iter().filter_map(|slot| {
                let id = self.view.slots.get(slot as usize)?.id;
                Some((id, slot))
            });
            let mut slots: Vec<(PointId, u32)> = slots.collect();
            slots.sort_unstable();
            let mut of_run = 0;
            for (id, slot) in slots {
                if of_run == wanted {
                    break;
                }
                if read.insert(slot)
                    && let Some(values) = self.read(open, slot, |row| order.values(row))?
                {
                    matching.insert(slot);
                    found.extend(values.into_iter().map(|value| (value, id, slot)));
                }
                of_run += usize::from(matching.contains(slot));
            }
            if order.begins_by(run.value) {
                met += of_run;
                last = Some(run.value);
            }
        }
        Ok(Some(found))
    }

    /// All values of these points, in no order.
    fn all_values(
        &self,
        order: &Order,
        open: &Open<'_>,
        slots: &RoaringBitmap,
    ) -> Result<Vec<Valued>, PartitionError> {
        let slots: Vec<u32> = slots.iter().collect();
        let read = |slot: &u32| {
            let read = self.read(open, *slot, |row| {
                let values = order.values(row)?;
                let values = values.into_iter().map(|value| (value, row.id, *slot));
                Ok(values.collect::<Vec<Valued>>())
            });
            Ok(read?.unwrap_or_default())
        };
        let all: Result<Vec<Vec<Valued>>, PartitionError> = slots.par_iter().map(read).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// What is made of the row of a slot, if its point matches.
    fn read<T>(
        &self,
        open: &Open<'_>,
        slot: u32,
        read: impl FnOnce(&Row) -> Result<T, PartitionError>,
    ) -> Result<Option<T>, PartitionError> {
        let Some(row) = self.row(slot)? else {
            return Ok(None);
        };
        let sure = open.sure.contains(slot);
        let matches = match &open.planned {
            Some(planned) if !sure => planned.accepts(&row)?,
            Some(_) | None => true,
        };
        matches.then(|| read(&row)).transpose()
    }
}

impl Order {
    /// The values of a row that the order reaches.
    fn values(&self, row: &Row) -> Result<Vec<OrderValue>, PartitionError> {
        let mut values = OrderValue::all(&parsed(row)?, &self.path);
        values.retain(|value| self.begins_by(*value));
        Ok(values)
    }

    /// Whether the order begins at a value or before it.
    fn begins_by(&self, value: OrderValue) -> bool {
        self.from.is_none_or(|from| match self.direction {
            Direction::Ascending => value >= from,
            Direction::Descending => value <= from,
        })
    }
}

/// Some of these slots, each as likely as any other.
pub(super) fn sample(slots: RoaringBitmap, wanted: usize) -> Result<Ranking, PartitionError> {
    let mut slots: Vec<u32> = slots.into_iter().collect();
    let mut state = u64::from_le_bytes(seal::random_bytes()?);
    let wanted = wanted.min(slots.len());
    for place in 0..wanted {
        let left = slots.len() - place;
        // The upper bits of a product are spread evenly enough over so few.
        let drawn = (u128::from(mixed(&mut state)) * left as u128) >> 64;
        let other = place + usize::try_from(drawn).unwrap_or(0);
        slots.swap(place, other);
    }
    slots.truncate(wanted);
    let points = slots.into_iter().map(|slot| Ranked { slot, score: SCORE });
    Ok(Ranking::of(points.collect()))
}

/// The next number of `SplitMix64`.
const fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What a point scores where nothing is compared, as in the dialect.
const SCORE: f32 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_holds_each_slot_once_and_any_slot_sometimes() {
        let slots: RoaringBitmap = (10..20).collect();
        let mut seen = RoaringBitmap::new();
        for _ in 0..200 {
            let sampled = sample(slots.clone(), 4).unwrap().points;
            let sampled: RoaringBitmap = sampled.iter().map(|point| point.slot).collect();
            assert_eq!(sampled.len(), 4);
            seen |= sampled;
        }
        assert_eq!(seen, slots);
        assert_eq!(sample(slots.clone(), 99).unwrap().points.len(), 10);
    }
}
