//! Storage keys: `kind u8 | collection u32 BE | row u64 BE`, 13 bytes, in order.
//!
//! They stand in plain text in `RocksDB`'s own files, so they are numbers and nothing else.

/// What a stored value is. Append-only: a number, once given, is never given again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RecordKind {
    /// A partition's counters: one record, rewritten by every commit.
    Head = 1,
    /// A collection's name and schema.
    Collection = 2,
    /// A point: its id, version, vectors, payload.
    Row = 3,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Head, Self::Collection, Self::Row];

    /// The kind with this number.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Head),
            2 => Some(Self::Collection),
            3 => Some(Self::Row),
            _ => None,
        }
    }
}

/// Where a value is stored within its family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StorageKey([u8; KEY_BYTES]);

impl StorageKey {
    /// The key of a partition's head.
    pub fn head() -> Self {
        Self::new(RecordKind::Head, 0, 0)
    }

    /// The key of a collection's schema.
    pub fn collection(collection: u32) -> Self {
        Self::new(RecordKind::Collection, collection, 0)
    }

    /// The key of a row.
    pub fn row(collection: u32, row: u64) -> Self {
        Self::new(RecordKind::Row, collection, row)
    }

    /// Reads a key back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = Self(bytes.try_into().ok()?);
        RecordKind::from_byte(key.kind()).map(|_| key)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The kind's number.
    pub const fn kind(&self) -> u8 {
        let [kind, ..] = self.0;
        kind
    }

    /// The collection's number.
    pub const fn collection_number(&self) -> u32 {
        let [_, a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The row's number.
    pub const fn row_number(&self) -> u64 {
        let [_, _, _, _, _, a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn new(kind: RecordKind, collection: u32, row: u64) -> Self {
        let [c0, c1, c2, c3] = collection.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7] = row.to_be_bytes();
        Self([kind as u8, c0, c1, c2, c3, r0, r1, r2, r3, r4, r5, r6, r7])
    }
}

/// What the keys of a scan start with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPrefix(Vec<u8>);

impl KeyPrefix {
    /// Every collection's schema.
    pub fn collections() -> Self {
        Self(vec![RecordKind::Collection as u8])
    }

    /// Every row of every collection.
    pub fn rows() -> Self {
        Self(vec![RecordKind::Row as u8])
    }

    /// Every row of one collection.
    pub fn rows_of(collection: u32) -> Self {
        let [a, b, c, d] = collection.to_be_bytes();
        Self(vec![RecordKind::Row as u8, a, b, c, d])
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Length of a storage key.
pub(super) const KEY_BYTES: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_kind_then_collection_then_row_and_read_back() {
        let keys = [
            StorageKey::head(),
            StorageKey::collection(1),
            StorageKey::collection(256),
            StorageKey::row(1, 255),
            StorageKey::row(1, 256),
            StorageKey::row(2, 0),
            StorageKey::row(u32::MAX, u64::MAX),
        ];
        assert!(
            keys.windows(2)
                .all(|pair| pair[0].as_bytes() < pair[1].as_bytes())
        );
        for key in keys {
            assert_eq!(StorageKey::from_bytes(key.as_bytes()), Some(key));
        }
        let last = StorageKey::row(7, 9);
        assert_eq!(
            (last.kind(), last.collection_number(), last.row_number()),
            (3, 7, 9)
        );
        assert_eq!(StorageKey::from_bytes(&[9; 13]), None);
        assert_eq!(StorageKey::from_bytes(&[3; 12]), None);
    }
}
