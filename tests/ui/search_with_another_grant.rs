// A grant is good for the act that it was given for.

use locule::{
    access::{DeleteCollection, Grant, Read, Search, Write},
    partition::{Partition, SearchQuery},
    tenant::CollectionName,
};

pub fn act(
    partition: &Partition,
    name: &CollectionName,
    query: &SearchQuery,
    search: &Grant<Search>,
    read: &Grant<Read>,
    write: &Grant<Write>,
    delete: &Grant<DeleteCollection>,
) {
    let _ = partition.search(search, None, name, query);
    let _ = partition.search(write, None, name, query); //~ E0308 mismatched types
    let _ = partition.search(search, Some(search), name, query); //~ E0308 mismatched types
    let _ = partition.retrieve(search, name, &[]); //~ E0308 mismatched types
    let _ = partition.upsert(read, name, Vec::new()); //~ E0308 mismatched types
    let _ = partition.delete_collection(delete, name); //~ E0308 mismatched types
    let _ = partition.retrieve(read, name, &[]);
    let _ = partition.upsert(write, name, Vec::new());
    let _ = delete;
}
