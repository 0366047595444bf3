//! *`locule webhook`: whom a tenant tells of events, and who may ask it for erasures*, for its owner.
//!
//! Called by: `cli`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a webhook, and print its secret: the only time it's shown.
    Create {
        #[command(flatten)]
        way: Way,
        /// The events to tell of, separated by commas: `erasure.done`, `key.expiring`, `quota.near`,
        /// `security.suspicious`, `tenant.contained`.
        #[arg(
            long,
            value_name = "NAMES",
            value_delimiter = ',',
            required_unless_present = "inbound",
            conflicts_with = "inbound"
        )]
        events: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List the tenant's webhooks, without their secrets.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Delete a webhook, and what was to be sent to it.
    Delete(One),
    /// List what is to be sent to a webhook, and what couldn't be.
    Deliveries(One),
    /// Try a delivery again, from the start.
    Replay {
        #[command(flatten)]
        one: One,
        /// The delivery's id, as `locule webhook deliveries` shows it.
        delivery: String,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Way {
    /// Where to tell of events: https.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Messages come in: a system of yours asks for erasures, and signs with the secret.
    #[arg(long)]
    inbound: bool,
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// The webhook's id, as `locule webhook list` shows it.
    id: String,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            way,
            events,
            format,
        } => {
            let body = match way.to {
                Some(url) => json!({ "url": url, "events": events }),
                None => json!({ "inbound": way.inbound }),
            };
            let path = ["v1", "webhooks"];
            let webhook = client.ask(Method::POST, &path, Some(&body)).await?;
            created(&webhook, format)
        }
        Command::List { format } => {
            let webhooks = client.ask(Method::GET, &["v1", "webhooks"], None).await?;
            let columns = [
                ("id", "/id"),
                ("url", "/url"),
                ("events", "/events"),
                ("messages to", "/path"),
                ("created", "/created_at"),
            ];
            output::list(&webhooks, "/webhooks", columns, format)
        }
        Command::Delete(One { id, format }) => {
            let path = ["v1", "webhooks", &id];
            client.ask(Method::DELETE, &path, None).await?;
            if format.is_json() {
                return output::json(&json!({ "id": id, "state": "deleted" }));
            }
            output::line(format!("webhook {id} is deleted"))
        }
        Command::Deliveries(One { id, format }) => {
            let path = ["v1", "webhooks", &id, "deliveries"];
            let deliveries = client.ask(Method::GET, &path, None).await?;
            output::list(&deliveries, "/deliveries", DELIVERY, format)
        }
        Command::Replay {
            one: One { id, format },
            delivery,
        } => {
            let path = ["v1", "webhooks", &id, "deliveries", &delivery, "replay"];
            let replayed = client.ask(Method::POST, &path, None).await?;
            output::record(&replayed, &DELIVERY, format)
        }
    }
}

fn created(webhook: &Value, format: Format) -> anyhow::Result<()> {
    let named = [
        ("id", "/id"),
        ("url", "/url"),
        ("events", "/events"),
        ("messages to", "/path"),
        ("secret", "/secret"),
    ];
    output::record(webhook, &named, format)?;
    output::notice(
        "The secret is shown this once. Whoever has it can sign for this webhook: give it to the system at the other end, and to nobody else.",
    );
    Ok(())
}

/// What is shown of a delivery.
const DELIVERY: [(&str, &str); 7] = [
    ("id", "/id"),
    ("event", "/event"),
    ("state", "/state"),
    ("attempts", "/attempts"),
    ("created", "/created_at"),
    ("next attempt", "/next_attempt_at"),
    ("failure", "/failure"),
];
