//! *`locule bench fair`: what a tenant that asks now and then notices of one that floods the node.*
//!
//! A node of its own, asked over HTTP. The light tenant's questions are due at fixed times, whatever has
//! been answered, and each is timed from when it was due: so waiting counts. First it is alone, then
//! beside each kind of flood, which offers sixteen times its share: more than the node can do.
//!
//! Called by: `bench`.

use std::{net, sync::Arc, thread, time::Duration};

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc::unbounded_channel, oneshot},
    task::JoinSet,
};

use super::node::{Scratch, pause};
use crate::{
    cli::{
        client::{Client, Connection},
        output::{self, Format},
        serve,
    },
    clock::Stopwatch,
    engine::Engine,
    http,
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

/// What a tenant was answered in a run.
#[derive(Default)]
struct Answered {
    took: Vec<Duration>,
    failed: u64,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let started = Engine::start(super::node::options_with(scratch.path(), OPEN_MAX))?;
    let operator = started.operator_key.context("a new node has a key")?;
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let (engine, released) = (started.engine, started.released);
    let wire = http::Server::new(http::Options::default())?;
    let server = thread::spawn(move || {
        serve::threads()?.block_on(async {
            let stop = async {
                drop(stopped.await);
            };
            let listener = TcpListener::from_std(listener)?;
            anyhow::Ok(wire.serve(engine, listener, stop).await?)
        })
    });
    let mut tenants = Vec::new();
    let operator = Owner::new(&url, operator.reveal())?;
    for number in 0..=COLD {
        let points = if number < 2 { arguments.points } else { 500 };
        tenants.push(furnished(&operator, number, points).await?);
    }
    let mut rows = Vec::new();
    for flood in Flood::ALL {
        rows.push((flood, measure(&arguments, &tenants, flood).await?));
    }
    let _ = stop.send(());
    let served = tokio::task::spawn_blocking(move || {
        let served = server.join();
        // So that no store is closed while the process ends.
        released.wait(Duration::from_secs(10));
        served
    });
    served
        .await?
        .map_err(|_| anyhow::anyhow!("the server ended badly"))??;
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
    let path = ["collections", "fair"];
    owner.ask(Method::PUT, &path, Some(&body)).await?;
    for first in (0..points).step_by(500) {
        let body = upsert(first, (points - first).min(500))?;
        let request = owner.prepare(Method::PUT, &POINTS, Some(body))?;
        owner.execute(request).await?;
    }
    Ok(tenant)
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
    // Whoever asks now and then waits for the node alone, as on a machine of its own.
    let light = client_thread("light", -10, async move || ask(&light, asked, rate).await)?;
    let flood = client_thread("flood", 19, async move || {
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

/// A client in a thread of its own: what is measured is the node. `niceness` as of nice(2); one below
/// 0 takes privileges, and isn't missed much without.
fn client_thread<T: Send + 'static>(
    name: &str,
    niceness: i32,
    client: impl AsyncFnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<thread::JoinHandle<anyhow::Result<T>>> {
    Ok(thread::Builder::new().name(name.into()).spawn(move || {
        let _ = rustix::process::nice(niceness);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(client())
    })?)
}

/// Asks so often, at fixed times, whatever has been answered.
async fn ask(light: &Owner, times: u64, rate: u32) -> anyhow::Result<Answered> {
    let light = light.client()?;
    let (tick, mut due) = unbounded_channel();
    // The runtime's own timers are a millisecond late, longer than an answer takes.
    thread::spawn(move || {
        for _ in 0..times {
            pause(Duration::from_secs(1) / rate);
            if tick.send(Stopwatch::start()).is_err() {
                break;
            }
        }
    });
    let (mut asked, mut tasks) = (0, JoinSet::new());
    while let Some(watch) = due.recv().await {
        let request = light.prepare(Method::POST, &QUERY, Some(search(asked, 10)?))?;
        let client = light.clone();
        tasks.spawn(async move {
            let done = client.execute(request).await;
            done.is_ok().then(|| watch.elapsed())
        });
        asked += 1;
    }
    let mut answered = Answered::default();
    while let Some(done) = tasks.join_next().await {
        match done? {
            Some(took) => answered.took.push(took),
            None => answered.failed += 1,
        }
    }
    Ok(answered)
}

async fn pour(
    flood: Flood,
    tenants: &[Owner],
    points: u64,
    duration: Duration,
) -> anyhow::Result<f64> {
    if flood == Flood::None {
        return Ok(0.0);
    }
    // Connections of this thread's own.
    let clients = tenants.iter().map(Owner::client);
    let clients = clients.collect::<anyhow::Result<Vec<_>>>()?;
    let room = Arc::new(Semaphore::new(flood.in_flight()));
    // Written ahead: a client that writes JSON would take the cores from the node.
    let bodies = bodies(flood, points)?;
    let mut bodies = bodies.iter().cycle();
    let (mut tasks, mut asked, mut answered) = (JoinSet::new(), 0_usize, 0_u64);
    let watch = Stopwatch::start();
    while watch.elapsed() < duration {
        let permit = Arc::clone(&room).acquire_owned().await?;
        let which = match flood {
            Flood::Cold => 2 + asked % (COLD - 1),
            Flood::None | Flood::Searches | Flood::Deep | Flood::Bulk => 1,
        };
        let client = clients.get(which).context("there is such a tenant")?;
        let body = bodies.next().context("a flood has bodies")?.clone();
        let request = match flood {
            Flood::Bulk => client.prepare(Method::PUT, &POINTS, Some(body))?,
            Flood::None | Flood::Searches | Flood::Deep | Flood::Cold => {
                client.prepare(Method::POST, &QUERY, Some(body))?
            }
        };
        let client = client.clone();
        tasks.spawn(async move {
            let answered = client.execute(request).await.is_ok();
            drop(permit);
            answered
        });
        asked += 1;
        while let Some(done) = tasks.try_join_next() {
            answered += u64::from(done?);
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = answered as f64 / seconds;
    while tasks.join_next().await.is_some() {}
    Ok(rate)
}

/// What a flood sends, over and over.
fn bodies(flood: Flood, points: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let bodies = match flood {
        Flood::None => Ok(Vec::new()),
        Flood::Searches | Flood::Cold => (0..512).map(|number| search(number, 10)).collect(),
        Flood::Deep => (0..512).map(|number| search(number, 10_000)).collect(),
        Flood::Bulk => (0..16)
            .map(|batch| upsert(points + batch * 500, 500))
            .collect(),
    };
    Ok(bodies?)
}

fn search(number: u64, limit: usize) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&json!({"query": vector(number * 7 + 3), "limit": limit}))
}

fn upsert(first: u64, count: u64) -> serde_json::Result<Vec<u8>> {
    let points = (first..first + count).map(|id| json!({"id": id, "vector": vector(id)}));
    serde_json::to_vec(&json!({"points": points.collect::<Vec<_>>()}))
}

/// A vector near one of a hundred others: the same for the same number.
fn vector(number: u64) -> Vec<f32> {
    let part = |seed: u64, at: u64| {
        // SplitMix64.
        let mut mixed = (seed << 16 | at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = u16::try_from((mixed ^ mixed >> 31) & 0xFFFF).unwrap_or_default();
        f32::from(bits) / 32_768.0 - 1.0
    };
    (0..DIMENSION)
        .map(|at| part(number % 100, at) + part(number + 1_000, at) / 2.0)
        .collect()
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

const POINTS: [&str; 3] = ["collections", "fair", "points"];
const QUERY: [&str; 4] = ["collections", "fair", "points", "query"];
const DIMENSION: u64 = 384;
/// The last tenant's number; from the third on they are the cold ones.
const COLD: usize = 24;
/// Partitions that may be open: fewer than there are tenants.
const OPEN_MAX: usize = 8;
