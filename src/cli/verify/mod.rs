//! *`locule verify`: checks that need no server.* A receipt; a directory, a backup or a disk image
//! against one; a backup by itself; the audit log. None needs a key that opens data.
//!
//! **Invariant:** the process ends with 0 when everything holds, with 1 when something doesn't, and
//! with 2 when it couldn't be told: never with 0 for want of looking.
//! Called by: `cli`.

mod audit;
mod backup;
mod directory;
mod receipt;
mod verdict;

use std::{fs, io, path::Path, process::ExitCode};

use anyhow::Context;
use clap::Subcommand;

use super::output;
use crate::{ops::Hex, seal::VerifyingKey};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check the receipt of an erasure: who signed it, and that nobody changed it since.
    Receipt(receipt::Arguments),
    /// Look through a data directory, a backup or a disk image for what an erasure should have
    /// removed.
    Directory(directory::Arguments),
    /// Check a backup by itself: that all of it is there, and nobody changed it since.
    Backup(backup::Arguments),
    /// Check the audit log: that no entry was changed, removed, moved or added.
    Audit(audit::Arguments),
}

/// Runs a check, and tells by the exit code what came of it.
pub(crate) fn run(command: Command) -> ExitCode {
    let (looked, format) = match command {
        Command::Receipt(arguments) => (receipt::look(&arguments), arguments.format),
        Command::Directory(arguments) => (directory::look(&arguments), arguments.format),
        Command::Backup(arguments) => (backup::look(&arguments), arguments.format),
        Command::Audit(arguments) => (audit::look(&arguments), arguments.format),
    };
    let told = looked.and_then(|verdict| {
        match verdict.tell(format) {
            // Whoever stopped reading may still want to know by the code.
            Err(error) if is_broken_pipe(&error) => {}
            told => told?,
        }
        Ok(verdict.exit_code())
    });
    told.unwrap_or_else(|error| {
        output::failure(&error);
        ExitCode::from(COULD_NOT_LOOK)
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// A node's public key: 64 hex digits, or a file that holds them, or what `/v1/node/key` answers.
fn key(text: &str) -> anyhow::Result<VerifyingKey> {
    #[derive(serde::Deserialize)]
    struct Answer {
        public_key: Hex<32>,
    }
    let bytes: Hex<32> = match text.parse() {
        Ok(bytes) => bytes,
        Err(_) => {
            let file =
                read(Path::new(text)).context("--key is neither 64 hex digits nor a file")?;
            let held = std::str::from_utf8(&file).unwrap_or_default().trim();
            let answer = || serde_json::from_str(held).map(|it: Answer| it.public_key);
            let parsed = held.parse().or_else(|_| answer());
            parsed.with_context(|| format!("--key: there is no public key in {text}"))?
        }
    };
    Ok(VerifyingKey::from_bytes(&bytes.0)?)
}

/// Neither yes nor no.
const COULD_NOT_LOOK: u8 = 2;
