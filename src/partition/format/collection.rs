//! A collection's record: its name, schema and payload indexes.
//!
//! ```text
//! version 2  version u8 = 2 | dimension u32 | metric u8 | precision u8 (0 codes, 1 full)
//!            | name length u32, name | settings length u32, settings as JSON text
//!            | payload indexes, as now
//! version 1  has no precision, which is codes, and ends before the payload indexes
//! ```

use super::{FormatError, Reader, put_name, put_text};
use crate::{
    index::Precision,
    partition::schema::{Schema, VectorSchema},
    payload::index::{Definition, IndexKind},
    tenant::CollectionName,
    vector::{DEFAULT_VECTOR, Dimension, Metric},
};

/// A collection's name, schema and payload indexes, as stored.
pub(in crate::partition) fn encode_collection(
    name: &CollectionName,
    schema: &Schema,
    indexes: &[&Definition],
) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_text(&mut bytes, name.as_str());
    put_text(&mut bytes, &schema.settings);
    // There are limits on their numbers.
    let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    bytes.extend_from_slice(&count(schema.vectors.len()));
    for vector in &schema.vectors {
        put_name(&mut bytes, &vector.name);
        bytes.extend_from_slice(&u32::from(vector.dimension).to_le_bytes());
        bytes.push(match vector.metric {
            Metric::Cosine => 0,
            Metric::Dot => 1,
            Metric::Euclid => 2,
            Metric::Manhattan => 3,
        });
        bytes.push(match vector.precision {
            Precision::Codes => 0,
            Precision::Full => 1,
        });
    }
    bytes.extend_from_slice(&count(indexes.len()));
    for definition in indexes {
        bytes.push(definition.kind().number());
        put_text(&mut bytes, definition.field());
        put_text(&mut bytes, definition.settings());
    }
    bytes
}

/// Reads a collection's name, schema and payload indexes back.
pub(in crate::partition) fn decode_collection(
    bytes: &[u8],
) -> Result<(CollectionName, Schema, Vec<Definition>), FormatError> {
    let mut reader = Reader(bytes);
    let version = reader.u8()?;
    let mut vectors = Vec::new();
    if matches!(version, 1 | 2) {
        vectors.push(VectorSchema {
            name: DEFAULT_VECTOR.to_owned(),
            dimension: dimension(&mut reader)?,
            metric: metric(&mut reader)?,
            precision: match version {
                1 => Precision::Codes,
                _ => precision(&mut reader)?,
            },
        });
    } else if version != VERSION {
        return Err(FormatError);
    }
    let name = CollectionName::parse(reader.text()?).map_err(|_| FormatError)?;
    let settings = reader.text()?.to_owned();
    if version == VERSION {
        for _ in 0..reader.u16()? {
            vectors.push(VectorSchema {
                name: reader.name()?.to_owned(),
                dimension: dimension(&mut reader)?,
                metric: metric(&mut reader)?,
                precision: precision(&mut reader)?,
            });
        }
    }
    let mut indexes = Vec::new();
    if version != 1 {
        for _ in 0..reader.u16()? {
            let kind = IndexKind::from_number(reader.u8()?).ok_or(FormatError)?;
            let (field, settings) = (reader.text()?, reader.text()?.to_owned());
            indexes.push(Definition::new(field, kind, settings).map_err(|_| FormatError)?);
        }
    }
    reader.end()?;
    let schema = Schema::new(vectors, settings).map_err(|_| FormatError)?;
    Ok((name, schema, indexes))
}

fn dimension(reader: &mut Reader<'_>) -> Result<Dimension, FormatError> {
    Dimension::new(u64::from(reader.u32()?)).map_err(|_| FormatError)
}

fn metric(reader: &mut Reader<'_>) -> Result<Metric, FormatError> {
    match reader.u8()? {
        0 => Ok(Metric::Cosine),
        1 => Ok(Metric::Dot),
        2 => Ok(Metric::Euclid),
        3 => Ok(Metric::Manhattan),
        _ => Err(FormatError),
    }
}

fn precision(reader: &mut Reader<'_>) -> Result<Precision, FormatError> {
    match reader.u8()? {
        0 => Ok(Precision::Codes),
        1 => Ok(Precision::Full),
        _ => Err(FormatError),
    }
}

const VERSION: u8 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(name: &str, size: u64, metric: Metric, precision: Precision) -> VectorSchema {
        VectorSchema {
            name: name.to_owned(),
            dimension: Dimension::new(size).unwrap(),
            metric,
            precision,
        }
    }

    fn one_vector(precision: Precision) -> (CollectionName, Schema) {
        let name = CollectionName::parse("docs").unwrap();
        let vectors = vec![vector("", 3, Metric::Euclid, precision)];
        (name, Schema::new(vectors, "{}".to_owned()).unwrap())
    }

    fn two_vectors() -> (CollectionName, Schema) {
        let name = CollectionName::parse("docs").unwrap();
        let vectors = vec![
            vector("image", 512, Metric::Dot, Precision::Codes),
            vector("text", 3, Metric::Cosine, Precision::Full),
        ];
        (name, Schema::new(vectors, "{}".to_owned()).unwrap())
    }

    fn two_indexes() -> Vec<Definition> {
        let integer = Definition::new("year", IndexKind::Integer, String::new());
        let settings = r#"{"type":"keyword","is_tenant":true}"#.to_owned();
        let keyword = Definition::new("tags[].name", IndexKind::Keyword, settings);
        vec![integer.unwrap(), keyword.unwrap()]
    }

    fn a_collection() -> Vec<u8> {
        let (name, schema) = two_vectors();
        encode_collection(&name, &schema, &two_indexes().iter().collect::<Vec<_>>())
    }

    #[test]
    fn golden_collections_of_every_version_read_back() {
        let golden = include_bytes!("../../../tests/golden/collection.v1.bin");
        let (name, schema) = one_vector(Precision::Codes);
        assert_eq!(decode_collection(golden), Ok((name, schema, Vec::new())));
        let golden = include_bytes!("../../../tests/golden/collection.v2.bin");
        let (name, schema) = one_vector(Precision::Full);
        assert_eq!(decode_collection(golden), Ok((name, schema, two_indexes())));
        let golden = include_bytes!("../../../tests/golden/collection.v3.bin");
        assert_eq!(a_collection(), golden);
        let (name, schema) = two_vectors();
        assert_eq!(decode_collection(golden), Ok((name, schema, two_indexes())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(decode_collection(&bytes));
            let mut whole = a_collection();
            let at = at.index(whole.len());
            prop_assert!(decode_collection(&whole[..at]).is_err());
            whole[at] ^= flip;
            drop(decode_collection(&whole));
        }
    }
}
