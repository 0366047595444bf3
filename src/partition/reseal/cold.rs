//! Resealing, and erasing from, a generation whose partition isn't open: its rows are read, its
//! index isn't loaded.
//!
//! A segment that knows no dead slot is copied as it is, chunk by chunk. Any other holds vectors of
//! points that are gone, so it stays behind, and the collection's index comes from its rows the next
//! time that it is asked for.

use std::{collections::BTreeMap, sync::Arc};

use super::{Copy, Retired, last_records, removal::Removal};
use crate::{
    access::{Erase, Grant},
    partition::{
        PartitionError, aliases,
        chamber::Chamber,
        erase::{Erased, Erasing},
        format::{self, Head},
        planned::accepts,
        segment,
    },
    payload::index::Indexes,
    seal::GenerationKey,
    store::{Family, KeyRange},
    tenant::{CollectionName, TenantUuid},
};

/// A generation that isn't open. Nobody else may use its family meanwhile: the router sees to that.
pub struct Cold {
    pub(in crate::partition) chamber: Arc<Chamber>,
    head: Head,
    /// With their payload indexes, empty: they tell what a text condition means.
    collections: BTreeMap<u32, (CollectionName, Indexes)>,
    aliases: Vec<(CollectionName, u32)>,
}

impl Cold {
    /// Reads what there is to know of a generation without opening it: its head, and its
    /// collections' schemas.
    ///
    /// # Errors
    /// [`PartitionError::Corrupt`] when one of them doesn't open.
    pub fn open(family: Arc<Family>, key: &GenerationKey) -> Result<Self, PartitionError> {
        let (chamber, head) = Chamber::of(family, key)?;
        let mut collections = BTreeMap::new();
        for (key, plain) in chamber.open_all(&KeyRange::collections())? {
            let (name, _, indexes) = format::decode_collection(&plain)?;
            collections.insert(key.collection_number(), (name, Indexes::new(indexes)));
        }
        let aliases = aliases::stored(&chamber)?;
        Ok(Self {
            chamber: Arc::new(chamber),
            head,
            collections,
            aliases,
        })
    }

    /// Whose generation it is.
    pub fn tenant(&self) -> TenantUuid {
        self.chamber.key.tenant()
    }

    fn recognise(&self, grant: &Grant<Erase>) -> Result<(), PartitionError> {
        if grant.tenant() == self.tenant() {
            Ok(())
        } else {
            Err(PartitionError::WrongPartition)
        }
    }

    /// Removes what is meant, in one commit: nothing of it is answered once this returns.
    ///
    /// # Errors
    /// [`PartitionError::NoCollection`] when it isn't there; then nothing was removed.
    pub fn erase(
        &mut self,
        grant: &Grant<Erase>,
        what: &Erasing,
    ) -> Result<Erased, PartitionError> {
        self.recognise(grant)?;
        let mut removal = Removal::begin(&self.chamber, &self.head, grant.now())?;
        match what {
            Erasing::Points { collection, ids } => {
                let collection = self.find(grant, collection)?;
                removal.points(collection, |row| Ok(ids.contains(&row.id)))?;
            }
            Erasing::Matching { collection, filter } => {
                let collections = match collection {
                    Some(name) => vec![self.find(grant, name)?],
                    None => self.all().collect(),
                };
                for collection in collections {
                    let Some((_, indexes)) = self.collections.get(&collection.0) else {
                        continue;
                    };
                    let filter = indexes.bind(filter);
                    removal.points(collection, |row| accepts(&filter, row))?;
                }
            }
            Erasing::Collection(name) => removal.collection(self.find(grant, name)?)?,
            Erasing::Ended => {
                for collection in self.all() {
                    removal.ended(collection)?;
                }
            }
        }
        let (head, erased) = removal.commit()?;
        self.head = head;
        Ok(erased)
    }

    /// Moves the survivors to the next generation, as [`crate::partition::Partition::reseal`] does.
    /// Stops when `go_on` says no: someone wants the partition.
    ///
    /// # Errors
    /// [`PartitionError::Interrupted`] when it was stopped, other [`PartitionError`]s, and those of
    /// `switch`.
    pub fn reseal<E: From<PartitionError>>(
        self,
        grant: &Grant<Erase>,
        family: Arc<Family>,
        key: &GenerationKey,
        go_on: &dyn Fn() -> bool,
        switch: impl FnOnce() -> Result<(), E>,
    ) -> Result<Retired, E> {
        self.recognise(grant)?;
        let to = Chamber::new(family, key);
        let copy = Copy {
            from: &self.chamber,
            to: &to,
        };
        let mut copied = copy.in_bulk(&KeyRange::rows(), |_| true, go_on)?;
        let mut segments = BTreeMap::new();
        for (number, note) in &self.head.segments {
            let outline = segment::outline(&self.chamber, *number, *note);
            let Some(chunks) = outline.and_then(|outline| outline.copyable(&self.chamber)) else {
                continue;
            };
            copied = copied.and(copy.in_bulk(&chunks, |_| true, go_on)?);
            copied = copied.and(copy.in_bulk(&KeyRange::segment_of(*number), |_| true, go_on)?);
            segments.insert(*number, *note);
        }
        last_records(copy, &self.head, segments)?;
        switch()?;
        Ok(Retired {
            chamber: self.chamber,
            copied,
        })
    }

    /// Every collection: its number and its name.
    fn all(&self) -> impl Iterator<Item = (u32, &CollectionName)> {
        let all = self.collections.iter();
        all.map(|(number, (name, _))| (*number, name))
    }

    fn find(
        &self,
        grant: &Grant<Erase>,
        name: &CollectionName,
    ) -> Result<(u32, &CollectionName), PartitionError> {
        let aliased = self.aliases.iter().find(|(alias, _)| alias == name);
        let aliased = aliased.map(|(_, number)| *number);
        self.all()
            .find(|(number, own)| *own == name || aliased == Some(*number))
            .filter(|(_, own)| grant.covers(own))
            .ok_or_else(|| PartitionError::NoCollection { name: name.clone() })
    }
}
