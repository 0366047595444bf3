//! *`locule load`: points from files into a collection.* Files stream through in batches, a few in
//! flight at a time.
//!
//! Owns: what happens in which order. Everything that can be known to be wrong (a missing file or
//! column, a collection of another size) is found before the first point is sent.
//! **Invariant:** running the same command again is safe at any point: upserts by id are
//! idempotent, which is why a point without an id is refused and a batch may be sent twice.
//!
//! Called by: `cli`.

mod batch;
mod collection;
mod delivery;
mod ndjson;
mod parquet;
mod progress;
mod reader;
mod row;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::thread;

use serde::Serialize;
use tokio::sync::mpsc;

use super::client::Client;
use super::output::{self, Format};
use crate::clock::Stopwatch;
use collection::{Distance, Target};
use delivery::{Delivery, Tally};
use progress::Progress;
use reader::Reader;
use row::{IdFrom, Layout};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// NDJSON or Parquet files; `-` is NDJSON from standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The collection to load into. It's created if it isn't there.
    #[arg(long, value_name = "NAME")]
    collection: String,
    /// How a new collection measures distance [default: cosine].
    #[arg(long, value_enum)]
    distance: Option<Distance>,
    /// Points per request.
    #[arg(long, value_name = "ROWS", default_value_t = 500,
        value_parser = clap::value_parser!(u16).range(1..=BATCH_ROWS_MAX))]
    batch: u16,
    /// Requests in flight at a time.
    #[arg(long, value_name = "N", default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// The column or field of the ids: whole numbers or UUIDs.
    #[arg(long, value_name = "NAME", default_value = "id")]
    id_column: String,
    /// Number the points from 1, in the order of files and rows, instead of taking ids from a
    /// column.
    #[arg(long, conflicts_with = "id_column")]
    id_from_row: bool,
    /// The column or field of the vectors. All others become payload.
    #[arg(long, value_name = "NAME", default_value = "vector")]
    vector_column: String,
    /// Columns or fields to leave out, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    skip_columns: Vec<String>,
    /// Leave out up to N bad rows instead of stopping at the first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_bad: u64,
    #[command(flatten)]
    format: Format,
}

/// How a load ended.
#[derive(Serialize)]
struct Summary<'a> {
    collection: &'a str,
    created: bool,
    rows: u64,
    skipped: u64,
    seconds: f64,
    rows_per_second: f64,
}

pub(crate) async fn run(client: &Client, arguments: Arguments) -> anyhow::Result<()> {
    let mut reader = arguments.reader();
    reader.check()?;
    let mut target = Target::find(client, &arguments.collection, arguments.distance).await?;
    reader.dimension = target.dimension();

    let watch = Stopwatch::start();
    let mut progress = Progress::start(&reader.files)?;
    let (steps, told) = mpsc::channel(usize::from(arguments.concurrency));
    let reading = thread::spawn(move || reader.run(&steps));
    let mut delivery = Delivery::new(
        client,
        arguments.concurrency.into(),
        &mut target,
        &mut progress,
    );
    let outcome = delivery.run(told).await;
    let tally = delivery.tally();
    progress.finish();
    if let Err(error) = outcome {
        if tally.rows > 0 {
            output::notice(format!(
                "{} rows were stored before it stopped. Running the same command again is safe: what's there already \
                 is written over, not doubled.",
                output::count(tally.rows)
            ));
        }
        return Err(error);
    }
    reading
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that reads the files has crashed"))?;
    arguments.tell(target.is_new(), tally, watch)
}

impl Arguments {
    fn reader(&self) -> Reader {
        let id = if self.id_from_row {
            IdFrom::Row
        } else {
            IdFrom::Column(self.id_column.clone())
        };
        Reader {
            files: self.files.clone(),
            layout: Layout {
                id,
                vector: self.vector_column.clone(),
                skipped: self.skip_columns.clone(),
            },
            batch_rows: self.batch.into(),
            skip_bad: self.skip_bad,
            dimension: None,
        }
    }

    fn tell(&self, created: bool, tally: Tally, watch: Stopwatch) -> anyhow::Result<()> {
        let seconds = watch.elapsed().as_secs_f64();
        let rows_per_second = progress::rate(tally.rows, watch.elapsed());
        if self.format.is_json() {
            return output::json(&Summary {
                collection: &self.collection,
                created,
                rows: tally.rows,
                skipped: tally.skipped,
                seconds: (seconds * 1e3).round() / 1e3,
                rows_per_second: rows_per_second.round(),
            });
        }
        let skipped = match tally.skipped {
            0 => String::new(),
            bad => format!(", {} bad rows left out", output::count(bad)),
        };
        output::line(format!(
            "{} rows in `{}` after {seconds:.1} s ({rows_per_second:.0} rows/s){skipped}",
            output::count(tally.rows),
            self.collection,
        ))
    }
}

/// The server takes no more points in one request.
const BATCH_ROWS_MAX: i64 = 10_000;
