//! Writes: plan, seal, commit, then show.
//!
//! A mutation is a list of operations on one collection's points. What can be done before is done on
//! the caller's thread (`operation.rs`): vectors are brought into their stored form, filters are held
//! against a snapshot. Then a group of mutations is planned under the writer's lock (`draft.rs`),
//! sealed and committed as one (`group.rs`).

mod collections;
mod draft;
mod group;
mod operation;

use std::sync::atomic::Ordering;

pub(super) use self::group::Done;
pub use self::{
    group::Mutation,
    operation::{Operation, PayloadChange, PointUpsert, Selection, UpsertMode, UpsertRule},
};
use super::{Partition, PartitionError};
use crate::{
    access::{Grant, Write},
    tenant::CollectionName,
};

impl Partition {
    /// Does some operations, each of which sees what those before it did, in one commit, and
    /// returns its sequence number once they are durable and visible.
    ///
    /// # Errors
    /// [`PartitionError`]; then none of them was done, unless it is [`PartitionError::Store`]:
    /// after that one, a restart tells.
    pub fn change(
        &self,
        grant: &Grant<Write>,
        collection: &CollectionName,
        operations: Vec<Operation>,
    ) -> Result<u64, PartitionError> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, collection)?;
        if self.points_max.load(Ordering::Relaxed) == u64::MAX {
            self.clear_ended(&collection, grant.now())?;
        } else {
            // What has ended doesn't count, wherever it was.
            self.clear_all_ended(grant.now())?;
        }
        let operations: Result<Vec<_>, PartitionError> = operations
            .into_iter()
            .map(|operation| self.prepare(&collection, operation))
            .collect();
        self.submit(Mutation::new(&collection, operations?, grant.now()))
            .map(|done| done.seq)
    }

    /// Stores points, in place of those with the same ids.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn upsert(
        &self,
        grant: &Grant<Write>,
        collection: &CollectionName,
        points: Vec<PointUpsert>,
    ) -> Result<u64, PartitionError> {
        let operation = Operation::Upsert(points, UpsertRule::default());
        self.change(grant, collection, vec![operation])
    }

    /// Removes points; ids that aren't there are passed over.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn remove(
        &self,
        grant: &Grant<Write>,
        collection: &CollectionName,
        selection: Selection,
    ) -> Result<u64, PartitionError> {
        self.change(grant, collection, vec![Operation::Remove(selection)])
    }
}
