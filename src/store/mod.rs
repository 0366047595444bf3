//! Storage: sealed bytes in `RocksDB`, on shelves.
//!
//! Owns: `RocksDB` (sole importer), the layout of storage keys, what is durable and when.
//!
//! A *shelf* is one `RocksDB` of at most 64 column families, one family a tenant generation.
//! Creating or dropping a family rewrites the options of all families in its instance, so many
//! small instances beat one big one (figures: ARCHITECTURE.md). Shelves share one block cache and
//! one write-buffer manager, open when a tenant of theirs is first needed, and close when none is.
//!
//! **Invariant:** plain text can't be stored: every value is a [`Sealed`](crate::seal::Sealed)
//! (`tests/ui/plaintext_into_store.rs`).
//! **Invariant:** what names anything in a plain-text `RocksDB` file (family names, storage keys)
//! is an opaque number (`it/canary/`).
//! **Invariant:** a commit that returned is on disk: every commit fsyncs the write-ahead log. A
//! failed one poisons its shelf: reads go on, writes are refused until it is reopened. What is
//! ingested is a table file that was synced, and named in a synced manifest.
//! **Invariant:** no write reaches a dropped family: `RocksDB` answers that with a fatal error
//! that stops the whole shelf, so a family's fence is checked first.
//! Called by: `partition` (families, sweeps), `router` (shelves, catalog).

mod batch;
mod bulk;
mod catalog;
#[expect(
    clippy::mem_forget,
    reason = "the self_cell macro's own code moves values so"
)]
mod family;
mod in_use;
mod key;
mod options;
mod poison;
mod purge;
mod shelf;
mod shelves;
mod sweeps;

#[cfg(test)]
pub use self::catalog::{golden, is_record};
pub use self::{
    batch::Batch,
    bulk::Bulk,
    catalog::{Catalog, CatalogError, CatalogKind},
    family::{Family, FamilyDropped},
    in_use::{InUse, Released},
    key::{KeyRange, RecordKind, StorageKey},
    options::StoreOptions,
    shelf::{FamilyName, Shelf},
    shelves::Shelves,
    sweeps::Sweeps,
};

/// Why the store couldn't do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `RocksDB` said no.
    #[error("the storage engine failed")]
    Engine(#[from] rocksdb::Error),
    /// An earlier write failed, so nothing is known to be durable any more.
    #[error("the shelf refuses writes after a failed one; restart the node once the disk is well")]
    Poisoned,
    /// The family was dropped.
    #[error("the column family was dropped")]
    Dropped,
    /// The shelf doesn't have the family.
    #[error("the shelf has no such column family")]
    NoFamily,
    /// The shelf has as many families as it may.
    #[error("the shelf is full")]
    Full,
    /// Old logs are still there after a purge.
    #[error("the shelf's old log is still there; the purge has to be repeated")]
    Leftover,
    /// The shelf's directory can't be used.
    #[error("the shelf's directory can't be used")]
    Io(#[from] std::io::Error),
}
