// What destroys takes its grant away: one permission, one collection.

use locule::{
    access::{DeleteCollection, Grant},
    partition::Partition,
    tenant::CollectionName,
};

pub fn delete(
    partition: &Partition,
    grant: Grant<DeleteCollection>,
    one: &CollectionName,
    other: &CollectionName,
) {
    let _ = partition.delete_collection(grant, one);
    let _ = partition.delete_collection(grant, other); //~ E0382 use of moved value: `grant`
    let _ = other;
}
