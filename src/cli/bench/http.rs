//! *`locule bench http`: what it asks, as whom, and what it reports.*

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, Request};
use tokio::task::JoinSet;

use super::asking::{self, Prepared};
use super::tally::{Report, Tally};
use crate::cli::client::{ApiKey, Client, Connection};
use crate::cli::output::{self, Format};
use crate::cli::query::{Params, Query};
use crate::cli::question::{Question, Selection};
use crate::clock::Stopwatch;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The collection to search, of the same name at every tenant.
    #[arg(long, value_name = "NAME")]
    collection: String,
    /// A JSON file of the tenants' keys: {"tenant": "key", ..}.
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// A Parquet file of queries: columns `vector`, the tenant, and `answer` where it's known.
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// The column that says which tenant asks.
    #[arg(long, value_name = "NAME", default_value = "tenant")]
    tenant_column: String,
    /// How long to measure.
    #[arg(long, value_name = "S", default_value_t = 3,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How many connections ask at the same time.
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=1_024))]
    connections: u16,
    /// How many neighbours to ask for.
    #[arg(long, value_name = "K", default_value_t = 10)]
    limit: usize,
    /// Ask for ids and scores alone, not for the payloads that an inference worker would want.
    #[arg(long)]
    without_payload: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) async fn run(connection: &Connection, arguments: Arguments) -> anyhow::Result<()> {
    let queries = arguments.prepare(connection)?;
    let clients = (0..arguments.connections).map(|_| Client::new(connection));
    let clients: Vec<Client> = clients.collect::<Result<_, _>>()?;
    asking::warm_up(&clients, &queries.first_of_each).await?;

    let queries: Arc<[Prepared]> = queries.all.into();
    let next = Arc::new(AtomicUsize::new(0));
    let duration = Duration::from_secs(arguments.seconds);
    let watch = Stopwatch::start();
    let mut loops = JoinSet::new();
    for client in clients {
        let (queries, next) = (queries.clone(), next.clone());
        loops.spawn(
            async move { asking::ask_until(&client, &queries, &next, watch, duration).await },
        );
    }
    let mut total = Tally::default();
    while let Some(tally) = loops.join_next().await {
        total.add(tally?);
    }
    let elapsed = watch.elapsed();
    let error = total.error.take();
    show(
        &total.report(elapsed, arguments.connections.into()),
        error,
        arguments.format,
    )
}

struct Queries {
    all: Vec<Prepared>,
    first_of_each: Vec<Request>,
}

impl Arguments {
    fn prepare(&self, connection: &Connection) -> anyhow::Result<Queries> {
        let clients = self.clients(connection)?;
        let questions = Selection {
            file: self.queries.clone(),
            tenant_column: self.tenant_column.clone(),
            tenant: None,
            count: None,
        };
        let mut queries = Queries {
            all: Vec::new(),
            first_of_each: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for question in questions.read()? {
            let tenant = question.tenant.as_deref().with_context(|| {
                format!(
                    "{} doesn't say which tenant asks: --tenant-column names the column",
                    self.queries.display()
                )
            })?;
            let client = clients.get(tenant).with_context(|| {
                format!("{} has no key of tenant `{tenant}`", self.keys.display())
            })?;
            let request = self.request(client, &question)?;
            if seen.insert(tenant.to_owned()) {
                queries.first_of_each.extend(request.try_clone());
            }
            queries.all.push(Prepared {
                request,
                answer: question.answer,
            });
        }
        Ok(queries)
    }

    fn clients(&self, connection: &Connection) -> anyhow::Result<BTreeMap<String, Client>> {
        let speaker = Client::new(connection)?;
        let keys = keys_in(&self.keys)?;
        let clients = keys
            .iter()
            .map(|(tenant, key)| Ok((tenant.clone(), speaker.speaking_as(key)?)));
        clients.collect()
    }

    fn request(&self, client: &Client, question: &Question) -> anyhow::Result<Request> {
        let body = serde_json::to_vec(&Query {
            query: &question.vector,
            limit: self.limit,
            with_payload: !self.without_payload,
            params: Params::default(),
            filter: None,
        })?;
        let path = ["collections", &self.collection, "points", "query"];
        Ok(client.prepare(Method::POST, &path, Some(body))?)
    }
}

fn keys_in(path: &Path) -> anyhow::Result<BTreeMap<String, ApiKey>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {name}"))?;
    // The parser's message could quote a key.
    serde_json::from_str(&text)
        .map_err(|_| anyhow::anyhow!("{name} isn't a JSON object of tenants and their keys"))
}

fn show(report: &Report, error: Option<String>, format: Format) -> anyhow::Result<()> {
    if let Some(error) = error {
        output::notice(format!(
            "{} queries failed, the first because: {error}",
            report.errors
        ));
    }
    anyhow::ensure!(report.queries > 0, "not one query was answered");
    if format.is_json() {
        return output::json(report);
    }
    let milliseconds = |us: Option<u64>| {
        us.map_or_else(
            || "-".to_owned(),
            |us| format!("{}.{:03} ms", us / 1_000, us % 1_000),
        )
    };
    output::fields(&[
        ("queries", output::count(report.queries)),
        ("errors", output::count(report.errors)),
        ("queries/s", format!("{:.0}", report.qps)),
        ("p50", milliseconds(report.p50_us)),
        ("p99", milliseconds(report.p99_us)),
        (
            "recall",
            report
                .recall
                .map_or_else(|| "-".to_owned(), |recall| format!("{recall:.4}")),
        ),
    ])
}
