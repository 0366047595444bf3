//! `locule verify audit`.

use std::{fs::File, io::BufReader, path::PathBuf};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{
    key,
    verdict::{State, Verdict},
};
use crate::{
    audit::{ChainError, Verified, verify_directory, verify_extract},
    cli::output::{Format, count},
    ops::Hex,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A data directory, the audit directory in it, or a tenant's extract of its log.
    path: PathBuf,
    /// The node's public key, as hex digits or in a file: it must have signed the checkpoints.
    #[arg(long, value_name = "HEX|FILE")]
    key: Option<String>,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) fn look(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let key = arguments.key.as_deref().map(key).transpose()?;
    let mut path = arguments.path.clone();
    if path.join("audit").is_dir() {
        path.push("audit");
    }
    let shown = path.display();
    let mut verdict = Verdict::about(format!("Audit log {shown}"));
    let looked = if path.is_file() {
        let file = File::open(&path).with_context(|| format!("can't read {shown}"))?;
        verify_extract(BufReader::new(file), key.as_ref())
    } else {
        verify_directory(&path, key.as_ref())
    };
    match looked {
        Ok(found) => {
            let empty = found.files == 0 && found.last.seq == 0;
            ensure!(!empty, "there is no audit log in {shown}");
            tell(&mut verdict, &found, key.is_some());
        }
        Err(ChainError::Broken {
            seq,
            file,
            line,
            kind,
        }) => {
            let file = file.unwrap_or(path).to_string_lossy().into_owned();
            let text = format!("{file}, line {line}, entry {seq}: {kind}");
            verdict.part("chain", State::Fails, text);
            let why = kind.to_string();
            let broken = json!({"file": file, "line": line, "seq": seq, "why": why});
            verdict.fact("broken", broken);
        }
        Err(ChainError::Io(error)) => {
            return Err(error).with_context(|| format!("can't read {shown}"));
        }
    }
    Ok(verdict)
}

/// With a key, what it should have signed was asked for: where that isn't there, it can't be told.
fn tell(verdict: &mut Verdict, found: &Verified, by_key: bool) {
    let untold = if by_key { State::Unknown } else { State::Open };
    let entries = format!(
        "entries {} to {}",
        count(found.first),
        count(found.last.seq)
    );
    verdict.part("chain", State::Holds, entries);
    if found.first > 1 {
        let text =
            "earlier entries aren't here; how they ended is what the first of these follows from";
        verdict.part("beginning", State::Open, text);
    }
    if found.reduced > 0 {
        let text = format!(
            "{} of their entries don't tell any more who it was, as the log says",
            count(found.reduced)
        );
        verdict.part("erased tenants", State::Holds, text);
    }
    let signer = found.signer.filter(|_| found.checkpoints > 0);
    match signer.map(|signer| signer.id()) {
        Some(id) => {
            let text = format!("{} of them hold, by key {id}", count(found.checkpoints));
            verdict.part("checkpoints", State::Holds, text);
        }
        None => verdict.part(
            "checkpoints",
            untold,
            "there is none: that the end was cut off, or all written anew, a chain alone can't show",
        ),
    }
    if signer.is_some() && found.unsigned > 0 {
        let text = format!(
            "{} entries came after the last checkpoint: whether more did can't be told",
            count(found.unsigned)
        );
        let state = if found.end_told { State::Open } else { untold };
        verdict.part("end", state, text);
    }
    verdict.fact("first", json!(found.first));
    verdict.fact(
        "last",
        json!({"seq": found.last.seq, "hash": Hex(found.last.hash)}),
    );
    verdict.fact("files", json!(found.files));
    verdict.fact("checkpoints", json!(found.checkpoints));
    verdict.fact("unsigned", json!(found.unsigned));
    verdict.fact("reduced", json!(found.reduced));
    verdict.fact(
        "key_id",
        json!(signer.map(|signer| signer.id().to_string())),
    );
}
