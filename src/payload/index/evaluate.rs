//! What a filter means in terms of slots.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use super::{Indexes, within::Within};
use crate::{
    payload::{
        filter::{Condition, Filter, Slice},
        path::Path,
    },
    tenant::PointId,
};

/// The points that a filter chooses among.
pub struct Points<'a> {
    /// Slots that live.
    pub living: &'a RoaringBitmap,
    /// The slots of ids, those that live.
    pub by_id: &'a dyn Fn(&Ids<'_>) -> RoaringBitmap,
    /// The slots that have a vector of a name, those that live.
    pub by_vector: &'a dyn Fn(&str) -> RoaringBitmap,
}

/// Which ids a condition means.
#[derive(Clone, Copy, Debug)]
pub enum Ids<'a> {
    /// These.
    Listed(&'a HashSet<PointId>),
    /// Those in a slice.
    Slice(Slice),
}

impl Ids<'_> {
    /// Whether an id is meant.
    pub fn hold(&self, id: PointId) -> bool {
        match self {
            Self::Listed(ids) => ids.contains(&id),
            Self::Slice(slice) => slice.holds(id),
        }
    }
}

impl Indexes {
    /// The living slots that a filter means, as far as these indexes tell. Reads no payload. The
    /// filter must be [bound](Self::bind).
    pub fn within(&self, filter: &Filter, points: &Points<'_>) -> Within {
        let mut within = Within::exactly(points.living.clone());
        for condition in &filter.must {
            within.and(&self.condition(condition, points));
        }
        if !filter.should.is_empty() {
            let mut any = Within::exactly(RoaringBitmap::new());
            for condition in &filter.should {
                any.or(&self.condition(condition, points));
            }
            within.and(&any);
        }
        for condition in &filter.must_not {
            within.minus(&self.condition(condition, points));
        }
        if let Some((conditions, least)) = &filter.min_should {
            within.and(&self.at_least(conditions, *least, points));
        }
        within
    }

    fn condition(&self, condition: &Condition, points: &Points<'_>) -> Within {
        let within = match condition {
            Condition::Field(path, test) => self.get(path).map(|field| field.within(test)),
            Condition::IsEmpty(path) => self
                .get(path)
                .map(|field| Within::exactly(points.living - &*field.filled)),
            Condition::IsNull(path) => self
                .get(path)
                .map(|field| Within::exactly((*field.nulls).clone())),
            Condition::ValuesCount(..) => None,
            Condition::HasId(ids) => Some(Within::exactly((points.by_id)(&Ids::Listed(ids)))),
            Condition::HasVector(name) => Some(Within::exactly((points.by_vector)(name))),
            Condition::Slice(slice) => Some(Within::exactly((points.by_id)(&Ids::Slice(*slice)))),
            Condition::Nested(path, filter) => self.nested(path, filter),
            Condition::Filter(filter) => Some(self.within(filter, points)),
        };
        within.unwrap_or_else(|| Within::at_most(points.living.clone()))
    }

    /// The slots that may hold an object for which the filter holds: those that have, in some
    /// object, what each condition that must hold asks for.
    fn nested(&self, path: &Path, filter: &Filter) -> Option<Within> {
        let possible = filter.must.iter().filter_map(|condition| match condition {
            Condition::Field(inner, test) => {
                let field = self.get(&path.join(inner))?;
                Some(field.within(test).possible)
            }
            Condition::Nested(inner, filter) => {
                Some(self.nested(&path.join(inner), filter)?.possible)
            }
            Condition::ValuesCount(..)
            | Condition::IsEmpty(_)
            | Condition::IsNull(_)
            | Condition::HasId(_)
            | Condition::HasVector(_)
            | Condition::Slice(_)
            | Condition::Filter(_) => None,
        });
        possible.reduce(|a, b| a & b).map(Within::at_most)
    }

    /// The slots for which at least so many conditions hold.
    fn at_least(&self, conditions: &[Condition], least: usize, points: &Points<'_>) -> Within {
        if least == 0 {
            return Within::exactly(points.living.clone());
        }
        let length = points.living.max().map_or(0, |last| last as usize + 1);
        let (mut sure, mut possible) = (Counts::new(length), Counts::new(length));
        for condition in conditions {
            let within = self.condition(condition, points);
            sure.add(&within.sure);
            possible.add(&within.possible);
        }
        Within {
            sure: sure.reached(least),
            possible: possible.reached(least),
        }
    }
}

/// How many conditions hold for each slot.
struct Counts(Vec<u32>);

impl Counts {
    fn new(length: usize) -> Self {
        Self(vec![0; length])
    }

    fn add(&mut self, slots: &RoaringBitmap) {
        for slot in slots {
            if let Some(count) = self.0.get_mut(slot as usize) {
                *count += 1;
            }
        }
    }

    fn reached(&self, least: usize) -> RoaringBitmap {
        let counts = (0_u32..).zip(&self.0);
        counts
            .filter(|(_, count)| **count as usize >= least)
            .map(|(slot, _)| slot)
            .collect()
    }
}
