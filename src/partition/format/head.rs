//! A partition's head: the record that every commit rewrites.

use std::collections::BTreeMap;

use super::{FormatError, Reader, VERSION, put_length};

/// A partition's counters, and what is believed about its segments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::partition) struct Head {
    /// The sequence number of the last write.
    pub(in crate::partition) seq: u64,
    /// The number that the next collection gets: numbers are never given again.
    pub(in crate::partition) next_collection: u32,
    /// Messages that the data key had sealed.
    pub(in crate::partition) messages: u64,
    /// The number that the next row gets, of whatever collection: numbers are never given again.
    pub(in crate::partition) next_row: u64,
    /// The number that the next segment gets, of whatever collection: numbers are never given
    /// again.
    pub(in crate::partition) next_epoch: u32,
    /// The segments that may be read, by collection. Any other is a leftover.
    pub(in crate::partition) segments: BTreeMap<u32, SegmentNote>,
}

/// What the head says about a segment, so that no older one passes for it, and no tombstone that
/// goes missing goes unnoticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::partition) struct SegmentNote {
    /// The segment's number.
    pub(in crate::partition) epoch: u32,
    /// How many tombstones stand beside it.
    pub(in crate::partition) tombstones: u64,
}

impl Head {
    pub(in crate::partition) const NEW: Self = Self {
        seq: 0,
        next_collection: 1,
        messages: 0,
        next_row: 0,
        next_epoch: 1,
        segments: BTreeMap::new(),
    };

    pub(in crate::partition) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![HEAD_VERSION];
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.next_collection.to_le_bytes());
        bytes.extend_from_slice(&self.messages.to_le_bytes());
        bytes.extend_from_slice(&self.next_row.to_le_bytes());
        bytes.extend_from_slice(&self.next_epoch.to_le_bytes());
        put_length(&mut bytes, self.segments.len());
        for (collection, note) in &self.segments {
            bytes.extend_from_slice(&collection.to_le_bytes());
            bytes.extend_from_slice(&note.epoch.to_le_bytes());
            bytes.extend_from_slice(&note.tombstones.to_le_bytes());
        }
        bytes
    }

    /// Reads a head back. One of version 1 leaves it to the rows which number comes next.
    pub(in crate::partition) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader(bytes);
        let version = reader.u8()?;
        let mut head = Self {
            seq: reader.u64()?,
            next_collection: reader.u32()?,
            messages: reader.u64()?,
            ..Self::NEW
        };
        match version {
            VERSION => {}
            HEAD_VERSION => {
                head.next_row = reader.u64()?;
                head.next_epoch = reader.u32()?;
                for _ in 0..reader.u32()? {
                    let collection = reader.u32()?;
                    let note = SegmentNote {
                        epoch: reader.u32()?,
                        tombstones: reader.u64()?,
                    };
                    if head.segments.insert(collection, note).is_some() {
                        return Err(FormatError);
                    }
                }
            }
            _ => return Err(FormatError),
        }
        reader.end()?;
        Ok(head)
    }
}

const HEAD_VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_golden_head_of_version_1_reads_back() {
        let golden = include_bytes!("../../../tests/golden/head.v1.bin");
        let head = Head {
            seq: 1,
            next_collection: 2,
            messages: 3,
            ..Head::NEW
        };
        assert_eq!(Head::decode(golden), Ok(head));
    }

    fn a_head() -> Head {
        let note = SegmentNote {
            epoch: 6,
            tombstones: 7,
        };
        Head {
            seq: 1,
            next_collection: 2,
            messages: 3,
            next_row: 4,
            next_epoch: 5,
            segments: BTreeMap::from([(8, note)]),
        }
    }

    #[test]
    fn a_golden_head_of_version_2_reads_back() {
        let golden = include_bytes!("../../../tests/golden/head.v2.bin");
        assert_eq!(a_head().encode(), golden);
        assert_eq!(Head::decode(golden), Ok(a_head()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(Head::decode(&bytes));
            let mut whole = a_head().encode();
            let at = at.index(whole.len());
            whole[at] ^= flip;
            drop(Head::decode(&whole));
        }
    }
}
