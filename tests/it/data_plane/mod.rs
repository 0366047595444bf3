//! The data plane: what it does, and what it does to those who send it nonsense.

mod bad_bodies;
mod behaviour;
mod fuzz;
mod limits;
mod quota;
mod routes;
