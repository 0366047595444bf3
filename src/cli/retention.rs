//! *`locule retention`: how long a tenant's points are kept*, for its owner.
//!
//! Called by: `cli`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, said};
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Set how long points are kept, those that are there too. What isn't named isn't so any more.
    Set {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        format: Format,
    },
    /// List the collections that have a retention.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Keep points until they're deleted. What has ended before stays gone.
    Remove {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Of {
    /// The collection, or an alias of it.
    collection: Option<String>,
    /// Every collection that has no --purge-within-hours of its own.
    #[arg(long)]
    all: bool,
}

impl Of {
    /// Where it stands, and what it's called.
    fn path(&self) -> (Vec<&str>, String) {
        match &self.collection {
            Some(name) => (vec!["v1", "retention", name], format!("collection {name}")),
            None => (vec!["v1", "retention"], "the tenant".to_owned()),
        }
    }
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct How {
    /// Days until a point ends, from its last write on: 1 to 36500.
    #[arg(long, value_name = "N", conflicts_with_all = ["field", "all"])]
    days: Option<u64>,
    /// The payload field that says when a point ends: a time (RFC 3339), or seconds since 1970.
    #[arg(long, conflicts_with = "all")]
    field: Option<String>,
    /// Hours until what has ended is gone from the disk, 24 when left out: 1 to 8760. If it's said,
    /// what is deleted or replaced is gone within them, too.
    #[arg(long, value_name = "N")]
    purge_within_hours: Option<u64>,
}

impl How {
    fn said(self) -> Value {
        let fields = [
            ("ttl_days", self.days.map(Value::from)),
            ("field", self.field.map(Value::from)),
            (
                "purge_within_hours",
                self.purge_within_hours.map(Value::from),
            ),
        ];
        said(fields).unwrap_or_default().into()
    }
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Set { of, how, format } => {
            let (path, _) = of.path();
            let set = client.ask(Method::PUT, &path, Some(&how.said())).await?;
            let named: &[_] = if of.all { &BOUND } else { &RETENTION };
            output::record(&set, named, format)
        }
        Command::List { format } => {
            let set = client.ask(Method::GET, &["v1", "retention"], None).await?;
            output::list(&set, "/retentions", RETENTION, format)?;
            if let Some(hours) = set.get("purge_within_hours").and_then(Value::as_u64) {
                output::notice(format!(
                    "In collections that don't say so themselves, what is deleted or replaced is gone from the disk within {hours} hours."
                ));
            }
            Ok(())
        }
        Command::Remove { of, format } => {
            let (path, whose) = of.path();
            client.ask(Method::DELETE, &path, None).await?;
            if format.is_json() {
                return output::json(&json!({ "collection": of.collection, "state": "removed" }));
            }
            output::line(format!("{whose} has no retention any more"))
        }
    }
}

/// What is shown of a collection's retention.
const RETENTION: [(&str, &str); 6] = [
    ("collection", "/collection"),
    ("days", "/ttl_days"),
    ("field", "/field"),
    BOUND[0],
    ("deleted too", "/purges_deleted"),
    ("since", "/since"),
];

/// ... and of all collections'.
const BOUND: [(&str, &str); 1] = [("purge within hours", "/purge_within_hours")];
