//! Reads: search, retrieve, scroll, count. All on a snapshot.

use std::{ops::ControlFlow, sync::Arc};

use rayon::prelude::*;

use super::{
    Partition, PartitionError,
    collection::{Collection, View},
    format::Row,
};
use crate::{
    access::{Describe, Grant, Read, ReadUsage, Search},
    index::{self, Among, SearchParams},
    payload::{Payload, StoredPayload, filter::Filter},
    store::{KeyPrefix, StorageKey},
    tenant::{CollectionName, PointId},
    vector::Vector,
};

/// What is searched for.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// The query vector, as it came.
    pub vector: Vec<f32>,
    /// Which points may be answered.
    pub filter: Option<Filter>,
    /// How many neighbours, after `offset`.
    pub limit: usize,
    /// How many of the nearest to pass over.
    pub offset: usize,
    /// Candidates that the graph keeps.
    pub ef: usize,
    /// Whether to look at every vector.
    pub exact: bool,
    /// The worst score that is still answered.
    pub score_threshold: Option<f32>,
    /// A point that isn't to be answered: the one that is asked about.
    pub except: Option<PointId>,
    /// Whether payloads are wanted.
    pub with_payload: bool,
}

/// A neighbour.
#[derive(Clone, Debug)]
pub struct ScoredPoint {
    /// Its score, as the metric's users know it.
    pub score: f32,
    /// The point.
    pub point: PointRecord,
}

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
    /// The nearest neighbours of a vector, nearest first. Vectors come back only to who may
    /// read points.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn search(
        &self,
        grant: &Grant<Search>,
        vectors: Option<&Grant<Read>>,
        name: &CollectionName,
        query: &SearchQuery,
    ) -> Result<Vec<ScoredPoint>, PartitionError> {
        let _open = self.admit(grant)?;
        if let Some(vectors) = vectors {
            self.recognise(vectors)?;
        }
        let collection = self.find(grant, name)?;
        let view = collection.view();
        let metric = collection.schema.metric;
        let vector = Vector::new(query.vector.clone(), collection.schema.dimension, metric)?;
        let spare = usize::from(query.except.is_some());
        let params = SearchParams {
            k: (query.limit + query.offset + spare).min(grant.neighbours_max() + spare),
            ef: query.ef,
            exact: query.exact,
        };
        let listed;
        let among = match &query.filter {
            Some(filter) if !filter.is_empty() => {
                listed = self.matching(&collection, &view, filter)?;
                Among::Slots(&listed)
            }
            Some(_) | None => Among::Living { dead: &view.dead },
        };
        let graph = view.graph.as_deref();
        let hits = index::search(metric, &view.arena, graph, vector.as_slice(), among, params);
        let good = |score: &f32| {
            query.score_threshold.is_none_or(|threshold| {
                if metric.higher_is_nearer() {
                    *score >= threshold
                } else {
                    *score <= threshold
                }
            })
        };
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            let score = index::score(metric, hit.nearness);
            let Some(slot) = view.slots.get(hit.slot as usize) else {
                continue;
            };
            if good(&score) && query.except != Some(slot.id) {
                found.push((score, hit.slot, *slot));
            }
        }
        let chosen = found.into_iter().skip(query.offset).take(query.limit);
        let mut answers = Vec::new();
        for (score, number, slot) in chosen {
            let payload = if query.with_payload {
                // Deleted since the snapshot was taken: no answer any more.
                let Some(row) = self.row(&collection, slot.row)? else {
                    continue;
                };
                if row.id != slot.id {
                    continue;
                }
                Some(row.payload)
            } else {
                None
            };
            let vector = vectors.map(|_| view.arena.vector(number as usize).to_vec());
            let point = PointRecord {
                id: slot.id,
                version: slot.seq,
                payload,
                vector,
            };
            answers.push(ScoredPoint { score, point });
        }
        Ok(answers)
    }

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

    /// The stored vector of a point, to search by. Never answered.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn vector_of(
        &self,
        grant: &Grant<Search>,
        name: &CollectionName,
        id: PointId,
    ) -> Result<Option<Vec<f32>>, PartitionError> {
        let _open = self.admit(grant)?;
        let view = self.find(grant, name)?.view();
        Ok(view
            .slot(id)
            .map(|(number, _)| view.arena.vector(number as usize).to_vec()))
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
        let mut failed = None;
        let mut chunk: Vec<(StorageKey, Box<[u8]>)> = Vec::with_capacity(CHUNK_ROWS);
        let mut test = |chunk: &mut Vec<(StorageKey, Box<[u8]>)>| {
            let tested: Result<Vec<Option<u32>>, PartitionError> = chunk
                .par_iter()
                .map(|(key, sealed)| {
                    let row = self.open_row(*key, sealed)?;
                    let matches = filter.matches(row.id, &parsed(&row)?);
                    Ok(if matches {
                        view.ids.get(&row.id).copied()
                    } else {
                        None
                    })
                })
                .collect();
            chunk.clear();
            match tested {
                Ok(tested) => {
                    slots.extend(tested.into_iter().flatten());
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        self.family
            .scan(&KeyPrefix::rows_of(collection.number), |key, sealed| {
                chunk.push((key, sealed));
                if chunk.len() < CHUNK_ROWS {
                    ControlFlow::Continue(())
                } else {
                    test(&mut chunk)
                }
            })?;
        let _ = test(&mut chunk);
        match failed {
            Some(error) => Err(error),
            None => Ok(slots),
        }
    }

    fn row(&self, collection: &Collection, row: u64) -> Result<Option<Row>, PartitionError> {
        let key = StorageKey::row(collection.number, row);
        match self.family.find(key)? {
            Some(sealed) => self.open_row(key, &sealed).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn open_row(&self, key: StorageKey, sealed: &[u8]) -> Result<Row, PartitionError> {
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
pub(super) const CHUNK_ROWS: usize = 1024;
