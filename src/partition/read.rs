//! Reads: retrieve, scroll, count. All on a snapshot.

use std::sync::Arc;

use super::{
    Partition, PartitionError,
    collection::{Collection, Slot},
    format::Row,
};
use crate::{
    access::{Describe, Grant, Read, ReadUsage},
    clock::Timestamp,
    payload::{Payload, StoredPayload, filter::Filter},
    store::{KeyRange, StorageKey},
    tenant::{CollectionName, PointId},
    vector::Vectors,
};

/// A point as it is answered.
#[derive(Clone, Debug)]
pub struct PointRecord {
    /// Its id.
    pub id: PointId,
    /// Its version: the sequence number of the write that stored it.
    pub version: u64,
    /// Its payload, if that was wanted.
    pub payload: Option<StoredPayload>,
    /// Its vectors, if they were wanted and granted.
    pub vectors: Option<Vectors>,
}

/// A page of a scroll.
#[derive(Clone, Debug)]
pub struct Page {
    /// The points, in id order.
    pub points: Vec<PointRecord>,
    /// Where the next page starts.
    pub next: Option<PointId>,
}

impl Partition {
    /// The points with these ids, those that are there, in the order in which they are asked for.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn retrieve(
        &self,
        grant: &Grant<Read>,
        name: &CollectionName,
        ids: &[PointId],
    ) -> Result<Vec<PointRecord>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = self.current(&collection, grant.now());
        let mut points = Vec::new();
        for id in ids {
            if let Some((_, slot)) = view.slot(*id) {
                let row = self.point(&collection, slot, grant.now())?;
                points.extend(row.map(record));
            }
        }
        Ok(points)
    }

    /// A page of points in id order, from `from` on.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn scroll(
        &self,
        grant: &Grant<Read>,
        name: &CollectionName,
        from: Option<PointId>,
        limit: usize,
        filter: Option<&Filter>,
    ) -> Result<Page, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = self.current(&collection, grant.now());
        let mut page = Page {
            points: Vec::new(),
            next: None,
        };
        let planned = filter.map(|filter| view.planned(&collection.schema, filter));
        for (id, number) in view.ids.range(from.unwrap_or(PointId::Number(0))..) {
            let possible = planned.as_ref().map(|planned| planned.within.possible());
            if possible.is_some_and(|possible| !possible.contains(*number)) {
                continue;
            }
            let Some(slot) = view.slots.get(*number as usize) else {
                continue;
            };
            let Some(row) = self.point(&collection, *slot, grant.now())? else {
                continue;
            };
            if let Some(planned) = &planned {
                // A row that was written since isn't what the indexes saw.
                let sure = row.seq == slot.seq && planned.within.sure().contains(*number);
                if !sure && !planned.accepts(&row)? {
                    continue;
                }
            }
            if page.points.len() == limit {
                page.next = Some(*id);
                break;
            }
            page.points.push(record(row));
        }
        Ok(page)
    }

    /// How many points match.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn count(
        &self,
        grant: &Grant<Read>,
        name: &CollectionName,
        filter: Option<&Filter>,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = self.current(&collection, grant.now());
        match filter {
            Some(filter) if !filter.is_empty() => {
                Ok(self.matching(&collection, &view, filter)?.len())
            }
            Some(_) | None => Ok(view.ids.len() as u64),
        }
    }

    /// About how many points match, as far as ids and indexes tell: halfway between how many surely do
    /// and how many may. No row is read.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn estimate(
        &self,
        grant: &Grant<Read>,
        name: &CollectionName,
        filter: Option<&Filter>,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let view = self.current(&collection, grant.now());
        match filter {
            Some(filter) if !filter.is_empty() => {
                let planned = view.planned(&collection.schema, filter);
                let (least, most) = planned.within.estimate();
                Ok(u64::midpoint(least, most))
            }
            Some(_) | None => Ok(view.ids.len() as u64),
        }
    }

    /// A collection, to describe it.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`].
    pub fn describe(
        &self,
        grant: &Grant<Describe>,
        name: &CollectionName,
    ) -> Result<Arc<Collection>, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        self.clear_ended(&collection, grant.now())?;
        Ok(collection)
    }

    /// Every collection that the grant is good for.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn list(&self, grant: &Grant<Describe>) -> Result<Vec<Arc<Collection>>, PartitionError> {
        let _open = self.admit(grant)?;
        self.clear_all_ended(grant.now())?;
        let collections = self.collections.load();
        Ok(collections
            .values()
            .filter(|c| grant.covers(c.name()))
            .cloned()
            .collect())
    }

    /// How many collections there are, and points in them, and bytes on disk and in memory.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn usage(
        &self,
        grant: &Grant<ReadUsage>,
    ) -> Result<(usize, u64, u64, u64), PartitionError> {
        let _open = self.admit(grant)?;
        self.clear_all_ended(grant.now())?;
        let (disk, memory) = self.bytes();
        Ok((self.collections.load().len(), self.points(), disk, memory))
    }

    /// As [`Chamber::scan_rows`](super::chamber::Chamber::scan_rows), in the chamber of now.
    pub(super) fn scan_rows<T: Send>(
        &self,
        range: &KeyRange,
        read: impl Fn(StorageKey, Row) -> Result<T, PartitionError> + Sync,
        take: impl FnMut(T),
    ) -> Result<(), PartitionError> {
        self.chamber.load_full().scan_rows(range, read, take)
    }

    /// The row of a point, or of what it was replaced by since it was seen in `slot`. Nothing if
    /// it was removed since.
    fn point(
        &self,
        collection: &Collection,
        mut slot: Slot,
        now: Timestamp,
    ) -> Result<Option<Row>, PartitionError> {
        loop {
            if let Some(row) = self.row(collection, slot.row)? {
                return if row.id == slot.id {
                    Ok(Some(row))
                } else {
                    Err(PartitionError::Corrupt)
                };
            }
            // Whoever replaced or removed it shows that before letting go of this.
            drop(self.writer.lock());
            match self.current(collection, now).slot(slot.id) {
                None => return Ok(None),
                // Nothing that was written would leave a point without its row.
                Some((_, now)) if now.row == slot.row => return Err(PartitionError::Corrupt),
                Some((_, now)) => slot = now,
            }
        }
    }

    /// The row of the point in a slot. Nothing if it was replaced or removed since.
    pub(super) fn row_of(
        &self,
        collection: &Collection,
        slot: Slot,
    ) -> Result<Option<Row>, PartitionError> {
        let row = self.row(collection, slot.row)?;
        Ok(row.filter(|row| row.id == slot.id && row.seq == slot.seq))
    }

    pub(super) fn row(
        &self,
        collection: &Collection,
        row: u64,
    ) -> Result<Option<Row>, PartitionError> {
        let key = StorageKey::row(collection.number, row);
        let chamber = self.chamber.load();
        match chamber.family.find(key)? {
            Some(sealed) => chamber.open_row(key, &sealed).map(Some),
            None => Ok(None),
        }
    }
}

fn record(row: Row) -> PointRecord {
    PointRecord {
        id: row.id,
        version: row.seq,
        payload: Some(row.payload),
        vectors: Some(row.vectors.into_iter().collect()),
    }
}

pub(super) fn parsed(row: &Row) -> Result<Payload, PartitionError> {
    row.payload.parse().map_err(|_| PartitionError::Corrupt)
}
