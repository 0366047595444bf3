//! The index of one field.

use std::{fmt, sync::Arc};

use imbl::OrdMap;
use roaring::RoaringBitmap;
use serde_json::{Map, Value};

use super::{
    Definition,
    key::Key,
    slots::{Slots, renumber_all},
};
use crate::payload::{filter, text::Tokenizer};

/// From the values at a path to the slots that hold them.
#[derive(Clone)]
pub struct FieldIndex {
    pub(super) definition: Arc<Definition>,
    pub(super) values: OrdMap<Key, Slots>,
    /// Slots that hold a value of the index's kind.
    pub(super) indexed: Arc<RoaringBitmap>,
    /// Slots that hold a value that a test could accept and the index doesn't hold.
    pub(super) odd: Arc<RoaringBitmap>,
    /// Slots that hold several texts, whose words the index doesn't tell apart.
    pub(super) several: Arc<RoaringBitmap>,
    /// Slots that aren't empty at the path.
    pub(super) filled: Arc<RoaringBitmap>,
    /// Slots that are null at the path, or hold null.
    pub(super) nulls: Arc<RoaringBitmap>,
    pub(super) bytes: usize,
}

impl fmt::Debug for FieldIndex {
    /// Without the values: debug output ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldIndex({} values)", self.values.len())
    }
}

/// What an index keeps of one payload.
pub(super) struct Found {
    keys: Vec<Key>,
    odd: bool,
    several: bool,
    filled: bool,
    null: bool,
}

impl FieldIndex {
    pub(super) fn new(definition: Definition) -> Self {
        Self {
            definition: Arc::new(definition),
            values: OrdMap::new(),
            indexed: Arc::default(),
            odd: Arc::default(),
            several: Arc::default(),
            filled: Arc::default(),
            nulls: Arc::default(),
            bytes: 0,
        }
    }

    /// What it is for.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// How many of these slots hold a value of the index's kind.
    pub fn points(&self, living: &RoaringBitmap) -> u64 {
        self.indexed.intersection_len(living)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn read(&self, payload: &Map<String, Value>) -> Found {
        let values = self.definition.path().values(payload);
        let mut found = Found {
            keys: Vec::new(),
            odd: false,
            several: false,
            filled: !values.iter().all(|value| filter::is_empty(value)),
            null: values.iter().any(|value| filter::is_null(value)),
        };
        let mut texts = 0;
        for value in values.into_iter().flat_map(filter::elements) {
            let keys = found.keys.len();
            match (self.definition.tokenizer(), value) {
                (Some(tokenizer), Value::String(text)) => {
                    texts += 1;
                    found.take_words(tokenizer, text);
                }
                _ => found.keys.extend(Key::of(self.definition.kind(), value)),
            }
            found.odd |= found.keys.len() == keys && !value.is_null();
        }
        found.several = texts > 1;
        if texts > 0 {
            found.keys.sort_unstable();
            found.keys.dedup();
        }
        found
    }

    pub(super) fn insert(&mut self, slot: u32, found: Found) {
        let marks = [
            (!found.keys.is_empty(), &mut self.indexed),
            (found.odd, &mut self.odd),
            (found.several, &mut self.several),
            (found.filled, &mut self.filled),
            (found.null, &mut self.nulls),
        ];
        for (marked, slots) in marks {
            if marked {
                // Copied if a reader holds it too.
                Arc::make_mut(slots).insert(slot);
            }
        }
        for key in found.keys {
            self.bytes += SLOT_BYTES;
            if let Some(slots) = self.values.get_mut(&key) {
                slots.insert(slot);
            } else {
                self.bytes += key.bytes() + size_of::<Slots>();
                self.values.insert(key, Slots::One(slot));
            }
        }
    }

    pub(super) fn renumbered(&self, table: &[Option<u32>]) -> Self {
        let slots = |slots: &RoaringBitmap| Arc::new(renumber_all(slots, table));
        let mut renumbered = Self {
            definition: Arc::clone(&self.definition),
            values: OrdMap::new(),
            indexed: slots(&self.indexed),
            odd: slots(&self.odd),
            several: slots(&self.several),
            filled: slots(&self.filled),
            nulls: slots(&self.nulls),
            bytes: 0,
        };
        for (key, slots) in &self.values {
            if let Some(slots) = slots.renumbered(table) {
                renumbered.put(key.clone(), slots);
            }
        }
        renumbered
    }

    /// Puts all slots of a value in.
    pub(super) fn put(&mut self, key: Key, slots: Slots) {
        let count = match &slots {
            Slots::One(_) => 1,
            Slots::Many(many) => usize::try_from(many.len()).unwrap_or(usize::MAX),
        };
        self.bytes += key.bytes() + size_of::<Slots>() + count.saturating_mul(SLOT_BYTES);
        self.values.insert(key, slots);
    }
}

impl Found {
    fn take_words(&mut self, tokenizer: &Tokenizer, text: &str) {
        for word in tokenizer.words(text) {
            match Key::keyword(&word) {
                Some(key) => self.keys.push(key),
                None => self.odd = true,
            }
        }
    }
}

/// About what one more slot of a value takes: two bytes in a bitmap, a number beside a key.
const SLOT_BYTES: usize = 2;
