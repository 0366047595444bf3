//! Short-lived tokens, the keys that they stand for, and whose word about tenants is taken.

mod fetched;
mod forgery;
mod issuers;
mod keys;
mod own;
mod publisher;
mod signer;
mod subjects;
