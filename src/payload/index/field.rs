//! The index of one field.

use std::{collections::BTreeSet, fmt, sync::Arc};

use imbl::OrdMap;
use roaring::RoaringBitmap;
use serde_json::{Map, Value};

use super::{
    Definition, IndexKind,
    key::{Float, Key},
    slots::{Slots, Union, renumber_all},
    within::Within,
};
use crate::payload::filter::{self, Bounds, Scalar, Test};

/// From the values at a path to the slots that hold them.
#[derive(Clone)]
pub struct FieldIndex {
    pub(super) definition: Arc<Definition>,
    pub(super) values: OrdMap<Key, Slots>,
    /// Slots that hold a value of the index's kind.
    pub(super) indexed: Arc<RoaringBitmap>,
    /// Slots that hold a value that a test could accept and the index doesn't hold.
    pub(super) odd: Arc<RoaringBitmap>,
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
    filled: bool,
    null: bool,
}

/// How a scalar that is asked for relates to an index.
enum Asked {
    /// The slots of this key, and no others.
    Same(Key),
    /// Some of the slots of this key: values that aren't the same may share it.
    Near(Key),
    /// The index doesn't hold it.
    Odd,
}

impl FieldIndex {
    pub(super) fn new(definition: Definition) -> Self {
        Self {
            definition: Arc::new(definition),
            values: OrdMap::new(),
            indexed: Arc::default(),
            odd: Arc::default(),
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
        let values = self.definition.path.values(payload);
        let mut found = Found {
            keys: Vec::new(),
            odd: false,
            filled: !values.iter().all(|value| filter::is_empty(value)),
            null: values.iter().any(|value| filter::is_null(value)),
        };
        for value in values.into_iter().flat_map(filter::elements) {
            match Key::of(self.definition.kind, value) {
                Some(key) => found.keys.push(key),
                None => found.odd |= value.is_string() || value.is_number() || value.is_boolean(),
            }
        }
        found
    }

    pub(super) fn insert(&mut self, slot: u32, found: Found) {
        let marks = [
            (!found.keys.is_empty(), &mut self.indexed),
            (found.odd, &mut self.odd),
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

    /// The slots with a value that a test accepts, dead ones included.
    pub(super) fn within(&self, test: &Test) -> Within {
        match test {
            Test::Any(scalars) => self.any(scalars),
            Test::Except(scalars) => self.except(scalars),
            Test::Range(bounds) => self.range(bounds),
            Test::DatetimeRange(bounds) => match self.definition.kind {
                IndexKind::Datetime => {
                    let first = bounds.gte.or(bounds.gt).map(Key::Datetime);
                    Within::exactly(self.between(first, bounds, |key| match key {
                        Key::Datetime(instant) => Some(*instant),
                        Key::Keyword(_)
                        | Key::Integer(_)
                        | Key::Float(_)
                        | Key::Bool(_)
                        | Key::Uuid(_) => None,
                    }))
                }
                // Texts, any of which may be a time.
                IndexKind::Keyword | IndexKind::Uuid => self.any_value(),
                IndexKind::Integer | IndexKind::Float | IndexKind::Bool => self.odd(),
            },
        }
    }

    fn any(&self, scalars: &[Scalar]) -> Within {
        let (mut sure, mut possible) = (Union::default(), Union::default());
        let mut odd = false;
        for scalar in scalars {
            match asked(self.definition.kind, scalar) {
                Asked::Same(key) => sure.extend(self.values.get(&key)),
                Asked::Near(key) => possible.extend(self.values.get(&key)),
                Asked::Odd => odd = true,
            }
        }
        let sure = sure.into_bitmap();
        let mut possible = possible.into_bitmap() | &sure;
        if odd {
            possible |= &*self.odd;
        }
        Within { sure, possible }
    }

    fn except(&self, scalars: &[Scalar]) -> Within {
        let kind = self.definition.kind;
        match kind {
            IndexKind::Keyword | IndexKind::Integer | IndexKind::Uuid => {
                let excepted: BTreeSet<Key> = scalars
                    .iter()
                    .filter_map(|scalar| match asked(kind, scalar) {
                        Asked::Same(key) => Some(key),
                        Asked::Near(_) | Asked::Odd => None,
                    })
                    .collect();
                let values = self.values.iter();
                let others = values.filter(|(key, _)| !excepted.contains(key));
                let others: Union = others.map(|(_, slots)| slots).collect();
                self.sure_or_odd(others.into_bitmap())
            }
            IndexKind::Float | IndexKind::Datetime => self.any_value(),
            // Truth values are neither equal nor unequal to anything here.
            IndexKind::Bool => self.odd(),
        }
    }

    fn range(&self, bounds: &Bounds<f64>) -> Within {
        let first = bounds.gte.or(bounds.gt);
        match self.definition.kind {
            IndexKind::Float => {
                Within::exactly(
                    self.between(first.map(Key::float), bounds, |key| match key {
                        Key::Float(Float(number)) => Some(*number),
                        Key::Keyword(_)
                        | Key::Integer(_)
                        | Key::Bool(_)
                        | Key::Datetime(_)
                        | Key::Uuid(_) => None,
                    }),
                )
            }
            IndexKind::Integer => {
                let first = first.map(|bound| Key::Integer(not_above(bound)));
                let sure = self.between(first, bounds, |key| match key {
                    #[expect(clippy::cast_precision_loss, reason = "the evaluator rounds so, too")]
                    Key::Integer(number) => Some(*number as f64),
                    Key::Keyword(_)
                    | Key::Float(_)
                    | Key::Bool(_)
                    | Key::Datetime(_)
                    | Key::Uuid(_) => None,
                });
                self.sure_or_odd(sure)
            }
            IndexKind::Keyword | IndexKind::Bool | IndexKind::Datetime | IndexKind::Uuid => {
                self.odd()
            }
        }
    }

    /// The slots whose values are within bounds. No key below `first` is.
    fn between<T: PartialOrd>(
        &self,
        first: Option<Key>,
        bounds: &Bounds<T>,
        value: impl Fn(&Key) -> Option<T>,
    ) -> RoaringBitmap {
        let start = first.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
        self.values
            .range((start, std::ops::Bound::Unbounded))
            .filter_map(|(key, slots)| value(key).map(|value| (value, slots)))
            .skip_while(|(value, _)| !bounds.hold_below(value))
            .take_while(|(value, _)| bounds.hold_above(value))
            .map(|(_, slots)| slots)
            .collect::<Union>()
            .into_bitmap()
    }

    fn odd(&self) -> Within {
        Within::at_most((*self.odd).clone())
    }

    fn any_value(&self) -> Within {
        Within::at_most(&*self.indexed | &*self.odd)
    }

    fn sure_or_odd(&self, sure: RoaringBitmap) -> Within {
        Within {
            possible: &sure | &*self.odd,
            sure,
        }
    }
}

fn asked(kind: IndexKind, scalar: &Scalar) -> Asked {
    let same = |key: Option<Key>| key.map_or(Asked::Odd, Asked::Same);
    match (kind, scalar) {
        (IndexKind::Keyword, Scalar::Keyword(text)) => same(Key::keyword(text)),
        (IndexKind::Integer, Scalar::Integer(number)) => Asked::Same(Key::Integer(*number)),
        (IndexKind::Bool, Scalar::Bool(truth)) => Asked::Same(Key::Bool(*truth)),
        (IndexKind::Uuid, Scalar::Keyword(text)) => same(Key::uuid(text)),
        // 5 and 5.0 share a key.
        #[expect(clippy::cast_precision_loss, reason = "so were the index's keys made")]
        (IndexKind::Float, Scalar::Integer(number)) => Asked::Near(Key::float(*number as f64)),
        // A time has many spellings.
        (IndexKind::Datetime, Scalar::Keyword(text)) => {
            filter::parse_datetime(text).map_or(Asked::Odd, |at| Asked::Near(Key::Datetime(at)))
        }
        (_, Scalar::Keyword(_) | Scalar::Integer(_) | Scalar::Bool(_)) => Asked::Odd,
    }
}

/// An integer at or below every integer that, as a float, isn't below the bound. Not the
/// greatest such: near 2^63, a thousand integers are the same float.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and rounds towards zero"
)]
const fn not_above(bound: f64) -> i64 {
    (bound as i64).saturating_sub(2_048)
}

/// About what one more slot of a value takes: two bytes in a bitmap, a number beside a key.
const SLOT_BYTES: usize = 2;
