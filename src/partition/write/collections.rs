//! Making, changing and removing collections.

use std::sync::Arc;

use crate::{
    access::{CreateCollection, DeleteCollection, Grant, Op, Write},
    clock::Timestamp,
    partition::{
        Partition, PartitionError,
        aliases::Aliases,
        collection::{Collection, View},
        format,
        reseal::Gone,
        schema::Schema,
        segment::Coverage,
    },
    store::{Batch, StorageKey},
    tenant::CollectionName,
};

impl Partition {
    /// Makes a collection.
    ///
    /// # Errors
    /// [`PartitionError::CollectionExists`] when the name is taken, and
    /// [`PartitionError::AliasExists`] when it is another's alias.
    pub fn create_collection(
        &self,
        grant: &Grant<CreateCollection>,
        name: &CollectionName,
        schema: Schema,
    ) -> Result<(), PartitionError> {
        let _open = self.admit(grant)?;
        self.must_cover(grant, name)?;
        let mut head = self.writer.lock();
        let mut directory = (**self.collections.load()).clone();
        if directory.contains_key(name) {
            return Err(PartitionError::CollectionExists { name: name.clone() });
        }
        if self.aliases.load().contains_key(name) {
            return Err(PartitionError::AliasExists { name: name.clone() });
        }
        let number = head.next_collection;
        let key = StorageKey::collection(number);
        let mut batch = Batch::default();
        let record = format::encode_collection(name, &schema, &[]);
        batch.put(key, self.chamber.load().seal(key, &record)?);
        self.commit(&mut head, batch, |next| next.next_collection += 1)?;
        let view = View::empty(&schema);
        let view = (view, Coverage::default());
        let collection = Collection::new(number, name.clone(), schema, view, 0);
        directory.insert(name.clone(), Arc::new(collection));
        self.collections.store(Arc::new(directory));
        Ok(())
    }

    /// Changes what is said about a collection: `change` makes new settings of its schema and the
    /// settings before.
    ///
    /// # Errors
    /// That of `change`, and as [`Self::change`].
    pub fn update_collection<E: From<PartitionError>>(
        &self,
        grant: &Grant<Write>,
        name: &CollectionName,
        change: impl FnOnce(&Schema, &str) -> Result<String, E>,
    ) -> Result<(), E> {
        let _open = self.admit(grant)?;
        let collection = self.find(grant, name)?;
        let mut head = self.writer.lock();
        self.must_be_there(&collection)?;
        let settings = change(&collection.schema, &collection.settings())?;
        let view = collection.view();
        let key = StorageKey::collection(collection.number);
        let record = collection.record(&settings, &view.indexes);
        let record = self.chamber.load().seal(key, &record);
        let mut batch = Batch::default();
        batch.put(key, record.map_err(PartitionError::from)?);
        self.commit(&mut head, batch, |_| {})?;
        collection.put_settings(settings);
        Ok(())
    }

    /// Removes a collection, its points and its aliases. Whether there was one.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub fn delete_collection(
        &self,
        grant: Grant<DeleteCollection>,
        name: &CollectionName,
    ) -> Result<bool, PartitionError> {
        let _open = self.admit(&grant)?;
        self.must_cover(&grant, name)?;
        self.remove_collection(name, grant.now())
    }

    /// Removes a collection, its points and its aliases, for who may.
    pub(in crate::partition) fn remove_collection(
        &self,
        name: &CollectionName,
        now: Timestamp,
    ) -> Result<bool, PartitionError> {
        let mut head = self.writer.lock();
        let mut directory = (**self.collections.load()).clone();
        let Some(collection) = directory.remove(name) else {
            return Ok(false);
        };
        let view = collection.view();
        let standing = view.ends.standing().map(|standing| &**standing);
        self.note_sweep(self.sweep_of_removed(standing, now))?;
        let mut batch = Batch::default();
        batch.remove_collection(collection.number);
        let before = self.aliases.load();
        let others = before.iter().filter(|(_, of)| *of != name);
        let aliases: Aliases = others
            .map(|(alias, of)| (alias.clone(), of.clone()))
            .collect();
        if aliases.len() < before.len() {
            self.put_aliases(&mut batch, &aliases)?;
        }
        self.commit(&mut head, batch, |next| {
            next.segments.remove(&collection.number);
        })?;
        self.note_gone([Gone::Collection(collection.number)]);
        self.aliases.store(Arc::new(aliases));
        self.collections.store(Arc::new(directory));
        Ok(true)
    }

    /// For what names a collection that may not be there.
    pub(in crate::partition) fn must_cover<O: Op>(
        &self,
        grant: &Grant<O>,
        name: &CollectionName,
    ) -> Result<(), PartitionError> {
        if grant.covers(name) {
            Ok(())
        } else {
            Err(PartitionError::NoCollection { name: name.clone() })
        }
    }
}
