//! A node with everything real but the clock, and actors who talk to it over HTTP.

mod actor;
mod node;
mod routes;
pub mod vectors;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file or folder of the checkout that the tests run in. Asked when they run: clones share a
/// target directory, so the one they were compiled in may be another, or gone.
pub fn checkout(path: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join(path)
}

/// A port that nobody listens on just now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Copies a directory to a place where none is, or an empty one.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

pub use self::{
    actor::{Actor, Answer},
    node::{Node, OPERATOR_KEY, START, Setup, Stopped, Tenant, options},
    routes::routes_in,
};
