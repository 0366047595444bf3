//! Reads: retrieve, scroll, count. All on a snapshot.

use std::{ops::ControlFlow, sync::Arc};

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, View},
    format::Row,
};
use crate::{
    access::{Describe, Grant, Read, ReadUsage},
    payload::{Payload, StoredPayload, filter::Filter},
    store::{KeyPrefix, StorageKey},
    tenant::{CollectionName, PointId},
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
    /// Its vector, if that was wanted and granted.
    pub vector: Option<Vec<f32>>,
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
        let view = collection.view();
        let mut points = Vec::new();
        for id in ids {
            if let Some((_, slot)) = view.slot(*id) {
                points.extend(self.row(&collection, slot.row)?.map(record));
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
        let view = collection.view();
        let mut page = Page {
            points: Vec::new(),
            next: None,
        };
        for (id, number) in view.ids.range(from.unwrap_or(PointId::Number(0))..) {
            let Some(slot) = view.slots.get(*number as usize) else {
                continue;
            };
            let Some(row) = self.row(&collection, slot.row)? else {
                continue;
            };
            if let Some(filter) = filter
                && !filter.matches(*id, &parsed(&row)?)
            {
                continue;
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
        match filter {
            Some(filter) if !filter.is_empty() => Ok(self
                .matching(&collection, &collection.view(), filter)?
                .len() as u64),
            Some(_) | None => Ok(collection.points()),
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
        self.find(grant, name)
    }

    /// Every collection that the grant is good for.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn list(&self, grant: &Grant<Describe>) -> Result<Vec<Arc<Collection>>, PartitionError> {
        let _open = self.admit(grant)?;
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
        let (disk, memory) = self.bytes();
        Ok((self.collections.load().len(), self.points(), disk, memory))
    }

    /// The living slots that match. Rows are opened on all cores, since payloads are on disk.
    pub(super) fn matching(
        &self,
        collection: &Collection,
        view: &View,
        filter: &Filter,
    ) -> Result<Vec<u32>, PartitionError> {
        if !filter.needs_payload() {
            let nothing = Payload::default();
            let living = view.ids.iter();
            return Ok(living
                .filter(|(id, _)| filter.matches(**id, &nothing))
                .map(|(_, number)| *number)
                .collect());
        }
        let mut slots = Vec::new();
        let matching = |_: StorageKey, row: Row| {
            let matches = filter.matches(row.id, &parsed(&row)?);
            Ok(if matches {
                view.ids.get(&row.id).copied()
            } else {
                None
            })
        };
        let rows = KeyPrefix::rows_of(collection.number);
        self.scan_rows(&rows, matching, |slot| slots.extend(slot))?;
        Ok(slots)
    }

    /// Opens every row whose key starts with `prefix` and hands it to `read`, on all cores; what
    /// that makes of it goes to `take`, in key order. Stops at the first that fails.
    pub(super) fn scan_rows<T: Send>(
        &self,
        prefix: &KeyPrefix,
        read: impl Fn(StorageKey, Row) -> Result<T, PartitionError> + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), PartitionError> {
        let mut failed = None;
        let mut chunk: Vec<(StorageKey, Box<[u8]>)> = Vec::with_capacity(CHUNK_ROWS);
        let mut open = |chunk: &mut Vec<(StorageKey, Box<[u8]>)>| {
            let opened: Result<Vec<T>, PartitionError> = chunk
                .par_iter()
                .map(|(key, sealed)| read(*key, self.open_row(*key, sealed)?))
                .collect();
            chunk.clear();
            match opened {
                Ok(opened) => {
                    opened.into_iter().for_each(&mut take);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        self.family.scan(prefix, |key, sealed| {
            chunk.push((key, sealed));
            if chunk.len() < CHUNK_ROWS {
                ControlFlow::Continue(())
            } else {
                open(&mut chunk)
            }
        })?;
        // After a failure there is nothing left in it.
        let _ended = open(&mut chunk);
        failed.map_or(Ok(()), Err)
    }

    pub(super) fn row(
        &self,
        collection: &Collection,
        row: u64,
    ) -> Result<Option<Row>, PartitionError> {
        let key = StorageKey::row(collection.number, row);
        match self.family.find(key)? {
            Some(sealed) => self.open_row(key, &sealed).map(Some),
            None => Ok(None),
        }
    }

    fn open_row(&self, key: StorageKey, sealed: &[u8]) -> Result<Row, PartitionError> {
        let plain = self.key.open(key.kind(), key.as_bytes(), sealed)?;
        Ok(Row::decode(&plain)?)
    }
}

fn record(row: Row) -> PointRecord {
    PointRecord {
        id: row.id,
        version: row.seq,
        payload: Some(row.payload),
        vector: Some(row.vector),
    }
}

fn parsed(row: &Row) -> Result<Payload, PartitionError> {
    row.payload.parse().map_err(|_| PartitionError::Corrupt)
}

/// Rows that are opened together.
const CHUNK_ROWS: usize = 1024;
