//! What it costs to find out who asks, and that the time it takes tells nothing of a key.
//!
//! `cargo bench --bench keys` prints a table; `-- --test` runs it small, to see that it runs.
//! The last lines compare two kinds of wrong keys, one wrong from its first digit on and one right
//! but for its last, in random order: Welch's t of their times. |t| over 4.5 tells them apart (the
//! bound of dudect, Reparaz et al. 2017), and ends the bench with an error.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that can't go on should stop, and it measures real time"
)]

use std::{hint::black_box, sync::Arc, time::Instant};

use locule::{
    access::{Origin, Presented, Quota},
    clock::System,
    engine::{Engine, EngineOptions},
    router::NewTenant,
    seal,
    store::StoreOptions,
    tenant::TenantId,
};

fn main() {
    let small = std::env::args().any(|argument| argument == "--test");
    let rounds = if small { 200 } else { 200_000 };
    let directory = tempfile::tempdir().unwrap();
    let started = Engine::start(EngineOptions {
        directory: directory.path().to_owned(),
        root_key: None,
        operator_key: None,
        store: StoreOptions::default(),
        root_key_next: None,
        data_key_lasts: std::time::Duration::from_secs(365 * 24 * 60 * 60),
        audit: locule::audit::AuditOptions::default(),
        partitions_open_max: 4,
        issuers: Vec::new(),
        clock: Arc::new(System),
    })
    .unwrap();
    let engine = started.engine;
    let authenticate =
        |text: &str| engine.authenticate(&Presented::new(text), Origin::default(), 0);
    let operator = authenticate(started.operator_key.unwrap().reveal()).unwrap();
    let new = NewTenant {
        id: TenantId::parse("acme").unwrap(),
        quota: Quota::default(),
        region: None,
    };
    let key = engine.create_tenant(&operator, new).unwrap().owner_key;
    let key = key.reveal().to_owned();
    let owner = authenticate(&key).unwrap();

    let time = |what: &str, rounds: u32, mut act: Box<dyn FnMut() + '_>| {
        let start = Instant::now();
        (0..rounds).for_each(|_| act());
        let took = start.elapsed() / rounds;
        println!("{what:<50} {:>9.2} us", took.as_secs_f64() * 1e6);
    };
    time(
        "a key",
        rounds,
        Box::new(|| drop(black_box(authenticate(&key)))),
    );
    let tokens: Vec<String> = (0..rounds.min(500))
        .map(|_| engine.token(&owner, None, None).unwrap().access)
        .collect();
    let mut fresh = tokens.iter();
    time(
        "a token that wasn't seen before",
        u32::try_from(tokens.len()).unwrap(),
        Box::new(|| {
            authenticate(fresh.next().unwrap()).unwrap();
        }),
    );
    time(
        "a token that was",
        rounds,
        Box::new(|| {
            authenticate(&tokens[0]).unwrap();
        }),
    );

    let digit = |digit: char| if digit == '0' { '1' } else { '0' };
    let (head, secret) = key.rsplit_once('_').unwrap();
    let early: String = secret.chars().map(digit).collect();
    let (most, last) = secret.split_at(secret.len() - 1);
    let late = format!("{most}{}", last.chars().map(digit).collect::<String>());
    let wrong = [early, late].map(|secret| format!("{head}_{secret}"));
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let [chance] = seal::random_bytes::<1>().unwrap();
        let kind = usize::from(chance & 1);
        let start = Instant::now();
        let refused = black_box(authenticate(&wrong[kind]));
        let took = start.elapsed();
        assert!(refused.is_err());
        times[kind].push(took.as_secs_f64() * 1e6);
    }
    let [early, late] = times.map(moments);
    println!(
        "{:<50} {:>9.3} us",
        "wrong from its first digit on", early.0
    );
    println!("{:<50} {:>9.3} us", "right but for its last digit", late.0);
    let t = (early.0 - late.0) / (early.1 + late.1).sqrt();
    println!("{:<50} {t:>9.2}", "Welch's t");
    if !small && t.abs() > 4.5 {
        println!("the time tells how much of a key is right");
        std::process::exit(1);
    }
}

/// The mean, and the variance of the mean, of the faster nine tenths: what the machine does besides
/// is in the rest.
fn moments(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() * 9 / 10);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
    (mean, squares / (count - 1.0) / count)
}
