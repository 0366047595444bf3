//! A point's row.

use uuid::Uuid;

use super::{FormatError, Reader, VERSION, put_length, put_name};
use crate::{clock::Timestamp, payload::StoredPayload, tenant::PointId};

/// A point as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The sequence number of the write that stored it: the point's version.
    pub seq: u64,
    /// When that was: nothing for what was written before this was kept.
    pub written: Option<Timestamp>,
    /// The tenant's name for the point.
    pub id: PointId,
    /// Its vectors, by name. A point needn't have all of its collection's.
    pub vectors: Vec<(String, Vec<f32>)>,
    /// The payload.
    pub payload: StoredPayload,
}

impl Row {
    /// The bytes to be sealed, for a payload as JSON text.
    pub fn encode(
        (seq, written): (u64, Option<Timestamp>),
        id: PointId,
        vectors: &[(&str, &[f32])],
        payload: &[u8],
    ) -> Vec<u8> {
        let values: usize = vectors.iter().map(|(_, vector)| vector.len()).sum();
        let mut bytes = Vec::with_capacity(64 + 8 * vectors.len() + 4 * values + payload.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&seq.to_le_bytes());
        let written = written.map_or(0, |written| written.0);
        bytes.extend_from_slice(&written.to_le_bytes());
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
        // A collection has few vectors.
        let count = u16::try_from(vectors.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&count.to_le_bytes());
        for (name, vector) in vectors {
            put_name(&mut bytes, name);
            put_length(&mut bytes, vector.len());
            for value in *vector {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
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
        let written = Some(reader.u64()?).filter(|written| *written > 0);
        let id = match reader.u8()? {
            0 => PointId::Number(reader.u64()?),
            1 => PointId::Uuid(Uuid::from_bytes(reader.array()?)),
            _ => return Err(FormatError),
        };
        let mut vectors = Vec::new();
        for _ in 0..reader.u16()? {
            let name = reader.name()?.to_owned();
            let dimension = reader.length()?;
            let values = reader.take(dimension.checked_mul(4).ok_or(FormatError)?)?;
            let (values, _) = values.as_chunks::<4>();
            let values = values.iter().map(|value| f32::from_le_bytes(*value));
            vectors.push((name, values.collect()));
        }
        let payload = StoredPayload::new(reader.blob()?.to_vec());
        reader.end()?;
        Ok(Self {
            seq,
            written: written.map(Timestamp),
            id,
            vectors,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_row() -> Vec<u8> {
        let id = PointId::Uuid(Uuid::from_bytes([7; 16]));
        Row::encode((9, None), id, &[("", &[0.5, -1.0, 2.25])], br#"{"a":1}"#)
    }

    fn a_row_of_two_vectors() -> Vec<u8> {
        let vectors: [(&str, &[f32]); 2] = [("image", &[0.5, -1.0, 2.25]), ("text", &[4.0])];
        Row::encode((9, None), PointId::Number(3), &vectors, br#"{"a":1}"#)
    }

    #[test]
    fn golden_rows_of_version_1_read_back() {
        let golden = include_bytes!("../../../tests/golden/row.v1.bin");
        assert_eq!(a_row(), golden);
        let row = Row::decode(golden).unwrap();
        let vectors = vec![(String::new(), vec![0.5, -1.0, 2.25])];
        assert_eq!((row.seq, row.vectors), (9, vectors));
        let golden = include_bytes!("../../../tests/golden/row_named.v1.bin");
        assert_eq!(a_row_of_two_vectors(), golden);
        let row = Row::decode(golden).unwrap();
        let image = ("image".to_owned(), vec![0.5, -1.0, 2.25]);
        assert_eq!(row.vectors, [image, ("text".to_owned(), vec![4.0])]);
        assert_eq!(row.written, None);
        let golden = include_bytes!("../../../tests/golden/row_written.v1.bin");
        let written = Some(Timestamp(1_800_000_000_000));
        assert_eq!(
            Row::encode((9, written), PointId::Number(3), &[], b""),
            golden
        );
        assert_eq!(Row::decode(golden).unwrap().written, written);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(Row::decode(&bytes));
            for mut whole in [a_row(), a_row_of_two_vectors()] {
                let at = at.index(whole.len());
                prop_assert!(Row::decode(&whole[..at]).is_err());
                whole[at] ^= flip;
                drop(Row::decode(&whole));
            }
        }

        #[test]
        fn a_row_reads_back_as_it_was_written(
            seq: u64,
            written in 1_u64..,
            number: u64,
            vectors in prop::collection::vec(
                ("[a-z]{0,9}", prop::collection::vec(-1e9_f32..1e9, 0..50)),
                0..4,
            ),
            payload in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let named: Vec<(&str, &[f32])> =
                vectors.iter().map(|(name, vector)| (name.as_str(), vector.as_slice())).collect();
            let bytes = Row::encode((seq, Some(Timestamp(written))), PointId::Number(number), &named, &payload);
            let row = Row::decode(&bytes).unwrap();
            prop_assert_eq!((row.seq, row.id, row.vectors), (seq, PointId::Number(number), vectors));
            prop_assert_eq!(row.written, Some(Timestamp(written)));
            prop_assert_eq!(row.payload, StoredPayload::new(payload));
        }
    }
}
