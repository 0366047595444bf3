//! Slots as plain bits, which is how searches look them up.
//!
//! A bitmap of slots is written in its portable form, whose dense parts are such bits already:
//! copied whole, they cost a few microseconds where setting bit after bit took hundreds.
//! Called by: `plan`, `query`.

use fixedbitset::{Block, FixedBitSet};
use roaring::RoaringBitmap;

/// Slots as bits, `length` of them. Slots from there on are left out.
pub(super) fn bits(slots: &RoaringBitmap, length: usize) -> FixedBitSet {
    let beyond = slots.max().is_some_and(|last| last as usize >= length);
    if slots.len() < COPIED_MIN || beyond {
        return one_by_one(slots, length);
    }
    let mut portable = Vec::with_capacity(slots.serialized_size());
    let mut bits = FixedBitSet::with_capacity(length);
    let copied = slots
        .serialize_into(&mut portable)
        .ok()
        .and_then(|()| copy(&portable, bits.as_mut_slice()));
    if copied.is_none() {
        // A form that isn't known here.
        return one_by_one(slots, length);
    }
    bits
}

fn one_by_one(slots: &RoaringBitmap, length: usize) -> FixedBitSet {
    let mut bits = FixedBitSet::with_capacity(length);
    for slot in slots {
        if (slot as usize) < length {
            bits.insert(slot as usize);
        }
    }
    bits
}

/// Copies a bitmap in its portable form. Nothing if it isn't what it should be.
fn copy(portable: &[u8], blocks: &mut [Block]) -> Option<()> {
    let mut reader = Reader(portable);
    let cookie = reader.u32()?;
    let mut runs: &[u8] = &[];
    let count = match cookie & 0xFFFF {
        WITH_RUNS => {
            let count = (cookie >> 16) as usize + 1;
            runs = reader.take(count.div_ceil(8))?;
            count
        }
        WITHOUT_RUNS => reader.u32()? as usize,
        _ => return None,
    };
    let mut heads = Reader(reader.take(count.checked_mul(4)?)?);
    if runs.is_empty() || count >= OFFSETS_MIN {
        reader.take(count.checked_mul(4)?)?;
    }
    for container in 0..count {
        let first = usize::from(heads.u16()?) << 16;
        let values = usize::from(heads.u16()?) + 1;
        let is_run = runs
            .get(container / 8)
            .is_some_and(|byte| byte >> (container % 8) & 1 == 1);
        if is_run {
            for _ in 0..reader.u16()? {
                let (start, more) = (usize::from(reader.u16()?), usize::from(reader.u16()?));
                set_range(blocks, first + start, first + start + more);
            }
        } else if values <= ARRAY_MAX {
            for _ in 0..values {
                let at = first + usize::from(reader.u16()?);
                if let Some(block) = blocks.get_mut(at / Block::BITS as usize) {
                    *block |= 1 << (at % Block::BITS as usize);
                }
            }
        } else {
            let (words, _) = reader.take(CONTAINER_BYTES)?.as_chunks::<BLOCK_BYTES>();
            let own = blocks.get_mut(first / Block::BITS as usize..);
            for (block, word) in own.unwrap_or_default().iter_mut().zip(words) {
                *block |= Block::from_le_bytes(*word);
            }
        }
    }
    Some(())
}

/// Sets bits from one to another, both included; those that have no block are left out.
fn set_range(blocks: &mut [Block], from: usize, to: usize) {
    let width = Block::BITS as usize;
    for at in from / width..=to / width {
        let low = from.saturating_sub(at * width);
        let high = (to - at * width).min(width - 1);
        if let Some(block) = blocks.get_mut(at) {
            *block |= (Block::MAX << low) & (Block::MAX >> (width - 1 - high));
        }
    }
}

/// Takes numbers off the front, or fails.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// So few slots are set one by one.
const COPIED_MIN: u64 = 1_024;
/// How the portable form of a bitmap starts, with runs in it and without.
const WITH_RUNS: u32 = 12_347;
const WITHOUT_RUNS: u32 = 12_346;
/// A form with runs names offsets from so many containers on.
const OFFSETS_MIN: usize = 4;
/// A container of at most so many values lists them.
const ARRAY_MAX: usize = 4_096;
/// Any other holds a bit for each of 65,536 values.
const CONTAINER_BYTES: usize = 8_192;
const BLOCK_BYTES: usize = size_of::<Block>();

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use roaring::RoaringBitmap;

    use super::{bits, one_by_one};

    /// Slots that make containers of every form: sparse, dense, and in runs.
    fn slots() -> impl Strategy<Value = RoaringBitmap> {
        let part = (0_u32..400_000, 1_u32..70_000, 1_usize..40, any::<bool>());
        prop::collection::vec(part, 0..6).prop_map(|parts| {
            let mut slots = RoaringBitmap::new();
            for (first, length, step, run) in parts {
                if run {
                    slots.insert_range(first..first + length);
                } else {
                    slots.extend((first..first + length).step_by(step));
                }
            }
            slots
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn copied_bits_are_those_that_are_set_one_by_one(
            slots in slots(),
            optimised in any::<bool>(),
            cut in 0_usize..500_000,
        ) {
            let mut slots = slots;
            if optimised {
                slots.optimize();
            }
            for length in [cut, 500_000] {
                prop_assert!(bits(&slots, length) == one_by_one(&slots, length));
            }
        }

        #[test]
        fn no_bytes_make_copying_panic(
            noise in prop::collection::vec(any::<u8>(), 0..300),
            with_runs in any::<bool>(),
            count in any::<u8>(),
        ) {
            let mut blocks = [0; 4];
            let _unknown = super::copy(&noise, &mut blocks);
            let mut bytes = if with_runs {
                (12_347_u32 | u32::from(count) << 16).to_le_bytes().to_vec()
            } else {
                [12_346_u32.to_le_bytes(), u32::from(count).to_le_bytes()].concat()
            };
            bytes.extend(noise);
            let _unknown = super::copy(&bytes, &mut blocks);
        }
    }
}
