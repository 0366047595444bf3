//! What is inside the sealed values of a family. Version first; all numbers little-endian.
//!
//! ```text
//! row         version u8 = 1 | seq u64 | written ms u64 (0: before this was kept)
//!             | id tag u8 (0 number, 1 uuid) | id 8 or 16
//!             | vectors u16, each: name length u8, name, dimension u32, f32 x dimension
//!             | payload length u32, payload as JSON text
//! head        version u8 = 2 | seq u64 | next collection u32 | messages sealed u64
//!             | next row u64 | next epoch u32
//!             | segments u32, each: collection u32, epoch u32, tombstones u64
//!             (version 1 ends behind the messages)
//! collection  version u8 = 3 | name length u32, name
//!             | settings length u32, settings as JSON text
//!             | vectors u16, each: name length u8, name, dimension u32, metric u8,
//!               precision u8 (0 codes, 1 full)
//!             | payload indexes u16, each: kind u8 | field length u32, field
//!               | settings length u32, settings as JSON text
//!             (versions 1 and 2 have one vector, of no name: `collection.rs`)
//! aliases     version u8 = 1 | aliases u32, each: name length u32, name | collection u32
//! retention   version u8 = 1 | revision u64 | since ms u64 | purge within hours u32 (0: not said)
//!             | end u8 (0 none, 1 days after the write, 2 a field) | days u32, or field length u32, field
//! untold      version u8 = 1 | points u64
//! ```
//!
//! What belongs to segments stands in `segment/format.rs`.
//!
//! **Invariant:** no bytes make a decoder panic or allocate more than they are long.

mod aliases;
mod collection;
mod head;
mod retention;
mod row;
mod untold;

pub use self::row::Row;
pub(super) use self::{
    aliases::{decode_aliases, encode_aliases},
    collection::{decode_collection, encode_collection},
    head::{Head, SegmentNote},
    retention::{decode_retention, encode_retention},
    untold::{decode_untold, encode_untold},
};

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

    pub(super) fn name(&mut self) -> Result<&'a str, FormatError> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.take(length)?).map_err(|_| FormatError)
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

/// A short name: its length is one byte.
pub(super) fn put_name(bytes: &mut Vec<u8>, name: &str) {
    // Names of vectors are bounded on their way in.
    bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(name.as_bytes());
}

pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// Of everything that has had one version only.
pub(super) const VERSION: u8 = 1;
