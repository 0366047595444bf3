//! `locule verify directory`.

use std::{num::NonZeroUsize, path::PathBuf, thread};

use serde_json::json;

use super::{
    key, read,
    receipt::{about, refused, tell_signature},
    verdict::{State, Verdict},
};
use crate::{
    cli::output::{Format, count},
    clock::Stopwatch,
    ops::{
        receipt::SignedReceipt,
        verify::{Find, Place, Scan, Traces, scan},
    },
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A data directory, a backup (directory or file), or a disk image: any file or disk.
    path: PathBuf,
    /// The receipt of the erasure, as the node gave it.
    #[arg(long, value_name = "FILE")]
    receipt: PathBuf,
    /// The node's public key, as hex digits or in a file: it must have signed.
    #[arg(long, value_name = "HEX|FILE")]
    key: Option<String>,
    #[command(flatten)]
    pub(super) format: Format,
}

pub(super) fn look(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let key = arguments.key.as_deref().map(key).transpose()?;
    let receipt = match SignedReceipt::parse(&read(&arguments.receipt)?) {
        Ok(receipt) => receipt,
        Err(error) => return Ok(refused(&arguments.receipt, &error)),
    };
    let mut verdict = Verdict::about(about(&receipt));
    tell_signature(&mut verdict, &receipt, key);
    let traces = Traces::of_receipt(receipt.body());
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let watch = Stopwatch::start();
    let mut scan = scan(&arguments.path, &traces, threads)?;
    let seconds = watch.elapsed().as_secs_f64();
    scan.disregard_copies_of(receipt.document());
    tell_reading(&mut verdict, &scan, seconds);
    tell_finds(&mut verdict, &scan);
    Ok(verdict)
}

fn tell_reading(verdict: &mut Verdict, scan: &Scan, seconds: f64) {
    let bytes = count(scan.bytes);
    let files = match scan.files {
        1 => "1 file".to_owned(),
        files => format!("{} files", count(files)),
    };
    if scan.files == 0 && scan.unread.is_empty() {
        let text = "nothing: there is no file here; is it the right place?";
        verdict.part("read", State::Unknown, text);
    } else if scan.unread.is_empty() {
        let text = format!("{files}, {bytes} bytes, in {seconds:.1} s");
        verdict.part("read", State::Holds, text);
    } else {
        let unread = scan.unread.iter();
        let details = unread.map(|it| format!("{}: {}", it.path.display(), it.source));
        let text = format!("{files}, {bytes} bytes; these couldn't be:");
        verdict.part_with("read", State::Unknown, text, details.collect());
    }
    verdict.fact("files", json!(scan.files));
    verdict.fact("bytes", json!(scan.bytes));
    verdict.fact("seconds", json!(seconds));
    let unread = scan.unread.iter().map(
        |unread| json!({"path": unread.path.to_string_lossy(), "why": unread.source.to_string()}),
    );
    verdict.fact("unread", unread.collect());
}

fn tell_finds(verdict: &mut Verdict, scan: &Scan) {
    let found = scan.finds.len() as u64 + scan.more;
    if found == 0 {
        verdict.part("traces", State::Holds, "none found");
    } else {
        let text = format!("{} found:", count(found));
        let mut details: Vec<String> = scan.finds.iter().map(Find::to_string).collect();
        if scan.more > 0 {
            details.push(format!("and {} more", count(scan.more)));
        }
        verdict.part_with("traces", State::Fails, text, details);
    }
    let finds = scan.finds.iter().map(|find| {
        let (offset, whole) = match find.place {
            Place::Name => (None, true),
            Place::Content { offset, whole } => (Some(offset), whole),
        };
        json!({
            "path": find.path.to_string_lossy(),
            "offset": offset,
            "trace": find.trace.name(),
            "whole": whole,
            "text": find.trace.to_string(),
        })
    });
    verdict.fact("finds", finds.collect());
    verdict.fact("more", json!(scan.more));
}
