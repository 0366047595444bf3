//! Payload indexes: which points have which values at a path, without reading a payload.
//!
//! Owns: one index a field, of one kind, from values to the slots that hold them; and what a
//! filter means in terms of slots. Pure values: a clone shares nearly everything, so a snapshot
//! keeps its indexes while a writer changes its own. **Invariant:** what an index says of a
//! filter agrees with [`Filter::matches`](super::filter::Filter::matches), the one evaluator, once
//! the filter is [bound](Indexes::bind): it may leave open which slots match, never get one wrong
//! (`tests.rs`).
//!
//! An index holds the values of its own kind. What it doesn't hold it still knows of: slots with
//! other values at the path are kept apart, since a filter may ask for those too.
//!
//! Slots are only ever added. Whoever evaluates says which slots live, and those that don't are
//! left behind by [`Indexes::renumbered`].
//! Called by: `partition`.

mod ask;
mod bind;
mod definition;
mod evaluate;
mod field;
mod format;
mod key;
mod listing;
mod slots;
#[cfg(test)]
mod tests;
mod within;

use std::{fmt, sync::Arc};

use self::field::Found;
pub use self::{
    definition::{Definition, DefinitionError, IndexKind},
    evaluate::{Ids, Points},
    field::FieldIndex,
    format::IndexFormatError,
    listing::{Direction, Run},
    within::Within,
};
use super::{Payload, path::Path};

/// The indexes of a collection, at most one a path.
#[derive(Clone, Default, Debug)]
pub struct Indexes {
    fields: Vec<Arc<FieldIndex>>,
}

/// What the indexes keep of one payload. Making one looks at the payload and at no index's
/// contents, so it can be done on any thread.
pub struct Entry(Vec<Found>);

impl fmt::Debug for Entry {
    /// Without the values: debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} indexes)", self.0.len())
    }
}

impl Indexes {
    /// Empty indexes of these definitions.
    pub fn new(definitions: impl IntoIterator<Item = Definition>) -> Self {
        let mut indexes = Self::default();
        for definition in definitions {
            indexes.put(FieldIndex::new(definition));
        }
        indexes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether these are indexes of the same definitions as others, in the same order.
    pub fn defined_as(&self, others: &Self) -> bool {
        let definitions = |indexes: &Self| -> Vec<Definition> {
            indexes
                .fields()
                .map(|field| field.definition().clone())
                .collect()
        };
        definitions(self) == definitions(others)
    }

    /// Each of them.
    pub fn fields(&self) -> impl Iterator<Item = &FieldIndex> {
        self.fields.iter().map(|field| &**field)
    }

    /// The index of a path.
    pub fn get(&self, path: &Path) -> Option<&FieldIndex> {
        self.fields()
            .find(|field| field.definition().path() == path)
    }

    /// Puts an index in, in place of the one of the same path.
    pub fn put(&mut self, field: FieldIndex) {
        self.remove(field.definition().path());
        self.fields.push(Arc::new(field));
    }

    /// Takes the index of a path out. Whether there was one.
    pub fn remove(&mut self, path: &Path) -> bool {
        let before = self.fields.len();
        self.fields
            .retain(|field| field.definition().path() != path);
        self.fields.len() < before
    }

    /// What these indexes keep of a payload.
    pub fn read(&self, payload: &Payload) -> Entry {
        let map = payload.as_map();
        Entry(self.fields().map(|field| field.read(map)).collect())
    }

    /// Adds a slot, with the entry that [`Self::read`] made of its payload. A slot is added once.
    pub fn insert(&mut self, slot: u32, entry: Entry) {
        for (field, found) in self.fields.iter_mut().zip(entry.0) {
            // Copied if a reader holds it too.
            Arc::make_mut(field).insert(slot, found);
        }
    }

    /// The same indexes for slots that have other numbers: `table` has the new number of each
    /// old slot, and none for one that is gone.
    pub fn renumbered(&self, table: &[Option<u32>]) -> Self {
        let fields = self.fields();
        Self {
            fields: fields
                .map(|field| Arc::new(field.renumbered(table)))
                .collect(),
        }
    }

    /// About how many bytes they take in memory.
    pub fn bytes(&self) -> usize {
        self.fields().map(FieldIndex::bytes).sum()
    }
}

/// Most indexes that a collection may have: each costs time at every write.
pub const INDEXES_MAX: usize = 64;
