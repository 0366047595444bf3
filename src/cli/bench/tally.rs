//! *Counts answers and their times.* Every duration is kept, so percentiles are exact.

use std::time::Duration;

use serde::Serialize;

use crate::cli::query::share;

/// What one connection saw.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) latencies: Vec<Duration>,
    pub(super) errors: u64,
    /// The first failure, told for all of them.
    pub(super) error: Option<String>,
    /// Answered queries whose right answer is known.
    pub(super) known: usize,
    /// Known answers within the returned list.
    pub(super) found: usize,
}

#[derive(Serialize)]
pub(super) struct Report {
    /// Answered.
    pub(super) queries: u64,
    pub(super) errors: u64,
    pub(super) qps: f64,
    pub(super) p50_us: Option<u64>,
    pub(super) p99_us: Option<u64>,
    pub(super) recall: Option<f64>,
    pub(super) seconds: f64,
    pub(super) connections: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
        self.known += other.known;
        self.found += other.found;
    }

    pub(super) fn report(mut self, elapsed: Duration, connections: usize) -> Report {
        self.latencies.sort_unstable();
        let queries = self.latencies.len() as u64;
        let recall = (self.known > 0).then(|| rounded(share(self.found, self.known), 1e4));
        Report {
            queries,
            errors: self.errors,
            qps: rounded(per_second(queries, elapsed), 10.0),
            p50_us: percentile(&self.latencies, 50),
            p99_us: percentile(&self.latencies, 99),
            recall,
            seconds: rounded(elapsed.as_secs_f64(), 1e3),
            connections,
        }
    }
}

/// The smallest latency that so many percent of all don't exceed (nearest rank), in microseconds.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let latency = sorted.get(rank - 1)?;
    Some(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

fn per_second(queries: u64, elapsed: Duration) -> f64 {
    queries as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}
