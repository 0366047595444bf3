//! *`locule bench fair`: what a tenant that asks now and then notices of one that floods the node.*
//!
//! A node of its own, asked over HTTP. The light tenant's questions are due at fixed times, whatever has
//! been answered, and each is timed from when it was due: so waiting counts. First it is alone, then
//! beside each kind of flood, which offers sixteen times its share: more than the node can do.
//!
//! Called by: `bench`.

mod bodies;
mod flood;
mod light;

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;
use reqwest::Method;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};

use self::{
    bodies::{DIMENSION, upsert},
    flood::pour,
    light::{Answered, ask},
};
use super::{node::Scratch, served::Served};
use crate::cli::{
    client::{Client, Connection},
    output::{self, Format},
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long to measure each kind of flood.
    #[arg(long, value_name = "S", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// The light tenant's questions a second.
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Points of each tenant, of 384 components.
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    points: u64,
    #[command(flatten)]
    format: Format,
}

/// A kind of flood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flood {
    None,
    Searches,
    Deep,
    Bulk,
    Cold,
}

impl Flood {
    const ALL: [Self; 5] = [
        Self::None,
        Self::Searches,
        Self::Deep,
        Self::Bulk,
        Self::Cold,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::None => "alone",
            Self::Searches => "searches, 16 times the share",
            Self::Deep => "searches for 10,000 neighbours",
            Self::Bulk => "bulk upserts and their builds",
            Self::Cold => "searches of cold tenants, each in turn",
        }
    }

    /// How many of its requests are under way at a time.
    const fn in_flight(self) -> usize {
        match self {
            Self::None => 0,
            Self::Searches => 128,
            Self::Deep => 32,
            Self::Bulk => 8,
            Self::Cold => 32,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let served = Served::start(scratch.path(), OPEN_MAX)?;
    let operator = Owner::new(&served.url, &served.operator)?;
    let mut tenants = Vec::new();
    for number in 0..=COLD {
        let points = if number < 2 { arguments.points } else { 500 };
        tenants.push(furnished(&operator, number, points).await?);
    }
    let mut rows = Vec::new();
    for flood in Flood::ALL {
        settled(&tenants).await?;
        rows.push((flood, measure(&arguments, &tenants, flood).await?));
    }
    show(&rows, arguments.format)
}

/// Someone with a key. Connections belong to the runtime that they were made in, so each makes its own.
#[derive(Clone)]
struct Owner(Connection);

impl Owner {
    fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        Ok(Self(Connection {
            url: url.to_owned(),
            api_key: Some(key.parse()?),
            ca: None,
            identity: None,
        }))
    }

    fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(&self.0)?)
    }
}

/// A tenant with a collection that is filled.
async fn furnished(operator: &Owner, number: usize, points: u64) -> anyhow::Result<Owner> {
    let body = json!({"id": format!("tenant-{number}")});
    let made = operator
        .client()?
        .ask(Method::POST, &["v1", "tenants"], Some(&body))
        .await?;
    let key = made.pointer("/owner_key/key").and_then(Value::as_str);
    let tenant = Owner::new(&operator.0.url, key.context("a tenant has a key")?)?;
    let owner = tenant.client()?;
    let body = json!({"vectors": {"size": DIMENSION, "distance": "Cosine"}});
    owner.ask(Method::PUT, &COLLECTION, Some(&body)).await?;
    for first in (0..points).step_by(500) {
        let body = upsert(first, (points - first).min(500))?;
        let request = owner.prepare(Method::PUT, &POINTS, Some(body))?;
        owner.execute(request).await?;
    }
    Ok(tenant)
}

/// Waits for the builds that were begun: what follows is to be measured without them.
async fn settled(tenants: &[Owner]) -> anyhow::Result<()> {
    for tenant in tenants {
        let client = tenant.client()?;
        loop {
            let told = client.ask(Method::GET, &COLLECTION, None).await?;
            if told.pointer("/result/status").and_then(Value::as_str) == Some("green") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// The light tenant's answers, and how many requests of the flood were answered a second.
async fn measure(
    arguments: &Arguments,
    tenants: &[Owner],
    flood: Flood,
) -> anyhow::Result<(Answered, f64)> {
    let duration = Duration::from_secs(arguments.seconds);
    let (points, rate) = (arguments.points, arguments.rate);
    let asked = u64::from(rate) * arguments.seconds;
    let light = tenants.first().context("there is a light tenant")?.clone();
    let tenants = tenants.to_vec();
    let light = client_thread("light", Hurry::First, async move || {
        ask(&light, asked, rate).await
    })?;
    let flood = client_thread("flood", Hurry::Last, async move || {
        pour(flood, &tenants, points, duration).await
    })?;
    let joined = tokio::task::spawn_blocking(move || (light.join(), flood.join())).await?;
    let (Ok(answered), Ok(flooded)) = joined else {
        anyhow::bail!("a client ended early");
    };
    let mut answered = answered?;
    answered.took.sort_unstable();
    anyhow::ensure!(
        !answered.took.is_empty(),
        "the light tenant wasn't answered"
    );
    Ok((answered, flooded?))
}

/// Who goes first where clients and node share the cores. In earnest clients have machines of their own.
#[derive(Clone, Copy)]
enum Hurry {
    /// Who measures: no wake-up of its own is to be in what it finds.
    First,
    /// Whose cost isn't meant: it has what the node leaves over.
    Last,
}

impl Hurry {
    /// Gives it to the thread that calls, by `chrt` of util-linux. The first takes privileges
    /// (`CAP_SYS_NICE`); without them a light tenant's p99 has the client's own waits in it. It stays on
    /// the core that long work leaves free: where the kernel writes the node's files it can't go first.
    fn take(self) -> anyhow::Result<()> {
        let (policy, priority) = match self {
            Self::First => ("--fifo", "1"),
            Self::Last => ("--idle", "0"),
        };
        if let Self::First = self {
            let own = sched_getaffinity(None)?;
            let mut one = CpuSet::new();
            let first = (0..CpuSet::MAX_CPU).find(|core| own.is_set(*core));
            one.set(first.context("a thread has a core")?);
            sched_setaffinity(None, &one)?;
        }
        // PROCESS/task/THREAD
        let own = fs::read_link("/proc/thread-self")?;
        let thread = own.file_name().context("a thread has a number")?;
        let mut chrt = Command::new("chrt");
        chrt.args([policy, "--pid", priority]).arg(thread);
        if !chrt
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|ended| ended.success())
        {
            output::notice(
                "a client runs at the priority of the node: figures have its waits in them",
            );
        }
        Ok(())
    }
}

/// A client in a thread of its own, with a runtime of its own.
fn client_thread<T: Send + 'static>(
    name: &str,
    hurry: Hurry,
    client: impl AsyncFnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<thread::JoinHandle<anyhow::Result<T>>> {
    Ok(thread::Builder::new().name(name.into()).spawn(move || {
        hurry.take()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(client())
    })?)
}

fn show(rows: &[(Flood, (Answered, f64))], format: Format) -> anyhow::Result<()> {
    let p99_alone = rows
        .first()
        .map_or(0.0, |(_, (alone, _))| percentile(alone, 99));
    for (flood, (answered, flooded)) in rows {
        let (p50, p99) = (percentile(answered, 50), percentile(answered, 99));
        if format.is_json() {
            output::json(&json!({
                "beside": flood.name(),
                "p50_ms": p50,
                "p99_ms": p99,
                "p99_against_alone": p99 / p99_alone,
                "failed": answered.failed,
                "flood_per_second": flooded,
            }))?;
        } else {
            output::line(format!(
                "{:<40} p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  {:>5.2} x alone  {} failed  (flood: {flooded:.0}/s)",
                flood.name(),
                p99 / p99_alone,
                answered.failed,
            ))?;
        }
    }
    Ok(())
}

/// In milliseconds.
fn percentile(answered: &Answered, percent: usize) -> f64 {
    let last = answered.took.len().saturating_sub(1);
    let took = answered.took.get(last * percent / 100).copied();
    took.unwrap_or_default().as_secs_f64() * 1_000.0
}

const COLLECTION: [&str; 2] = ["collections", "fair"];
const POINTS: [&str; 3] = ["collections", "fair", "points"];
const QUERY: [&str; 4] = ["collections", "fair", "points", "query"];
/// The last tenant's number; from the third on they are the cold ones.
const COLD: usize = 24;
/// Partitions that may be open: fewer than there are tenants.
const OPEN_MAX: usize = 8;
