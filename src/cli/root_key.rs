//! *`locule root-key`: the node's root key*, for its operator. Which key it becomes is decided by
//! the server's settings, never here.
//!
//! Called by: `cli`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Wrap every key file under the next root key: one that the server makes, if its root key is a
    /// file of its own, else the one that its settings name with `root_key_next_*`.
    Rotate {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    let Command::Rotate { format } = command;
    let rotated = client
        .ask(
            Method::POST,
            &["v1", "root-key", "rotate"],
            Some(&json!({})),
        )
        .await?;
    let named = [
        ("root key", "/root_key"),
        ("before", "/previous"),
        ("key files", "/files"),
    ];
    output::record(&rotated, &named, format)?;
    if let Some(then) = rotated.get("then").and_then(Value::as_str) {
        output::notice(format!("Left to do: {then}."));
    }
    Ok(())
}
