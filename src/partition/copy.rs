//! Copying a partition out, value by sealed value, and making a family of such a copy.
//!
//! What goes out is what rows can't be made from: the head, collections, aliases, rows. Segments
//! stay behind: they hold every vector a second time, each renewal rewrites them whole, and they
//! are made anew from the rows (figures: ARCHITECTURE.md, "Decisions").
//! **Invariant:** what doesn't open under the generation's key for its place goes neither out nor
//! in. **Invariant:** a family that isn't filled to the end has no head, and so doesn't open.
//! Called by: `router`.

use std::sync::atomic::Ordering;

use super::{Partition, PartitionError, format::Head};
use crate::{
    access::{Grant, ManageBackups},
    seal::{DataKey, GenerationKey},
    store::{Batch, Family, KeyRange, RecordKind, StorageKey, StoreError},
};

/// What was copied.
#[derive(Clone, Copy, Default, Debug)]
pub struct CopiedOut {
    /// The sequence number of the last write that is in it.
    pub seq: u64,
    /// Its points.
    pub points: u64,
    /// Its values.
    pub records: u64,
}

/// How far the counters of a partition have come that is to be replaced: none of them may ever go
/// back, whatever older state takes its place.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    seq: u64,
    next_collection: u32,
    next_row: u64,
    next_epoch: u32,
    messages: u64,
}

impl Partition {
    /// Hands out every value of a family that a copy needs, as of one moment: first all others,
    /// then the rows. Writes go on meanwhile.
    ///
    /// # Errors
    /// What `take` fails with; [`PartitionError::Corrupt`] when something doesn't open.
    pub fn copy_out<E: From<PartitionError>>(
        grant: &Grant<ManageBackups>,
        family: &Family,
        key: &GenerationKey,
        mut take: impl FnMut(StorageKey, &[u8]) -> Result<(), E>,
    ) -> Result<CopiedOut, E> {
        admit(grant, key)?;
        let key = key.derive_data_key(0);
        let [before, behind] = KeyRange::beside_rows();
        let mut copied = CopiedOut::default();
        let mut headless = true;
        let mut failed = None;
        let mut each = |at: StorageKey, stored: &[u8]| -> Result<(), E> {
            let plain = zeroize::Zeroizing::new(
                key.open(at.kind(), at.as_bytes(), stored)
                    .map_err(PartitionError::from)?,
            );
            copied.records += 1;
            let kind = RecordKind::from_byte(at.kind());
            if kind == Some(RecordKind::Head) {
                copied.seq = Head::decode(&plain).map_err(PartitionError::from)?.seq;
                headless = false;
            }
            copied.points += u64::from(kind == Some(RecordKind::Row));
            take(at, stored)
        };
        family
            .scan_at_once(
                &[before, behind, KeyRange::rows()],
                |at, stored| match each(at, stored) {
                    Ok(()) => std::ops::ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Some(error);
                        std::ops::ControlFlow::Break(())
                    }
                },
            )
            .map_err(PartitionError::from)?;
        match failed {
            Some(error) => Err(error),
            None if headless => Err(PartitionError::Corrupt.into()),
            None => Ok(copied),
        }
    }

    /// Fills an empty family with what [`Self::copy_out`] handed out, in the same order. The
    /// values go in as they are. The key's count of messages starts at nothing here:
    /// [`Self::follow`] adds what was sealed before.
    ///
    /// # Errors
    /// What `records` fails with; [`PartitionError::Corrupt`] when something doesn't open, or
    /// doesn't belong there.
    pub fn copy_in<E: From<PartitionError>>(
        grant: &Grant<ManageBackups>,
        family: &Family,
        key: &GenerationKey,
        records: impl Iterator<Item = Result<(StorageKey, Vec<u8>), E>>,
    ) -> Result<(), E> {
        admit(grant, key)?;
        let mut filling = Filling {
            key: key.derive_data_key(0),
            records: records.peekable(),
            last_row: None,
        };
        let first = filling.beside_rows()?;
        while filling.records.peek().is_some() {
            family
                .ingest::<Failed<E>>(|bulk| {
                    let mut bytes = 0;
                    while bytes < TABLE_BYTES
                        && let Some(record) = filling.records.next()
                    {
                        let (at, kept) = record.map_err(Failed::Given)?;
                        bytes += kept.len();
                        filling.must_follow(at)?;
                        let (sealed, _) = filling
                            .key
                            .recognise(at.kind(), at.as_bytes(), kept)
                            .map_err(PartitionError::from)?;
                        bulk.put(at, &sealed)?;
                    }
                    Ok(())
                })
                .map_err(Failed::given)?;
        }
        family.commit(&first).map_err(PartitionError::from)?;
        Ok(())
    }

    /// Closes this partition for one that takes its place: nothing is committed any more, by
    /// maintenance neither. How far its counters have come.
    pub fn retire(&self) -> Counters {
        self.close();
        let head = self.writer.lock();
        self.ended.store(true, Ordering::Relaxed);
        Counters::of(&head, self.chamber.load().key.messages())
    }

    /// Raises the counters of a partition that nobody uses yet to where those of the one whose
    /// place it takes have come; far ahead, where nobody knows how far that is because its head is
    /// lost.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn follow(&self, before: Option<Counters>) -> Result<(), PartitionError> {
        let mut head = self.writer.lock();
        let chamber = self.chamber.load();
        let own = Counters::of(&head, chamber.key.messages());
        let before = before.unwrap_or_else(|| own.far_ahead());
        chamber
            .key
            .resume_at(own.messages.saturating_add(before.messages));
        self.commit(&mut head, Batch::default(), |next| {
            next.seq = next.seq.max(before.seq.saturating_add(1));
            next.next_collection = next.next_collection.max(before.next_collection);
            next.next_row = next.next_row.max(before.next_row);
            next.next_epoch = next.next_epoch.max(before.next_epoch);
        })
    }
}

impl Counters {
    /// How far the counters of a partition that isn't open have come; nothing, when its head
    /// doesn't tell: the partition is to be opened then.
    ///
    /// # Errors
    /// [`PartitionError::Corrupt`] when the head doesn't open.
    pub fn read(family: &Family, key: &GenerationKey) -> Result<Option<Self>, PartitionError> {
        let key = key.derive_data_key(0);
        let at = StorageKey::head();
        let sealed = family.find(at)?.ok_or(PartitionError::Corrupt)?;
        let head = Head::decode(&key.open(at.kind(), at.as_bytes(), &sealed)?)?;
        // A head of version 1 leaves it to the rows which number comes next.
        Ok((head.next_row > 0).then(|| Self::of(&head, head.messages)))
    }

    const fn of(head: &Head, messages: u64) -> Self {
        Self {
            seq: head.seq,
            next_collection: head.next_collection,
            next_row: head.next_row,
            next_epoch: head.next_epoch,
            messages,
        }
    }

    /// Further than a partition can have come since these were its counters.
    const fn far_ahead(self) -> Self {
        Self {
            seq: self.seq.saturating_add(1 << 40),
            next_collection: self.next_collection.saturating_add(1 << 20),
            next_row: self.next_row.saturating_add(1 << 40),
            next_epoch: self.next_epoch.saturating_add(1 << 24),
            messages: self.messages.saturating_add(1 << 30),
        }
    }
}

/// A family that is being filled.
struct Filling<E, I: Iterator<Item = Result<(StorageKey, Vec<u8>), E>>> {
    key: DataKey,
    records: std::iter::Peekable<I>,
    last_row: Option<StorageKey>,
}

impl<E: From<PartitionError>, I: Iterator<Item = Result<(StorageKey, Vec<u8>), E>>> Filling<E, I> {
    /// The values up to the first row, as they are to be committed last: with a head that names no
    /// segments.
    fn beside_rows(&mut self) -> Result<Batch, E> {
        let mut batch = Batch::default();
        let mut head = None;
        let row = |record: &Result<(StorageKey, Vec<u8>), E>| matches!(record, Ok((at, _)) if at.kind() == RecordKind::Row as u8);
        while let Some(record) = self.records.next_if(|record| !row(record)) {
            let (at, kept) = record?;
            let (sealed, plain) = self
                .key
                .recognise(at.kind(), at.as_bytes(), kept)
                .map_err(PartitionError::from)?;
            match RecordKind::from_byte(at.kind()) {
                Some(RecordKind::Head) => {
                    head = Some(Head::decode(&plain).map_err(PartitionError::from)?);
                }
                Some(
                    RecordKind::Collection
                    | RecordKind::Aliases
                    | RecordKind::Retention
                    | RecordKind::Untold,
                ) => batch.put(at, sealed),
                Some(
                    RecordKind::Row
                    | RecordKind::Chunk
                    | RecordKind::Segment
                    | RecordKind::Tombstone,
                )
                | None => return Err(PartitionError::Corrupt.into()),
            }
        }
        let mut head = head.ok_or(PartitionError::Corrupt)?;
        head.segments.clear();
        head.messages = 1;
        let at = StorageKey::head();
        let sealed = self.key.seal(at.kind(), at.as_bytes(), &head.encode());
        batch.put(at, sealed.map_err(PartitionError::from)?);
        Ok(batch)
    }

    /// Only rows come behind the first row, and each behind the one before.
    fn must_follow(&mut self, at: StorageKey) -> Result<(), PartitionError> {
        let follows = self
            .last_row
            .is_none_or(|last| last.as_bytes() < at.as_bytes());
        self.last_row = Some(at);
        if follows && at.kind() == RecordKind::Row as u8 {
            Ok(())
        } else {
            Err(PartitionError::Corrupt)
        }
    }
}

/// Why filling stopped: by itself, or because of what it was given.
enum Failed<E> {
    Here(PartitionError),
    Given(E),
}

impl<E: From<PartitionError>> Failed<E> {
    fn given(self) -> E {
        match self {
            Self::Here(error) => error.into(),
            Self::Given(error) => error,
        }
    }
}

impl<E> From<PartitionError> for Failed<E> {
    fn from(error: PartitionError) -> Self {
        Self::Here(error)
    }
}

impl<E> From<StoreError> for Failed<E> {
    fn from(error: StoreError) -> Self {
        Self::Here(error.into())
    }
}

/// The second wall, as every method of a partition has it.
fn admit(grant: &Grant<ManageBackups>, key: &GenerationKey) -> Result<(), PartitionError> {
    if grant.tenant() == key.tenant() {
        Ok(())
    } else {
        Err(PartitionError::WrongPartition)
    }
}

/// How long a table file of rows may become.
const TABLE_BYTES: usize = 256 << 20;
