//! Filters: which points a query means.
//!
//! Owns: the tree of conditions and its one evaluator, total over every payload. The tree is
//! bounded on construction, so evaluating can't exhaust the stack.
//!
//! What a text condition means depends on how a text index cuts its field into words. So whoever
//! has indexes puts a filter [under](super::index::Indexes::bind) them before it is used; without
//! an index of the field, a text is cut into words by default.

mod scalars;
mod test;

use std::{collections::HashSet, hash::Hasher as _};

use serde_json::{Map, Value};

pub(super) use self::test::elements;
pub use self::{
    scalars::{Scalar, Scalars},
    test::{Bounds, Test},
};
use super::{Payload, path::Path};
use crate::tenant::PointId;

/// Clauses joined by AND: all of `must`, one of `should`, at least `min_should` of its own, none
/// of `must_not`. An empty clause holds.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// All must hold.
    pub must: Vec<Condition>,
    /// At least one must hold, if there is any.
    pub should: Vec<Condition>,
    /// None may hold.
    pub must_not: Vec<Condition>,
    /// At least so many of these must hold.
    pub min_should: Option<(Vec<Condition>, usize)>,
}

/// One condition of a [`Filter`].
#[derive(Clone, Debug)]
pub enum Condition {
    /// A test of the payload's values at a path: holds when it holds for any of them, looking
    /// into arrays.
    Field(Path, Test),
    /// How many values there are at a path: none where the path leads nowhere.
    ValuesCount(Path, Bounds<u64>),
    /// No value at the path, or null, or an empty array.
    IsEmpty(Path),
    /// The value at the path is null, or an array that holds null.
    IsNull(Path),
    /// The point's id is one of these.
    HasId(HashSet<PointId>),
    /// The point has a vector of this name.
    HasVector(String),
    /// The point's id is in a slice of all ids.
    Slice(Slice),
    /// An object in the array at the path, for which the filter holds on its own. Ids and vectors
    /// are no part of such an object: conditions on them don't hold.
    Nested(Path, Box<Filter>),
    /// A filter in a filter.
    Filter(Box<Filter>),
}

/// One of so many parts of equal size of all ids, by a hash that never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// How many parts there are; at least one.
    pub total: u32,
    /// Which of them, from zero on.
    pub index: u32,
}

/// A point that a filter is asked about.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: PointId,
    /// Its payload.
    pub payload: &'a Payload,
    /// Whether it has a vector of a name.
    pub vectors: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Candidate<'_> {
    /// Without the payload: debug output ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Candidate")
    }
}

impl Filter {
    /// Whether a point is meant.
    pub fn matches(&self, point: &Candidate<'_>) -> bool {
        self.holds(&Subject {
            point: Some(point),
            object: point.payload.as_map(),
        })
    }

    /// Whether the filter has no condition at all.
    pub fn is_empty(&self) -> bool {
        self.must.is_empty()
            && self.should.is_empty()
            && self.must_not.is_empty()
            && self.min_should.is_none()
    }

    /// The filter with each of its conditions replaced.
    pub(super) fn map(&self, change: &impl Fn(&Condition) -> Condition) -> Self {
        let all = |conditions: &[Condition]| conditions.iter().map(change).collect();
        Self {
            must: all(&self.must),
            should: all(&self.should),
            must_not: all(&self.must_not),
            min_should: self
                .min_should
                .as_ref()
                .map(|(conditions, least)| (all(conditions), *least)),
        }
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        let holds = |condition: &Condition| condition.holds(subject);
        self.must.iter().all(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && !self.must_not.iter().any(holds)
            && self.min_should.as_ref().is_none_or(|(conditions, least)| {
                conditions
                    .iter()
                    .filter(|condition| holds(condition))
                    .take(*least)
                    .count()
                    >= *least
            })
    }
}

/// What a filter looks at: a point's payload, or an object in it, which is no point.
struct Subject<'a> {
    point: Option<&'a Candidate<'a>>,
    object: &'a Map<String, Value>,
}

impl Condition {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        let values = |path: &Path| path.values(subject.object);
        let point = subject.point;
        match self {
            Self::Field(path, test) => values(path).into_iter().any(|value| test.holds(value)),
            Self::ValuesCount(path, bounds) => {
                let counts: Vec<u64> = values(path).into_iter().map(count).collect();
                if counts.is_empty() {
                    return bounds.hold(&0);
                }
                counts.iter().any(|count| bounds.hold(count))
            }
            Self::IsEmpty(path) => values(path).into_iter().all(is_empty),
            Self::IsNull(path) => values(path).into_iter().any(is_null),
            Self::HasId(ids) => point.is_some_and(|point| ids.contains(&point.id)),
            Self::HasVector(name) => point.is_some_and(|point| (point.vectors)(name)),
            Self::Slice(slice) => point.is_some_and(|point| slice.holds(point.id)),
            Self::Nested(path, filter) => values(path)
                .into_iter()
                .filter_map(Value::as_object)
                .any(|object| {
                    filter.holds(&Subject {
                        point: None,
                        object,
                    })
                }),
            Self::Filter(filter) => filter.holds(subject),
        }
    }
}

impl Slice {
    /// Whether an id is in it.
    #[expect(
        deprecated,
        reason = "the hash is prescribed: SipHash-2-4 without a key"
    )]
    pub fn holds(&self, id: PointId) -> bool {
        let mut hasher = std::hash::SipHasher::new();
        match id {
            PointId::Number(number) => hasher.write(&number.to_le_bytes()),
            PointId::Uuid(uuid) => hasher.write(uuid.as_bytes()),
        }
        hasher.finish().checked_rem(u64::from(self.total)) == Some(u64::from(self.index))
    }
}

/// Whether a value counts as none.
pub(super) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether a value is null, or holds null.
pub(super) fn is_null(value: &Value) -> bool {
    value.is_null()
        || value
            .as_array()
            .is_some_and(|items| items.iter().any(Value::is_null))
}

fn count(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.len() as u64,
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => 1,
    }
}

/// Deepest nesting of filters.
pub const FILTER_DEPTH_MAX: usize = 32;
/// Most conditions in a filter, nested ones included.
pub const FILTER_CONDITIONS_MAX: usize = 4096;
/// Most values and ids in all lists of a filter together.
pub const FILTER_VALUES_MAX: usize = 100_000;
/// Most points in all polygons of a filter together: each is looked at for each place.
pub const FILTER_POLYGON_POINTS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Slice;
    use crate::tenant::PointId;

    #[test]
    fn slices_are_those_of_other_servers() {
        let uuid = Uuid::from_u128(0x1111_1111_2222_3333_4444_5555_aaaa_bbbb);
        for (id, slices) in [
            (PointId::Number(0), [1, 2, 9, 119]),
            (PointId::Number(1), [0, 2, 8, 398]),
            (PointId::Number(12_345), [0, 2, 0, 610]),
            (PointId::Number(u64::MAX), [0, 1, 0, 430]),
            (PointId::Uuid(uuid), [0, 1, 2, 542]),
        ] {
            for (total, index) in [2, 3, 10, 1_000].into_iter().zip(slices) {
                assert!(Slice { total, index }.holds(id), "{id:?} of {total}");
                let another = (index + 1) % total;
                assert!(
                    !Slice {
                        total,
                        index: another
                    }
                    .holds(id),
                    "{id:?} of {total}"
                );
            }
        }
        assert!(
            !Slice { total: 0, index: 0 }.holds(PointId::Number(1)),
            "no part of nothing"
        );
    }
}
