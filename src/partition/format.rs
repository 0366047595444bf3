//! What is inside the sealed values of a family. Version first; all numbers little-endian.
//!
//! ```text
//! row         version u8 = 1 | seq u64 | expiry ms u64 (0: none)
//!             | id tag u8 (0 number, 1 uuid) | id 8 or 16
//!             | vectors u16, each: name length u8, name, dimension u32, f32 x dimension
//!             | payload length u32, payload as JSON text
//! head        version u8 = 2 | seq u64 | next collection u32 | messages sealed u64
//!             | next row u64 | next epoch u32
//!             | segments u32, each: collection u32, epoch u32, tombstones u64
//!             (version 1 ends behind the messages)
//! collection  version u8 = 2 | dimension u32 | metric u8 | precision u8 (0 codes, 1 full)
//!             | name length u32, name
//!             | settings length u32, settings as JSON text
//!             | payload indexes u16, each: kind u8 | field length u32, field
//!               | settings length u32, settings as JSON text
//!             (version 1 has no precision, which is codes, and ends before the payload indexes)
//! ```
//!
//! What belongs to segments stands in `segment/format.rs`.
//!
//! **Invariant:** no bytes make a decoder panic or allocate more than they are long
//! (`it/formats.rs`).

use std::collections::BTreeMap;

use uuid::Uuid;

use super::collection::Schema;
use crate::{
    index::Precision,
    payload::{
        StoredPayload,
        index::{Definition, IndexKind},
    },
    tenant::{CollectionName, PointId},
    vector::{Dimension, Metric},
};

/// A point as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The sequence number of the write that stored it: the point's version.
    pub seq: u64,
    /// The tenant's name for the point.
    pub id: PointId,
    /// The default vector.
    pub vector: Vec<f32>,
    /// The payload.
    pub payload: StoredPayload,
}

impl Row {
    /// The bytes to be sealed, for a payload as JSON text.
    pub fn encode(seq: u64, id: PointId, vector: &[f32], payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 4 * vector.len() + payload.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&seq.to_le_bytes());
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        match id {
            PointId::Number(number) => {
                bytes.push(0);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            PointId::Uuid(uuid) => {
                bytes.push(1);
                bytes.extend_from_slice(uuid.as_bytes());
            }
        }
        bytes.extend_from_slice(&1_u16.to_le_bytes());
        bytes.push(0);
        put_length(&mut bytes, vector.len());
        for value in vector {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        put_length(&mut bytes, payload.len());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Reads a row back.
    ///
    /// # Errors
    /// [`FormatError`] for anything that [`Self::encode`] wouldn't write.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader(bytes);
        reader.version()?;
        let seq = reader.u64()?;
        let _expiry = reader.u64()?;
        let id = match reader.u8()? {
            0 => PointId::Number(reader.u64()?),
            1 => PointId::Uuid(Uuid::from_bytes(reader.array()?)),
            _ => return Err(FormatError),
        };
        // One vector, the default one, whose name is empty.
        if reader.u16()? != 1 || reader.u8()? != 0 {
            return Err(FormatError);
        }
        let dimension = reader.length()?;
        let values = reader.take(dimension.checked_mul(4).ok_or(FormatError)?)?;
        let (values, _) = values.as_chunks::<4>();
        let vector = values
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect();
        let payload = StoredPayload::new(reader.blob()?.to_vec());
        reader.end()?;
        Ok(Self {
            seq,
            id,
            vector,
            payload,
        })
    }
}

/// A partition's counters, and what is believed about its segments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The sequence number of the last write.
    pub(super) seq: u64,
    /// The number that the next collection gets: numbers are never given again.
    pub(super) next_collection: u32,
    /// Messages that the data key had sealed.
    pub(super) messages: u64,
    /// The number that the next row gets, of whatever collection: numbers are never given again.
    pub(super) next_row: u64,
    /// The number that the next segment gets, of whatever collection: numbers are never given
    /// again.
    pub(super) next_epoch: u32,
    /// The segments that may be read, by collection. Any other is a leftover.
    pub(super) segments: BTreeMap<u32, SegmentNote>,
}

/// What the head says about a segment, so that no older one passes for it, and no tombstone that
/// goes missing goes unnoticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentNote {
    /// The segment's number.
    pub(super) epoch: u32,
    /// How many tombstones stand beside it.
    pub(super) tombstones: u64,
}

impl Head {
    pub(super) const NEW: Self = Self {
        seq: 0,
        next_collection: 1,
        messages: 0,
        next_row: 0,
        next_epoch: 1,
        segments: BTreeMap::new(),
    };

    pub(super) fn encode(&self) -> Vec<u8> {
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
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
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

/// A collection's name, schema and payload indexes, as stored.
pub(super) fn encode_collection(
    name: &CollectionName,
    schema: &Schema,
    indexes: &[&Definition],
) -> Vec<u8> {
    let mut bytes = vec![COLLECTION_VERSION];
    bytes.extend_from_slice(&u32::from(schema.dimension).to_le_bytes());
    bytes.push(match schema.metric {
        Metric::Cosine => 0,
        Metric::Dot => 1,
        Metric::Euclid => 2,
        Metric::Manhattan => 3,
    });
    bytes.push(match schema.precision {
        Precision::Codes => 0,
        Precision::Full => 1,
    });
    put_text(&mut bytes, name.as_str());
    put_text(&mut bytes, &schema.settings);
    // There is a limit on their number.
    let count = u16::try_from(indexes.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&count.to_le_bytes());
    for definition in indexes {
        bytes.push(definition.kind().number());
        put_text(&mut bytes, definition.field());
        put_text(&mut bytes, definition.settings());
    }
    bytes
}

/// Reads a collection's name, schema and payload indexes back.
pub(super) fn decode_collection(
    bytes: &[u8],
) -> Result<(CollectionName, Schema, Vec<Definition>), FormatError> {
    let mut reader = Reader(bytes);
    let version = reader.u8()?;
    let dimension = Dimension::new(u64::from(reader.u32()?)).map_err(|_| FormatError)?;
    let metric = match reader.u8()? {
        0 => Metric::Cosine,
        1 => Metric::Dot,
        2 => Metric::Euclid,
        3 => Metric::Manhattan,
        _ => return Err(FormatError),
    };
    let precision = match version {
        VERSION => Precision::Codes,
        COLLECTION_VERSION => match reader.u8()? {
            0 => Precision::Codes,
            1 => Precision::Full,
            _ => return Err(FormatError),
        },
        _ => return Err(FormatError),
    };
    let name = CollectionName::parse(reader.text()?).map_err(|_| FormatError)?;
    let settings = reader.text()?.to_owned();
    let count = match version {
        COLLECTION_VERSION => reader.u16()?,
        _ => 0,
    };
    let indexes: Result<Vec<Definition>, FormatError> = (0..count)
        .map(|_| {
            let kind = IndexKind::from_number(reader.u8()?).ok_or(FormatError)?;
            let (field, settings) = (reader.text()?, reader.text()?.to_owned());
            Definition::new(field, kind, settings).map_err(|_| FormatError)
        })
        .collect();
    let indexes = indexes?;
    reader.end()?;
    let schema = Schema {
        dimension,
        metric,
        precision,
        settings,
    };
    Ok((name, schema, indexes))
}

/// Not what was written. Since the bytes were authenticated, that is a bug or a future version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a stored value isn't in a known format")]
pub struct FormatError;

/// Takes bytes off the front, or fails.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N)?.try_into().map_err(|_| FormatError)
    }

    pub(super) fn version(&mut self) -> Result<(), FormatError> {
        if self.u8()? == VERSION {
            Ok(())
        } else {
            Err(FormatError)
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, FormatError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, FormatError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn length(&mut self) -> Result<usize, FormatError> {
        usize::try_from(self.u32()?).map_err(|_| FormatError)
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.length()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.blob()?).map_err(|_| FormatError)
    }

    pub(super) fn end(&self) -> Result<(), FormatError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(FormatError)
        }
    }
}

pub(super) fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Everything that has a length was bounded far below 4 GiB on its way in.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Of everything but the head and the collection.
pub(super) const VERSION: u8 = 1;
const HEAD_VERSION: u8 = 2;
const COLLECTION_VERSION: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_row() -> Vec<u8> {
        let id = PointId::Uuid(Uuid::from_bytes([7; 16]));
        Row::encode(9, id, &[0.5, -1.0, 2.25], br#"{"a":1}"#)
    }

    fn a_collection() -> (CollectionName, Schema) {
        let name = CollectionName::parse("docs").unwrap();
        let dimension = Dimension::new(3).unwrap();
        (
            name,
            Schema {
                dimension,
                metric: Metric::Euclid,
                precision: Precision::Codes,
                settings: "{}".into(),
            },
        )
    }

    #[test]
    fn golden_values_of_version_1_read_back() {
        let golden = include_bytes!("../../tests/golden/row.v1.bin");
        assert_eq!(a_row(), golden);
        let row = Row::decode(golden).unwrap();
        assert_eq!((row.seq, row.vector), (9, vec![0.5, -1.0, 2.25]));
        let golden = include_bytes!("../../tests/golden/head.v1.bin");
        let head = Head {
            seq: 1,
            next_collection: 2,
            messages: 3,
            ..Head::NEW
        };
        assert_eq!(Head::decode(golden), Ok(head));
        let golden = include_bytes!("../../tests/golden/collection.v1.bin");
        let (name, schema) = a_collection();
        assert_eq!(decode_collection(golden), Ok((name, schema, Vec::new())));
    }

    fn two_indexes() -> Vec<Definition> {
        let integer = Definition::new("year", IndexKind::Integer, String::new());
        let settings = r#"{"type":"keyword","is_tenant":true}"#.to_owned();
        let keyword = Definition::new("tags[].name", IndexKind::Keyword, settings);
        vec![integer.unwrap(), keyword.unwrap()]
    }

    #[test]
    fn a_golden_collection_of_version_2_reads_back() {
        let golden = include_bytes!("../../tests/golden/collection.v2.bin");
        let (name, mut schema) = a_collection();
        schema.precision = Precision::Full;
        let indexes = two_indexes();
        let encoded = encode_collection(&name, &schema, &indexes.iter().collect::<Vec<_>>());
        assert_eq!(encoded, golden);
        assert_eq!(decode_collection(golden), Ok((name, schema, indexes)));
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
    fn golden_head_of_version_2_reads_back() {
        let golden = include_bytes!("../../tests/golden/head.v2.bin");
        assert_eq!(a_head().encode(), golden);
        assert_eq!(Head::decode(golden), Ok(a_head()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop((Row::decode(&bytes), Head::decode(&bytes), decode_collection(&bytes)));
            let (name, schema) = a_collection();
            let indexes = two_indexes();
            let collection = encode_collection(&name, &schema, &indexes.iter().collect::<Vec<_>>());
            for mut whole in [a_row(), a_head().encode(), collection] {
                let at = at.index(whole.len());
                prop_assert!(Row::decode(&whole[..at]).is_err());
                whole[at] ^= flip;
                drop((Row::decode(&whole), Head::decode(&whole), decode_collection(&whole)));
            }
        }

        #[test]
        fn a_row_reads_back_as_it_was_written(
            seq: u64,
            number: u64,
            vector in prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), 0..50),
            payload in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let bytes = Row::encode(seq, PointId::Number(number), &vector, &payload);
            let row = Row::decode(&bytes).unwrap();
            prop_assert_eq!((row.seq, row.id, row.vector), (seq, PointId::Number(number), vector));
            prop_assert_eq!(row.payload, StoredPayload::new(payload));
        }
    }
}
