//! Every method of a partition that takes a grant, called once.

use locule::{
    access::{CreateCollection, DeleteCollection, Read, Search, Write},
    index::Precision,
    partition::{Partition, PartitionError, PointUpsert, Schema, SearchQuery, Selection},
    payload::{
        Payload,
        filter::Filter,
        index::{Definition, IndexKind},
        path::Path,
    },
    tenant::{CollectionName, PointId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};
use serde_json::json;

use super::foreign_grant::Visitor;

pub type Act = fn(&Partition, &Visitor<'_>, &Visitor<'_>) -> Result<(), PartitionError>;

/// Every method that takes a grant. The second visitor is who wants vectors back.
pub const ACTS: [(&str, Act); 15] = [
    ("search", |partition, visitor, vectors| {
        let grant = visitor.grant::<Search>();
        let vectors = vectors.grant::<Read>();
        partition
            .search(&grant, Some(&vectors), &name("docs"), &query())
            .map(drop)
    }),
    ("search_batch", |partition, visitor, vectors| {
        // The first is no stranger, and doesn't let the others in.
        let grants = [
            (visitor.grant::<Search>(), None),
            (visitor.grant::<Search>(), Some(vectors.grant::<Read>())),
        ];
        partition
            .search_batch(&grants, &name("docs"), &[query(), query()])
            .map(drop)
    }),
    ("vector_of", |partition, visitor, _| {
        partition
            .vector_of(&visitor.grant(), &name("docs"), DEFAULT_VECTOR, ID)
            .map(drop)
    }),
    ("retrieve", |partition, visitor, _| {
        partition
            .retrieve(&visitor.grant(), &name("docs"), &[ID])
            .map(drop)
    }),
    ("scroll", |partition, visitor, _| {
        partition
            .scroll(&visitor.grant(), &name("docs"), None, 10, None)
            .map(drop)
    }),
    ("count", |partition, visitor, _| {
        partition
            .count(&visitor.grant(), &name("docs"), None)
            .map(drop)
    }),
    ("describe", |partition, visitor, _| {
        partition
            .describe(&visitor.grant(), &name("docs"))
            .map(drop)
    }),
    ("list", |partition, visitor, _| {
        partition.list(&visitor.grant()).map(drop)
    }),
    ("usage", |partition, visitor, _| {
        partition.usage(&visitor.grant()).map(drop)
    }),
    ("upsert", |partition, visitor, _| put(partition, visitor, 2)),
    ("create_payload_index", |partition, visitor, _| {
        let index = Definition::new("text", IndexKind::Keyword, String::new()).unwrap();
        partition
            .create_payload_index(&visitor.grant(), &name("docs"), index)
            .map(drop)
    }),
    ("delete_payload_index", |partition, visitor, _| {
        let field = Path::parse("text").unwrap();
        partition
            .delete_payload_index(&visitor.grant(), &name("docs"), &field)
            .map(drop)
    }),
    ("create_collection", |partition, visitor, _| {
        create(partition, visitor, "more")
    }),
    ("remove", |partition, visitor, _| {
        let all = Selection::Filter(Filter::default());
        partition
            .remove(&visitor.grant(), &name("docs"), all)
            .map(drop)
    }),
    ("delete_collection", |partition, visitor, _| {
        partition
            .delete_collection(visitor.grant::<DeleteCollection>(), &name("docs"))
            .map(drop)
    }),
];

pub fn create(
    partition: &Partition,
    visitor: &Visitor<'_>,
    collection: &str,
) -> Result<(), PartitionError> {
    let schema = Schema::single(Dimension::new(2).unwrap(), Metric::Dot, Precision::Codes);
    let grant = visitor.grant::<CreateCollection>();
    partition.create_collection(&grant, &name(collection), schema)
}

pub fn put(partition: &Partition, visitor: &Visitor<'_>, id: u64) -> Result<(), PartitionError> {
    let payload = json!({"text": "a secret"}).as_object().unwrap().clone();
    let point = PointUpsert {
        id: PointId::Number(id),
        vectors: only_default(vec![1.0, 0.0]),
        payload: Payload::new(payload).unwrap(),
    };
    let grant = visitor.grant::<Write>();
    partition
        .upsert(&grant, &name("docs"), vec![point])
        .map(drop)
}

fn query() -> SearchQuery {
    SearchQuery {
        vector: vec![1.0, 0.0],
        using: DEFAULT_VECTOR.to_owned(),
        filter: None,
        limit: 10,
        offset: 0,
        ef: 10,
        exact: true,
        score_threshold: None,
        except: None,
        with_payload: true,
    }
}

fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

const ID: PointId = PointId::Number(1);
