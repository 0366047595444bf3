//! Where the time of requests goes.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::names;
use crate::clock::Stopwatch;

/// A part of the way from a request's body to its answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// Reading a body's JSON.
    Parse,
    /// Who asks, whether they may, and the audit log's entry about it.
    Gate,
    /// Finding what a query ranks first.
    Search,
    /// Reading and opening their rows.
    Fetch,
    /// Writing an answer's JSON.
    Serialise,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Gate => "gate",
            Self::Search => "search",
            Self::Fetch => "fetch",
            Self::Serialise => "serialise",
        }
    }
}

/// The seconds that requests have spent in each stage.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    parse: Seconds,
    gate: Seconds,
    search: Seconds,
    fetch: Seconds,
    serialise: Seconds,
}

type Seconds = Counter<f64, AtomicU64>;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

impl Stages {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family: Family<StageLabels, Seconds> = Family::default();
        registry.register(
            names::STAGE_SECONDS,
            "Time of requests, by stage",
            family.clone(),
        );
        let of = |stage: Stage| {
            let stage = stage.name();
            family.get_or_create(&StageLabels { stage }).clone()
        };
        Self {
            parse: of(Stage::Parse),
            gate: of(Stage::Gate),
            search: of(Stage::Search),
            fetch: of(Stage::Fetch),
            serialise: of(Stage::Serialise),
        }
    }

    /// Adds what a request took.
    fn add(&self, stage: Stage, took: Duration) {
        let seconds = match stage {
            Stage::Parse => &self.parse,
            Stage::Gate => &self.gate,
            Stage::Search => &self.search,
            Stage::Fetch => &self.fetch,
            Stage::Serialise => &self.serialise,
        };
        seconds.inc_by(took.as_secs_f64());
    }

    /// Does something, and adds what it took.
    pub fn timed<T>(&self, stage: Stage, act: impl FnOnce() -> T) -> T {
        let watch = Stopwatch::start();
        let done = act();
        self.add(stage, watch.elapsed());
        done
    }
}
