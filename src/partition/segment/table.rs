//! The slot table: what stands in each slot, as parts of a segment. All numbers little-endian.
//!
//! ```text
//! slots  each 33 bytes: id tag u8 (0 number, 1 uuid) | id 16 (a number: u64, then zeros)
//!        | row u64 | seq u64; rows ascend
//! dead   one bit a slot, in words of 64
//! order  u32 x living: the living slots, by ascending id
//! ```

use fixedbitset::FixedBitSet;
use uuid::Uuid;

use crate::{
    partition::{
        collection::{Slot, View},
        format::{FormatError, Reader},
    },
    tenant::PointId,
};

/// The parts of a view's slot table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Table {
    pub(super) slots: Vec<u8>,
    pub(super) dead: Vec<u8>,
    pub(super) order: Vec<u8>,
}

/// A slot table that was read back.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    pub(super) dead: FixedBitSet,
    /// The living slots, by ascending id.
    pub(super) order: Vec<u32>,
}

impl Table {
    pub(super) fn of(view: &View) -> Self {
        let [slots, _, order] = Self::lengths(view);
        let mut table = Self {
            slots: Vec::with_capacity(slots),
            dead: put_bits(&view.dead, view.slots.len()),
            order: Vec::with_capacity(order),
        };
        for slot in &view.slots {
            put_slot(&mut table.slots, slot);
        }
        for number in view.ids.values() {
            table.order.extend_from_slice(&number.to_le_bytes());
        }
        table
    }

    /// How long the parts of a view's table are.
    pub(super) fn lengths(view: &View) -> [usize; 3] {
        let slots = view.slots.len();
        [slots * SLOT_BYTES, bits_length(slots), view.ids.len() * 4]
    }

    /// Reads a table back, of rows below `bound`.
    ///
    /// # Errors
    /// [`FormatError`] unless rows and ids ascend, and whatever isn't dead is in the order.
    pub(super) fn read(&self, bound: u64) -> Result<Slots, FormatError> {
        let (records, rest) = self.slots.as_chunks::<SLOT_BYTES>();
        let mut slots = Vec::with_capacity(records.len());
        let mut next_row = 0;
        for record in records {
            let slot = read_slot(record)?;
            if slot.row < next_row || slot.row >= bound {
                return Err(FormatError);
            }
            next_row = slot.row + 1;
            slots.push(slot);
        }
        if !rest.is_empty() {
            return Err(FormatError);
        }
        let dead = read_bits(&self.dead, slots.len())?;
        let order = read_order(&self.order, &slots, &dead)?;
        Ok(Slots { slots, dead, order })
    }
}

/// How long the bits of so many slots are: whole words of 64.
pub(super) const fn bits_length(slots: usize) -> usize {
    slots.div_ceil(64) * 8
}

/// One bit a slot.
pub(super) fn put_bits(bits: &FixedBitSet, slots: usize) -> Vec<u8> {
    let mut bytes = vec![0; bits_length(slots)];
    for number in bits.ones() {
        if let Some(byte) = bytes.get_mut(number / 8) {
            *byte |= 1 << (number % 8);
        }
    }
    bytes
}

/// Reads the bits of so many slots back.
///
/// # Errors
/// [`FormatError`] unless they are of so many slots.
pub(super) fn read_bits(bytes: &[u8], slots: usize) -> Result<FixedBitSet, FormatError> {
    if bytes.len() != bits_length(slots) {
        return Err(FormatError);
    }
    let mut bits = FixedBitSet::with_capacity(slots);
    for (byte, first) in bytes.iter().zip((0_usize..).step_by(8)) {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            if first + bit >= slots {
                return Err(FormatError);
            }
            bits.insert(first + bit);
        }
    }
    Ok(bits)
}

fn read_order(bytes: &[u8], slots: &[Slot], dead: &FixedBitSet) -> Result<Vec<u32>, FormatError> {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut order = Vec::with_capacity(words.len());
    let mut before: Option<PointId> = None;
    for word in words {
        let number = u32::from_le_bytes(*word);
        let slot = slots.get(number as usize).ok_or(FormatError)?;
        if dead.contains(number as usize) || before.is_some_and(|before| before >= slot.id) {
            return Err(FormatError);
        }
        before = Some(slot.id);
        order.push(number);
    }
    // Ascending ids are distinct slots: so many of the living are all of them.
    if rest.is_empty() && order.len() + dead.count_ones(..) == slots.len() {
        Ok(order)
    } else {
        Err(FormatError)
    }
}

fn put_slot(bytes: &mut Vec<u8>, slot: &Slot) {
    match slot.id {
        PointId::Number(number) => {
            bytes.push(0);
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
        }
        PointId::Uuid(uuid) => {
            bytes.push(1);
            bytes.extend_from_slice(uuid.as_bytes());
        }
    }
    bytes.extend_from_slice(&slot.row.to_le_bytes());
    bytes.extend_from_slice(&slot.seq.to_le_bytes());
}

fn read_slot(record: &[u8; SLOT_BYTES]) -> Result<Slot, FormatError> {
    let mut reader = Reader(record);
    let tag = reader.u8()?;
    let id: [u8; 16] = reader.array()?;
    let id = match tag {
        0 => {
            let mut id = Reader(&id);
            let number = id.u64()?;
            if id.u64()? != 0 {
                return Err(FormatError);
            }
            PointId::Number(number)
        }
        1 => PointId::Uuid(Uuid::from_bytes(id)),
        _ => return Err(FormatError),
    };
    Ok(Slot {
        id,
        row: reader.u64()?,
        seq: reader.u64()?,
    })
}

const SLOT_BYTES: usize = 33;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        index::Precision,
        partition::{Schema, VectorSchema},
        vector::{Dimension, Metric},
    };

    /// Three slots, of which the first died: its point stands in the last.
    fn a_view() -> View {
        let vector = VectorSchema {
            name: String::new(),
            dimension: Dimension::new(1).unwrap(),
            metric: Metric::Dot,
            precision: Precision::Codes,
        };
        let schema = Schema::new(vec![vector], String::new()).unwrap();
        let mut view = View::empty(&schema);
        let uuid = PointId::Uuid(Uuid::from_bytes([3; 16]));
        let ids = [PointId::Number(9), uuid, PointId::Number(9)];
        for (row, id) in (4..).zip(ids) {
            view.put(
                Slot {
                    id,
                    row,
                    seq: 2 * row,
                },
                std::iter::once(Some([0.0].as_slice())),
            );
        }
        view
    }

    fn golden() -> Table {
        let golden = include_bytes!("../../../tests/golden/slots.v1.bin");
        let (slots, rest) = golden.split_at(3 * SLOT_BYTES);
        let (dead, order) = rest.split_at(8);
        Table {
            slots: slots.to_vec(),
            dead: dead.to_vec(),
            order: order.to_vec(),
        }
    }

    #[test]
    fn golden_table_of_version_1_reads_back() {
        assert_eq!(Table::of(&a_view()), golden());
        let read = golden().read(7).unwrap();
        let rows: Vec<u64> = read.slots.iter().map(|slot| slot.row).collect();
        assert_eq!((rows, read.order), (vec![4, 5, 6], vec![2, 1]));
        assert_eq!(read.dead.ones().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let changed = |change: fn(&mut Table)| {
            let mut table = golden();
            change(&mut table);
            table.read(7)
        };
        assert!(changed(|_| {}).is_ok());
        assert!(golden().read(6).is_err(), "a row behind the bound");
        assert!(changed(|table| table.order.rotate_left(4)).is_err());
        assert!(changed(|table| table.order.truncate(4)).is_err());
        assert!(changed(|table| table.order[0] = 0).is_err(), "a dead slot");
        assert!(changed(|table| table.order[0] = 3).is_err(), "no such slot");
        assert!(changed(|table| table.dead[0] = 0b1001).is_err());
        assert!(changed(|table| table.dead.truncate(0)).is_err());
        assert!(changed(|table| table.slots.rotate_left(SLOT_BYTES)).is_err());
        assert!(changed(|table| table.slots[0] = 2).is_err());
        assert!(changed(|table| table.slots[16] = 1).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_table_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            for part in 0..3 {
                let mut table = golden();
                let part = match part {
                    0 => &mut table.slots,
                    1 => &mut table.dead,
                    _ => &mut table.order,
                };
                let at = at.index(part.len());
                part[at] ^= flip;
                drop(table.read(7));
                let mut table = golden();
                table.slots.clone_from(&bytes);
                drop(table.read(u64::MAX));
                table.dead.clone_from(&bytes);
                table.order.clone_from(&bytes);
                drop(table.read(u64::MAX));
            }
        }
    }
}
