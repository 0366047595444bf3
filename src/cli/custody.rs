//! *`locule custody`: copies of the tenant's generation key for a keeper outside.* Exporting and
//! listing ask the server; importing works on the data directory of one that doesn't run.
//!
//! **Invariant:** a passphrase comes from a file or the terminal, never from an argument, which
//! anyone on the machine can list.
//!
//! Called by: `cli`.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};
use super::secret;
use crate::config::{RawSettings, Settings};
use crate::engine::Engine;
use crate::seal::Opener;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Export the tenant's generation key as an age file (needs the tenant's owner key). It's a copy
    /// that no later erasure can shred: receipts will name it.
    Export {
        /// The file to write; it must not be there yet.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// An age public key (age1..) to seal it for. A passphrase is asked for when left out.
        #[arg(long, value_name = "AGE1..")]
        recipient: Option<String>,
        /// A file with the passphrase.
        #[arg(long, value_name = "FILE", conflicts_with = "recipient")]
        passphrase_file: Option<PathBuf>,
        /// Why. Kept with the record of the export.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        format: Format,
    },
    /// List the exports of the tenant's keys (needs the tenant's owner key).
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Put a lost key back into the keyring of a server that doesn't run. Needs its root key.
    Import(Import),
}

#[derive(clap::Args)]
pub(crate) struct Import {
    /// The age file.
    file: PathBuf,
    /// The data directory [default: ./locule-data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// A TOML file with the server's settings, for where its root key comes from.
    #[arg(long, env = "LOCULE_CONFIG")]
    config: Option<PathBuf>,
    /// An age identity file, for a key that was sealed for a recipient.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A file with the passphrase. It's asked for when neither is given.
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    passphrase_file: Option<PathBuf>,
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Export {
            to,
            recipient,
            passphrase_file,
            reason,
            format,
        } => {
            // Before the key leaves the server.
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&to)
                .with_context(|| format!("can't make {}", to.display()))?;
            let exported = export(client, recipient, passphrase_file.as_deref(), &reason).await;
            let written = exported.and_then(|(exported, bytes)| {
                file.write_all(&bytes)?;
                file.sync_all()?;
                Ok(exported)
            });
            match written {
                Ok(exported) => exported_to(&to, exported, format),
                Err(error) => {
                    fs::remove_file(&to).ok();
                    Err(error)
                }
            }
        }
        Command::List { format } => {
            let exports = client.ask(Method::GET, &["v1", "custody"], None).await?;
            let columns = [
                ("id", "/id"),
                ("generation", "/generation"),
                ("at", "/at"),
                ("to", "/to"),
                ("reason", "/reason"),
            ];
            output::list(&exports, "/exports", columns, format)
        }
        Command::Import(arguments) => import(arguments),
    }
}

async fn export(
    client: &Client,
    recipient: Option<String>,
    passphrase_file: Option<&Path>,
    reason: &str,
) -> anyhow::Result<(Value, Vec<u8>)> {
    let body = match recipient {
        Some(recipient) => json!({ "recipient": recipient, "reason": reason }),
        None => {
            json!({ "passphrase": passphrase(passphrase_file, Asked::Twice)?, "reason": reason })
        }
    };
    let mut exported = client
        .ask(Method::POST, &["v1", "custody"], Some(&body))
        .await?;
    let file = exported
        .as_object_mut()
        .and_then(|exported| exported.remove("file"));
    let file = file.as_ref().and_then(Value::as_str).unwrap_or_default();
    let bytes = STANDARD
        .decode(file)
        .context("the server answered no age file")?;
    anyhow::ensure!(!bytes.is_empty(), "the server answered no age file");
    Ok((exported, bytes))
}

fn exported_to(to: &Path, exported: Value, format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(&exported);
    }
    output::fields(&[
        ("file", to.display().to_string()),
        ("generation", output::cell(&exported, "/generation")),
        ("to", output::cell(&exported, "/to")),
    ])?;
    output::notice(
        "Whoever opens this file can read this generation's backups for good: erasures can't reach it.",
    );
    Ok(())
}

/// Puts a key back, offline.
pub(crate) fn import(import: Import) -> anyhow::Result<()> {
    let file =
        fs::read(&import.file).with_context(|| format!("can't read {}", import.file.display()))?;
    let opener = match &import.identity {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("can't read {}", path.display()))?;
            Opener::identities(&text)?
        }
        None => Opener::passphrase(passphrase(import.passphrase_file.as_deref(), Asked::Once)?),
    };
    let mut raw = RawSettings::load(import.config)?;
    raw.data = import.data.or(raw.data);
    let options = Settings::new(raw)?.into_engine_options();
    anyhow::ensure!(
        options.directory.join("catalog").exists(),
        "{} isn't a data directory",
        options.directory.display()
    );
    let put_back = Engine::put_back_key(options, &file, &opener)?;
    output::line(format!(
        "the key of generation {} of tenant {} is back in the keyring",
        put_back.generation, put_back.tenant
    ))
}

/// How often a passphrase is asked for: one that is new is easily mistyped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Once,
    Twice,
}

/// The first line of a file, or of what is typed.
fn passphrase(file: Option<&Path>, asked: Asked) -> anyhow::Result<String> {
    let text = match file {
        Some(path) => {
            fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?
        }
        None => {
            let first = secret::typed("passphrase: ")?;
            if asked == Asked::Twice && io::stdin().is_terminal() {
                anyhow::ensure!(
                    secret::typed("again: ")? == first,
                    "the two passphrases aren't the same"
                );
            }
            first
        }
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
