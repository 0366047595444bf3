//! The ends of a segment's points, as a part of it. All numbers little-endian.
//!
//! ```text
//! ends   each 12 bytes: end ms u64 | slot u32; in ascending order
//! ```

use crate::{
    clock::Timestamp,
    partition::{
        format::{FormatError, Reader},
        retention::Ends,
    },
};

pub(super) fn encode_ends(ends: &Ends) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ends_length(ends));
    for (end, slot) in ends.iter() {
        bytes.extend_from_slice(&end.0.to_le_bytes());
        bytes.extend_from_slice(&slot.to_le_bytes());
    }
    bytes
}

pub(super) fn ends_length(ends: &Ends) -> usize {
    ends.len() * END_BYTES
}

/// Reads the ends of so many slots back, under the retention of `empty`.
///
/// # Errors
/// [`FormatError`] unless they ascend, and are of slots that there are.
pub(super) fn decode_ends(bytes: &[u8], slots: usize, empty: &Ends) -> Result<Ends, FormatError> {
    let mut ends = empty.clone();
    let (records, rest) = bytes.as_chunks::<END_BYTES>();
    let mut before = None;
    for record in records {
        let mut reader = Reader(record);
        let (end, slot) = (Timestamp(reader.u64()?), reader.u32()?);
        if before >= Some((end, slot)) || slot as usize >= slots {
            return Err(FormatError);
        }
        before = Some((end, slot));
        ends.put(slot, end);
    }
    if rest.is_empty() {
        Ok(ends)
    } else {
        Err(FormatError)
    }
}

const END_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn two_ends() -> Ends {
        let mut ends = Ends::default();
        ends.put(7, Timestamp(1_800_000_000_000));
        ends.put(1, Timestamp(u64::MAX));
        ends
    }

    #[test]
    fn golden_ends_of_version_1_read_back() {
        let golden = include_bytes!("../../../tests/golden/ends.v1.bin");
        assert_eq!(encode_ends(&two_ends()), golden);
        let read = decode_ends(golden, 8, &Ends::default()).unwrap();
        assert!(read.iter().eq(two_ends().iter()));
        assert!(decode_ends(golden, 7, &Ends::default()).is_err());
        let mut wrong = golden.to_vec();
        wrong.rotate_left(END_BYTES);
        assert!(decode_ends(&wrong, 8, &Ends::default()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(decode_ends(&bytes, 9, &Ends::default()));
            let mut whole = encode_ends(&two_ends());
            let at = at.index(whole.len());
            let cut = decode_ends(&whole[..at], 8, &Ends::default());
            prop_assert!(cut.is_err() || at.is_multiple_of(END_BYTES));
            whole[at] ^= flip;
            drop(decode_ends(&whole, 8, &Ends::default()));
        }
    }
}
