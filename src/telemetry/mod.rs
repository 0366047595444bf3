//! Metrics and logs.
//!
//! Owns: every metric of the node and its name, and the log subscriber (set up by `main` alone).
//! **Invariant:** no label and no log field holds a payload, vector, point id, key or token
//! (`it/canary/`).

mod logs;
pub mod names;
mod stages;

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tracing_subscriber::EnvFilter;

pub use self::stages::{Stage, Stages};

/// The metrics of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<PlaneLabels, Histogram>,
    /// Sealed values, keys or files that didn't open.
    pub corrupt: Counter,
    /// Credentials that weren't believed.
    pub authentication_failures: Counter,
    /// Refresh tokens that were used twice.
    pub refresh_reuses: Counter,
    /// API keys that end within two weeks.
    pub keys_expiring: Gauge<i64, AtomicI64>,
    /// Tenants whose erasures failed and are to be tried again.
    pub erasures_failing: Gauge<i64, AtomicI64>,
    /// Quotas of points and of bytes on disk that are nearly used up.
    pub quotas_near: Gauge<i64, AtomicI64>,
    /// Messages that webhooks took.
    pub webhooks_delivered: Counter,
    /// Attempts to send a message to a webhook that failed.
    pub webhook_failures: Counter,
    /// Messages to webhooks that were given up.
    pub webhooks_dead: Counter,
    /// Keys on networks that they weren't seen on before.
    pub unusual_access_patterns: Counter,
    /// `inference` keys that were answered a day's budget of points.
    pub data_access_anomalies: Counter,
    /// Keys that were refused very often within a minute.
    pub api_abuse_detection: Counter,
    /// Acts that a role or a key's collections didn't allow.
    pub privilege_escalation_attempts: Counter,
    /// Acts that the gate didn't allow.
    pub denials: Counter,
    /// Partitions that are open.
    pub partitions_open: Gauge<i64, AtomicI64>,
    /// Partitions opened since the start.
    pub partition_opens: Counter<u64, AtomicU64>,
    /// Tenants that aren't deleted.
    pub tenants: Gauge<i64, AtomicI64>,
    /// Points written.
    pub points_written: Counter,
    /// Queries answered.
    pub queries: Counter,
    /// Where the time of requests goes.
    pub stages: Stages,
    /// Stored indexes that were read back when their tenant was opened.
    pub segments_read: Counter,
    /// Stored indexes that couldn't be used, and were rebuilt from their rows.
    pub segments_rebuilt: Counter,
    /// Indexes that were stored.
    pub segments_written: Counter,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct PlaneLabels {
    route: String,
}

impl Metrics {
    /// Counts an answered request, by route pattern: never by path, which may hold names.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.request_seconds
            .get_or_create(&PlaneLabels {
                route: route.clone(),
            })
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
    }

    /// The exposition text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.push_str("# the metrics couldn't be written\n");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("locule");
        let requests = Family::default();
        let request_seconds = Family::new_with_constructor(
            (|| Histogram::new(exponential_buckets(0.000_1, 2.0, 16))) as fn() -> Histogram,
        );
        registry.register(names::REQUESTS, "Requests answered", requests.clone());
        registry.register(
            names::REQUEST_SECONDS,
            "Time to answer",
            request_seconds.clone(),
        );
        let corrupt = Counter::default();
        registry.register(
            names::CORRUPT,
            "Sealed values that didn't open",
            corrupt.clone(),
        );
        let authentication_failures = Counter::default();
        registry.register(
            names::AUTHENTICATION_FAILURES,
            "Credentials that weren't believed",
            authentication_failures.clone(),
        );
        let refresh_reuses = Counter::default();
        registry.register(
            names::REFRESH_REUSES,
            "Refresh tokens that were used twice, each the end of its family",
            refresh_reuses.clone(),
        );
        let keys_expiring = Gauge::default();
        registry.register(
            names::KEYS_EXPIRING,
            "API keys that end within two weeks",
            keys_expiring.clone(),
        );
        let erasures_failing = Gauge::default();
        registry.register(
            names::ERASURES_FAILING,
            "Tenants whose erasures failed and are to be tried again",
            erasures_failing.clone(),
        );
        let quotas_near = Gauge::default();
        registry.register(
            names::QUOTAS_NEAR,
            "Quotas of points and of bytes on disk that are nearly used up",
            quotas_near.clone(),
        );
        let [webhooks_delivered, webhook_failures, webhooks_dead] = [
            (names::WEBHOOKS_DELIVERED, "Messages that webhooks took"),
            (
                names::WEBHOOK_FAILURES,
                "Attempts to send a message that failed",
            ),
            (
                names::WEBHOOKS_DEAD,
                "Messages to webhooks that were given up",
            ),
        ]
        .map(|(name, help)| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        });
        let security = [
            (
                names::UNUSUAL_ACCESS_PATTERNS,
                "Keys used from networks that they weren't seen on before",
            ),
            (
                names::DATA_ACCESS_ANOMALIES,
                "Inference keys that were answered a day's budget of different points",
            ),
            (
                names::API_ABUSE_DETECTION,
                "Keys that were refused very often within a minute",
            ),
            (
                names::PRIVILEGE_ESCALATION_ATTEMPTS,
                "Acts that a role or a key's collections didn't allow",
            ),
        ];
        let [
            unusual_access_patterns,
            data_access_anomalies,
            api_abuse_detection,
            privilege_escalation_attempts,
        ] = security.map(|(name, help)| {
            let counter: Counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        });
        let denials = Counter::default();
        registry.register(names::DENIALS, "Acts that weren't allowed", denials.clone());
        let partitions_open = Gauge::default();
        registry.register(
            names::PARTITIONS_OPEN,
            "Open partitions",
            partitions_open.clone(),
        );
        let partition_opens = Counter::default();
        registry.register(
            names::PARTITION_OPENS,
            "Partitions opened",
            partition_opens.clone(),
        );
        let tenants = Gauge::default();
        registry.register(names::TENANTS, "Tenants", tenants.clone());
        let points_written = Counter::default();
        registry.register(
            names::POINTS_WRITTEN,
            "Points written",
            points_written.clone(),
        );
        let queries = Counter::default();
        registry.register(names::QUERIES, "Queries answered", queries.clone());
        let stages = Stages::register(&mut registry);
        let segments_read = Counter::default();
        registry.register(
            names::SEGMENTS_READ,
            "Stored indexes that were read back when their tenant was opened",
            segments_read.clone(),
        );
        let segments_rebuilt = Counter::default();
        registry.register(
            names::SEGMENTS_REBUILT,
            "Stored indexes that couldn't be used, and were rebuilt from their rows",
            segments_rebuilt.clone(),
        );
        let segments_written = Counter::default();
        registry.register(
            names::SEGMENTS_WRITTEN,
            "Indexes that were stored",
            segments_written.clone(),
        );
        Self {
            registry,
            requests,
            request_seconds,
            corrupt,
            authentication_failures,
            refresh_reuses,
            keys_expiring,
            erasures_failing,
            quotas_near,
            webhooks_delivered,
            webhook_failures,
            webhooks_dead,
            unusual_access_patterns,
            data_access_anomalies,
            api_abuse_detection,
            privilege_escalation_attempts,
            denials,
            partitions_open,
            partition_opens,
            tenants,
            points_written,
            queries,
            stages,
            segments_read,
            segments_rebuilt,
            segments_written,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Starts logging to stderr. `filter` is in the form of `RUST_LOG`.
///
/// # Errors
/// When the filter can't be read.
pub fn start_logs(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let filter = EnvFilter::try_new(filter).map_err(|source| FilterError { source })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .event_format(logs::Lines(format))
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}

/// The log filter can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the log filter can't be read; write it like `info` or `locule=debug,info`")]
pub struct FilterError {
    source: tracing_subscriber::filter::ParseError,
}
