//! What is inside a segment's sealed records. Version first; all numbers little-endian.
//!
//! ```text
//! manifest    version u8 = 3 | epoch u32 | bound u64 | through u64 | chunk bytes u32
//!             | revision of the collection's retention u64 (0: it has none)
//!             | spaces u16, each: header of its index: length u32, bytes (`index/image.rs`)
//!             | parts u32, each: bytes u64
//!             (version 2 has no retention, and no ends; version 1 has one header in place of the
//!             spaces, and no bits)
//! tombstone   version u8 = 1 | rows u32, each: row u64
//! chunk       so many bytes of a part; chunks are counted through all parts
//! ```
//!
//! The parts are those of each space: of its index, then the bits of the slots that have no such
//! vector, one a slot, empty if every living one has; then [`OWN_PARTS`] more: the three of the slot
//! table (`table.rs`), the payload indexes and the points' ends (`ends.rs`).

use crate::partition::format::{FormatError, Reader, VERSION, put_length};

/// A segment's manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Manifest {
    /// The segment's number: its chunks stand under it.
    pub(super) epoch: u32,
    /// It covers the rows below this.
    pub(super) bound: u64,
    /// The last write that it knows of: tombstones of later ones count.
    pub(super) through: u64,
    /// How long each chunk but a part's last is.
    pub(super) chunk_bytes: u32,
    /// Under which retention its points' ends were computed, if under one.
    pub(super) revision: u64,
    /// What each space's index says about its parts.
    pub(super) headers: Vec<Vec<u8>>,
    /// How long each part is.
    pub(super) parts: Vec<u64>,
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![MANIFEST_VERSION];
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.bound.to_le_bytes());
        bytes.extend_from_slice(&self.through.to_le_bytes());
        bytes.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.revision.to_le_bytes());
        // There is a limit on their number.
        let spaces = u16::try_from(self.headers.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&spaces.to_le_bytes());
        for header in &self.headers {
            put_length(&mut bytes, header.len());
            bytes.extend_from_slice(header);
        }
        put_length(&mut bytes, self.parts.len());
        for part in &self.parts {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader(bytes);
        let version = reader.u8()?;
        let mut manifest = Self {
            epoch: reader.u32()?,
            bound: reader.u64()?,
            through: reader.u64()?,
            chunk_bytes: reader.u32()?,
            revision: 0,
            headers: Vec::new(),
            parts: Vec::new(),
        };
        let spaces = match version {
            VERSION => 1,
            2 => reader.u16()?,
            MANIFEST_VERSION => {
                manifest.revision = reader.u64()?;
                reader.u16()?
            }
            _ => return Err(FormatError),
        };
        for _ in 0..spaces {
            manifest.headers.push(reader.blob()?.to_vec());
        }
        for _ in 0..reader.u32()? {
            manifest.parts.push(reader.u64()?);
        }
        reader.end()?;
        // An empty part takes no chunk.
        if version != MANIFEST_VERSION {
            manifest.parts.push(0);
        }
        if version == VERSION {
            let index_parts = manifest.parts.len().saturating_sub(OWN_PARTS);
            manifest.parts.insert(index_parts, 0);
        }
        if manifest.chunk_bytes == 0 {
            return Err(FormatError);
        }
        Ok(manifest)
    }
}

/// The rows that one write removed from under a segment.
pub(in crate::partition) fn encode_tombstone(rows: &[u64]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_length(&mut bytes, rows.len());
    for row in rows {
        bytes.extend_from_slice(&row.to_le_bytes());
    }
    bytes
}

/// Reads a tombstone back.
pub(super) fn decode_tombstone(bytes: &[u8]) -> Result<Vec<u64>, FormatError> {
    let mut reader = Reader(bytes);
    reader.version()?;
    let mut rows = Vec::new();
    for _ in 0..reader.u32()? {
        rows.push(reader.u64()?);
    }
    reader.end()?;
    Ok(rows)
}

/// Parts behind those of the spaces.
pub(super) const OWN_PARTS: usize = 5;
const MANIFEST_VERSION: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_manifest() -> Manifest {
        Manifest {
            epoch: 1,
            bound: 2,
            through: 3,
            chunk_bytes: 4,
            revision: 9,
            headers: vec![vec![5, 6], Vec::new()],
            parts: vec![7, 8],
        }
    }

    #[test]
    fn golden_values_of_version_1_read_back() {
        let golden = include_bytes!("../../../tests/golden/segment.v1.bin");
        let manifest = Manifest {
            headers: vec![vec![5, 6]],
            // The bits, which version 1 doesn't have, stand before the last five parts, of which it
            // has but four.
            parts: vec![0, 7, 8, 0],
            revision: 0,
            ..a_manifest()
        };
        assert_eq!(Manifest::decode(golden), Ok(manifest));
        let golden = include_bytes!("../../../tests/golden/tombstone.v1.bin");
        assert_eq!(encode_tombstone(&[1, u64::MAX]), golden);
        assert_eq!(decode_tombstone(golden), Ok(vec![1, u64::MAX]));
    }

    #[test]
    fn a_golden_manifest_of_version_2_reads_back() {
        let golden = include_bytes!("../../../tests/golden/segment.v2.bin");
        let manifest = Manifest {
            parts: vec![7, 8, 0],
            revision: 0,
            ..a_manifest()
        };
        assert_eq!(Manifest::decode(golden), Ok(manifest));
    }

    #[test]
    fn a_golden_manifest_of_version_3_reads_back() {
        let golden = include_bytes!("../../../tests/golden/segment.v3.bin");
        assert_eq!(a_manifest().encode(), golden);
        assert_eq!(Manifest::decode(golden), Ok(a_manifest()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop((Manifest::decode(&bytes), decode_tombstone(&bytes)));
            let (manifest, tombstone) = (a_manifest().encode(), encode_tombstone(&[1, 2]));
            prop_assert!(Manifest::decode(&manifest[..at.index(manifest.len())]).is_err());
            prop_assert!(decode_tombstone(&tombstone[..at.index(tombstone.len())]).is_err());
            for mut whole in [manifest, tombstone] {
                let at = at.index(whole.len());
                whole[at] ^= flip;
                drop((Manifest::decode(&whole), decode_tombstone(&whole)));
            }
        }
    }
}
