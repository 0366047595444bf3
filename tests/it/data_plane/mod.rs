//! The data plane: what it does, and what it does to those who send it nonsense.

mod bad_bodies;
mod bad_data;
mod behaviour;
mod fuzz;
mod indexes;
mod limits;
mod quota;
mod reading;
mod routes;
mod vectors;
