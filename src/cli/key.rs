//! *`locule key`: what a tenant's owner does with the tenant's keys.* Whose keys they are is in the
//! credential, never in an argument.
//!
//! Called by: `cli`.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a key, and print it: the only time it's shown.
    Create {
        /// What the key is for, to know it again in the list.
        #[arg(long)]
        name: String,
        /// What the key may do.
        #[arg(long, value_enum)]
        role: Role,
        /// Days until it stops working. The server decides when left out.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
        /// The only collections it may touch, separated by commas. All when left out.
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        collections: Vec<String>,
        /// The only addresses it may be used from (an IP or a CIDR range), separated by commas. Any
        /// when left out.
        #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
        allowed_ips: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List the tenant's keys, without their secrets.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Stop a key from working, at once and for good.
    Revoke {
        /// The key's id, as `locule key list` shows it.
        id: String,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Queries: ids, scores and payloads of nearest neighbours.
    Inference,
    /// Queries, reads and writes points, creates collections.
    Writer,
    /// Everything in the tenant, its keys and its deletion of data included.
    Owner,
    /// Reads the tenant's audit log and usage, no data.
    Auditor,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            name,
            role,
            expires_in_days,
            collections,
            allowed_ips,
            format,
        } => {
            let mut body = json!({ "name": name, "role": role });
            if let Some(days) = expires_in_days {
                body["expires_in_days"] = days.into();
            }
            // An empty list might be read as "none", so what isn't said isn't sent.
            for (field, list) in [("collections", collections), ("allowed_ips", allowed_ips)] {
                if !list.is_empty() {
                    body[field] = list.into();
                }
            }
            let key = client
                .ask(Method::POST, &["v1", "keys"], Some(&body))
                .await?;
            show_created(&key, format)
        }
        Command::List { format } => {
            let keys = client.ask(Method::GET, &["v1", "keys"], None).await?;
            list(&keys, format)
        }
        Command::Revoke { id, format } => {
            client
                .ask(Method::DELETE, &["v1", "keys", &id], None)
                .await?;
            if format.is_json() {
                return output::json(&json!({ "id": id, "state": "revoked" }));
            }
            output::line(format!("key {id} is revoked"))
        }
    }
}

fn show_created(key: &Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(key);
    }
    output::fields(&[
        ("key id", output::cell(key, "/id")),
        ("name", output::cell(key, "/name")),
        ("role", output::cell(key, "/role")),
        ("expires", output::cell(key, "/expires_at")),
        ("key", output::cell(key, "/key")),
    ])?;
    output::notice("The key is shown this once: the server keeps only a hash of it.");
    Ok(())
}

fn list(keys: &Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(keys);
    }
    let keys = keys
        .get("keys")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let rows: Vec<[String; 6]> = keys
        .iter()
        .map(|key| {
            [
                "/id",
                "/name",
                "/role",
                "/expires_at",
                "/collections",
                "/allowed_ips",
            ]
            .map(|pointer| output::cell(key, pointer))
        })
        .collect();
    output::table(
        [
            "id",
            "name",
            "role",
            "expires",
            "collections",
            "allowed ips",
        ],
        &rows,
    )
}
