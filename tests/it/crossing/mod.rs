//! Two tenants with the same collection names and the same point ids: whatever one asks, on any
//! route of the data plane, it gets its own and learns nothing of the other.
//!
//! `routes.rs` lists the routes; a route that isn't on the list fails a test.

mod credentials;
mod learning;
mod naming;
mod own_data;
mod routes;
mod twins;

pub use self::routes::ROUTES;
