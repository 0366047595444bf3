//! *`locule usage`: what the tenant stores and asks*, for its owner or auditor.
//!
//! Called by: `cli`.

use reqwest::Method;

use super::client::Client;
use super::output::{self, Format};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    let usage = client.ask(Method::GET, &["v1", "usage"], None).await?;
    let named = [
        ("state", "/state"),
        ("collections", "/collections"),
        ("points", "/points"),
        ("bytes on disk", "/bytes_on_disk"),
        ("bytes in memory", "/bytes_in_memory"),
        ("queries", "/queries"),
        ("rejections", "/rejections"),
    ];
    output::record(&usage, &named, arguments.format)
}
