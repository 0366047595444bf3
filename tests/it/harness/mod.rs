//! A node with everything real but the clock, and actors who talk to it over HTTP.

mod actor;
mod node;
pub mod vectors;

pub use self::{
    actor::{Actor, Answer},
    node::{Node, OPERATOR_KEY, Tenant, options},
};
