//! *`locule bench churn`: recall over time.* Loads vectors, deletes a clustered half of them, puts
//! it back, searches while a writer streams, and compares with a fresh build of the same points.
//!
//! Points that lie together are deleted, not random ones: that is what customers do, and what
//! leaves holes in a graph.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::anyhow;
use ndarray::{Array1, Array2};
use serde::Serialize;

use super::{
    input::Input,
    matrix,
    measure::{HowLong, Truth},
    node::{self, Asked, Node, Point, Scratch},
};
use crate::{cli::output, clock::Stopwatch, tenant::CollectionName, vector::Metric};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// Candidates that the graph keeps; a line of results for each, in every stage
    #[arg(long, value_delimiter = ',', default_value = "32,64,128")]
    ef: Vec<usize>,
    /// How long to search beside the writer, for each ef
    #[arg(long, value_name = "S", default_value_t = 5)]
    seconds: u64,
    /// Points that the writer stores or deletes in a second; 0: as many as it can
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    writes: u64,
    /// JSON, one line for each ef in every stage
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    engine: &'static str,
    stage: &'static str,
    n: usize,
    dim: usize,
    /// Points that are stored.
    points: usize,
    ef: usize,
    recall: f64,
    qps: f64,
    p50_us: u64,
    p99_us: u64,
    /// How long this stage's writes and builds took.
    seconds: f64,
    /// What the writer managed meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    writes_per_second: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (base, queries) = arguments.input.read()?;
    let metric = arguments.input.metric();
    let all: Vec<usize> = (0..base.nrows()).collect();
    let half = clustered_half(&base, metric);
    let mut kept = vec![true; base.nrows()];
    for row in &half {
        kept[*row] = false;
    }
    let truth = |kept: &[bool]| {
        Truth::new(&base, &queries, metric, arguments.input.k(), |row| {
            kept[row]
        })
    };
    let whole = truth(&vec![true; base.nrows()]);
    let bench = Bench {
        arguments,
        base: &base,
    };

    let directory = Scratch::new()?;
    let collection = node::collection()?;
    let node = Node::start(directory.path())?;
    node.create(&collection, base.ncols(), metric)?;
    let at = Place {
        node: &node,
        collection: &collection,
    };
    bench.stage("loaded", &at, &whole, base.nrows(), || {
        at.store(&base, &all)
    })?;
    let rest = truth(&kept);
    bench.stage(
        "half deleted",
        &at,
        &rest,
        base.nrows() - half.len(),
        || node.remove(&collection, &half),
    )?;
    bench.stage("refilled", &at, &whole, base.nrows(), || {
        at.store(&base, &half)
    })?;
    bench.while_writing(&at, &whole, &half)?;
    bench.stage("written", &at, &whole, base.nrows(), || Ok(()))?;
    node.stop(directory.path())?;
    drop(directory);

    let directory = Scratch::new()?;
    let node = Node::start(directory.path())?;
    node.create(&collection, base.ncols(), metric)?;
    let at = Place {
        node: &node,
        collection: &collection,
    };
    bench.stage("fresh", &at, &whole, base.nrows(), || at.store(&base, &all))?;
    node.stop(directory.path())?;
    Ok(())
}

/// Where points are.
struct Place<'a> {
    node: &'a Node,
    collection: &'a CollectionName,
}

impl Place<'_> {
    fn store(&self, base: &Array2<f32>, rows: &[usize]) -> anyhow::Result<()> {
        let points = rows.iter().map(|row| Point::row(base, *row));
        self.node.upsert(self.collection, points)
    }
}

struct Bench<'a> {
    arguments: &'a Arguments,
    base: &'a Array2<f32>,
}

impl Bench<'_> {
    /// Writes, waits for the builds, and measures.
    fn stage(
        &self,
        stage: &'static str,
        at: &Place<'_>,
        truth: &Truth<'_>,
        points: usize,
        write: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let watch = Stopwatch::start();
        write()?;
        at.node.wait_for_builds(at.collection)?;
        let seconds = watch.elapsed().as_secs_f64();
        for ef in &self.arguments.ef {
            let run = truth.ask(at.node, at.collection, &asked(*ef), 1, HowLong::Once)?;
            self.show(&Line {
                engine: "locule",
                stage,
                n: self.base.nrows(),
                dim: self.base.ncols(),
                points,
                ef: *ef,
                recall: truth.recall(&run),
                qps: run.qps,
                p50_us: run.percentile(50),
                p99_us: run.percentile(99),
                seconds,
                writes_per_second: None,
            })?;
        }
        Ok(())
    }

    /// Measures beside a writer that replaces points by themselves, and stores copies and
    /// deletes them: so what is right stays the same.
    fn while_writing(
        &self,
        at: &Place<'_>,
        truth: &Truth<'_>,
        rows: &[usize],
    ) -> anyhow::Result<()> {
        let for_a_while = HowLong::For(Duration::from_secs(self.arguments.seconds));
        for ef in &self.arguments.ef {
            let stop = AtomicBool::new(false);
            let (run, written) = thread::scope(|scope| {
                let writer = scope.spawn(|| self.write(at, rows, &stop));
                let run = truth.ask(at.node, at.collection, &asked(*ef), 1, for_a_while);
                stop.store(true, Ordering::Relaxed);
                let written = writer
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("the writer panicked")));
                anyhow::Ok((run?, written?))
            })?;
            self.show(&Line {
                engine: "locule",
                stage: "while writing",
                n: self.base.nrows(),
                dim: self.base.ncols(),
                points: self.base.nrows(),
                ef: *ef,
                recall: truth.recall(&run),
                qps: run.qps,
                p50_us: run.percentile(50),
                p99_us: run.percentile(99),
                seconds: written.seconds,
                writes_per_second: Some(written.per_second()),
            })?;
        }
        Ok(())
    }

    fn write(&self, at: &Place<'_>, rows: &[usize], stop: &AtomicBool) -> anyhow::Result<Written> {
        let watch = Stopwatch::start();
        let mut points = 0_u32;
        let mut copies: Vec<usize> = Vec::new();
        for batch in rows.chunks(BATCH).cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            at.node.remove(at.collection, &copies)?;
            let replaced = batch.iter().map(|row| self.touched(*row, points));
            let replaced: Vec<(usize, Array1<f32>)> = replaced.collect();
            let copied = batch.iter().take(BATCH / 2);
            points += u32::try_from(copies.len() + batch.len() + copied.len())?;
            copies = copied.map(|row| row + self.base.nrows()).collect();
            let copied = copies.iter().map(|id| Point {
                id: *id,
                ..Point::row(self.base, id % self.base.nrows())
            });
            let replaced = replaced.iter().map(|(row, vector)| Point {
                vector: vector.view(),
                ..Point::row(self.base, *row)
            });
            at.node.upsert(at.collection, replaced.chain(copied))?;
            if self.arguments.writes > 0 {
                #[expect(clippy::cast_precision_loss, reason = "a pace")]
                let due = f64::from(points) / self.arguments.writes as f64;
                node::pause(Duration::from_secs_f64(due).saturating_sub(watch.elapsed()));
            }
        }
        at.node.remove(at.collection, &copies)?;
        Ok(Written {
            points,
            seconds: watch.elapsed().as_secs_f64(),
        })
    }

    /// A row by far less than a tie away from itself, so that nothing can take it for unchanged.
    fn touched(&self, row: usize, turn: u32) -> (usize, Array1<f32>) {
        let mut vector = self.base.row(row).to_owned();
        if let Some(first) = vector.first_mut() {
            *first += 1e-6 * f32::from(u8::try_from(turn % 3).unwrap_or_default());
        }
        (row, vector)
    }

    fn show(&self, line: &Line) -> anyhow::Result<()> {
        if self.arguments.json {
            return output::line(serde_json::to_string(line)?);
        }
        output::line(format!(
            "{:<14} {:>8} points   ef {:>4}   recall {:.4}   {:>8.0} queries/s   p50 {} µs   p99 {} µs   ready after {:.1} s",
            line.stage,
            line.points,
            line.ef,
            line.recall,
            line.qps,
            line.p50_us,
            line.p99_us,
            line.seconds
        ))
    }
}

struct Written {
    points: u32,
    seconds: f64,
}

impl Written {
    fn per_second(&self) -> f64 {
        f64::from(self.points) / self.seconds.max(f64::EPSILON)
    }
}

fn asked(ef: usize) -> Asked {
    Asked {
        ef,
        ..Asked::default()
    }
}

/// Half of the rows: those that are nearest to the first one, so that whole regions go.
fn clustered_half(base: &Array2<f32>, metric: Metric) -> Vec<usize> {
    let near = |row: usize| matrix::nearness(metric, base.row(row), base.row(0));
    let mut rows: Vec<(f32, usize)> = (0..base.nrows()).map(|row| (near(row), row)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.truncate(base.nrows() / 2);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Points that the writer replaces at a time; half as many copies come and go beside them.
const BATCH: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_that_goes_is_a_whole_region() {
        // 4 heaps on a circle, dealt out in turn: a random half would hold 16 of each.
        let at = |row: usize| {
            let angle = [0.0_f32, 1.2, 3.0, 4.5][row % 4];
            let length = 1.0 + f32::from(u8::try_from(row).unwrap()) * 1e-3;
            [angle.cos() * length, angle.sin() * length]
        };
        let base = Array2::from_shape_fn((128, 2), |(row, column)| at(row)[column]);
        let half = clustered_half(&base, Metric::Euclid);
        assert_eq!(half.len(), 64);
        let mut of_heap = [0; 4];
        for row in half {
            of_heap[row % 4] += 1;
        }
        assert_eq!(of_heap, [32, 32, 0, 0]);
    }
}
