//! `locule verify receipt`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use super::{
    key, read,
    verdict::{State, Verdict},
};
use crate::{
    cli::output::{Format, count},
    ops::receipt::{ReceiptError, SignedReceipt},
    seal::VerifyingKey,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The receipt, as the node gave it.
    file: PathBuf,
    /// The node's public key, as hex digits or in a file: it must have signed.
    #[arg(long, value_name = "HEX|FILE")]
    key: Option<String>,
    /// The tenant's receipt before this one, which this one must name.
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// The scope as it was asked, as JSON: what this receipt must be about.
    #[arg(long, value_name = "FILE")]
    scope: Option<PathBuf>,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) fn look(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let key = arguments.key.as_deref().map(key).transpose()?;
    let previous = arguments.previous.as_deref().map(read).transpose()?;
    let scope = arguments.scope.as_deref().map(read_json).transpose()?;
    let receipt = match SignedReceipt::parse(&read(&arguments.file)?) {
        Ok(receipt) => receipt,
        Err(error) => return Ok(refused(&arguments.file, &error)),
    };
    let mut verdict = Verdict::about(about(&receipt));
    tell_signature(&mut verdict, &receipt, key);
    match previous.map(|bytes| SignedReceipt::parse(&bytes)) {
        Some(Ok(previous)) if receipt.follows(&previous) => {
            let text = format!("it follows receipt {}", previous.body().id);
            verdict.part("previous", State::Holds, text);
        }
        Some(Ok(previous)) => {
            let text = format!("it doesn't follow receipt {}", previous.body().id);
            verdict.part("previous", State::Fails, text);
        }
        Some(Err(error)) => {
            let text = format!("that receipt doesn't count: {}", reason(&error));
            verdict.part("previous", State::Fails, text);
        }
        None => match receipt.body().previous {
            Some(hash) => {
                let text = format!("another receipt came before it, with hash {hash}");
                verdict.part("previous", State::Open, text);
            }
            None => verdict.part(
                "previous",
                State::Open,
                "it says that it is the tenant's first",
            ),
        },
    }
    match scope {
        Some(scope) if receipt.is_about(&scope) => {
            verdict.part("scope", State::Holds, "it is about what was asked");
        }
        Some(_) => verdict.part("scope", State::Fails, "it is about something else"),
        None => {}
    }
    Ok(verdict)
}

/// A receipt in a line.
pub(super) fn about(receipt: &SignedReceipt) -> String {
    let body = receipt.body();
    let next = match body.generation.successor {
        Some(next) => format!("generation {next} goes on"),
        None => "none goes on".to_owned(),
    };
    format!(
        "Receipt {} of tenant {}: {} points erased, generation {} ended, {next}",
        body.id,
        body.tenant,
        count(body.points),
        body.generation.dropped
    )
}

/// Why a receipt doesn't count, down to the cause.
pub(super) fn refused(path: &Path, error: &ReceiptError) -> Verdict {
    let mut verdict = Verdict::about(format!("Receipt {}", path.display()));
    verdict.part("receipt", State::Fails, reason(error));
    verdict
}

fn reason(error: &ReceiptError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

pub(super) fn tell_signature(
    verdict: &mut Verdict,
    receipt: &SignedReceipt,
    key: Option<VerifyingKey>,
) {
    let signer = receipt.signer();
    let id = signer.id();
    match key {
        Some(key) if key == signer => {
            verdict.part(
                "signature",
                State::Holds,
                format!("by the key that was given, {id}"),
            );
        }
        Some(key) => {
            let text = format!("by key {id}, not by the one that was given, {}", key.id());
            verdict.part("signature", State::Fails, text);
        }
        None => {
            verdict.part("signature", State::Holds, format!("by key {id}"));
            let text = "whose key that is, the receipt can't tell: give the node's own with --key";
            verdict.part("key", State::Open, text);
        }
    }
    let document = serde_json::from_slice::<Value>(receipt.document());
    let body = document
        .ok()
        .and_then(|mut it| it.get_mut("receipt").map(Value::take));
    verdict.fact("receipt", json!(body));
    verdict.fact("key_id", json!(id.to_string()));
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    serde_json::from_slice(&read(path)?).with_context(|| format!("{} isn't JSON", path.display()))
}
