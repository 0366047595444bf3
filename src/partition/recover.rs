//! Making a partition, and recovering one: everything in memory comes from its segments and the
//! rows that they don't know, or else from its rows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64},
    },
};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};

use super::{
    Directory, Lifecycle, Partition, PartitionError,
    aliases::Aliases,
    chamber::Chamber,
    collection::{Collection, Slot, View},
    commit::CommitQueue,
    format::{self, Head, Row},
    read::parsed,
    retention::{Ends, stored_retentions, stored_untold},
    schema::Schema,
    segment::{Coverage, Loaded, Times},
};
use crate::{
    clock::Timestamp,
    payload::index::{Entry, Indexes},
    seal::GenerationKey,
    store::{Batch, Family, KeyRange, StorageKey},
    telemetry::Stages,
    tenant::CollectionName,
};

impl Partition {
    /// Makes the first record of an empty family: its head. A family without one doesn't open.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn make(family: &Family, key: &GenerationKey) -> Result<(), PartitionError> {
        let key = key.derive_data_key(0);
        let at = StorageKey::head();
        let head = Head {
            messages: 1,
            ..Head::NEW
        };
        let mut batch = Batch::default();
        batch.put(at, key.seal(at.kind(), at.as_bytes(), &head.encode())?);
        Ok(family.commit(&batch)?)
    }

    /// Opens a partition: reads its segments and the rows behind them, opens and checks each.
    ///
    /// # Errors
    /// [`PartitionError::Corrupt`] when anything in it doesn't open under this key, but for a
    /// segment: that costs a rebuild from rows.
    pub fn open(family: Arc<Family>, key: &GenerationKey) -> Result<Self, PartitionError> {
        let (chamber, mut head) = Chamber::of(family, key)?;
        let mut partition = Self {
            tenant: chamber.key.tenant(),
            chamber: ArcSwap::from_pointee(chamber),
            collections: ArcSwap::from_pointee(Directory::new()),
            aliases: ArcSwap::from_pointee(Aliases::new()),
            writer: Mutex::new(Head::NEW),
            queue: CommitQueue::new(),
            lifecycle: RwLock::new(Lifecycle::Open),
            ended: AtomicBool::new(false),
            points_max: AtomicU64::new(u64::MAX),
            purge_within_hours: AtomicU32::new(0),
            gone: Mutex::default(),
            maintenance: Mutex::default(),
            segments_read: (0, 0),
            times: Times::default(),
            stages: Stages::default(),
            used: AtomicBool::new(false),
            sweeps: None,
        };
        let schemas = partition.schemas(&head)?;
        let noted = head.segments.len();
        let mut segments = partition.segments(&schemas, &mut head);
        let read = segments.len();
        partition.segments_read = (read as u64, (noted - read) as u64);
        let mut rows = partition.rows(&schemas, &segments)?;
        let mut untold = stored_untold(&partition.chamber.load())?;
        let mut directory = Directory::new();
        for (number, (name, schema, indexes, ends)) in schemas {
            let standing = ends.standing().cloned();
            let rows = rows.remove(&number);
            let rows = rows.unwrap_or_else(|| Rows::new(indexes, ends));
            let next = rows.points.last().map_or(0, |point| point.slot.row + 1);
            head.next_row = head.next_row.max(next);
            let (mut view, coverage) = match segments.remove(&number) {
                Some(segment) => extended(segment, rows)?,
                None => (view(&schema, rows)?, Coverage::default()),
            };
            // A segment of another time knows other ends.
            if let Some(standing) = standing.filter(|standing| !view.ends.are_under(standing)) {
                view.ends = partition.ends_of_rows(number, &view, &standing)?;
            }
            let view = (view, coverage);
            let ended = untold.remove(&number).unwrap_or(0);
            directory.insert(
                name.clone(),
                Arc::new(Collection::new(number, name, schema, view, ended)),
            );
        }
        if !untold.is_empty() {
            // A collection takes its count with it.
            return Err(PartitionError::Corrupt);
        }
        *partition.writer.get_mut() = head;
        let aliases = partition.stored_aliases(&directory)?;
        partition.aliases.store(Arc::new(aliases));
        partition.collections.store(Arc::new(directory));
        Ok(partition)
    }

    /// The segments that can be used. The head forgets the others: once it is stored again, they
    /// are leftovers, whatever becomes of them.
    fn segments(&self, schemas: &Schemas, head: &mut Head) -> BTreeMap<u32, Loaded> {
        let mut segments = BTreeMap::new();
        head.segments.retain(|number, note| {
            let loaded = schemas.get(number).and_then(|(_, schema, indexes, ends)| {
                self.load_segment(*number, schema, (indexes, ends), *note)
            });
            let usable = loaded.is_some();
            segments.extend(loaded.map(|loaded| (*number, loaded)));
            usable
        });
        segments
    }

    fn schemas(&self, head: &Head) -> Result<Schemas, PartitionError> {
        let chamber = self.chamber.load();
        let mut retentions = stored_retentions(&chamber)?;
        self.take_up_bound(&mut retentions);
        let mut schemas = HashMap::new();
        for (key, plain) in chamber.open_all(&KeyRange::collections())? {
            let number = key.collection_number();
            if number >= head.next_collection {
                return Err(PartitionError::Corrupt);
            }
            let (name, schema, indexes) = format::decode_collection(&plain)?;
            let ends = Ends::new(retentions.remove(&number));
            schemas.insert(number, (name, schema, Indexes::new(indexes), ends));
        }
        if retentions.is_empty() {
            Ok(schemas)
        } else {
            // A collection takes its retention with it.
            Err(PartitionError::Corrupt)
        }
    }

    /// Every row that no segment knows, by collection, in row order.
    fn rows(
        &self,
        schemas: &Schemas,
        segments: &BTreeMap<u32, Loaded>,
    ) -> Result<HashMap<u32, Rows>, PartitionError> {
        let mut rows: HashMap<u32, Rows> = HashMap::new();
        let read = |key: StorageKey, row: Row| {
            let schema = schemas.get(&key.collection_number());
            // A row of a collection that isn't there: nothing that was written would leave it.
            let (_, schema, indexes, ends) = schema.ok_or(PartitionError::Corrupt)?;
            let end = match ends.standing() {
                Some(standing) => standing.end_of_row(&row)?,
                None => None,
            };
            let entry = if indexes.is_empty() {
                None
            } else {
                Some(indexes.read(&parsed(&row)?))
            };
            let slot = Slot {
                id: row.id,
                row: key.number(),
                seq: row.seq,
            };
            let vectors = schema.placed(row.vectors);
            Ok((
                key,
                Recovered {
                    slot,
                    entry,
                    end,
                    vectors: vectors.ok_or(PartitionError::Corrupt)?,
                },
            ))
        };
        let mut take = |(key, row): (StorageKey, Recovered)| {
            let number = key.collection_number();
            let empty = || {
                let (_, _, indexes, ends) = schemas.get(&number)?;
                Some(Rows::new(indexes.clone(), ends.clone()))
            };
            rows.entry(number)
                .or_insert_with(|| empty().unwrap_or_default())
                .points
                .push(row);
        };
        // One run of keys from each segment's bound up to the next segment's collection.
        let mut behind = KeyRange::rows();
        for (number, segment) in segments {
            let between = behind.ending_before(StorageKey::row(*number, 0));
            self.scan_rows(&between, read, &mut take)?;
            let bound = StorageKey::row(*number, segment.bound());
            behind = KeyRange::rows().starting_at(bound);
        }
        self.scan_rows(&behind, read, &mut take)?;
        Ok(rows)
    }
}

/// The collections that are there, by number, with their payload indexes and ends, still empty.
type Schemas = HashMap<u32, (CollectionName, Schema, Indexes, Ends)>;

/// What a row becomes: of its payload, what the indexes keep.
struct Recovered {
    slot: Slot,
    entry: Option<Entry>,
    end: Option<Timestamp>,
    vectors: Vec<Option<Vec<f32>>>,
}

/// The rows of one collection.
#[derive(Default)]
struct Rows {
    points: Vec<Recovered>,
    indexes: Indexes,
    ends: Ends,
}

impl Rows {
    const fn new(indexes: Indexes, ends: Ends) -> Self {
        Self {
            points: Vec::new(),
            indexes,
            ends,
        }
    }

    /// Puts the rows into a view that has none of their ids.
    fn put_into(self, view: &mut View) -> Result<(), PartitionError> {
        for point in self.points {
            // A second row of one id: nothing that was written would leave that.
            if view.ids.contains_key(&point.slot.id) {
                return Err(PartitionError::Corrupt);
            }
            let vectors = point.vectors.iter().map(Option::as_deref);
            let number = view.put(point.slot, vectors);
            view.ends_at(number, point.end);
            if let Some(entry) = point.entry {
                view.indexes.insert(number, entry);
            }
        }
        Ok(())
    }
}

/// A segment with the rows that it doesn't know.
fn extended(mut segment: Loaded, rows: Rows) -> Result<(View, Coverage), PartitionError> {
    let written = rows.points.len() as u64;
    rows.put_into(&mut segment.view)?;
    Ok(segment.finish(written))
}

fn view(schema: &Schema, mut rows: Rows) -> Result<View, PartitionError> {
    let mut view = View {
        indexes: std::mem::take(&mut rows.indexes),
        ends: std::mem::take(&mut rows.ends),
        ..View::empty(schema)
    };
    rows.put_into(&mut view)?;
    Ok(view)
}
