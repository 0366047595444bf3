//! **Locule**: vector retrieval in which every tenant has a chamber of its own.
//!
//! ```text
//! main.rs  cli  config        L7   the process
//! http  outbound              L6   the wire: the only place that knows axum and JSON dialects; what the node asks of others
//! engine                      L5   the API in plain structs
//! ops                         L4   what is done to partitions as a whole, and what proves it
//! router                      L3   the only code that sees more than one tenant
//! partition                   L2   one tenant: family, key, indexes
//! store   index   access      L1   mechanisms that don't know each other
//! seal    audit               L0+  leaves
//! tenant  vector  payload  clock  telemetry    L0   words: pure values
//! ```
//!
//! Imports point down; `tests/it/tidy.rs` holds the table. ARCHITECTURE.md tells the story.
//!
//! # Glossary
//! - **tenant**: a customer of the platform; its uuid is what everything is bound to.
//! - **partition**: one tenant generation: a column family, a data key, indexes.
//! - **generation**: counts a tenant's resealings.
//! - **family**: a `RocksDB` column family. **shelf**: a `RocksDB` of at most 64 families.
//! - **collection**: a tenant's own named set of points, whose vectors are of the sizes and metrics that its
//!   schema names. **space**: one of its vectors, of all points.
//! - **point**: an id, vectors by name, a payload. **row**: a point as it is stored.
//! - **slot**: a vector's place in memory. **arena**: a collection's vectors, in slots.
//! - **seal**, **open**: encrypt and authenticate for one place; the inverse.
//! - **receipt**: signed evidence of an erasure. **trace**: bytes that what was erased would leave.
//! - **grant**: proof that the gate allowed one act on one tenant.
//! - **principal**: someone with a verified credential.
//! - **nearness**: the higher the nearer; **score**: what the metric's users expect.

#![deny(unsafe_code)]

pub mod clock;
pub mod failpoint;
pub mod payload;
pub mod priority;
pub mod telemetry;
pub mod tenant;
pub mod vector;

pub mod audit;
pub mod seal;

pub mod access;
pub mod index;
pub mod store;

pub mod partition;

pub mod router;

pub mod ops;

pub mod engine;

pub mod http;
pub mod outbound;

pub mod cli;
pub mod config;
