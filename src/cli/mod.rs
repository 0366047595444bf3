//! *The command line.* `locule serve` runs the server; `locule verify` checks files, without one;
//! every other command is a client that speaks HTTP to one, so what it may do is decided by the key
//! it's given and by nothing here. One more needs no server: `custody import`, which takes the root
//! key instead.
//!
//! Owns: the tree of commands and the process' exit code. One command a file.
//! **Invariant:** client commands never touch the data directory: they'd go around the gate.
//! **Invariant:** nothing but `output` prints, and nothing prints a key but the command that just
//! made it.
//!
//! Called by: `main`.

mod audit;
mod backup;
mod bench;
mod client;
mod columns;
mod contain;
mod custody;
mod erase;
mod key;
mod load;
mod output;
mod point_id;
mod query;
mod question;
mod report;
mod retention;
mod root_key;
mod secret;
mod serve;
mod span;
#[cfg(test)]
mod stub;
mod tenant;
mod token;
mod usage;
mod verify;
mod webhook;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use client::{Client, Connection};

/// Runs the command that the process was started with. Errors are told on stderr and end in exit
/// code 1, those of a check, and a command line that doesn't parse, in 2.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.run() {
        Ok(code) => code,
        Err(error) => output::failure(&error),
    }
}

/// Vector retrieval in which every tenant has a chamber of its own.
#[derive(Parser)]
#[command(name = "locule", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::Arguments>),
    /// Create, change, list, suspend and delete tenants (needs the operator key).
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Create, list, rotate and revoke a tenant's keys (needs the tenant's owner key).
    #[command(subcommand)]
    Key(key::Command),
    /// Get short-lived tokens in place of a key.
    #[command(subcommand)]
    Token(token::Command),
    /// Tell other systems of events, and let them ask for erasures (needs the tenant's owner key).
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Set how long points are kept (needs the tenant's owner key).
    #[command(subcommand)]
    Retention(retention::Command),
    /// Erase points, data subjects, collections or the tenant, and get receipts (needs the tenant's
    /// owner key).
    #[command(subcommand)]
    Erase(erase::Command),
    /// Load points from NDJSON or Parquet files into a collection.
    Load(load::Arguments),
    /// Find the nearest neighbours of one vector or of a file of them.
    Query(query::Arguments),
    /// Check a receipt, or a place against one, without a server.
    #[command(subcommand)]
    Verify(verify::Command),
    /// Make, keep and take away backups of the tenant (needs the tenant's owner key).
    #[command(subcommand)]
    Backup(backup::Command),
    /// Put a backup in place of the tenant's data (needs the tenant's owner key).
    Restore(backup::Restore),
    /// Export the tenant's key for a keeper outside, and put one back.
    #[command(subcommand)]
    Custody(custody::Command),
    /// Put another root key in place of the node's (needs the operator key).
    #[command(subcommand)]
    RootKey(root_key::Command),
    /// Print the tenant's audit log, to its end, as `locule verify audit` checks it (needs the tenant's
    /// owner or auditor key).
    Audit(audit::Arguments),
    /// Tell what the tenant stores and asks (needs the tenant's owner or auditor key).
    Usage(usage::Arguments),
    /// Tell how a tenant is kept: keys, limits, encryption, what the audit log covers.
    Report(report::Arguments),
    /// Close a tenant at once, and tell what each of its keys did (needs the operator key or the
    /// tenant's owner key).
    Contain(contain::Arguments),
    /// Measure a running server.
    #[command(subcommand)]
    Bench(bench::Command),
}

impl Arguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let connection = self.connection;
        let client = || Client::new(&connection);
        let done = match self.command {
            Command::Verify(command) => return Ok(verify::run(command)),
            Command::Serve(arguments) => serve::run(*arguments),
            Command::Tenant(command) => wait_for(tenant::run(&client()?, command)),
            Command::Key(command) => wait_for(key::run(&client()?, command)),
            Command::Token(command) => wait_for(token::run(&client()?, command)),
            Command::Webhook(command) => wait_for(webhook::run(&client()?, command)),
            Command::Retention(command) => wait_for(retention::run(&client()?, command)),
            Command::Erase(command) => wait_for(erase::run(&client()?, command)),
            Command::Load(arguments) => wait_for(load::run(&client()?, arguments)),
            Command::Query(arguments) => wait_for(query::run(&client()?, arguments)),
            Command::Backup(command) => wait_for(backup::run(&client()?, command)),
            Command::Restore(restore) => wait_for(backup::restore(&client()?, restore)),
            Command::Custody(custody::Command::Import(import)) => custody::import(import),
            Command::Custody(command) => wait_for(custody::run(&client()?, command)),
            Command::RootKey(command) => wait_for(root_key::run(&client()?, command)),
            Command::Audit(arguments) => wait_for(audit::run(&client()?, arguments)),
            Command::Usage(arguments) => wait_for(usage::run(&client()?, arguments)),
            Command::Report(arguments) => wait_for(report::run(&client()?, arguments)),
            Command::Contain(arguments) => wait_for(contain::run(&client()?, arguments)),
            Command::Bench(command) => wait_for(bench::run(&connection, command)),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// `serve` makes a runtime of its own, shaped for a server; client commands share this plain one.
fn wait_for(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("can't start the threads that talk to the server")?
        .block_on(work)
}
