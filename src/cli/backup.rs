//! *`locule backup` and `locule restore`: the tenant's backups*, for its owner. Whose they are is in
//! the credential, never in an argument.
//!
//! Called by: `cli`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a backup of the tenant as it is now, and wait until it's done.
    Create {
        #[command(flatten)]
        format: Format,
    },
    /// List the tenant's backups.
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one backup.
    Show {
        /// The backup's id.
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Write a backup to a file, for keeping it elsewhere. It's ciphertext, and holds no key.
    Download {
        /// The backup's id.
        id: String,
        /// The file to write; it must not be there yet.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Delete a backup on the server.
    Delete {
        /// The backup's id.
        id: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    from: From,
    /// Yes, what was written since the backup may go.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct From {
    /// A backup that the server has, by its id.
    #[arg(long, value_name = "ID")]
    backup: Option<String>,
    /// A backup that was downloaded: it's uploaded first.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { format } => {
            let begun = client.ask(Method::POST, &["v1", "backups"], None).await?;
            let backup = done(client, "backups", &begun).await?;
            show(&backup, format)
        }
        Command::List { format } => {
            let backups = client.ask(Method::GET, &["v1", "backups"], None).await?;
            let columns = [
                ("id", "/id"),
                ("state", "/state"),
                ("generation", "/generation"),
                ("made", "/made_at"),
                ("points", "/points"),
                ("bytes", "/bytes"),
            ];
            output::list(&backups, "/backups", columns, format)
        }
        Command::Show { id, format } => {
            let path = ["v1", "backups", &id];
            show(&client.ask(Method::GET, &path, None).await?, format)
        }
        Command::Download { id, to } => {
            let path = ["v1", "backups", &id, "download"];
            let bytes = client.download(&path, &to).await?;
            output::line(format!("{}: {} bytes", to.display(), output::count(bytes)))
        }
        Command::Delete { id } => {
            let path = ["v1", "backups", &id];
            client.ask(Method::DELETE, &path, None).await?;
            output::line(format!("backup {id} is deleted"))
        }
    }
}

pub(crate) async fn restore(client: &Client, restore: Restore) -> anyhow::Result<()> {
    anyhow::ensure!(
        restore.yes,
        "this puts the tenant back to what it was when the backup was made; what was written since \
         is gone then. Say --yes if that's what you want"
    );
    let id = match (restore.from.backup, restore.from.file) {
        (Some(id), _) => id,
        (None, Some(file)) => {
            let backup = client.upload(&["v1", "backups", "upload"], &file).await?;
            output::cell(&backup, "/id")
        }
        (None, None) => anyhow::bail!("say which: --backup ID or --file FILE"),
    };
    let begun = client
        .ask(
            Method::POST,
            &["v1", "restores"],
            Some(&json!({ "backup": id })),
        )
        .await?;
    let restored = done(client, "restores", &begun).await?;
    if restore.format.is_json() {
        return output::json(&restored);
    }
    let points = restored.get("points").and_then(Value::as_u64);
    output::line(format!(
        "backup {id} is restored: {} points",
        output::count(points.unwrap_or_default())
    ))
}

/// Waits until something that was begun is done, and tells how far it is meanwhile.
async fn done(client: &Client, kind: &str, begun: &Value) -> anyhow::Result<Value> {
    let id = output::cell(begun, "/id");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    loop {
        let now = client.ask(Method::GET, &["v1", kind, &id], None).await?;
        match now.get("state").and_then(Value::as_str) {
            Some("running") => {}
            Some("done") => {
                bar.finish_and_clear();
                return Ok(now);
            }
            _ => {
                bar.finish_and_clear();
                anyhow::bail!("it failed: {}", output::cell(&now, "/error"));
            }
        }
        let bytes = now.get("bytes").and_then(Value::as_u64);
        bar.set_message(match bytes {
            Some(bytes) => format!("{} bytes", output::count(bytes)),
            None => "restoring".to_owned(),
        });
        bar.tick();
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn show(backup: &Value, format: Format) -> anyhow::Result<()> {
    let named = [
        ("id", "/id"),
        ("state", "/state"),
        ("generation", "/generation"),
        ("made", "/made_at"),
        ("points", "/points"),
        ("bytes", "/bytes"),
        ("new bytes", "/new_bytes"),
        ("sha256", "/sha256"),
        ("downloads", "/downloads"),
        ("error", "/error"),
        ("ended", "/ended_at"),
    ];
    output::record(backup, &named, format)
}

/// Often enough for a bar, rare enough for the tenant's limits.
const ASK_EVERY: Duration = Duration::from_millis(250);
