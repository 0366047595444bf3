// The store takes what is sealed. Plain text on disk doesn't type-check.

use locule::{
    seal::Sealed,
    store::{Batch, StorageKey},
};

pub fn put(batch: &mut Batch, plain: Vec<u8>, sealed: Sealed) {
    batch.put(StorageKey::head(), plain); //~ E0308 mismatched types
    batch.put(StorageKey::head(), b"plain"); //~ E0308 mismatched types
    batch.put(StorageKey::head(), plain.into()); //~ E0277 Sealed: From<Vec<u8>>` is not satisfied
    batch.put(StorageKey::head(), sealed);
    drop(plain);
}
