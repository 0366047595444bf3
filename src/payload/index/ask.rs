//! What an index of one field says of a test.

use std::{collections::BTreeSet, ops::Bound};

use roaring::RoaringBitmap;

use super::{
    FieldIndex, IndexKind,
    key::{Float, Key},
    slots::Union,
    within::Within,
};
use crate::payload::{
    filter::{Bounds, Scalar, Scalars, Test},
    region::{Place, Region},
    text::{TextMode, TextQuery},
    time::parse_datetime,
};

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
    /// The slots with a value that a test accepts, dead ones included.
    pub(super) fn within(&self, test: &Test) -> Within {
        match test {
            Test::Any(scalars) => self.any(scalars),
            Test::Except(scalars) => self.except(scalars),
            Test::Range(bounds) => self.range(bounds),
            Test::DatetimeRange(bounds) => self.times(bounds),
            Test::Text(query) => self.text(query),
            Test::Prefix(start) => self.prefix(start),
            Test::Substring(_) => self.strings(),
            Test::Within(region) => self.region(region),
        }
    }

    fn any(&self, scalars: &Scalars) -> Within {
        let (mut sure, mut possible) = (Union::default(), Union::default());
        let mut odd = false;
        if self.definition().kind() == IndexKind::Text {
            return self.strings();
        }
        for scalar in scalars.iter() {
            match asked(self.definition().kind(), &scalar) {
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

    fn except(&self, scalars: &Scalars) -> Within {
        let kind = self.definition().kind();
        match kind {
            IndexKind::Keyword | IndexKind::Integer | IndexKind::Uuid | IndexKind::Bool => {
                let excepted: BTreeSet<Key> = scalars
                    .iter()
                    .filter_map(|scalar| match asked(kind, &scalar) {
                        Asked::Same(key) => Some(key),
                        Asked::Near(_) | Asked::Odd => None,
                    })
                    .collect();
                let values = self.values.iter();
                let others = values.filter(|(key, _)| !excepted.contains(key));
                let others: Union = others.map(|(_, slots)| slots).collect();
                self.sure_or_odd(others.into_bitmap())
            }
            // No place equals a scalar.
            IndexKind::Geo => self.sure_or_odd((*self.indexed).clone()),
            IndexKind::Float | IndexKind::Datetime | IndexKind::Text => self.any_value(),
        }
    }

    fn range(&self, bounds: &Bounds<f64>) -> Within {
        let first = bounds.gte.or(bounds.gt);
        match self.definition().kind() {
            IndexKind::Float => {
                let sure = self.between(first.map(Key::float), bounds, |key| {
                    if let Key::Float(Float(number)) = key {
                        Some(*number)
                    } else {
                        None
                    }
                });
                self.sure_or_odd(sure)
            }
            IndexKind::Integer => {
                let first = first.map(|bound| Key::Integer(not_above(bound)));
                let sure = self.between(first, bounds, |key| {
                    if let Key::Integer(number) = key {
                        #[expect(
                            clippy::cast_precision_loss,
                            reason = "the evaluator rounds so, too"
                        )]
                        Some(*number as f64)
                    } else {
                        None
                    }
                });
                self.sure_or_odd(sure)
            }
            IndexKind::Keyword
            | IndexKind::Bool
            | IndexKind::Datetime
            | IndexKind::Uuid
            | IndexKind::Geo
            | IndexKind::Text => self.odd(),
        }
    }

    fn times(&self, bounds: &Bounds<jiff::Timestamp>) -> Within {
        match self.definition().kind() {
            IndexKind::Datetime => {
                let first = bounds.gte.or(bounds.gt).map(Key::Datetime);
                let sure = self.between(first, bounds, |key| {
                    if let Key::Datetime(instant) = key {
                        Some(*instant)
                    } else {
                        None
                    }
                });
                self.sure_or_odd(sure)
            }
            // Any of the texts may be a time.
            IndexKind::Keyword
            | IndexKind::Uuid
            | IndexKind::Text
            | IndexKind::Integer
            | IndexKind::Float
            | IndexKind::Bool
            | IndexKind::Geo => self.strings(),
        }
    }

    fn text(&self, query: &TextQuery) -> Within {
        let same_words = self.definition().tokenizer() == Some(query.tokenizer());
        if !same_words {
            return self.strings();
        }
        let mut of_words = query.words().iter().map(|word| self.word(query, word));
        let (sure, possible) = match query.mode() {
            TextMode::Any => {
                let any = of_words.fold(RoaringBitmap::new(), |any, one| any | one);
                (any.clone(), any)
            }
            TextMode::All | TextMode::Phrase => {
                let Some(first) = of_words.next() else {
                    return Within::exactly(RoaringBitmap::new());
                };
                let all = of_words.fold(first, |all, one| all & one);
                let sure = if query.words().len() == 1 {
                    all.clone()
                } else if query.mode() == TextMode::All {
                    // Its words may stand in different texts.
                    &all - &*self.several
                } else {
                    // Or in another order.
                    RoaringBitmap::new()
                };
                (sure, all)
            }
        };
        Within {
            possible: possible | &*self.odd,
            sure,
        }
    }

    /// The slots with a text that has what a query's word means.
    fn word(&self, query: &TextQuery, word: &str) -> RoaringBitmap {
        if query.by_prefix() {
            return self.starting_with(word);
        }
        let slots = Key::keyword(word).and_then(|key| self.values.get(&key));
        slots.into_iter().collect::<Union>().into_bitmap()
    }

    fn prefix(&self, start: &str) -> Within {
        match self.definition().kind() {
            IndexKind::Keyword => self.sure_or_odd(self.starting_with(start)),
            IndexKind::Integer
            | IndexKind::Float
            | IndexKind::Bool
            | IndexKind::Datetime
            | IndexKind::Uuid
            | IndexKind::Geo
            | IndexKind::Text => self.strings(),
        }
    }

    /// The slots of all keywords that start so.
    fn starting_with(&self, start: &str) -> RoaringBitmap {
        self.values
            .range((
                Bound::Included(Key::Keyword(start.into())),
                Bound::Unbounded,
            ))
            .take_while(|(key, _)| matches!(key, Key::Keyword(text) if text.starts_with(start)))
            .map(|(_, slots)| slots)
            .collect::<Union>()
            .into_bitmap()
    }

    fn region(&self, region: &Region) -> Within {
        if self.definition().kind() != IndexKind::Geo {
            // A place is an object, which no other kind of index holds.
            return self.odd();
        }
        let (south, north) = region.latitudes();
        let first = Key::Geo {
            lat: Float::new(south),
            lon: Float::new(f64::NEG_INFINITY),
        };
        let inside = self
            .values
            .range((Bound::Included(first), Bound::Unbounded))
            .filter_map(|(key, slots)| {
                if let Key::Geo { lat, lon } = key {
                    let place = Place {
                        lon: lon.0,
                        lat: lat.0,
                    };
                    Some((place, slots))
                } else {
                    None
                }
            })
            .take_while(|(place, _)| place.lat <= north)
            .filter(|(place, _)| region.contains(*place));
        let sure: Union = inside.map(|(_, slots)| slots).collect();
        self.sure_or_odd(sure.into_bitmap())
    }

    /// The slots whose values are within bounds. No key below `first` is.
    fn between<T: PartialOrd>(
        &self,
        first: Option<Key>,
        bounds: &Bounds<T>,
        value: impl Fn(&Key) -> Option<T>,
    ) -> RoaringBitmap {
        let start = first.map_or(Bound::Unbounded, Bound::Included);
        self.values
            .range((start, Bound::Unbounded))
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

    /// All slots that hold a string.
    fn strings(&self) -> Within {
        match self.definition().kind() {
            IndexKind::Keyword | IndexKind::Datetime | IndexKind::Uuid | IndexKind::Text => {
                self.any_value()
            }
            IndexKind::Integer | IndexKind::Float | IndexKind::Bool | IndexKind::Geo => self.odd(),
        }
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
            parse_datetime(text).map_or(Asked::Odd, |at| Asked::Near(Key::Datetime(at)))
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
