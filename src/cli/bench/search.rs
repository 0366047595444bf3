//! *`locule bench search`: recall and speed on vectors of one's own, through a sealed partition.*
//!
//! The same engine, gate, keys and disk as the server's, in a temporary directory; only HTTP is
//! left out. One line of JSON for each `ef`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, anyhow};
use ndarray::Array2;
use serde::Serialize;
use serde_json::{Map, json};

use super::matrix;
use crate::{
    access::{Presented, Principal, Quota},
    cli::output,
    clock::{self, Stopwatch},
    engine::{Engine, EngineOptions, Query, VectorsBack},
    partition::{PointUpsert, Schema, SearchQuery},
    payload::{
        Payload,
        filter::{Condition, Filter, Scalar, Test},
        path::Path as PayloadPath,
    },
    router::NewTenant,
    seal,
    store::StoreOptions,
    tenant::{CollectionName, PointId, TenantId},
    vector::{Dimension, Metric},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The vectors: a .npy file of shape (n, d), float16 or float32
    #[arg(long)]
    vectors: PathBuf,
    /// The queries: a .npy file of shape (m, d)
    #[arg(long)]
    queries: PathBuf,
    /// How nearness is measured
    #[arg(long, value_enum, default_value = "cosine")]
    metric: Measure,
    /// Neighbours of each query
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Threads that search side by side
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Candidates that the graph keeps; a line of results for each
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,128,256")]
    ef: Vec<usize>,
    /// Search among this share of the points, picked by a payload filter
    #[arg(long)]
    filter_share: Option<f64>,
    /// Take only the first so many queries
    #[arg(long)]
    count: Option<usize>,
    /// JSON, one line for each ef
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Measure {
    Cosine,
    Dot,
    Euclid,
    Manhattan,
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

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let metric = match arguments.metric {
        Measure::Cosine => Metric::Cosine,
        Measure::Dot => Metric::Dot,
        Measure::Euclid => Metric::Euclid,
        Measure::Manhattan => Metric::Manhattan,
    };
    let prepared = |path: &Path| {
        let rows = matrix::read(path)?;
        Ok::<_, anyhow::Error>(if metric == Metric::Cosine {
            matrix::normalised(rows)
        } else {
            rows
        })
    };
    let (base, mut queries) = (prepared(&arguments.vectors)?, prepared(&arguments.queries)?);
    if base.ncols() != queries.ncols() {
        return Err(anyhow!(
            "the vectors have {} dimensions and the queries {}",
            base.ncols(),
            queries.ncols()
        ));
    }
    if let Some(count) = arguments.count.filter(|count| *count < queries.nrows()) {
        queries = queries.slice(ndarray::s![..count, ..]).to_owned();
    }
    let directory = Scratch::new()?;
    let node = Node::start(&directory.0)?;
    let watch = Stopwatch::start();
    let every = arguments.filter_share.map_or(1, every);
    node.load(&base, metric, every)?;
    node.wait_for_builds()?;
    let build_seconds = watch.elapsed().as_secs_f64();
    let (_, memory) = node.usage()?;
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let bytes_per_vector = memory as f64 / base.nrows().max(1) as f64;

    let thresholds =
        matrix::thresholds(&base, &queries, metric, arguments.k, |row| row % every == 0);
    for ef in &arguments.ef {
        let asked = Asked {
            k: arguments.k,
            ef: *ef,
            every,
        };
        let run = node.search(&queries, &asked, arguments.threads.max(1))?;
        let line = Line {
            engine: "locule",
            n: base.nrows(),
            dim: base.ncols(),
            ef: *ef,
            qps: run.qps,
            recall: run.recall(
                &base,
                &queries,
                metric,
                &thresholds,
                arguments.k.min(base.nrows() / every),
            ),
            p50_us: run.percentile(50),
            p99_us: run.percentile(99),
            build_seconds,
            bytes_per_vector,
        };
        if arguments.json {
            output::line(serde_json::to_string(&line)?)?;
        } else {
            output::line(format!(
                "ef {:>5}   {:>9.0} queries/s   recall {:.4}   p50 {} µs   p99 {} µs",
                line.ef, line.qps, line.recall, line.p50_us, line.p99_us
            ))?;
        }
    }
    Ok(())
}

/// Every how many points make up a share.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped first"
)]
fn every(share: f64) -> usize {
    (1.0 / share.clamp(1e-6, 1.0)).round() as usize
}

/// A directory of its own, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let name = u64::from_be_bytes(seal::random_bytes()?);
        let path = std::env::temp_dir().join(format!("locule-bench-{name:016x}"));
        fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is in the temporary directory anyway.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A node with one tenant, whose owner searches.
struct Node {
    engine: Arc<Engine>,
    owner: Principal,
    collection: CollectionName,
}

struct Asked {
    k: usize,
    ef: usize,
    every: usize,
}

impl Node {
    fn start(directory: &Path) -> anyhow::Result<Self> {
        let started = Engine::start(EngineOptions {
            directory: directory.to_owned(),
            root_key: None,
            operator_key: None,
            store: StoreOptions::default(),
            partitions_open_max: 1,
            clock: Arc::new(clock::System),
        })?;
        let engine = started.engine;
        let key = started
            .operator_key
            .context("a new node has no operator key")?;
        let operator = engine.authenticate(&Presented::new(key.reveal()), None, 0)?;
        let new = NewTenant {
            id: TenantId::parse("bench")?,
            quota: Quota::default(),
            region: None,
        };
        let created = engine.create_tenant(&operator, new)?;
        let owner = engine.authenticate(&Presented::new(created.owner_key.reveal()), None, 0)?;
        Ok(Self {
            engine,
            owner,
            collection: CollectionName::parse("bench")?,
        })
    }

    /// Loads the vectors; every so many of them carry the mark that a filter asks for.
    fn load(&self, base: &Array2<f32>, metric: Metric, every: usize) -> anyhow::Result<()> {
        let dimension = Dimension::new(base.ncols() as u64)?;
        let schema = Schema {
            dimension,
            metric,
            settings: "{}".to_owned(),
        };
        self.engine
            .create_collection(&self.owner, &self.collection, schema)?;
        for first in (0..base.nrows()).step_by(BATCH) {
            let rows = first..(first + BATCH).min(base.nrows());
            let points = rows.map(|row| {
                let payload = Map::from_iter([("share".to_owned(), json!(row % every == 0))]);
                let vector = base.row(row).to_vec();
                Ok(PointUpsert {
                    id: PointId::Number(row as u64),
                    vector,
                    payload: Payload::new(payload)?,
                })
            });
            let points = points.collect::<anyhow::Result<Vec<_>>>()?;
            self.engine.upsert(&self.owner, &self.collection, points)?;
        }
        Ok(())
    }

    /// Waits until no build in the background would change the index any more.
    fn wait_for_builds(&self) -> anyhow::Result<()> {
        while self.engine.is_building(&self.owner, &self.collection)? {
            #[expect(
                clippy::disallowed_methods,
                reason = "this thread has nothing else to do"
            )]
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn usage(&self) -> anyhow::Result<(u64, u64)> {
        let usage = self.engine.usage(&self.owner)?;
        Ok((usage.disk_bytes, usage.memory_bytes))
    }

    fn search(&self, queries: &Array2<f32>, asked: &Asked, threads: usize) -> anyhow::Result<Run> {
        let next = AtomicUsize::new(0);
        let watch = Stopwatch::start();
        let parts: Vec<anyhow::Result<Vec<Answered>>> = thread::scope(|scope| {
            let work = || -> anyhow::Result<Vec<Answered>> {
                let mut answered = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= queries.nrows() {
                        return Ok(answered);
                    }
                    let query = query(queries.row(number).to_vec(), asked);
                    let watch = Stopwatch::start();
                    let hits = self.engine.search(&self.owner, &self.collection, query)?;
                    let took = watch.elapsed();
                    let ids = hits.iter().map(|hit| hit.point.id).collect();
                    answered.push(Answered { number, took, ids });
                }
            };
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = handles.into_iter().map(|handle| {
                handle
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a searching thread panicked")))
            });
            joined.collect()
        });
        let seconds = watch.elapsed().as_secs_f64();
        let mut answered = Vec::new();
        for part in parts {
            answered.extend(part?);
        }
        answered.sort_by_key(|answer| answer.took);
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let qps = answered.len() as f64 / seconds;
        Ok(Run { qps, answered })
    }
}

fn query(vector: Vec<f32>, asked: &Asked) -> Query {
    let filter = (asked.every > 1).then(|| Filter {
        must: PayloadPath::parse("share")
            .map(|path| Condition::Field(path, Test::Any(vec![Scalar::Bool(true)])))
            .into_iter()
            .collect(),
        ..Filter::default()
    });
    let search = SearchQuery {
        vector,
        filter,
        limit: asked.k,
        offset: 0,
        ef: asked.ef,
        exact: false,
        score_threshold: None,
        except: None,
        with_payload: false,
    };
    Query {
        search,
        by_point: None,
        vectors: VectorsBack::No,
    }
}

struct Answered {
    number: usize,
    took: Duration,
    ids: Vec<PointId>,
}

struct Run {
    qps: f64,
    /// In order of how long each took.
    answered: Vec<Answered>,
}

impl Run {
    fn percentile(&self, percent: usize) -> u64 {
        let last = self.answered.len().saturating_sub(1);
        let took = self
            .answered
            .get(last * percent / 100)
            .map_or(Duration::ZERO, |a| a.took);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }

    fn recall(
        &self,
        base: &Array2<f32>,
        queries: &Array2<f32>,
        metric: Metric,
        thresholds: &[f32],
        k: usize,
    ) -> f64 {
        let mut right = 0_usize;
        for answer in &self.answered {
            let query = queries.row(answer.number);
            let least = thresholds
                .get(answer.number)
                .copied()
                .unwrap_or(f32::INFINITY);
            let rows = answer.ids.iter().filter_map(|id| match id {
                PointId::Number(row) => usize::try_from(*row).ok(),
                PointId::Uuid(_) => None,
            });
            let near = rows.map(|row| matrix::nearness(metric, query, base.row(row)));
            right += near.filter(|near| *near >= least - TIE).count().min(k);
        }
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let share = right as f64 / (self.answered.len() * k).max(1) as f64;
        share
    }
}

const BATCH: usize = 1_000;
/// Scores that differ by less are ties: single precision adds up in different orders.
const TIE: f32 = 1e-5;
