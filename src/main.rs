//! The `locule` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// The system's allocator has a thread wait for another one that frees what it allocated: a search waited 10 ms
/// for a bulk write's thread that had no core.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    locule::cli::run()
}
