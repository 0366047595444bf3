//! What can be done to a node, at random.

use locule::{payload::index::IndexKind, tenant::PointId, vector::Metric};
use proptest::{prelude::*, sample::select};
use uuid::Uuid;

use super::{
    changes::{Change, any_change},
    filter::Wanted,
    random,
    retention::{Retain, any_retain},
};

/// One step. Tenants, collections, dimensions and the like are chosen by number.
#[derive(Clone, Debug)]
pub enum Step {
    Create(Place, Metric, usize),
    Drop(Place),
    /// Points, and whether one of them, the last, is of the wrong dimension.
    Upsert(Place, Vec<NewPoint>, bool),
    /// Operations, each of which sees those before it.
    Change(Place, Vec<Change>),
    /// An alias, by number, and what it stands for from then on, if for anything.
    Alias(usize, usize, Option<usize>),
    /// A count by an alias.
    ThroughAlias(usize, usize),
    Remove(Place, Vec<PointId>),
    RemoveMatching(Place, Wanted),
    Query(Place, Question),
    Retrieve(Place, Vec<PointId>),
    /// Through all pages of so many points.
    Scroll(Place, usize, Option<Wanted>),
    Count(Place, Option<Wanted>),
    List(usize),
    /// A payload index of a field, by number; one of another kind is replaced.
    Index(Place, usize, IndexKind),
    Unindex(Place, usize),
    /// Points are erased, by id or by filter, and the partition is resealed; whether the end of
    /// that is waited for.
    Erase(Place, Vec<PointId>, bool),
    EraseMatching(Place, Wanted, bool),
    EraseCollection(Place, bool),
    /// How long points are kept from then on.
    Retain(Place, Retain),
    /// So many hours pass.
    Wait(u64),
    /// The tenants that are due are swept.
    Sweep,
    /// The node is stopped and started again.
    Reopen,
}

/// A tenant and a collection of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub tenant: usize,
    pub collection: usize,
}

/// A point to be stored. Its vector is cut to the collection's dimension.
#[derive(Clone, Debug)]
pub struct NewPoint {
    pub id: PointId,
    pub vector: Vec<f32>,
    /// Whether it has the default vector, and the other one, which is the first's beginning.
    pub has: (bool, bool),
    pub payload: serde_json::Map<String, serde_json::Value>,
}

/// A query. Its vector is cut to the collection's dimension.
#[derive(Clone, Debug)]
pub struct Question {
    pub vector: Vec<f32>,
    /// Whether it is about the other vector.
    pub other: bool,
    /// A stored point to ask by, in place of the vector.
    pub by_point: Option<PointId>,
    pub wanted: Option<Wanted>,
    pub limit: usize,
    pub offset: usize,
    /// After which part of the neighbours the score threshold is set.
    pub threshold_after: Option<f64>,
    pub exact: bool,
    pub with_payload: bool,
    pub with_vectors: bool,
}

pub fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (place(), select(&Metric::ALL[..]), 4..=DIMENSION_MAX)
            .prop_map(|(place, metric, dimension)| Step::Create(place, metric, dimension)),
        1 => place().prop_map(Step::Drop),
        12 => (place(), prop::collection::vec(point(), 1..12), prop::bool::weighted(0.05))
            .prop_map(|(place, points, bad)| Step::Upsert(place, points, bad)),
        10 => (place(), prop::collection::vec(any_change(), 1..5))
            .prop_map(|(place, changes)| Step::Change(place, changes)),
        2 => (0..TENANTS, 0..ALIASES.len(), prop::option::weighted(0.7, 0..COLLECTIONS.len()))
            .prop_map(|(tenant, alias, of)| Step::Alias(tenant, alias, of)),
        2 => (0..TENANTS, 0..ALIASES.len()).prop_map(|(tenant, alias)| Step::ThroughAlias(tenant, alias)),
        3 => (place(), prop::collection::vec(id(), 1..4)).prop_map(|(place, ids)| Step::Remove(place, ids)),
        2 => (place(), Wanted::any()).prop_map(|(place, wanted)| Step::RemoveMatching(place, wanted)),
        12 => (place(), question()).prop_map(|(place, question)| Step::Query(place, question)),
        3 => (place(), prop::collection::vec(id(), 0..6)).prop_map(|(place, ids)| Step::Retrieve(place, ids)),
        3 => (place(), 1_usize..7, prop::option::of(Wanted::any()))
            .prop_map(|(place, limit, wanted)| Step::Scroll(place, limit, wanted)),
        3 => (place(), prop::option::of(Wanted::any())).prop_map(|(place, wanted)| Step::Count(place, wanted)),
        1 => (0..TENANTS).prop_map(Step::List),
        6 => (place(), 0..FIELDS.len(), select(&IndexKind::ALL[..]))
            .prop_map(|(place, field, kind)| Step::Index(place, field, kind)),
        1 => (place(), 0..FIELDS.len()).prop_map(|(place, field)| Step::Unindex(place, field)),
        2 => (place(), prop::collection::vec(id(), 1..4), any::<bool>())
            .prop_map(|(place, ids, wait)| Step::Erase(place, ids, wait)),
        1 => (place(), Wanted::any(), any::<bool>())
            .prop_map(|(place, wanted, wait)| Step::EraseMatching(place, wanted, wait)),
        1 => (place(), any::<bool>()).prop_map(|(place, wait)| Step::EraseCollection(place, wait)),
        3 => (place(), any_retain()).prop_map(|(place, retain)| Step::Retain(place, retain)),
        3 => (1_u64..40).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        2 => Just(Step::Reopen),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    (0..TENANTS, 0..COLLECTIONS.len()).prop_map(|(tenant, collection)| Place { tenant, collection })
}

/// Few ids, so that points are replaced, deleted and made again.
pub fn id() -> impl Strategy<Value = PointId> {
    prop_oneof![
        6 => (0_u64..12).prop_map(PointId::Number),
        1 => Just(PointId::Number(u64::MAX)),
        3 => (0_u128..4).prop_map(|n| PointId::Uuid(Uuid::from_u128(n << 64 | n))),
    ]
}

pub fn point() -> impl Strategy<Value = NewPoint> {
    let has = (prop::bool::weighted(0.9), prop::bool::weighted(0.4));
    let parts = (id(), random::vector(), has, random::payload());
    parts.prop_map(|(id, vector, has, payload)| NewPoint {
        id,
        vector,
        has,
        payload,
    })
}

fn question() -> impl Strategy<Value = Question> {
    let what = (
        random::vector(),
        prop::option::weighted(0.15, id()),
        prop::option::of(Wanted::any()),
    );
    let how = (
        1_usize..20,
        prop_oneof![3 => Just(0_usize), 1 => 1_usize..8],
        prop::option::weighted(0.3, 0.0..1.0),
        any::<(bool, bool, bool)>(),
        prop::bool::weighted(0.3),
    );
    (what, how).prop_map(
        |(
            (vector, by_point, wanted),
            (limit, offset, threshold_after, (exact, with_payload, with_vectors), other),
        )| Question {
            vector,
            other,
            by_point,
            wanted,
            limit,
            offset,
            threshold_after,
            exact,
            with_payload,
            with_vectors,
        },
    )
}

pub const TENANTS: usize = 3;
/// The vector that every collection has beside the default one.
pub const OTHER: &str = "other";
pub const OTHER_DIMENSION: usize = 2;
pub const ALIASES: [&str; 2] = ["latest", "nächste"];
pub const COLLECTIONS: [&str; 2] = ["docs", "Nähe 近傍"];
/// Fields that may be indexed: those that filters ask about, and one that no payload has.
pub const FIELDS: [&str; 10] = [
    "colour",
    "n",
    "tags",
    "tags[]",
    "sold",
    "note",
    "place",
    "parts[].size",
    "parts[].tint",
    "nothing.here",
];
pub const DIMENSION_MAX: usize = 8;
