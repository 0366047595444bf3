//! Making a partition, and recovering one: everything in memory comes from its sealed rows.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Arc, atomic::AtomicU64},
};

use arc_swap::ArcSwap;
use imbl::Vector as Sequence;
use parking_lot::{Mutex, RwLock};

use super::{
    Directory, Lifecycle, Partition, PartitionError,
    collection::{Collection, Schema, Slot, View},
    commit::CommitQueue,
    format::{self, Head, Row},
};
use crate::{
    index::Arena,
    seal::GenerationKey,
    store::{Batch, Family, KeyPrefix, StorageKey},
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

    /// Opens a partition: reads, opens and checks every row of its family.
    ///
    /// # Errors
    /// [`PartitionError::Corrupt`] when anything in it doesn't open under this key.
    pub fn open(family: Arc<Family>, key: &GenerationKey) -> Result<Self, PartitionError> {
        let key = key.derive_data_key(0);
        let at = StorageKey::head();
        let sealed = family.find(at)?.ok_or(PartitionError::Corrupt)?;
        let head = Head::decode(&key.open(at.kind(), at.as_bytes(), &sealed)?)?;
        key.resume_at(head.messages);
        let partition = Self {
            tenant: key.tenant(),
            family,
            key,
            collections: ArcSwap::from_pointee(Directory::new()),
            writer: Mutex::new(head),
            queue: CommitQueue::new(),
            lifecycle: RwLock::new(Lifecycle::Open),
            points_max: AtomicU64::new(u64::MAX),
        };
        let schemas = partition.schemas(head)?;
        let mut rows = partition.rows()?;
        let mut directory = Directory::new();
        for (number, (name, schema)) in schemas {
            let view = view(&schema, rows.remove(&number).unwrap_or_default())?;
            directory.insert(
                name.clone(),
                Arc::new(Collection::new(number, name, schema, view)),
            );
        }
        // Rows of a collection that isn't there: nothing that was written would leave those.
        if !rows.is_empty() {
            return Err(PartitionError::Corrupt);
        }
        partition.collections.store(Arc::new(directory));
        Ok(partition)
    }

    fn schemas(
        &self,
        head: Head,
    ) -> Result<HashMap<u32, (CollectionName, Schema)>, PartitionError> {
        let mut schemas = HashMap::new();
        let mut stored = Vec::new();
        self.family.scan(&KeyPrefix::collections(), |key, sealed| {
            stored.push((key, sealed));
            ControlFlow::Continue(())
        })?;
        for (key, sealed) in stored {
            let plain = self.key.open(key.kind(), key.as_bytes(), &sealed)?;
            let number = key.collection_number();
            if number >= head.next_collection {
                return Err(PartitionError::Corrupt);
            }
            schemas.insert(number, format::decode_collection(&plain)?);
        }
        Ok(schemas)
    }

    /// Every row, by collection, in row order.
    fn rows(&self) -> Result<HashMap<u32, Rows>, PartitionError> {
        let mut rows: HashMap<u32, Rows> = HashMap::new();
        self.scan_rows(
            &KeyPrefix::rows(),
            |key, row| Ok((key, row)),
            |(key, row)| {
                rows.entry(key.collection_number())
                    .or_default()
                    .take(key, &row);
            },
        )?;
        Ok(rows)
    }
}

/// The rows of one collection, without their payloads.
#[derive(Default)]
struct Rows {
    values: Vec<f32>,
    slots: Vec<Slot>,
}

impl Rows {
    fn take(&mut self, key: StorageKey, row: &Row) {
        self.values.extend_from_slice(&row.vector);
        self.slots.push(Slot {
            id: row.id,
            row: key.row_number(),
            seq: row.seq,
        });
    }
}

fn view(schema: &Schema, rows: Rows) -> Result<View, PartitionError> {
    let dimension = schema.dimension.get();
    if rows.values.len() != rows.slots.len() * dimension {
        return Err(PartitionError::Corrupt);
    }
    let count = rows.slots.len();
    let slots: Sequence<Slot> = rows.slots.into_iter().collect();
    let view = View::from_arena(Arena::from_base(dimension, rows.values), slots);
    // Two rows of one id: nothing that was written would leave those.
    if view.ids.len() == count {
        Ok(view)
    } else {
        Err(PartitionError::Corrupt)
    }
}
