//! What Locule promises, through its public surface. One binary; a file a promise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    unreachable_pub,
    let_underscore_drop,
    reason = "a test that can't go on should stop, and tests run in real time"
)]

mod harness;

mod audit;
mod authz;
mod backup;
mod bad_requests;
mod benches;
mod bounds;
mod canary;
mod command_line;
mod compile_fail;
mod contain;
mod control_plane;
mod crash;
mod crossing;
mod custody;
mod data_plane;
mod erasure;
mod isolation;
mod limits;
mod model;
mod odd;
mod openapi;
mod operator;
mod retention;
mod roles;
mod rotation;
mod settings;
mod storage;
mod tidy;
mod tokens;
mod transport;
mod verify;
mod webhooks;
