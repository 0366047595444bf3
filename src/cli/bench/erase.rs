//! *`locule bench erase`: from a request to a verified receipt.* A subject of a tenant while queries
//! are asked, then the whole tenant; the receipt's signature is checked here, as its owner would.
//!
//! The subject has one point in a hundred. Queries come from one thread, before the erasure and
//! during it, so that what resealing costs them shows.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::Context;
use ndarray::Array2;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    matrix,
    node::{self, Asked, Node, Point, Scratch, pause},
};
use crate::{
    cli::output,
    clock::Stopwatch,
    engine::EraseScope,
    ops::{
        erase::Erasure,
        receipt::{ScopeKind, SignedReceipt, StepName},
    },
    partition::Erasing,
    payload::{
        filter::{Condition, Filter, Scalar, Scalars, Test},
        path::Path,
    },
    vector::Metric,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The vectors: a .npy file of shape (n, d), float16 or float32
    #[arg(long)]
    vectors: PathBuf,
    /// How many of them; two lines of results for each number
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    sizes: Vec<usize>,
    /// Bytes of text beside each vector
    #[arg(long, default_value_t = 200)]
    text: usize,
    /// JSON, one line for each erasure
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    engine: &'static str,
    n: usize,
    dim: usize,
    /// `subject` or `tenant`.
    scope: &'static str,
    /// Points that were erased.
    erased: u64,
    /// From the request until nothing of it is answered: the 202.
    accepted_ms: f64,
    /// From the request to the receipt, its signature checked.
    receipt_ms: f64,
    /// How long each step took.
    steps_ms: Map<String, Value>,
    /// Sealed bytes a second that were opened, sealed again and stored; not for a tenant.
    resealed_mb_per_second: Option<f64>,
    /// The 99th percentile of queries before the erasure, and while it went on.
    p99_before_us: Option<f64>,
    p99_during_us: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for some in matrix::first_of(&arguments.vectors, &arguments.sizes, 100)? {
        for line in measure(&some, arguments.text)? {
            if arguments.json {
                output::line(serde_json::to_string(&line)?)?;
            } else {
                show(&line)?;
            }
        }
    }
    Ok(())
}

fn show(line: &Line) -> anyhow::Result<()> {
    let number = |number: Option<f64>| {
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.0}"))
    };
    output::line(format!(
        "{:>8} vectors   {:<7} {:>6} points   answered no more after {:.1} ms   receipt after {:.0} ms   resealed {} MB/s   p99 {} -> {} us",
        line.n,
        line.scope,
        line.erased,
        line.accepted_ms,
        line.receipt_ms,
        number(line.resealed_mb_per_second),
        number(line.p99_before_us),
        number(line.p99_during_us),
    ))
}

fn measure(base: &Array2<f32>, text: usize) -> anyhow::Result<[Line; 2]> {
    let (directory, collection) = (Scratch::new()?, node::collection()?);
    let node = Node::start(directory.path())?;
    node.create(&collection, base.ncols(), Metric::Cosine)?;
    let text = "x".repeat(text);
    let points = (0..base.nrows()).map(|row| Point {
        payload: Map::from_iter([
            ("person".to_owned(), json!(format!("person-{}", row % 100))),
            ("text".to_owned(), json!(text)),
        ]),
        ..Point::row(base, row)
    });
    node.upsert(&collection, points)?;
    node.wait_for_builds(&collection)?;

    let before = queries(&node, base, |asked| asked < QUERIES)?;
    let done = AtomicBool::new(false);
    let (subject, during) = thread::scope(|scope| {
        let asking = scope.spawn(|| queries(&node, base, |_| !done.load(Ordering::Relaxed)));
        // So that the queries are under way.
        pause(Duration::from_millis(200));
        let erased = erase(&node, subject()?, ScopeKind::Subject);
        done.store(true, Ordering::Relaxed);
        let during = asking.join().ok().context("the queries ended badly")??;
        anyhow::Ok((erased?, during))
    })?;
    let tenant = erase(&node, EraseScope::Tenant, ScopeKind::Tenant)?;
    node.stop(directory.path())?;
    let line = |scope, (erasure, accepted, receipt): (Erasure, Duration, Duration)| Line {
        engine: "locule",
        n: base.nrows(),
        dim: base.ncols(),
        scope,
        erased: erasure.points,
        accepted_ms: accepted.as_secs_f64() * 1e3,
        receipt_ms: receipt.as_secs_f64() * 1e3,
        steps_ms: steps(&erasure),
        resealed_mb_per_second: None,
        p99_before_us: None,
        p99_during_us: None,
    };
    let copied = subject
        .0
        .steps
        .iter()
        .find(|done| done.step == StepName::Copied);
    let rate = copied.map(|done| {
        let seconds = Duration::from_micros(done.micros).as_secs_f64();
        subject.0.copied_bytes as f64 / 1e6 / seconds
    });
    let subject = Line {
        resealed_mb_per_second: rate,
        p99_before_us: Some(percentile_us(before)),
        p99_during_us: Some(percentile_us(during)),
        ..line("subject", subject)
    };
    Ok([subject, line("tenant", tenant)])
}

fn subject() -> anyhow::Result<EraseScope> {
    let person = Scalars::from_iter([Scalar::Keyword("person-7".to_owned())]);
    let is = Condition::Field(Path::parse("person")?, Test::Any(person));
    Ok(EraseScope::Part(Erasing::Matching {
        collection: None,
        filter: Filter {
            must: vec![is],
            ..Filter::default()
        },
    }))
}

/// Erases something: the erasure at its end, and how long the acceptance and the receipt took.
fn erase(
    node: &Node,
    scope: EraseScope,
    kind: ScopeKind,
) -> anyhow::Result<(Erasure, Duration, Duration)> {
    let watch = Stopwatch::start();
    let erasure = node.erase(scope, kind)?;
    let accepted = watch.elapsed();
    let erasure = node.await_erasure(&erasure);
    let receipt = erasure.receipt.as_deref();
    let receipt = receipt.context("the erasure came to no receipt within a minute")?;
    SignedReceipt::parse(receipt.as_bytes())?;
    Ok((erasure, accepted, watch.elapsed()))
}

/// Asks one query after the other, as long as `more` says, and tells what each took.
fn queries(
    node: &Node,
    base: &Array2<f32>,
    more: impl Fn(usize) -> bool,
) -> anyhow::Result<Vec<Duration>> {
    let collection = node::collection()?;
    let asked = Asked {
        k: 10,
        ef: 64,
        filter: None,
    };
    let mut took = Vec::new();
    while more(took.len()) {
        let row = took.len() * 7919 % base.nrows();
        took.push(node.search(&collection, base.row(row), &asked)?.1);
        pause(QUERY_PAUSE);
    }
    Ok(took)
}

fn steps(erasure: &Erasure) -> Map<String, Value> {
    let steps = erasure.steps.iter().map(|done| {
        let name = serde_json::to_value(done.step).unwrap_or_default();
        let name = name.as_str().unwrap_or_default().to_owned();
        (
            name,
            json!(Duration::from_micros(done.micros).as_secs_f64() * 1e3),
        )
    });
    steps.collect()
}

fn percentile_us(mut took: Vec<Duration>) -> f64 {
    took.sort_unstable();
    let place = took.len() * 99 / 100;
    took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6)
}

const QUERIES: usize = 2_000;
/// A load, not a race for the cores: some hundreds of queries a second.
const QUERY_PAUSE: Duration = Duration::from_millis(2);
