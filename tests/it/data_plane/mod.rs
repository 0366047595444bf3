//! The data plane: what it does, and what it does to those who send it nonsense.

mod aliases;
mod bad_bodies;
mod bad_data;
mod behaviour;
mod filters;
mod fuzz;
mod indexes;
mod limits;
mod listing;
mod queries;
mod quota;
mod reading;
mod routes;
mod updates;
mod vectors;
