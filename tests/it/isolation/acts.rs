//! Every method of a partition that takes a grant, called once.

use locule::{
    access::{CreateCollection, DeleteCollection, Read, Search, Write},
    index::Precision,
    partition::{
        AliasAction, Erasing, Grouping, Kind, Operation, Partition, PartitionError, PayloadChange,
        PointUpsert, Query, Retention, Schema, SearchQuery, Selection, Wanted,
    },
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
pub const ACTS: [(&str, Act); 34] = [
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
    ("query", |partition, visitor, reads| {
        let (grant, reads) = (visitor.grant(), reads.grant());
        partition
            .query(&grant, Some(&reads), &name("docs"), &sample(), ALL)
            .map(drop)
    }),
    ("query_batch", |partition, visitor, reads| {
        let grants = [
            (visitor.grant(), Some(visitor.grant())),
            (visitor.grant(), Some(reads.grant())),
        ];
        partition
            .query_batch(&grants, &name("docs"), &[(sample(), ALL), (sample(), ALL)])
            .map(drop)
    }),
    ("query_groups", |partition, visitor, reads| {
        let (grant, reads) = (visitor.grant(), reads.grant());
        let grouping = Grouping {
            path: Path::parse("text").unwrap(),
            size: 1,
        };
        partition
            .query_groups(
                &grant,
                Some(&reads),
                &name("docs"),
                &sample(),
                &grouping,
                ALL,
            )
            .map(drop)
    }),
    ("facet", |partition, visitor, _| {
        let path = Path::parse("text").unwrap();
        partition
            .facet(&visitor.grant(), &name("docs"), &path, None, 10)
            .map(drop)
    }),
    ("estimate", |partition, visitor, _| {
        partition
            .estimate(&visitor.grant(), &name("docs"), None)
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
    ("change", |partition, visitor, _| {
        let all = Selection::Filter(Filter::default());
        let cleared = Operation::Payload(all, PayloadChange::Clear);
        partition
            .change(&visitor.grant(), &name("docs"), vec![cleared])
            .map(drop)
    }),
    ("update_collection", |partition, visitor, _| {
        let grant = visitor.grant::<Write>();
        partition.update_collection(&grant, &name("docs"), |_, before| Ok(before.to_owned()))
    }),
    ("change_aliases", |partition, visitor, _| {
        let alias = AliasAction::Create {
            alias: name("latest"),
            collection: name("docs"),
        };
        partition.change_aliases(&visitor.grant(), &[alias])
    }),
    ("aliases", |partition, visitor, _| {
        partition.aliases(&visitor.grant()).map(drop)
    }),
    ("aliased", |partition, visitor, _| {
        partition
            .aliased(&visitor.grant(), &name("latest"))
            .map(drop)
    }),
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
    ("set_retention", |partition, visitor, _| {
        let retention = Retention::new(Some(1), None, Some(1)).unwrap();
        partition
            .set_retention(&visitor.grant(), &name("docs"), retention)
            .map(drop)
    }),
    ("retention", |partition, visitor, _| {
        partition
            .retention(&visitor.grant(), &name("docs"))
            .map(drop)
    }),
    ("retentions", |partition, visitor, _| {
        partition.retentions(&visitor.grant()).map(drop)
    }),
    ("retentions_reported", |partition, visitor, _| {
        partition.retentions_reported(&visitor.grant()).map(drop)
    }),
    ("set_purge_within", |partition, visitor, _| {
        let bound = Retention::new(None, None, Some(1)).unwrap();
        partition.set_purge_within(&visitor.grant(), Some(bound))
    }),
    ("purge_within", |partition, visitor, _| {
        partition.purge_within(&visitor.grant()).map(drop)
    }),
    ("remove_retention", |partition, visitor, _| {
        partition
            .remove_retention(&visitor.grant(), &name("docs"))
            .map(drop)
    }),
    ("remove", |partition, visitor, _| {
        let all = Selection::Filter(Filter::default());
        partition
            .remove(&visitor.grant(), &name("docs"), all)
            .map(drop)
    }),
    ("erase", |partition, visitor, _| {
        let what = Erasing::Points {
            collection: name("docs"),
            ids: vec![ID],
        };
        partition.erase(&visitor.grant(), &what).map(drop)
    }),
    ("reseal", |partition, visitor, _| {
        let (family, key) = visitor.next_generation();
        partition
            .reseal(&visitor.grant(), family, &key, || Ok(()))
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

/// A query that goes through a collection.
pub fn sample() -> Query {
    Query {
        prefetch: Vec::new(),
        kind: Kind::Random,
        using: String::new(),
        filter: None,
        limit: 10,
        offset: 0,
        ef: 10,
        exact: true,
        score_threshold: None,
    }
}

/// All of a point.
pub const ALL: Wanted = Wanted {
    payload: true,
    vectors: true,
};

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
