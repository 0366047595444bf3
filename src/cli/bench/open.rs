//! *`locule bench open`: from a sealed disk to the first answer*, with the page cache cold and warm.
//!
//! Each round closes the node, starts it again on its directory and asks one question. What the
//! kernel knows of names and the file system's own tables stays warm: a reboot would be slower.

use std::{path::PathBuf, time::Duration};

use ndarray::Array2;
use serde::Serialize;

use super::{
    matrix,
    node::{self, Asked, Node, Point, Scratch},
};
use crate::{cli::output, clock::Stopwatch, vector::Metric};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The vectors: a .npy file of shape (n, d), float16 or float32
    #[arg(long)]
    vectors: PathBuf,
    /// How many of them; two lines of results for each number
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    sizes: Vec<usize>,
    /// Times to open, cold and warm each; the medians are told
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// JSON, one line for each size and state of the cache
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    engine: &'static str,
    n: usize,
    dim: usize,
    /// Whether the data directory was in the kernel's page cache: `cold` or `warm`.
    page_cache: &'static str,
    rounds: usize,
    /// Until the node is ready for requests. It opens no tenant.
    start_ms: f64,
    /// From the first request to its answer: opens the shelf and the tenant.
    first_answer_ms: f64,
    /// The same request again.
    second_answer_ms: f64,
    /// How long it took to store the vectors, before.
    load_seconds: f64,
    /// How long the builds in the background went on after that.
    settle_seconds: f64,
    disk_bytes: u64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for some in matrix::first_of(&arguments.vectors, &arguments.sizes, 1)? {
        for line in measure(&some, arguments.rounds.max(1))? {
            if arguments.json {
                output::line(serde_json::to_string(&line)?)?;
            } else {
                output::line(format!(
                    "{:>8} vectors   page cache {}   ready after {:.1} ms   first answer after {:.1} ms   the next after {:.2} ms",
                    line.n,
                    line.page_cache,
                    line.start_ms,
                    line.first_answer_ms,
                    line.second_answer_ms
                ))?;
            }
        }
    }
    Ok(())
}

fn measure(base: &Array2<f32>, rounds: usize) -> anyhow::Result<[Line; 2]> {
    let (directory, collection) = (Scratch::new()?, node::collection()?);
    let node = Node::start(directory.path())?;
    node.create(&collection, base.ncols(), Metric::Cosine)?;
    let watch = Stopwatch::start();
    node.upsert(
        &collection,
        (0..base.nrows()).map(|row| Point::row(base, row)),
    )?;
    let loaded = watch.elapsed();
    node.wait_for_builds(&collection)?;
    let settled = watch.elapsed();
    let (disk_bytes, _) = node.bytes()?;

    let asked = Asked {
        k: 10,
        ef: 64,
        filter: None,
    };
    let mut key = node.stop(directory.path())?;
    let mut opened = [Opened::default(), Opened::default()];
    for _ in 0..rounds {
        for (cold, opened) in [true, false].into_iter().zip(&mut opened) {
            if cold {
                directory.drop_page_cache()?;
            }
            let watch = Stopwatch::start();
            let node = Node::restart(directory.path(), key)?;
            opened.start.push(watch.elapsed());
            let (_, first) = node.search(&collection, base.row(0), &asked)?;
            opened.first.push(first);
            let (_, second) = node.search(&collection, base.row(0), &asked)?;
            opened.second.push(second);
            key = node.stop(directory.path())?;
        }
    }
    let [cold, warm] = opened;
    let line = |page_cache, opened: Opened| Line {
        engine: "locule",
        n: base.nrows(),
        dim: base.ncols(),
        page_cache,
        rounds,
        start_ms: median_ms(opened.start),
        first_answer_ms: median_ms(opened.first),
        second_answer_ms: median_ms(opened.second),
        load_seconds: loaded.as_secs_f64(),
        settle_seconds: settled.saturating_sub(loaded).as_secs_f64(),
        disk_bytes,
    };
    Ok([line("cold", cold), line("warm", warm)])
}

/// What each round took.
#[derive(Default)]
struct Opened {
    start: Vec<Duration>,
    first: Vec<Duration>,
    second: Vec<Duration>,
}

fn median_ms(mut durations: Vec<Duration>) -> f64 {
    durations.sort_unstable();
    let middle = durations.get(durations.len() / 2);
    middle.map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
}
