//! Three walls between tenants, each broken alone: the others hold.
//!
//! 1. *The type*: without a grant there is no data, and only the gate makes one. Broken by
//!    programs that must not compile: `compile_fail.rs`.
//! 2. *The place*: a partition serves its own tenant's grants and no other: `foreign_grant.rs`.
//!    Every tenant has a family, a key file and a catalog record of its own: `misplaced.rs` swaps
//!    them behind the node's back.
//! 3. *The cipher*: a value opens under its own tenant, generation, kind and key: `misplaced.rs`
//!    and `damaged.rs` change single values.
//!
//! What is harmed fails closed, by itself: it is answered `corrupt`, counted and recorded, and
//! every other tenant answers on.

mod acts;
mod damaged;
pub mod disk;
mod foreign_grant;
mod misplaced;
mod neighbours;
mod segments;
