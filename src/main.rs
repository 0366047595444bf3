//! The `locule` command.

use std::process::ExitCode;

/// The system's allocator has a thread wait for another one that frees what it allocated: a search waited 10 ms
/// for a bulk write's thread that had no core.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    locule::cli::run()
}
