//! *What every bench on vectors of one's own is told*: which vectors, which queries, which metric.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use ndarray::Array2;

use super::matrix;
use crate::vector::Metric;

#[derive(clap::Args)]
pub(super) struct Input {
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
    /// Take only the first so many queries
    #[arg(long)]
    count: Option<usize>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Measure {
    Cosine,
    Dot,
    Euclid,
    Manhattan,
}

impl Input {
    pub(super) fn metric(&self) -> Metric {
        match self.metric {
            Measure::Cosine => Metric::Cosine,
            Measure::Dot => Metric::Dot,
            Measure::Euclid => Metric::Euclid,
            Measure::Manhattan => Metric::Manhattan,
        }
    }

    pub(super) fn k(&self) -> usize {
        self.k
    }

    /// The vectors and the queries; with length one if the metric is Cosine.
    pub(super) fn read(&self) -> anyhow::Result<(Array2<f32>, Array2<f32>)> {
        let prepared = |path: &Path| {
            let rows = matrix::read(path)?;
            Ok::<_, anyhow::Error>(if self.metric() == Metric::Cosine {
                matrix::normalised(rows)
            } else {
                rows
            })
        };
        let (base, mut queries) = (prepared(&self.vectors)?, prepared(&self.queries)?);
        ensure!(
            base.ncols() == queries.ncols(),
            "the vectors have {} dimensions and the queries {}",
            base.ncols(),
            queries.ncols()
        );
        if let Some(count) = self.count.filter(|count| *count < queries.nrows()) {
            queries = queries.slice(ndarray::s![..count, ..]).to_owned();
        }
        ensure!(
            base.nrows() > 0 && queries.nrows() > 0,
            "there is nothing to search, or to search for"
        );
        Ok((base, queries))
    }
}
