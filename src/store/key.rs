//! Storage keys: `kind u8 | collection u32 BE | number u64 BE`, 13 bytes, in order. The number is a
//! row's, a tombstone's sequence number, or a chunk's `epoch u32 | index u32`.
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
    /// A piece of a segment: a collection's index, frozen.
    Chunk = 4,
    /// A segment's manifest: one record a collection.
    Segment = 5,
    /// Rows that were removed since the segment that knows them was written.
    Tombstone = 6,
    /// A partition's aliases: one record.
    Aliases = 7,
    /// How long a collection's points are kept: one record a collection.
    Retention = 8,
    /// How many points of a collection have ended that no sweep has told of: one record a collection
    /// that has any.
    Untold = 9,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Head,
        Self::Collection,
        Self::Row,
        Self::Chunk,
        Self::Segment,
        Self::Tombstone,
        Self::Aliases,
        Self::Retention,
        Self::Untold,
    ];

    /// The kind with this number.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Head),
            2 => Some(Self::Collection),
            3 => Some(Self::Row),
            4 => Some(Self::Chunk),
            5 => Some(Self::Segment),
            6 => Some(Self::Tombstone),
            7 => Some(Self::Aliases),
            8 => Some(Self::Retention),
            9 => Some(Self::Untold),
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

    /// The key of a segment's chunk. Chunks of two epochs never share a key.
    pub fn chunk(collection: u32, epoch: u32, index: u32) -> Self {
        let number = u64::from(epoch) << 32 | u64::from(index);
        Self::new(RecordKind::Chunk, collection, number)
    }

    /// The key of a collection's manifest.
    pub fn segment(collection: u32) -> Self {
        Self::new(RecordKind::Segment, collection, 0)
    }

    /// The key of the tombstone that the write with this sequence number left.
    pub fn tombstone(collection: u32, seq: u64) -> Self {
        Self::new(RecordKind::Tombstone, collection, seq)
    }

    /// The key of a partition's aliases.
    pub fn aliases() -> Self {
        Self::new(RecordKind::Aliases, 0, 0)
    }

    /// The key of a collection's retention.
    pub fn retention(collection: u32) -> Self {
        Self::new(RecordKind::Retention, collection, 0)
    }

    /// The key of a collection's count of points that have ended and weren't told of.
    pub fn untold(collection: u32) -> Self {
        Self::new(RecordKind::Untold, collection, 0)
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

    /// The epoch of a chunk.
    pub const fn epoch(&self) -> u32 {
        let [_, _, _, _, _, a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Where the chunks behind those of this chunk's epoch start, if there can be any.
    pub fn behind_epoch(&self) -> Option<Self> {
        let collection = self.collection_number();
        match self.epoch().checked_add(1) {
            Some(epoch) => Some(Self::chunk(collection, epoch, 0)),
            None => Some(Self::chunk(collection.checked_add(1)?, 0, 0)),
        }
    }

    /// The number of the row or of whatever else it is.
    pub const fn number(&self) -> u64 {
        let [_, _, _, _, _, a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    const fn new(kind: RecordKind, collection: u32, number: u64) -> Self {
        let [c0, c1, c2, c3] = collection.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7] = number.to_be_bytes();
        Self([kind as u8, c0, c1, c2, c3, r0, r1, r2, r3, r4, r5, r6, r7])
    }
}

/// A run of keys: from one on, up to another that isn't in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRange {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl KeyRange {
    /// Everything but rows, and but what can be made from rows anew: chunks, segments and the
    /// tombstones that belong to them.
    pub fn beside_rows() -> [Self; 2] {
        [
            Self {
                from: vec![RecordKind::Head as u8],
                to: vec![RecordKind::Row as u8],
            },
            Self {
                from: vec![RecordKind::Aliases as u8],
                to: vec![u8::MAX],
            },
        ]
    }

    /// Every collection's schema.
    pub fn collections() -> Self {
        Self::of_kind(RecordKind::Collection)
    }

    /// Every collection's retention.
    pub fn retentions() -> Self {
        Self::of_kind(RecordKind::Retention)
    }

    /// Every collection's count of points that have ended and weren't told of.
    pub fn untold() -> Self {
        Self::of_kind(RecordKind::Untold)
    }

    /// Every row of every collection.
    pub fn rows() -> Self {
        Self::of_kind(RecordKind::Row)
    }

    /// Every row of one collection.
    pub fn rows_of(collection: u32) -> Self {
        Self::of(RecordKind::Row, collection)
    }

    /// Every chunk of one collection, of whatever epoch.
    pub fn chunks_of(collection: u32) -> Self {
        Self::of(RecordKind::Chunk, collection)
    }

    /// The manifest of one collection.
    pub fn segment_of(collection: u32) -> Self {
        Self::of(RecordKind::Segment, collection)
    }

    /// Every tombstone of one collection.
    pub fn tombstones_of(collection: u32) -> Self {
        Self::of(RecordKind::Tombstone, collection)
    }

    /// What of it stands at `key` or behind it.
    pub fn starting_at(mut self, key: StorageKey) -> Self {
        self.from = self.from.max(key.0.to_vec());
        self
    }

    /// What of it stands before `key`.
    pub fn ending_before(mut self, key: StorageKey) -> Self {
        self.to = self.to.min(key.0.to_vec());
        self
    }

    /// Every chunk of every collection.
    pub fn chunks() -> Self {
        Self::of_kind(RecordKind::Chunk)
    }

    /// The head.
    pub fn heads() -> Self {
        Self::of_kind(RecordKind::Head)
    }

    /// Everything of one kind.
    pub fn of_kind(kind: RecordKind) -> Self {
        Self {
            from: vec![kind as u8],
            to: vec![kind as u8 + 1],
        }
    }

    fn of(kind: RecordKind, collection: u32) -> Self {
        let all = Self::of_kind(kind).starting_at(StorageKey::new(kind, collection, 0));
        match collection.checked_add(1) {
            Some(next) => all.ending_before(StorageKey::new(kind, next, 0)),
            None => all,
        }
    }

    pub(super) fn bounds(&self) -> (&[u8], &[u8]) {
        (&self.from, &self.to)
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
            StorageKey::chunk(1, 1, 0),
            StorageKey::chunk(1, 1, u32::MAX),
            StorageKey::chunk(1, 2, 0),
            StorageKey::chunk(2, 1, 0),
            StorageKey::segment(1),
            StorageKey::segment(2),
            StorageKey::tombstone(1, 8),
            StorageKey::tombstone(1, 1 << 40),
            StorageKey::aliases(),
            StorageKey::retention(1),
            StorageKey::untold(1),
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
            (last.kind(), last.collection_number(), last.number()),
            (3, 7, 9)
        );
        let chunk = StorageKey::chunk(7, u32::MAX, 3);
        assert_eq!((chunk.collection_number(), chunk.epoch()), (7, u32::MAX));
        assert_eq!(chunk.behind_epoch(), Some(StorageKey::chunk(8, 0, 0)));
        let behind = StorageKey::chunk(7, 1, 3).behind_epoch();
        assert_eq!(behind, Some(StorageKey::chunk(7, 2, 0)));
        assert_eq!(StorageKey::from_bytes(&[10; 13]), None);
        assert_eq!(StorageKey::from_bytes(&[3; 12]), None);
    }

    #[test]
    fn a_range_holds_what_it_says_and_nothing_beside() {
        let within = |range: &KeyRange, key: StorageKey| {
            let (from, to) = range.bounds();
            (from..to).contains(&key.as_bytes().as_slice())
        };
        let last = u64::MAX;
        let [before, behind] = KeyRange::beside_rows();
        for (range, inside, outside) in [
            (
                before,
                [StorageKey::head(), StorageKey::collection(u32::MAX)],
                [StorageKey::row(0, 0), StorageKey::aliases()],
            ),
            (
                behind,
                [StorageKey::aliases(), StorageKey::untold(u32::MAX)],
                [
                    StorageKey::tombstone(u32::MAX, last),
                    StorageKey::segment(1),
                ],
            ),
            (
                KeyRange::rows(),
                [StorageKey::row(0, 0), StorageKey::row(u32::MAX, last)],
                [StorageKey::collection(u32::MAX), StorageKey::chunk(0, 0, 0)],
            ),
            (
                KeyRange::rows_of(7),
                [StorageKey::row(7, 0), StorageKey::row(7, last)],
                [StorageKey::row(6, last), StorageKey::row(8, 0)],
            ),
            (
                KeyRange::chunks_of(u32::MAX),
                [
                    StorageKey::chunk(u32::MAX, 0, 0),
                    StorageKey::chunk(u32::MAX, u32::MAX, u32::MAX),
                ],
                [
                    StorageKey::chunk(u32::MAX - 1, 9, 9),
                    StorageKey::segment(0),
                ],
            ),
            (
                KeyRange::chunks_of(7).ending_before(StorageKey::chunk(7, 3, 0)),
                [
                    StorageKey::chunk(7, 0, 0),
                    StorageKey::chunk(7, 2, u32::MAX),
                ],
                [StorageKey::chunk(7, 3, 0), StorageKey::chunk(6, 2, 0)],
            ),
            (
                KeyRange::tombstones_of(7).starting_at(StorageKey::tombstone(7, 5)),
                [StorageKey::tombstone(7, 5), StorageKey::tombstone(7, last)],
                [StorageKey::tombstone(7, 4), StorageKey::tombstone(8, 0)],
            ),
        ] {
            assert!(inside.iter().all(|key| within(&range, *key)), "{range:?}");
            assert!(!outside.iter().any(|key| within(&range, *key)), "{range:?}");
        }
    }
}
