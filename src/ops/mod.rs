//! *What is done to a partition as a whole, and what proves that it was done.*
//!
//! Owns: erasures from being asked for to their receipts; when tenants are swept; receipts and their canonical form; the check of a directory, a backup or a
//! disk image against one.
//!
//! **Invariant:** a receipt can't be built without the proofs of the acts that it tells of:
//! [`FamilyDropped`](crate::store::FamilyDropped), [`KeyShredded`](crate::seal::KeyShredded) and
//! [`Checked`](verify::Checked), each made by its act alone (`tests/ui/receipt_proofs_from_thin_air.rs`).
//! **Invariant:** what is checked offline needs no key that opens data.
//! Called by: `engine` (erasures), `cli` (`locule verify`).

pub mod backup;
pub mod canonical;
pub mod custody;
pub mod erase;
mod hex;
pub mod receipt;
pub mod retain;
pub mod verify;

pub use self::{erase::Erasures, hex::Hex};
