//! What a node of many tenants must reach: creating, starting, idling, waking, writing, auditing.
//!
//! `cargo bench --bench reach` prints a table; `-- --test` runs it small, to see that it runs;
//! `-- --tenants N` sets how many tenants there are, `-- --only tenants|waking|writing|auditing`
//! picks a part.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that can't go on should stop, and it measures real time"
)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use locule::{
    access::{Origin, Presented, Principal, Quota},
    audit::{AuditOptions, Reads},
    clock::System,
    engine::{Engine, EngineOptions, Query, VectorsBack},
    index::Precision,
    partition::{PointUpsert, Schema, SearchQuery},
    payload::Payload,
    router::NewTenant,
    store::StoreOptions,
    tenant::{CollectionName, PointId, TenantId},
    vector::{DEFAULT_VECTOR, Dimension, Metric, only_default},
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let small = arguments.iter().any(|argument| argument == "--test");
    let wanted = arguments
        .iter()
        .position(|argument| argument == "--tenants");
    let wanted = wanted
        .and_then(|at| arguments.get(at + 1))
        .and_then(|text| text.parse().ok());
    let tenants = wanted.unwrap_or(if small { 20 } else { 2_000 });
    let seconds = Duration::from_millis(if small { 100 } else { 3_000 });

    println!("{:<62} {:>12} {:>12}", "figure", "reached", "at least");
    let directory = tempfile::tempdir().unwrap();
    let only = arguments.iter().position(|argument| argument == "--only");
    let only = only.and_then(|at| arguments.get(at + 1));
    let chosen = |part: &str| only.is_none_or(|only| only == part);
    if chosen("tenants") {
        many_tenants(directory.path(), tenants);
    }
    if chosen("waking") {
        waking(if small { 3 } else { 20 });
    }
    if chosen("writing") {
        writing(seconds);
    }
    if chosen("auditing") {
        auditing(if small { 100 } else { 10_000 }, seconds);
    }
}

fn row(figure: &str, reached: String, at_least: &str) {
    println!("{figure:<62} {reached:>12} {at_least:>12}");
}

fn many_tenants(directory: &Path, tenants: usize) {
    {
        let engine = start(directory);
        let operator = principal(&engine, OPERATOR_KEY);
        let mut times = Vec::new();
        for number in 0..tenants + 64 {
            let watch = Instant::now();
            let owner = create(&engine, &operator, &format!("tenant-{number}"));
            times.push(watch.elapsed());
            if number < tenants {
                fill(&engine, &owner, 50, 8);
            }
        }
        let mut last = times.split_off(tenants);
        last.sort();
        row(
            &format!("create a tenant, with {tenants} there already: median"),
            format!("{:.1} ms", millis(last[last.len() / 2])),
            "25 ms",
        );
        row(
            "  the slowest of 64 (it makes a shelf)",
            format!("{:.1} ms", millis(last[63])),
            "",
        );
    }
    let (mut full, ready) = serve(directory);
    row(
        &format!("start-up to ready with {tenants} tenants of 50 points"),
        format!("{:.2} s", ready.as_secs_f64()),
        "2 s",
    );
    let empty_directory = tempfile::tempdir().unwrap();
    let (mut empty, _) = serve(empty_directory.path());
    let (with, without) = (resident_bytes(&full), resident_bytes(&empty));
    row(
        "RAM of a tenant that nobody has asked for since start-up",
        format!(
            "{:.2} KB",
            with.saturating_sub(without) as f64 / tenants as f64 / 1e3
        ),
        "4 KB",
    );
    for server in [&mut full, &mut empty] {
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

fn waking(rounds: usize) {
    let directory = tempfile::tempdir().unwrap();
    let owners: Vec<Principal> = {
        let engine = start(directory.path());
        let operator = principal(&engine, OPERATOR_KEY);
        let owner = |number| {
            let owner = create(&engine, &operator, &format!("cold-{number}"));
            fill(&engine, &owner, 1_000, 384);
            owner
        };
        (0..rounds).map(owner).collect()
    };
    let mut times = Vec::new();
    let engine = start(directory.path());
    for owner in &owners {
        let watch = Instant::now();
        let hits = engine.search(owner, &docs(), query(384)).unwrap();
        times.push(watch.elapsed());
        assert_eq!(hits.len(), 10);
    }
    let first = times[0];
    times.sort();
    row(
        "first answer of a cold tenant with 1,000 x 384: median",
        format!("{:.1} ms", millis(times[times.len() / 2])),
        "50 ms",
    );
    row(
        "  the first on its shelf, which is opened too",
        format!("{:.1} ms", millis(first)),
        "",
    );
}

fn writing(seconds: Duration) {
    let directory = tempfile::tempdir().unwrap();
    let engine = start(directory.path());
    let operator = principal(&engine, OPERATOR_KEY);
    let owner = create(&engine, &operator, "writer");
    fill(&engine, &owner, 1, 384);
    // In turn, three times, so that a drift of the machine's speed meets both.
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let one = rate(&engine, &owner, 1, seconds);
        let sixteen = rate(&engine, &owner, 16, seconds);
        ratios.push((sixteen / one, one, sixteen));
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, one, sixteen) = ratios[1];
    row(
        "single-point upserts a second, fsynced: 1 writer",
        format!("{one:.0}"),
        "",
    );
    row("  16 writers", format!("{sixteen:.0}"), "");
    row("  ratio", format!("{ratio:.1} x"), "10 x");
}

/// Searches by as many threads as there are cores, each let in by its key: with an entry in the audit
/// log for each, against the first of a minute alone.
fn auditing(points: u64, seconds: Duration) {
    let [each, counted] = [Reads::Each, Reads::Counted].map(|reads| {
        let directory = tempfile::tempdir().unwrap();
        let engine = start_with(directory.path(), reads);
        let operator = principal(&engine, OPERATOR_KEY);
        let key = create_key(&engine, &operator, "reader");
        let owner = principal(&engine, &key);
        fill(&engine, &owner, points, 384);
        while engine.is_building(&owner, &docs()).unwrap() {
            thread::sleep(Duration::from_millis(20));
        }
        (engine, key, directory)
    });
    let mut ratios: Vec<_> = (0..5)
        .map(|_| {
            let threads = thread::available_parallelism().unwrap().get() as u64;
            let [each, counted] = [&each, &counted].map(|(engine, key, _)| {
                per_second(threads, seconds, |_| {
                    let owner = principal(engine, key);
                    engine.search(&owner, &docs(), query(384)).unwrap();
                })
            });
            (each / counted, each, counted)
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, each, counted) = ratios[ratios.len() / 2];
    row(
        "searches a second, each in the audit log",
        format!("{each:.0}"),
        "",
    );
    row("  counted by the minute", format!("{counted:.0}"), "");
    row(
        "  ratio: the median of five turns",
        format!("{ratio:.3} x"),
        "0.9 x",
    );
}

fn rate(engine: &Arc<Engine>, owner: &Principal, writers: u64, seconds: Duration) -> f64 {
    per_second(writers, seconds, |id| {
        let point = point(id, 384);
        engine.upsert(owner, &docs(), vec![point]).unwrap();
    })
}

/// How often something is done a second by so many threads, each with numbers of its own.
fn per_second(threads: u64, seconds: Duration, act: impl Fn(u64) + Sync) -> f64 {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let watch = Instant::now();
    thread::scope(|scope| {
        for number in 0..threads {
            let (stop, done, act) = (&stop, &done, &act);
            scope.spawn(move || {
                let mut id = number << 32;
                while !stop.load(Ordering::Relaxed) {
                    act(id % 1_000);
                    id += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(seconds);
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner() as f64 / watch.elapsed().as_secs_f64()
}

/// Waits until no one uses a directory: an engine that was dropped may still be closing shelves.
fn released(directory: &Path) {
    if let Ok(lock) = fs::File::open(directory.join("lock")) {
        lock.lock().unwrap();
    }
}

fn start(directory: &Path) -> Arc<Engine> {
    start_with(directory, Reads::Each)
}

fn start_with(directory: &Path, reads: Reads) -> Arc<Engine> {
    released(directory);
    let options = EngineOptions {
        directory: directory.to_owned(),
        root_key: None,
        root_key_next: None,
        operator_key: Some(Presented::new(OPERATOR_KEY)),
        store: StoreOptions::default(),
        partitions_open_max: 1024,
        data_key_lasts: Duration::from_secs(365 * 24 * 60 * 60),
        issuers: Vec::new(),
        audit: AuditOptions {
            reads,
            ..AuditOptions::default()
        },
        clock: Arc::new(System),
    };
    Engine::start(options).unwrap().engine
}

fn principal(engine: &Engine, key: &str) -> Principal {
    engine
        .authenticate(&Presented::new(key), Origin::default(), 0)
        .unwrap()
}

fn create(engine: &Engine, operator: &Principal, id: &str) -> Principal {
    principal(engine, &create_key(engine, operator, id))
}

fn create_key(engine: &Engine, operator: &Principal, id: &str) -> String {
    let id = TenantId::parse(id).unwrap();
    let new = NewTenant {
        id,
        quota: Quota::default(),
        region: None,
    };
    let created = engine.create_tenant(operator, new).unwrap();
    created.owner_key.reveal().to_owned()
}

fn fill(engine: &Engine, owner: &Principal, points: u64, dimension: u64) {
    let dimension_checked = Dimension::new(dimension).unwrap();
    let schema = Schema::single(dimension_checked, Metric::Cosine, Precision::Codes);
    engine.create_collection(owner, &docs(), schema).unwrap();
    for first in (0..points).step_by(1_000) {
        let some = (first..points.min(first + 1_000)).map(|id| point(id, dimension));
        engine.upsert(owner, &docs(), some.collect()).unwrap();
    }
}

fn point(id: u64, dimension: u64) -> PointUpsert {
    PointUpsert {
        id: PointId::Number(id),
        vectors: only_default(vector(id, dimension)),
        payload: Payload::default(),
    }
}

fn vector(id: u64, dimension: u64) -> Vec<f32> {
    let values = 0..dimension;
    values
        .map(|at| ((id * 31 + at * 17) % 101) as f32 - 50.0)
        .collect()
}

fn query(dimension: u64) -> Query {
    let search = SearchQuery {
        vector: vector(7, dimension),
        using: DEFAULT_VECTOR.to_owned(),
        filter: None,
        limit: 10,
        offset: 0,
        ef: 128,
        exact: false,
        score_threshold: None,
        except: None,
        with_payload: true,
    };
    Query {
        search,
        by_point: None,
        vectors: VectorsBack::No,
    }
}

fn docs() -> CollectionName {
    CollectionName::parse("docs").unwrap()
}

/// Starts the real binary and waits until it says that it is ready.
fn serve(directory: &Path) -> (Child, Duration) {
    released(directory);
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let watch = Instant::now();
    let server = Command::new(env!("CARGO_BIN_EXE_locule"))
        .args(["serve", "--data"])
        .arg(directory)
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .env("LOCULE_OPERATOR_KEY", OPERATOR_KEY)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !ready(port) {
        assert!(
            watch.elapsed() < Duration::from_secs(60),
            "the server didn't start"
        );
        thread::sleep(Duration::from_millis(5));
    }
    (server, watch.elapsed())
}

fn ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains("200 OK")
}

fn resident_bytes(server: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

const OPERATOR_KEY: &str = "the operator key of a measurement";
