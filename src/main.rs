//! The `locule` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    locule::cli::run()
}
