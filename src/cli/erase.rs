//! *`locule erase`: what a tenant's owner has erased, and the receipts.* The server answers once
//! nothing of it is answered any more; the command goes on to wait for the receipt.
//!
//! Called by: `cli`.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{self, Format},
    point_id,
};
use crate::tenant::PointId;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Erase a data subject: every point, in any collection, with a value at a field.
    Subject {
        /// The field and the value, like `user.email=jo@example.com`. A value that reads as an
        /// integer or as true or false is one; put it in quotes to have a text: `id="17"`.
        #[arg(value_name = "FIELD=VALUE")]
        subject: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase points of a collection.
    Points {
        /// The collection.
        #[arg(long)]
        collection: String,
        /// The points' ids.
        #[arg(required = true, value_delimiter = ',')]
        ids: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// Erase the points of a collection that match a filter.
    Filter {
        /// The collection.
        #[arg(long)]
        collection: String,
        /// The filter, as JSON.
        filter: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase a collection.
    Collection {
        /// The collection.
        collection: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase everything, and the tenant. This can't be undone, and its id never comes back.
    Tenant {
        /// Yes, erase it.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        how: How,
    },
    /// List the tenant's erasures.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show an erasure.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Print the signed receipt of an erasure.
    Receipt {
        /// The erasure's id.
        id: String,
        /// Write it to a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
pub(crate) struct How {
    /// Why. It stands in the receipt, so it should name nobody.
    #[arg(long)]
    reason: String,
    /// Write the receipt to a file.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Don't wait for the receipt.
    #[arg(long, conflicts_with = "receipt")]
    no_wait: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    let (scope, how) = match command {
        Command::Subject { subject, how } => (subject_of(&subject)?, how),
        Command::Points {
            collection,
            ids,
            how,
        } => {
            let ids: anyhow::Result<Vec<PointId>> = ids
                .iter()
                .map(|id| PointId::parse(id).map_err(|_| point_id::refused(id)))
                .collect();
            let ids = ids?;
            (
                json!({"points": {"collection": collection, "ids": ids}}),
                how,
            )
        }
        Command::Filter {
            collection,
            filter,
            how,
        } => {
            let filter: Value = serde_json::from_str(&filter)
                .context("the filter isn't JSON; write it like '{\"must\":[{\"key\":\"city\",\"match\":{\"value\":\"Bern\"}}]}'")?;
            let scope = json!({"filter": {"collection": collection, "filter": filter}});
            (scope, how)
        }
        Command::Collection { collection, how } => (json!({ "collection": collection }), how),
        Command::Tenant { yes, how } => {
            anyhow::ensure!(
                yes,
                "this shreds the tenant's keys: nothing it has can be read again, not even from a backup. Say \
                 `locule erase tenant --yes` if that's what you want"
            );
            (json!({"tenant": true}), how)
        }
        Command::List { format } => return list(client, format).await,
        Command::Show { id, format } => {
            let erasure = client
                .ask(Method::GET, &["v1", "erasures", &id], None)
                .await?;
            return show(&erasure, format);
        }
        Command::Receipt { id, out } => {
            let receipt = receipt(client, &id).await?;
            return match out {
                Some(path) => write(&path, &receipt),
                None => output::line(String::from_utf8_lossy(&receipt)),
            };
        }
    };
    erase(client, scope, how).await
}

async fn erase(client: &Client, scope: Value, how: How) -> anyhow::Result<()> {
    let tenant = scope.get("tenant").is_some();
    let body = json!({"scope": scope, "reason": how.reason});
    // Whoever erases the tenant is nobody afterwards: this answer is the last one.
    let wait = if tenant && !how.no_wait { 60 } else { 0 };
    let mut erasure = client.ask_waiting(&["v1", "erasures"], &body, wait).await?;
    let id = output::cell(&erasure, "/id");
    if !how.no_wait && !tenant {
        while !matches!(output::cell(&erasure, "/state").as_str(), "done" | "failed") {
            tokio::time::sleep(POLL_PAUSE).await;
            erasure = client
                .ask(Method::GET, &["v1", "erasures", &id], None)
                .await?;
        }
    }
    if let Some(path) = &how.receipt {
        anyhow::ensure!(
            !tenant,
            "the tenant is gone, and its keys with it; its receipt is for the operator: `locule erase receipt {id}`"
        );
        write(path, &receipt(client, &id).await?)?;
    }
    show(&erasure, how.format)?;
    anyhow::ensure!(
        output::cell(&erasure, "/state") != "failed",
        "the erasure failed; its data isn't answered any more, but some of its bytes may still be there"
    );
    Ok(())
}

async fn receipt(client: &Client, id: &str) -> anyhow::Result<Vec<u8>> {
    let request = client.prepare(Method::GET, &["v1", "erasures", id, "receipt"], None)?;
    Ok(client.execute(request).await?)
}

fn write(path: &PathBuf, receipt: &[u8]) -> anyhow::Result<()> {
    fs::write(path, receipt).with_context(|| format!("can't write {}", path.display()))?;
    output::notice(format!("receipt written to {}", path.display()));
    Ok(())
}

async fn list(client: &Client, format: Format) -> anyhow::Result<()> {
    let erasures = client.ask(Method::GET, &["v1", "erasures"], None).await?;
    let columns = [
        ("id", "/id"),
        ("state", "/state"),
        ("scope", "/scope"),
        ("points", "/points"),
        ("requested", "/requested_at"),
    ];
    output::list(&erasures, "/erasures", columns, format)
}

pub(super) fn show(erasure: &Value, format: Format) -> anyhow::Result<()> {
    let named = [
        ("id", "/id"),
        ("state", "/state"),
        ("scope", "/scope"),
        ("points", "/points"),
        ("requested_at", "/requested_at"),
        ("finished_at", "/finished_at"),
        ("failure", "/failure"),
    ];
    output::record(erasure, &named, format)
}

/// `field=value`, the value as JSON where it reads as an integer, a truth value or a quoted text.
fn subject_of(text: &str) -> anyhow::Result<Value> {
    let (field, value) = text
        .split_once('=')
        .context("write the subject like user.email=jo@example.com")?;
    let value = match serde_json::from_str(value) {
        Ok(value @ (Value::String(_) | Value::Bool(_))) => value,
        Ok(Value::Number(number)) if number.is_i64() || number.is_u64() => Value::Number(number),
        Ok(_) | Err(_) => Value::String(value.to_owned()),
    };
    Ok(json!({"subject": {"field": field, "value": value}}))
}

/// An erasure of a few thousand points takes a few hundred milliseconds.
const POLL_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_field_and_a_value_of_the_type_that_it_reads_as() {
        for (text, value) in [
            ("user.email=jo@example.com", json!("jo@example.com")),
            ("id=17", json!(17)),
            ("id=\"17\"", json!("17")),
            ("vip=true", json!(true)),
            ("formula=a=b", json!("a=b")),
            ("share=0.5", json!("0.5")),
        ] {
            let subject = subject_of(text).unwrap();
            assert_eq!(subject["subject"]["value"], value, "{text}");
        }
        assert!(subject_of("user.email").is_err());
    }
}
