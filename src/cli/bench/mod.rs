//! *`locule bench`: what a running server delivers, measured from outside.*
//!
//! Called by: `cli`.

mod asking;
mod http;
mod tally;
#[cfg(test)]
mod tests;

use clap::Subcommand;

use super::client::Connection;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Send real queries over HTTP as fast as the answers come, each with its tenant's key.
    Http(http::Arguments),
}

pub(crate) async fn run(connection: &Connection, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Http(arguments) => http::run(connection, arguments).await,
    }
}
