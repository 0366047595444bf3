//! *Searches side by side*, and how right and how fast they were.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::anyhow;
use ndarray::Array2;

use super::{
    matrix,
    node::{Asked, Node},
};
use crate::{
    clock::Stopwatch,
    tenant::{CollectionName, PointId},
    vector::Metric,
};

/// What is searched, and what an exact search of it finds.
pub(super) struct Truth<'a> {
    pub(super) base: &'a Array2<f32>,
    pub(super) queries: &'a Array2<f32>,
    metric: Metric,
    k: usize,
    /// What the k-th nearest of the allowed rows scores, for each query.
    thresholds: Vec<f32>,
    /// Neighbours that there are to be found for each query.
    findable: usize,
}

impl<'a> Truth<'a> {
    pub(super) fn new(
        base: &'a Array2<f32>,
        queries: &'a Array2<f32>,
        metric: Metric,
        k: usize,
        allowed: impl Fn(usize) -> bool + Sync,
    ) -> Self {
        let rows = (0..base.nrows()).filter(|row| allowed(*row)).count();
        Self {
            base,
            queries,
            metric,
            k,
            thresholds: matrix::thresholds(base, queries, metric, k, allowed),
            findable: k.min(rows),
        }
    }

    /// The share of all true neighbours that was answered. Scores count, not ids: of rows that
    /// are equally near, any is right. A number past the last row is a copy of a row: it starts
    /// over.
    pub(super) fn recall(&self, run: &Run) -> f64 {
        let mut right = 0_usize;
        for answer in &run.answered {
            let query = self.queries.row(answer.number);
            let least = self.thresholds.get(answer.number).copied();
            let least = least.unwrap_or(f32::INFINITY);
            let rows = answer.ids.iter().filter_map(|id| match id {
                PointId::Number(row) => usize::try_from(*row).ok(),
                PointId::Uuid(_) => None,
            });
            let near = rows.map(|row| {
                let row = self.base.row(row % self.base.nrows());
                matrix::nearness(self.metric, query, row)
            });
            right += near
                .filter(|near| *near >= least - TIE)
                .count()
                .min(self.findable);
        }
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let share = right as f64 / (run.answered.len() * self.findable).max(1) as f64;
        share
    }

    /// Asks the queries on so many threads.
    pub(super) fn ask(
        &self,
        node: &Node,
        collection: &CollectionName,
        asked: &Asked,
        threads: usize,
        how_long: HowLong,
    ) -> anyhow::Result<Run> {
        let asked = Asked {
            k: self.k,
            ..asked.clone()
        };
        let next = AtomicUsize::new(0);
        let watch = Stopwatch::start();
        let work = || -> anyhow::Result<Vec<Answered>> {
            let mut answered = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let over = match how_long {
                    HowLong::Once => number >= self.queries.nrows(),
                    HowLong::For(duration) => watch.elapsed() >= duration,
                };
                if over {
                    return Ok(answered);
                }
                let number = number % self.queries.nrows();
                let (ids, took) = node.search(collection, self.queries.row(number), &asked)?;
                answered.push(Answered { number, took, ids });
            }
        };
        let parts: Vec<anyhow::Result<Vec<Answered>>> = thread::scope(|scope| {
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

/// When asking ends.
#[derive(Clone, Copy)]
pub(super) enum HowLong {
    /// After each query was asked once.
    Once,
    /// After this time, the queries over and over.
    For(Duration),
}

/// What a number of searches gave.
pub(super) struct Run {
    pub(super) qps: f64,
    /// In order of how long each took.
    answered: Vec<Answered>,
}

struct Answered {
    number: usize,
    took: Duration,
    ids: Vec<PointId>,
}

impl Run {
    pub(super) fn percentile(&self, percent: usize) -> u64 {
        let last = self.answered.len().saturating_sub(1);
        let took = self.answered.get(last * percent / 100);
        let took = took.map_or(Duration::ZERO, |answer| answer.took);
        u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Scores that differ by less are ties: single precision adds up in different orders.
const TIE: f32 = 1e-5;
