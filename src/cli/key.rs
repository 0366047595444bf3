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
use super::span;

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
        /// The client certificate that has to come with it: SHA-256 of its DER, in hex. Needs a
        /// server with `tls_client_ca`.
        #[arg(long, value_name = "SHA256")]
        client_certificate: Option<String>,
        /// Most requests a second it's good for, within the tenant's quota.
        #[arg(long, value_name = "N")]
        requests_per_second: Option<u32>,
        /// Most bytes of request bodies a second it's good for.
        #[arg(long, value_name = "N")]
        bytes_per_second: Option<u32>,
        /// Most of its requests of a kind (searches, small writes, long work) at a time.
        #[arg(long, value_name = "N")]
        concurrent_requests: Option<u32>,
        #[command(flatten)]
        format: Format,
    },
    /// List the tenant's keys, without their secrets.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Replace a key: print its successor, which may do what it may and lasts as long, and let it
    /// end. The only time the new key is shown.
    Rotate {
        #[command(flatten)]
        one: One,
        /// How long the old key goes on working, so that whoever uses it can change over: a number
        /// with s, m, h or d, like 24h. At most 30d. Without it the old key ends at once.
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span::seconds)]
        grace: u64,
    },
    /// Stop a key from working, at once and for good.
    Revoke(One),
    /// Believe a key again that the server suspended because it behaved oddly; or a user of an
    /// identity provider, as `locule key suspended` shows it.
    Resume(One),
    /// List users of an identity provider that are suspended. Suspended keys are among the keys.
    Suspended {
        #[command(flatten)]
        format: Format,
    },
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// The key's id, as `locule key list` shows it.
    id: String,
    #[command(flatten)]
    format: Format,
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
            client_certificate,
            requests_per_second,
            bytes_per_second,
            concurrent_requests,
            format,
        } => {
            let mut body = json!({ "name": name, "role": role });
            if let Some(days) = expires_in_days {
                body["expires_in_days"] = days.into();
            }
            if let Some(certificate) = client_certificate {
                body["client_certificate"] = certificate.into();
            }
            for (name, limit) in [
                ("requests_per_second", requests_per_second),
                ("bytes_per_second", bytes_per_second),
                ("concurrent_requests", concurrent_requests),
            ] {
                if let Some(limit) = limit {
                    body["limits"][name] = limit.into();
                }
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
            show_new(&key, format)
        }
        Command::List { format } => {
            let keys = client.ask(Method::GET, &["v1", "keys"], None).await?;
            let columns = [
                ("id", "/id"),
                ("name", "/name"),
                ("role", "/role"),
                ("expires", "/expires_at"),
                ("collections", "/collections"),
                ("allowed ips", "/allowed_ips"),
                ("limits", "/limits"),
                ("last used", "/last_used_at"),
                ("suspended", "/suspended_at"),
            ];
            output::list(&keys, "/keys", columns, format)
        }
        Command::Rotate { one, grace } => {
            let body = json!({ "grace_seconds": grace });
            let path = ["v1", "keys", &one.id, "rotate"];
            let key = client.ask(Method::POST, &path, Some(&body)).await?;
            show_new(&key, one.format)?;
            output::notice(if grace == 0 {
                format!("Key {} doesn't work any more.", one.id)
            } else {
                let until = output::cell(&key, "/old_key_expires_at");
                format!(
                    "Key {} works until {until}: whatever uses it has to have the new one by then.",
                    one.id
                )
            });
            Ok(())
        }
        Command::Revoke(One { id, format }) => {
            client
                .ask(Method::DELETE, &["v1", "keys", &id], None)
                .await?;
            if format.is_json() {
                return output::json(&json!({ "id": id, "state": "revoked" }));
            }
            output::line(format!("key {id} is revoked"))
        }
        Command::Resume(One { id, format }) => {
            // Ids of keys are hex digits, users are ISSUER:DIGEST.
            let (kind, word) = if id.contains(':') {
                ("subjects", "user")
            } else {
                ("keys", "key")
            };
            let path = ["v1", kind, &id, "resume"];
            let resumed = client.ask(Method::POST, &path, None).await?;
            if format.is_json() {
                return output::json(&resumed);
            }
            output::line(format!("{word} {id} is believed again"))
        }
        Command::Suspended { format } => {
            let suspended = client.ask(Method::GET, &["v1", "subjects"], None).await?;
            let columns = [("user", "/subject"), ("suspended", "/suspended_at")];
            output::list(&suspended, "/subjects", columns, format)
        }
    }
}

/// Shows a key that was just made. It comes last, where it's easy to find.
fn show_new(key: &Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(key);
    }
    let mut fields = vec![
        ("key id", output::cell(key, "/id")),
        ("name", output::cell(key, "/name")),
        ("role", output::cell(key, "/role")),
        ("expires", output::cell(key, "/expires_at")),
    ];
    if key.get("old_key_expires_at").is_some() {
        fields.push(("old key until", output::cell(key, "/old_key_expires_at")));
    }
    fields.push(("key", output::cell(key, "/key")));
    output::fields(&fields)?;
    output::notice("The key is shown this once: the server keeps only a hash of it.");
    Ok(())
}
