//! Indexes as bytes. Version first; all numbers little-endian.
//!
//! ```text
//! indexes   version u8 = 2 | count u32, each: index
//! index     kind u8 | field | settings | indexed, odd, several, filled, nulls: bitmap
//!           | values u32, each: key, slots; in strictly ascending order of the keys
//!           (version 1 has no `several`, and no objects in `odd`: all that is filled may be)
//! key       keyword, text: text | integer: i64 | float: f64 | bool: u8
//!           | datetime: seconds i64, nanoseconds i32 | uuid: 16 | geo: degrees north, east: f64
//! slots     0 u8, slot u32 | 1 u8, bitmap of two or more
//! field, settings, text, bitmap   length u32, bytes
//! ```
//!
//! A bitmap is in roaring's own portable form. **Invariant:** no bytes make the decoder panic or
//! allocate more than a few times what they are long.

use std::sync::Arc;

use jiff::Timestamp as Instant;
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::{
    Definition, INDEXES_MAX, IndexKind, Indexes,
    field::FieldIndex,
    key::{Float, Key},
    slots::Slots,
};
use crate::payload::region::Place;

/// Not indexes in a known form: they can be built again from the payloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("stored payload indexes aren't in a known format")]
pub struct IndexFormatError;

impl IndexKind {
    /// Its number in stored values: given once, and never to another kind.
    pub const fn number(self) -> u8 {
        match self {
            Self::Keyword => 0,
            Self::Integer => 1,
            Self::Float => 2,
            Self::Bool => 3,
            Self::Datetime => 4,
            Self::Uuid => 5,
            Self::Geo => 6,
            Self::Text => 7,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

impl Indexes {
    /// The indexes with all that they hold, as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        put_length(&mut bytes, self.len());
        for field in self.fields() {
            let definition = field.definition();
            bytes.push(definition.kind().number());
            put_blob(&mut bytes, definition.field().as_bytes());
            put_blob(&mut bytes, definition.settings().as_bytes());
            let (indexed, odd, several) = (&field.indexed, &field.odd, &field.several);
            for slots in [indexed, odd, several, &field.filled, &field.nulls] {
                put_bitmap(&mut bytes, slots);
            }
            put_length(&mut bytes, field.values.len());
            for (key, slots) in &field.values {
                put_key(&mut bytes, key);
                match slots {
                    Slots::One(slot) => {
                        bytes.push(0);
                        bytes.extend_from_slice(&slot.to_le_bytes());
                    }
                    Slots::Many(many) => {
                        bytes.push(1);
                        put_bitmap(&mut bytes, many);
                    }
                }
            }
        }
        bytes
    }

    /// Reads indexes back.
    ///
    /// # Errors
    /// [`IndexFormatError`] for anything that [`Self::encode`] wouldn't write.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexFormatError> {
        let mut reader = Reader(bytes);
        let version = reader.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(IndexFormatError);
        }
        let count = reader.length()?;
        if count > INDEXES_MAX {
            return Err(IndexFormatError);
        }
        let mut indexes = Self::default();
        for _ in 0..count {
            indexes.put(reader.index(version)?);
        }
        if indexes.len() == count && reader.0.is_empty() {
            Ok(indexes)
        } else {
            Err(IndexFormatError)
        }
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Slots are numbers of 32 bits, and bound everything that has a length.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_blob(bytes: &mut Vec<u8>, blob: &[u8]) {
    put_length(bytes, blob.len());
    bytes.extend_from_slice(blob);
}

fn put_bitmap(bytes: &mut Vec<u8>, bitmap: &RoaringBitmap) {
    put_length(bytes, bitmap.serialized_size());
    // Writing into a vector doesn't fail.
    bitmap.serialize_into(bytes).unwrap_or_default();
}

fn put_key(bytes: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Keyword(text) => put_blob(bytes, text.as_bytes()),
        Key::Integer(number) => bytes.extend_from_slice(&number.to_le_bytes()),
        Key::Float(Float(number)) => bytes.extend_from_slice(&number.to_le_bytes()),
        Key::Bool(truth) => bytes.push(u8::from(*truth)),
        Key::Datetime(instant) => {
            bytes.extend_from_slice(&instant.as_second().to_le_bytes());
            bytes.extend_from_slice(&instant.subsec_nanosecond().to_le_bytes());
        }
        Key::Uuid(uuid) => bytes.extend_from_slice(uuid.as_bytes()),
        Key::Geo { lat, lon } => {
            bytes.extend_from_slice(&lat.0.to_le_bytes());
            bytes.extend_from_slice(&lon.0.to_le_bytes());
        }
    }
}

/// Takes bytes off the front, or fails.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn index(&mut self, version: u8) -> Result<FieldIndex, IndexFormatError> {
        let kind = IndexKind::from_number(self.u8()?).ok_or(IndexFormatError)?;
        let (field, settings) = (self.text()?, self.text()?.to_owned());
        let definition = Definition::new(field, kind, settings).map_err(|_| IndexFormatError)?;
        let mut index = FieldIndex::new(definition);
        index.indexed = Arc::new(self.bitmap()?);
        let odd = self.bitmap()?;
        if version > 1 {
            index.several = Arc::new(self.bitmap()?);
        }
        let filled = self.bitmap()?;
        index.odd = Arc::new(if version > 1 { odd } else { odd | &filled });
        index.filled = Arc::new(filled);
        index.nulls = Arc::new(self.bitmap()?);
        let count = self.length()?;
        let mut last: Option<Key> = None;
        for _ in 0..count {
            let key = self.key(kind)?;
            if last.is_some_and(|last| last >= key) {
                return Err(IndexFormatError);
            }
            let slots = match self.u8()? {
                0 => Slots::One(u32::from_le_bytes(self.array()?)),
                1 => match Slots::of(self.bitmap()?) {
                    Some(many @ Slots::Many(_)) => many,
                    Some(Slots::One(_)) | None => return Err(IndexFormatError),
                },
                _ => return Err(IndexFormatError),
            };
            last = Some(key.clone());
            index.put(key, slots);
        }
        Ok(index)
    }

    fn key(&mut self, kind: IndexKind) -> Result<Key, IndexFormatError> {
        match kind {
            IndexKind::Keyword | IndexKind::Text => {
                Key::keyword(self.text()?).ok_or(IndexFormatError)
            }
            IndexKind::Integer => Ok(Key::Integer(i64::from_le_bytes(self.array()?))),
            IndexKind::Float => Ok(Key::float(f64::from_le_bytes(self.array()?))),
            IndexKind::Bool => match self.u8()? {
                0 => Ok(Key::Bool(false)),
                1 => Ok(Key::Bool(true)),
                _ => Err(IndexFormatError),
            },
            IndexKind::Datetime => {
                let (seconds, nanoseconds) = (self.array()?, self.array()?);
                let (seconds, nanoseconds) =
                    (i64::from_le_bytes(seconds), i32::from_le_bytes(nanoseconds));
                Instant::new(seconds, nanoseconds)
                    .map(Key::Datetime)
                    .map_err(|_| IndexFormatError)
            }
            IndexKind::Uuid => Ok(Key::Uuid(Uuid::from_bytes(self.array()?))),
            IndexKind::Geo => {
                let lat = f64::from_le_bytes(self.array()?);
                let lon = f64::from_le_bytes(self.array()?);
                Key::place(Place { lon, lat }).ok_or(IndexFormatError)
            }
        }
    }

    fn bitmap(&mut self) -> Result<RoaringBitmap, IndexFormatError> {
        let mut blob = self.blob()?;
        let bitmap = RoaringBitmap::deserialize_from(&mut blob).map_err(|_| IndexFormatError)?;
        if blob.is_empty() {
            Ok(bitmap)
        } else {
            Err(IndexFormatError)
        }
    }

    fn text(&mut self) -> Result<&'a str, IndexFormatError> {
        std::str::from_utf8(self.blob()?).map_err(|_| IndexFormatError)
    }

    fn blob(&mut self) -> Result<&'a [u8], IndexFormatError> {
        let length = self.length()?;
        self.take(length)
    }

    fn length(&mut self) -> Result<usize, IndexFormatError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| IndexFormatError)
    }

    fn u8(&mut self) -> Result<u8, IndexFormatError> {
        self.array().map(u8::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], IndexFormatError> {
        self.take(N)?.try_into().map_err(|_| IndexFormatError)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], IndexFormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(IndexFormatError)?;
        self.0 = rest;
        Ok(taken)
    }
}

const VERSION: u8 = 2;
