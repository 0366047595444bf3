//! Aliases: other names of collections.
//!
//! A name is a collection's or an alias, never both, and an alias stands for a collection, never
//! for another alias. All of a tenant's aliases are one record, so that any number of changes is one
//! commit.

use std::{collections::HashMap, sync::Arc};

use imbl::OrdMap;

use super::{
    Directory, Partition, PartitionError,
    chamber::Chamber,
    format::{self, Head},
};
use crate::{
    access::{CreateCollection, Describe, Grant},
    store::{Batch, StorageKey},
    tenant::CollectionName,
};

/// Whose each alias is.
pub(super) type Aliases = OrdMap<CollectionName, CollectionName>;

/// One change to aliases.
#[derive(Clone, Debug)]
pub enum AliasAction {
    /// The alias stands for this collection from now on, whatever it stood for before.
    Create {
        /// The alias.
        alias: CollectionName,
        /// The collection.
        collection: CollectionName,
    },
    /// The alias goes, if it is there.
    Delete {
        /// The alias.
        alias: CollectionName,
    },
    /// The alias gets another name.
    Rename {
        /// Its name before.
        from: CollectionName,
        /// Its name from now on.
        to: CollectionName,
    },
}

impl AliasAction {
    const fn names(&self) -> [&CollectionName; 2] {
        match self {
            Self::Create { alias, collection } => [alias, collection],
            Self::Delete { alias } => [alias, alias],
            Self::Rename { from, to } => [from, to],
        }
    }
}

impl Partition {
    /// Does these one after the other, in one commit. The grant must be good for every name that
    /// they name: an alias is one more name of the tenant's.
    ///
    /// # Errors
    /// [`PartitionError`]; then none of them was done.
    pub fn change_aliases(
        &self,
        grant: &Grant<CreateCollection>,
        actions: &[AliasAction],
    ) -> Result<(), PartitionError> {
        let _open = self.admit(grant)?;
        for name in actions.iter().flat_map(AliasAction::names) {
            self.must_cover(grant, name)?;
        }
        let mut head = self.writer.lock();
        let mut aliases = (**self.aliases.load()).clone();
        for action in actions {
            self.change_alias(&mut aliases, action)?;
        }
        if aliases.len() > ALIASES_MAX {
            return Err(PartitionError::TooManyAliases { max: ALIASES_MAX });
        }
        let mut batch = Batch::default();
        self.put_aliases(&mut batch, &aliases)?;
        self.commit(&mut head, batch, |_: &mut Head| {})?;
        self.aliases.store(Arc::new(aliases));
        Ok(())
    }

    fn change_alias(
        &self,
        aliases: &mut Aliases,
        action: &AliasAction,
    ) -> Result<(), PartitionError> {
        let collections = self.collections.load();
        let must_be_free = |alias: &CollectionName| {
            if collections.contains_key(alias) {
                return Err(PartitionError::CollectionExists {
                    name: alias.clone(),
                });
            }
            Ok(())
        };
        match action {
            AliasAction::Create { alias, collection } => {
                if !collections.contains_key(collection) {
                    return Err(PartitionError::NoCollection {
                        name: collection.clone(),
                    });
                }
                must_be_free(alias)?;
                aliases.insert(alias.clone(), collection.clone());
            }
            AliasAction::Delete { alias } => {
                aliases.remove(alias);
            }
            AliasAction::Rename { from, to } => {
                must_be_free(to)?;
                let collection = aliases
                    .remove(from)
                    .ok_or_else(|| PartitionError::NoAlias { name: from.clone() })?;
                aliases.insert(to.clone(), collection);
            }
        }
        Ok(())
    }

    /// The aliases of the collections that the grant is good for, and whose each is.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn aliases(
        &self,
        grant: &Grant<Describe>,
    ) -> Result<Vec<(CollectionName, CollectionName)>, PartitionError> {
        let _open = self.admit(grant)?;
        let aliases = self.aliases.load();
        let covered = aliases.iter().filter(|(_, of)| grant.covers(of));
        Ok(covered
            .map(|(alias, of)| (alias.clone(), of.clone()))
            .collect())
    }

    /// The collection that an alias stands for, if the grant is good for it.
    ///
    /// # Errors
    /// [`PartitionError`].
    pub fn aliased(
        &self,
        grant: &Grant<Describe>,
        alias: &CollectionName,
    ) -> Result<Option<CollectionName>, PartitionError> {
        let _open = self.admit(grant)?;
        let aliases = self.aliases.load();
        let of = aliases.get(alias).filter(|of| grant.covers(of));
        Ok(of.cloned())
    }

    /// Reads the aliases back.
    pub(super) fn stored_aliases(&self, directory: &Directory) -> Result<Aliases, PartitionError> {
        let collections = directory.values();
        let names: HashMap<u32, &CollectionName> =
            collections.map(|of| (of.number, &of.name)).collect();
        let stored = stored(&self.chamber.load())?;
        let aliases = stored.into_iter();
        aliases
            .map(|(alias, of)| {
                // A collection takes its aliases with it.
                let of = names.get(&of).ok_or(PartitionError::Corrupt)?;
                Ok((alias, (*of).clone()))
            })
            .collect()
    }

    /// Adds all aliases to a batch.
    pub(super) fn put_aliases(
        &self,
        batch: &mut Batch,
        aliases: &Aliases,
    ) -> Result<(), PartitionError> {
        let collections = self.collections.load();
        let numbers = aliases
            .iter()
            .filter_map(|(alias, of)| Some((alias, collections.get(of)?.number)));
        put(&self.chamber.load(), batch, &numbers.collect::<Vec<_>>())
    }
}

/// A generation's aliases, by the numbers of their collections.
pub(super) fn stored(chamber: &Chamber) -> Result<Vec<(CollectionName, u32)>, PartitionError> {
    let key = StorageKey::aliases();
    match chamber.family.find(key)? {
        Some(sealed) => Ok(format::decode_aliases(&chamber.open(key, &sealed)?)?),
        None => Ok(Vec::new()),
    }
}

/// Adds all of a generation's aliases to a batch; none isn't stored.
pub(super) fn put(
    chamber: &Chamber,
    batch: &mut Batch,
    aliases: &[(&CollectionName, u32)],
) -> Result<(), PartitionError> {
    let key = StorageKey::aliases();
    if aliases.is_empty() {
        batch.remove(key);
    } else {
        batch.put(key, chamber.seal(key, &format::encode_aliases(aliases))?);
    }
    Ok(())
}

/// Most aliases of a tenant: every change writes them all.
const ALIASES_MAX: usize = 1_000;
