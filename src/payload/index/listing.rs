//! What an index tells of all its values: in which order they come, and how many points have each.

use std::{
    collections::HashMap,
    ops::Bound::{self, Included, Unbounded},
};

use jiff::Timestamp as Instant;
use roaring::RoaringBitmap;

use super::{
    FieldIndex, IndexKind,
    key::{Float, Key},
    slots::Slots,
};
use crate::payload::values::{FacetValue, OrderValue};

/// Which way an order goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// The slots of one value, dead ones included.
#[derive(Clone, Debug)]
pub struct Run {
    /// The value, up to what the index rounds: a value that is a little greater may share it.
    pub value: OrderValue,
    /// The slots.
    pub slots: RoaringBitmap,
}

impl FieldIndex {
    /// Slots that hold a value that the index doesn't, dead ones included: only their payload tells
    /// which.
    pub fn others(&self) -> &RoaringBitmap {
        &self.odd
    }

    /// The values in their order, from a little before `from` on, if they are of a kind that
    /// has one. Slots with [`Self::others`] are for whoever asks.
    pub fn ordered<'a>(
        &'a self,
        direction: Direction,
        from: Option<OrderValue>,
    ) -> Option<Box<dyn Iterator<Item = Run> + 'a>> {
        let kind = self.definition.kind();
        let in_order = matches!(
            kind,
            IndexKind::Integer | IndexKind::Float | IndexKind::Datetime
        );
        if !in_order {
            return None;
        }
        let (below, above) = match from {
            None => (None, None),
            Some(from) => around(kind, from),
        };
        let bound = |key: Option<Key>| key.map_or(Unbounded, Included);
        let range: (Bound<Key>, Bound<Key>) = match direction {
            Direction::Ascending => (bound(below), Unbounded),
            Direction::Descending => (Unbounded, bound(above)),
        };
        let run = |(key, slots): (&Key, &Slots)| {
            Some(Run {
                value: value(key)?,
                slots: slots.to_bitmap(),
            })
        };
        let runs = self.values.range(range);
        Some(match direction {
            Direction::Ascending => Box::new(runs.filter_map(run)),
            Direction::Descending => Box::new(runs.rev().filter_map(run)),
        })
    }

    /// How many of these slots hold each value, if the index is of a kind that tells values
    /// apart. What [`Self::counts`] doesn't count is for whoever asks.
    pub fn counted(&self, among: &RoaringBitmap) -> Option<HashMap<FacetValue, u64>> {
        let tells_apart = matches!(
            self.definition.kind(),
            IndexKind::Keyword | IndexKind::Integer | IndexKind::Bool | IndexKind::Uuid
        );
        if !tells_apart {
            return None;
        }
        let counted = self.values.iter().filter_map(|(key, slots)| {
            let count = slots.count_among(among);
            (count > 0).then_some((facet(key)?, count))
        });
        Some(counted.collect())
    }

    /// Whether the index counts a value.
    pub fn counts(&self, value: &FacetValue) -> bool {
        match (self.definition.kind(), value) {
            (IndexKind::Keyword, FacetValue::Text(text)) => Key::keyword(text).is_some(),
            (IndexKind::Uuid, FacetValue::Text(text)) => Key::uuid(text).is_some(),
            (IndexKind::Integer, FacetValue::Integer(_))
            | (IndexKind::Bool, FacetValue::Bool(_)) => true,
            (_, FacetValue::Text(_) | FacetValue::Integer(_) | FacetValue::Bool(_)) => false,
        }
    }
}

fn value(key: &Key) -> Option<OrderValue> {
    if let Key::Integer(number) = key {
        Some(OrderValue::Integer(*number))
    } else if let Key::Float(Float(number)) = key {
        OrderValue::float(*number)
    } else if let Key::Datetime(at) = key {
        Some(OrderValue::Integer(at.as_microsecond()))
    } else {
        None
    }
}

fn facet(key: &Key) -> Option<FacetValue> {
    if let Key::Keyword(text) = key {
        Some(FacetValue::Text(text.as_ref().to_owned()))
    } else if let Key::Integer(number) = key {
        Some(FacetValue::Integer(*number))
    } else if let Key::Bool(truth) = key {
        Some(FacetValue::Bool(*truth))
    } else if let Key::Uuid(uuid) = key {
        Some(FacetValue::Text(uuid.as_hyphenated().to_string()))
    } else {
        None
    }
}

/// A key that isn't above any that may stand for a value, and one that isn't below any.
fn around(kind: IndexKind, value: OrderValue) -> (Option<Key>, Option<Key>) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the cast saturates, and the margins below are wider than what rounding costs"
    )]
    let (whole, float) = match value {
        OrderValue::Integer(number) => (number, number as f64),
        OrderValue::Float(number) => (number as i64, number),
    };
    if kind == IndexKind::Integer {
        let (below, above) = (whole.saturating_sub(1), whole.saturating_add(1));
        (Some(Key::Integer(below)), Some(Key::Integer(above)))
    } else if kind == IndexKind::Float {
        // Rounding keeps the order.
        (Some(Key::float(float)), Some(Key::float(float)))
    } else if kind == IndexKind::Datetime {
        // A key is finer than a microsecond.
        let at = |micros| Instant::from_microsecond(micros).ok().map(Key::Datetime);
        (at(whole.saturating_sub(1)), at(whole.saturating_add(1)))
    } else {
        (None, None)
    }
}
