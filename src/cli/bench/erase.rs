//! *`locule bench erase`: from a request to a verified receipt.* Subjects of a tenant, one after the
//! other, while queries are asked, then the whole tenant; the receipts' signatures are checked here, as
//! their owner would.
//!
//! A subject has one point in a hundred. Queries come from one thread, before the erasures and during
//! them, so that what resealing costs them shows.

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
    tenant::PointId,
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
    /// How many subjects are erased, one after the other, up to 99: of their times the median is told
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=99))]
    subjects: u32,
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
    /// Of the erased rows that were asked for right after that, those that were answered.
    visible: usize,
    /// From the request to the receipt, its signature checked.
    receipt_ms: f64,
    /// The longest of the receipts.
    receipt_ms_max: f64,
    /// How long each step took.
    steps_ms: Map<String, Value>,
    /// Sealed bytes a second that were opened, sealed again and stored; not for a tenant.
    resealed_mb_per_second: Option<f64>,
    /// Of queries before the erasures, and while they went on, the median and the 99th percentile.
    before_us: Option<[f64; 2]>,
    during_us: Option<[f64; 2]>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for some in matrix::first_of(&arguments.vectors, &arguments.sizes, SUBJECTS)? {
        for line in measure(&some, arguments)? {
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
    let mut text = format!(
        "{:>8} vectors   {:<7} {:>6} points   answered no more after {:.1} ms ({} visible then)   receipt after {:.0} ms, {:.0} at most",
        line.n,
        line.scope,
        line.erased,
        line.accepted_ms,
        line.visible,
        line.receipt_ms,
        line.receipt_ms_max,
    );
    if let Some(rate) = line.resealed_mb_per_second {
        text += &format!("   resealed {rate:.0} MB/s");
    }
    if let (Some(before), Some(during)) = (line.before_us, line.during_us) {
        text += &format!(
            "   queries p50 {:.0} -> {:.0} us, p99 {:.0} -> {:.0} us ({:.2} times)",
            before[0],
            during[0],
            before[1],
            during[1],
            during[1] / before[1]
        );
    }
    output::line(text)
}

fn measure(base: &Array2<f32>, arguments: &Arguments) -> anyhow::Result<[Line; 2]> {
    let (directory, collection) = (Scratch::new()?, node::collection()?);
    let node = Node::start(directory.path())?;
    node.create(&collection, base.ncols(), Metric::Cosine)?;
    let text = "x".repeat(arguments.text);
    let points = (0..base.nrows()).map(|row| Point {
        payload: Map::from_iter([
            ("person".to_owned(), json!(person(row % SUBJECTS))),
            ("text".to_owned(), json!(text)),
        ]),
        ..Point::row(base, row)
    });
    node.upsert(&collection, points)?;
    node.wait_for_builds(&collection)?;

    let before = queries(&node, base, |asked| asked < QUERIES)?;
    let done = AtomicBool::new(false);
    let (subjects, during) = thread::scope(|scope| {
        let asking = scope.spawn(|| queries(&node, base, |_| !done.load(Ordering::Relaxed)));
        // So that the queries are under way.
        pause(Duration::from_millis(200));
        let subjects = (0..arguments.subjects as usize)
            .map(|number| {
                let rows = base.nrows() / SUBJECTS;
                let rows = (0..rows.min(ASKED_AFTER)).map(|row| row * SUBJECTS + number);
                let asked = Asked { k: 1, ..asked() };
                let visible = || {
                    rows.map(|row| {
                        let hits = node.search(&collection, base.row(row), &asked)?.0;
                        Ok(usize::from(hits == [PointId::Number(row as u64)]))
                    })
                    .sum()
                };
                Erased::of(&node, subject(number)?, ScopeKind::Subject, visible)
            })
            .collect::<anyhow::Result<Vec<_>>>();
        done.store(true, Ordering::Relaxed);
        let during = asking.join().ok().context("the queries ended badly")??;
        anyhow::Ok((subjects?, during))
    })?;
    // Nobody may ask a tenant that is being deleted.
    let visible = || {
        let asked = node.search(&collection, base.row(base.nrows() - 1), &asked());
        Ok(asked.map_or(0, |(hits, _)| hits.len()))
    };
    let tenant = Erased::of(&node, EraseScope::Tenant, ScopeKind::Tenant, visible)?;
    node.stop(directory.path())?;
    let subjects = Line {
        before_us: Some([percentile_us(&before, 50), percentile_us(&before, 99)]),
        during_us: Some([percentile_us(&during, 50), percentile_us(&during, 99)]),
        ..line(base, "subject", subjects)?
    };
    Ok([subjects, line(base, "tenant", vec![tenant])?])
}

/// Several erasures of one kind: those of the one with the median time to the receipt, unless it is said.
fn line(base: &Array2<f32>, scope: &'static str, mut all: Vec<Erased>) -> anyhow::Result<Line> {
    all.sort_by_key(|one| one.receipt);
    let longest = all.last().context("nothing was erased")?.receipt;
    let median = all.swap_remove(all.len() / 2);
    let copied = median
        .erasure
        .steps
        .iter()
        .find(|done| done.step == StepName::Copied && scope == "subject");
    let rate = copied.map(|done| {
        let seconds = Duration::from_micros(done.micros).as_secs_f64();
        median.erasure.copied_bytes as f64 / 1e6 / seconds
    });
    Ok(Line {
        engine: "locule",
        n: base.nrows(),
        dim: base.ncols(),
        scope,
        erased: median.erasure.points,
        accepted_ms: median.accepted.as_secs_f64() * 1e3,
        visible: all.iter().map(|one| one.visible).sum::<usize>() + median.visible,
        receipt_ms: median.receipt.as_secs_f64() * 1e3,
        receipt_ms_max: longest.as_secs_f64() * 1e3,
        steps_ms: steps(&median.erasure),
        resealed_mb_per_second: rate,
        before_us: None,
        during_us: None,
    })
}

fn person(number: usize) -> String {
    format!("person-{number}")
}

fn subject(number: usize) -> anyhow::Result<EraseScope> {
    let person = Scalars::from_iter([Scalar::Keyword(person(number))]);
    let is = Condition::Field(Path::parse("person")?, Test::Any(person));
    Ok(EraseScope::Part(Erasing::Matching {
        collection: None,
        filter: Filter {
            must: vec![is],
            ..Filter::default()
        },
    }))
}

/// An erasure at its end, and how long the acceptance and the receipt took.
struct Erased {
    erasure: Erasure,
    accepted: Duration,
    visible: usize,
    receipt: Duration,
}

impl Erased {
    fn of(
        node: &Node,
        scope: EraseScope,
        kind: ScopeKind,
        visible: impl FnOnce() -> anyhow::Result<usize>,
    ) -> anyhow::Result<Self> {
        let watch = Stopwatch::start();
        let erasure = node.erase(scope, kind)?;
        let accepted = watch.elapsed();
        let visible = visible()?;
        let erasure = node.await_erasure(&erasure);
        let receipt = erasure.receipt.as_deref();
        let receipt = receipt.context("the erasure came to no receipt within a minute")?;
        SignedReceipt::parse(receipt.as_bytes())?;
        Ok(Self {
            erasure,
            accepted,
            visible,
            receipt: watch.elapsed(),
        })
    }
}

/// Asks one query after the other, as long as `more` says, and tells what each took.
fn queries(
    node: &Node,
    base: &Array2<f32>,
    more: impl Fn(usize) -> bool,
) -> anyhow::Result<Vec<Duration>> {
    let collection = node::collection()?;
    let asked = asked();
    let mut took = Vec::new();
    while more(took.len()) {
        let row = took.len() * 7919 % base.nrows();
        took.push(node.search(&collection, base.row(row), &asked)?.1);
        pause(QUERY_PAUSE);
    }
    Ok(took)
}

fn asked() -> Asked {
    Asked {
        k: 10,
        ef: 64,
        filter: None,
    }
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

fn percentile_us(took: &[Duration], percent: usize) -> f64 {
    let mut took = took.to_vec();
    took.sort_unstable();
    let place = took.len() * percent / 100;
    took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6)
}

/// Rows of a subject that are asked for once they are to be gone.
const ASKED_AFTER: usize = 10;
/// Subjects that have a part of the points each.
const SUBJECTS: usize = 100;
const QUERIES: usize = 2_000;
/// A load, not a race for the cores: some hundreds of queries a second.
const QUERY_PAUSE: Duration = Duration::from_millis(2);
