//! *`locule bench`: what a running server delivers, measured from outside, and what search alone
//! delivers, measured inside.*
//!
//! `search`, `churn` and `open` run a node of their own (`node`) on vectors of one's own (`input`),
//! through the engine that the server uses. `scripts/bench` compares them with other engines.
//!
//! Called by: `cli`.

mod asking;
mod churn;
mod erase;
mod fair;
mod http;
mod input;
mod matrix;
mod measure;
mod node;
mod open;
mod search;
mod served;
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
    /// Delete a clustered half of the vectors, put it back, search beside a writer: does recall last?
    Churn(churn::Arguments),
    /// Erase a data subject and a tenant: how long until the verified receipt?
    Erase(erase::Arguments),
    /// What a tenant that asks now and then notices of one that floods the node.
    Fair(fair::Arguments),
    /// Open a sealed partition again and again: how long until the first answer?
    Open(open::Arguments),
}

pub(crate) async fn run(connection: &Connection, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Http(arguments) => http::run(connection, arguments).await,
        Command::Search(arguments) => {
            tokio::task::spawn_blocking(move || search::run(&arguments)).await?
        }
        Command::Churn(arguments) => {
            tokio::task::spawn_blocking(move || churn::run(&arguments)).await?
        }
        Command::Erase(arguments) => {
            tokio::task::spawn_blocking(move || erase::run(&arguments)).await?
        }
        Command::Fair(arguments) => fair::run(arguments).await,
        Command::Open(arguments) => {
            tokio::task::spawn_blocking(move || open::run(&arguments)).await?
        }
    }
}
