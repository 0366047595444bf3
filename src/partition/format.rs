//! What is inside the sealed values of a family. Version first; all numbers little-endian.
//!
//! ```text
//! row         version u8 = 1 | seq u64 | expiry ms u64 (0: none)
//!             | id tag u8 (0 number, 1 uuid) | id 8 or 16
//!             | vectors u16, each: name length u8, name, dimension u32, f32 x dimension
//!             | payload length u32, payload as JSON text
//! head        version u8 = 1 | seq u64 | next collection u32 | messages sealed u64
//! collection  version u8 = 1 | dimension u32 | metric u8 | name length u32, name
//!             | settings length u32, settings as JSON text
//! ```
//!
//! **Invariant:** no bytes make a decoder panic or allocate more than they are long
//! (`it/formats.rs`).

use uuid::Uuid;

use super::collection::Schema;
use crate::{
    payload::StoredPayload,
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

/// A partition's counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The sequence number of the last write.
    pub(super) seq: u64,
    /// The number that the next collection gets: numbers are never given again.
    pub(super) next_collection: u32,
    /// Messages that the data key had sealed.
    pub(super) messages: u64,
}

impl Head {
    pub(super) const NEW: Self = Self {
        seq: 0,
        next_collection: 1,
        messages: 0,
    };

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.next_collection.to_le_bytes());
        bytes.extend_from_slice(&self.messages.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader(bytes);
        reader.version()?;
        let head = Self {
            seq: reader.u64()?,
            next_collection: reader.u32()?,
            messages: reader.u64()?,
        };
        reader.end()?;
        Ok(head)
    }
}

/// A collection's name and schema, as stored.
pub(super) fn encode_collection(name: &CollectionName, schema: &Schema) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&u32::from(schema.dimension).to_le_bytes());
    bytes.push(match schema.metric {
        Metric::Cosine => 0,
        Metric::Dot => 1,
        Metric::Euclid => 2,
        Metric::Manhattan => 3,
    });
    put_length(&mut bytes, name.as_str().len());
    bytes.extend_from_slice(name.as_str().as_bytes());
    put_length(&mut bytes, schema.settings.len());
    bytes.extend_from_slice(schema.settings.as_bytes());
    bytes
}

/// Reads a collection's name and schema back.
pub(super) fn decode_collection(bytes: &[u8]) -> Result<(CollectionName, Schema), FormatError> {
    let mut reader = Reader(bytes);
    reader.version()?;
    let dimension = Dimension::new(u64::from(reader.u32()?)).map_err(|_| FormatError)?;
    let metric = match reader.u8()? {
        0 => Metric::Cosine,
        1 => Metric::Dot,
        2 => Metric::Euclid,
        3 => Metric::Manhattan,
        _ => return Err(FormatError),
    };
    let name = CollectionName::parse(reader.text()?).map_err(|_| FormatError)?;
    let settings = reader.text()?.to_owned();
    reader.end()?;
    Ok((
        name,
        Schema {
            dimension,
            metric,
            settings,
        },
    ))
}

/// Not what was written. Since the bytes were authenticated, that is a bug or a future version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a stored value isn't in a known format")]
pub struct FormatError;

/// Takes bytes off the front, or fails.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N)?.try_into().map_err(|_| FormatError)
    }

    fn version(&mut self) -> Result<(), FormatError> {
        if self.u8()? == VERSION {
            Ok(())
        } else {
            Err(FormatError)
        }
    }

    fn u8(&mut self) -> Result<u8, FormatError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, FormatError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, FormatError> {
        usize::try_from(self.u32()?).map_err(|_| FormatError)
    }

    fn blob(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.blob()?).map_err(|_| FormatError)
    }

    fn end(&self) -> Result<(), FormatError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(FormatError)
        }
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Everything that has a length was bounded far below 4 GiB on its way in.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

const VERSION: u8 = 1;

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
        };
        assert_eq!(
            (head.encode().as_slice(), Head::decode(golden)),
            (&golden[..], Ok(head))
        );
        let golden = include_bytes!("../../tests/golden/collection.v1.bin");
        let (name, schema) = a_collection();
        assert_eq!(encode_collection(&name, &schema), golden);
        assert_eq!(decode_collection(golden), Ok((name, schema)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop((Row::decode(&bytes), Head::decode(&bytes), decode_collection(&bytes)));
            for mut whole in [a_row(), Head::NEW.encode(), encode_collection(&a_collection().0, &a_collection().1)] {
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
