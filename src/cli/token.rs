//! *`locule token`: short-lived tokens in place of a key*, for whoever has one.
//!
//! **Invariant:** a refresh token comes from the environment or standard input, never from an argument,
//! which anyone on the machine can list.
//!
//! Called by: `cli`.

use std::env;

use clap::Subcommand;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Client, ClientError, said};
use super::key::Role;
use super::output::{self, Format};
use super::{secret, span};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Get a token in place of the key, and what gets the next one: the only time they're shown.
    Create {
        /// How long it works: a number with s or m, like 5m. At most 15m, which it is when left out.
        #[arg(long, value_name = "TIME", value_parser = span::seconds)]
        ttl: Option<u64>,
        /// A role that may do less than the key. The key's own when left out.
        #[arg(long, value_enum)]
        role: Option<Role>,
        #[command(flatten)]
        format: Format,
    },
    /// Get the next token for a refresh token, which is good for this once. It's read from
    /// LOCULE_REFRESH_TOKEN or, if that isn't set, from standard input; no key is needed.
    Refresh {
        #[command(flatten)]
        format: Format,
    },
}

pub(crate) async fn run(client: &Client, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { ttl, role, format } => {
            let fields = [
                ("ttl_seconds", ttl.map(Value::from)),
                ("role", role.map(|role| json!(role))),
            ];
            let body = said(fields).unwrap_or_default().into();
            let path = ["v1", "token"];
            show(&client.ask(Method::POST, &path, Some(&body)).await?, format)
        }
        Command::Refresh { format } => {
            let body = json!({ "refresh_token": refresh_token()? });
            let path = ["v1", "token", "refresh"];
            match client.ask(Method::POST, &path, Some(&body)).await {
                // What is told of a key that isn't good doesn't help here.
                Err(ClientError::Refused { status, .. }) if status == StatusCode::UNAUTHORIZED => {
                    anyhow::bail!(
                        "the refresh token isn't good: it was used before, is older than 24 hours, or its key was revoked. \
                         `locule token create` begins anew"
                    )
                }
                answer => show(&answer?, format),
            }
        }
    }
}

fn refresh_token() -> anyhow::Result<String> {
    // An empty variable is how scripts say that there's none.
    let set = env::var(REFRESH_TOKEN)
        .ok()
        .filter(|token| !token.is_empty());
    let token = set.map_or_else(|| secret::typed("refresh token: "), Ok)?;
    let token = token.trim();
    anyhow::ensure!(
        !token.is_empty(),
        "there is no refresh token: set {REFRESH_TOKEN}, or write it to standard input"
    );
    Ok(token.to_owned())
}

fn show(token: &Value, format: Format) -> anyhow::Result<()> {
    let named = [
        ("access token", "/access_token"),
        ("seconds", "/expires_in"),
        ("refresh token", "/refresh_token"),
    ];
    output::record(token, &named, format)?;
    output::notice(
        "Both are shown this once. The refresh token gets the next pair, once and within 24 hours: `locule token refresh`.",
    );
    Ok(())
}

const REFRESH_TOKEN: &str = "LOCULE_REFRESH_TOKEN";
