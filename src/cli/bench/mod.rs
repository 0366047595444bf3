//! *`locule bench`: what a running server delivers, measured from outside, and what search alone
//! delivers, measured inside.*
//!
//! Called by: `cli`.

mod asking;
mod http;
mod matrix;
mod search;
mod tally;
#[cfg(test)]
mod tests;

use clap::Subcommand;

use super::client::Connection;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Send real queries over HTTP as fast as the answers come, each with its tenant's key.
    Http(http::Arguments),
    /// Search vectors of your own in a sealed partition of this process: no server, no network.
    Search(search::Arguments),
}

pub(crate) async fn run(connection: &Connection, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Http(arguments) => http::run(connection, arguments).await,
        Command::Search(arguments) => {
            tokio::task::spawn_blocking(move || search::run(&arguments)).await?
        }
    }
}
