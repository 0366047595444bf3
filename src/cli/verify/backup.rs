//! `locule verify backup`.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use uuid::Uuid;

use super::verdict::{State, Verdict};
use crate::{
    cli::output::{Format, count},
    ops::{
        Hex,
        backup::{BackupError, CheckedBackup, check},
    },
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A backup as it was downloaded, or a manifest in a data directory's `backups`.
    path: PathBuf,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) fn look(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let shown = arguments.path.display();
    match check(&arguments.path) {
        Ok(found) => Ok(told(&found)),
        Err(error @ (BackupError::NotABackup | BackupError::Damaged)) => {
            let mut verdict = Verdict::about(format!("Backup {shown}"));
            verdict.part("manifest", State::Fails, error.to_string());
            Ok(verdict)
        }
        Err(error) => Err(error).with_context(|| format!("can't read {shown}")),
    }
}

fn told(found: &CheckedBackup) -> Verdict {
    let tenant = Uuid::from_bytes(*found.tenant.as_bytes()).simple();
    let (points, records, blocks) = (found.points, found.records, found.blocks);
    let mut verdict = Verdict::about(format!(
        "Backup {} of tenant {tenant}, generation {}, as of {}: {} points",
        found.id,
        found.generation.0,
        found.made,
        count(points)
    ));
    let digest = Hex(found.digest);
    let text = format!("whole, with SHA-256 {digest}");
    verdict.part("manifest", State::Holds, text);
    if found.damaged.is_empty() {
        let text = format!("{}, {} bytes, unchanged", count(blocks), count(found.bytes));
        verdict.part("blocks", State::Holds, text);
    } else {
        let text = format!(
            "{} of {} damaged or gone:",
            count(found.damaged.len() as u64),
            count(blocks)
        );
        let first = found.damaged.iter().take(DAMAGED_SHOWN_MAX);
        let details = first.map(|place| format!("block {place}"));
        verdict.part_with("blocks", State::Fails, text, details.collect());
    }
    if found.goes_on {
        let text = "the file goes on behind its last block";
        verdict.part("end", State::Fails, text);
    }
    let held = found.held;
    if (held.points, held.records, held.unreadable) == (points, records, 0) {
        let text = format!("{}, as the manifest says", count(records));
        verdict.part("records", State::Holds, text);
    } else {
        let text = format!(
            "{} with {} points, where the manifest says {} with {}",
            count(held.records),
            count(held.points),
            count(records),
            count(points)
        );
        verdict.part("records", State::Fails, text);
    }
    let text =
        "who made it, only the node that has its key can tell: it checks that before a restore";
    verdict.part("origin", State::Open, text);
    let backup = json!({
        "id": found.id.to_string(),
        "tenant_uuid": tenant.to_string(),
        "generation": found.generation.0,
        "made_at": found.made.to_string(),
        "points": points,
        "records": records,
        "blocks": blocks,
        "bytes": found.bytes,
        "digest": digest,
        "previous": (found.previous != [0; 32]).then_some(Hex(found.previous)),
    });
    verdict.fact("backup", backup);
    verdict.fact("damaged_blocks", json!(found.damaged));
    verdict
}

/// Damaged blocks that people are told the places of; programs get all.
const DAMAGED_SHOWN_MAX: usize = 20;
