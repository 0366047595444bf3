//! *Turns files into batches, on a thread of its own.* Owns: which kind of file it is, which rows
//! are bad, and how many of those are put up with.
//!
//! **Invariant:** reading is never more than a few batches ahead of the server: the channel is
//! short.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use tokio::sync::mpsc::Sender;

use super::batch::Batch;
use super::row::{Layout, Record, Records, Row};
use super::{ndjson, parquet};

/// What the reader has to tell.
pub(crate) enum Step {
    Batch(Batch),
    /// A bad row was left out, for this reason.
    Skipped(String),
}

/// What to read, and how.
pub(crate) struct Reader {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) layout: Layout,
    pub(crate) batch_rows: usize,
    pub(crate) skip_bad: u64,
    /// The collection's size, if there's a collection already.
    pub(crate) dimension: Option<usize>,
}

impl Reader {
    /// Opens every file once and looks at its columns, so that the last file of many is wrong now
    /// and not in an hour.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for path in self.files.iter().filter(|path| !is_stdin(path)) {
            drop(records(path, &self.layout, 0)?);
        }
        Ok(())
    }

    /// Reads all files. The last thing told is the error, if there's one.
    pub(crate) fn run(self, steps: &Sender<anyhow::Result<Step>>) {
        if let Err(error) = self.read(&mut |step| steps.blocking_send(Ok(step)).is_ok()) {
            // Nobody listens any more once sending has failed.
            steps.blocking_send(Err(error)).ok();
        }
    }

    /// Reads all files, or as far as `tell` answers true.
    pub(super) fn read(self, tell: &mut dyn FnMut(Step) -> bool) -> anyhow::Result<()> {
        let (mut rows, mut bad, mut dimension) = (0, 0, self.dimension);
        let mut batch: Option<Batch> = None;
        for path in &self.files {
            for record in records(path, &self.layout, rows)? {
                let Record { place, row, bytes } = record?;
                rows += 1;
                let row = match row.and_then(|row| self.sized(row, &mut dimension)) {
                    Ok(row) => row,
                    Err(error) => {
                        bad += 1;
                        let reason = format!("{place}: {error:#}");
                        if bad > self.skip_bad {
                            return Err(self.too_bad(reason));
                        }
                        if !tell(Step::Skipped(reason)) {
                            return Ok(());
                        }
                        continue;
                    }
                };
                match &mut batch {
                    Some(batch) => batch.push(&row, place, bytes)?,
                    None => batch = Some(Batch::start(&row, place, bytes)?),
                }
                if let Some(full) = batch.take_if(|batch| batch.is_full(self.batch_rows))
                    && !tell(Step::Batch(full.finish()))
                {
                    return Ok(());
                }
            }
            // A batch names one file, so it ends where the file does.
            if let Some(rest) = batch.take()
                && !tell(Step::Batch(rest.finish()))
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn sized(&self, row: Row, dimension: &mut Option<usize>) -> anyhow::Result<Row> {
        let (has, wanted) = (row.vector.len(), *dimension.get_or_insert(row.vector.len()));
        let others = if self.dimension.is_some() {
            "the collection is there already and its vectors hold"
        } else {
            "the ones before it hold"
        };
        ensure!(
            has == wanted,
            "the vector holds {has} numbers, {others} {wanted}"
        );
        Ok(row)
    }

    fn too_bad(&self, reason: String) -> anyhow::Error {
        match self.skip_bad {
            0 => anyhow!(reason),
            allowed => anyhow!("more than {allowed} bad rows; the last one: {reason}"),
        }
    }
}

fn records(path: &Path, layout: &Layout, rows_before: u64) -> anyhow::Result<Records> {
    let name: Arc<str> = path.display().to_string().into();
    if is_stdin(path) {
        let source = Box::new(BufReader::new(io::stdin()));
        return Ok(ndjson::records(
            "stdin".into(),
            source,
            layout.clone(),
            rows_before,
        ));
    }
    let file = File::open(path).with_context(|| format!("can't open {name}"))?;
    let mut source = BufReader::with_capacity(READ_BYTES, file);
    let start = source
        .fill_buf()
        .with_context(|| format!("can't read {name}"))?;
    if start.starts_with(b"PAR1") {
        return parquet::records(path, name, layout, rows_before);
    }
    if let Some((_, kind)) = OTHER_KINDS
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
    {
        bail!("{name} is {kind}; unpack it first: `zcat {name} | locule load .. -`");
    }
    Ok(ndjson::records(
        name,
        Box::new(source),
        layout.clone(),
        rows_before,
    ))
}

/// `-` stands for standard input, which holds NDJSON.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

const READ_BYTES: usize = 256 << 10;

const OTHER_KINDS: [(&[u8], &str); 2] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
];
