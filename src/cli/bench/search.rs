//! *`locule bench search`: recall and speed on vectors of one's own, through a sealed partition.*
//!
//! The same engine, gate, keys and disk as the server's, in a temporary directory; only HTTP is
//! left out. One line of JSON for each measurement.

use std::io::{self, BufRead};

use anyhow::Context;
use ndarray::Array2;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    input::Input,
    measure::{HowLong, Truth},
    node::{self, Asked, Node, Point, Scratch},
};
use crate::{
    cli::output,
    clock::Stopwatch,
    payload::{
        filter::{Condition, Filter, Scalar, Test},
        path::Path as PayloadPath,
    },
    tenant::CollectionName,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// Threads that search side by side
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Candidates that the graph keeps; a line of results for each
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,128,256")]
    ef: Vec<usize>,
    /// Search among this share of the points, picked by a payload filter; several: one after the
    /// other
    #[arg(long, value_delimiter = ',')]
    filter_share: Vec<f64>,
    /// Measure what standard input asks for until it ends, a line `EF THREADS SHARE` each (the
    /// share's place in the list, from 0): a script can take turns with other engines
    #[arg(long)]
    on_request: bool,
    /// JSON, one line for each measurement
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    engine: &'static str,
    n: usize,
    dim: usize,
    ef: usize,
    qps: f64,
    recall: f64,
    p50_us: u64,
    p99_us: u64,
    build_seconds: f64,
    bytes_per_vector: f64,
}

/// What is measured.
struct Request {
    ef: usize,
    threads: usize,
    /// The place of the share in the list.
    share: usize,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (base, queries) = arguments.input.read()?;
    let (metric, k) = (arguments.input.metric(), arguments.input.k());
    let shares: Vec<Share> = arguments
        .filter_share
        .iter()
        .copied()
        .map(Share::new)
        .collect();
    let (directory, collection) = (Scratch::new()?, node::collection()?);
    let node = Node::start(directory.path())?;
    let watch = Stopwatch::start();
    node.create(&collection, base.ncols(), metric)?;
    load(&node, &collection, &base, &shares)?;
    node.wait_for_builds(&collection)?;
    let build_seconds = watch.elapsed().as_secs_f64();
    let (_, memory) = node.bytes()?;
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let bytes_per_vector = memory as f64 / base.nrows().max(1) as f64;

    // What is searched without a filter, or with each of them.
    let mut searched = Vec::new();
    for share in &shares {
        let truth = Truth::new(&base, &queries, metric, k, |row| share.holds(row));
        searched.push((truth, Some(share.filter()?)));
    }
    if shares.is_empty() {
        searched.push((Truth::new(&base, &queries, metric, k, |_| true), None));
    }
    let measure = |request: &Request| -> anyhow::Result<()> {
        let (truth, filter) = searched
            .get(request.share)
            .context("there is no such share")?;
        let asked = Asked {
            ef: request.ef,
            filter: filter.clone(),
            ..Asked::default()
        };
        let threads = request.threads.max(1);
        let run = truth.ask(&node, &collection, &asked, threads, HowLong::Once)?;
        let line = Line {
            engine: "locule",
            n: base.nrows(),
            dim: base.ncols(),
            ef: request.ef,
            qps: run.qps,
            recall: truth.recall(&run),
            p50_us: run.percentile(50),
            p99_us: run.percentile(99),
            build_seconds,
            bytes_per_vector,
        };
        if arguments.json {
            output::line(serde_json::to_string(&line)?)
        } else {
            output::line(format!(
                "ef {:>5}   {:>9.0} queries/s   recall {:.4}   p50 {} µs   p99 {} µs",
                line.ef, line.qps, line.recall, line.p50_us, line.p99_us
            ))
        }
    };
    if arguments.on_request {
        for line in io::stdin().lock().lines() {
            measure(&Request::parse(&line?)?)?;
        }
    } else {
        for share in 0..searched.len() {
            for ef in &arguments.ef {
                measure(&Request {
                    ef: *ef,
                    threads: arguments.threads,
                    share,
                })?;
            }
        }
    }
    node.stop(directory.path())?;
    Ok(())
}

impl Request {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let numbers: Vec<usize> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{line}` isn't EF THREADS SHARE"))?;
        let [ef, rest @ ..] = numbers.as_slice() else {
            anyhow::bail!("an empty line isn't EF THREADS SHARE")
        };
        Ok(Self {
            ef: *ef,
            threads: rest.first().copied().unwrap_or(1),
            share: rest.get(1).copied().unwrap_or(0),
        })
    }
}

/// A share of the points, spread evenly: every so many of them.
struct Share {
    label: String,
    every: usize,
}

impl Share {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped first"
    )]
    fn new(share: f64) -> Self {
        Self {
            label: share.to_string(),
            every: (1.0 / share.clamp(1e-6, 1.0)).round() as usize,
        }
    }

    fn holds(&self, row: usize) -> bool {
        row.is_multiple_of(self.every)
    }

    /// The filter that picks it: a keyword of the payload.
    fn filter(&self) -> anyhow::Result<Filter> {
        let path = PayloadPath::parse("shares").context("the bench's own path")?;
        let label = Scalar::Keyword(self.label.clone());
        Ok(Filter {
            must: vec![Condition::Field(path, Test::Any([label].into()))],
            ..Filter::default()
        })
    }
}

/// Loads the vectors, each with the shares that it belongs to.
fn load(
    node: &Node,
    collection: &CollectionName,
    base: &Array2<f32>,
    shares: &[Share],
) -> anyhow::Result<()> {
    let points = (0..base.nrows()).map(|row| {
        let mut point = Point::row(base, row);
        let labels = shares.iter().filter(|share| share.holds(row));
        let labels: Vec<Value> = labels.map(|share| json!(share.label)).collect();
        if !labels.is_empty() {
            point.payload = Map::from_iter([("shares".to_owned(), Value::from(labels))]);
        }
        point
    });
    // As whoever filters by a field would.
    if !shares.is_empty() {
        node.index(collection, "shares")?;
    }
    node.upsert(collection, points)
}
