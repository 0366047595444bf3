//! `locule serve`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use super::output;
use crate::{
    config::{RawSettings, Settings},
    engine::{Engine, Started},
    http, outbound,
    priority::Priority,
    seal,
    store::Released,
    telemetry,
};

/// Flags win over the environment, and that over the file.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data directory [default: ./locule-data]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:6333]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// A TOML file with settings
    #[arg(long, env = "LOCULE_CONFIG")]
    config: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        seal::ENCRYPTS,
        "this build doesn't encrypt (feature `bench-plain-cipher`); it is for scripts/bench and never serves"
    );
    let mut raw = RawSettings::load(arguments.config)?;
    raw.data = arguments.data.or(raw.data);
    raw.listen = arguments.listen.or(raw.listen);
    let settings = Settings::new(raw)?;
    let (filter, format) = settings.log();
    telemetry::start_logs(filter, format)?;
    let runtime = threads()?;
    let released = runtime.block_on(serve(settings))?;
    // Connections that were overdue hold the node until their threads are gone.
    drop(runtime);
    if released.wait(STOP_PATIENCE) {
        tracing::info!("stopped");
    } else {
        tracing::warn!(
            "stopped while work in the background went on; nothing acknowledged is lost"
        );
    }
    Ok(())
}

/// The threads that connections are served on, and behind them those that long work is shared out
/// over.
fn threads() -> anyhow::Result<Runtime> {
    let shared = rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("share-{number}"))
        .start_handler(|_| Priority::Long.take())
        .build_global();
    if let Err(error) = shared {
        tracing::debug!(%error, "long work is shared out over the threads that there are");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A search is done on the thread that read it. With tokio's own 61 the next look at the
        // sockets is that many searches away, 8 ms beside a tenant that floods the node.
        .event_interval(TASKS_BETWEEN_LOOKS)
        .build()
        .context("can't start the server's threads")
}

/// Serves until it is told to stop.
async fn serve(settings: Settings) -> anyhow::Result<Released> {
    let address = settings.listen();
    // Before anything is made: a taken port is the likeliest mistake.
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("can't listen on {address}; choose another address with --listen")
    })?;
    let metrics_listener = match settings.metrics_listen() {
        None => None,
        Some(address) => {
            let bound = TcpListener::bind(address).await;
            Some(bound.with_context(|| format!("can't listen on {address} for the metrics"))?)
        }
    };
    let server = http::Server::new(settings.wire().clone())?;
    let asked = settings.outbound().clone();
    let Started {
        engine,
        operator_key,
        sweeper,
        released,
    } = Engine::start(settings.into_engine_options())?;
    if let Some(key) = operator_key {
        output::notice(format!(
            "operator key (shown once, kept nowhere in plain text): {}",
            key.reveal()
        ));
    }
    sweeper
        .spawn()
        .context("can't start the thread that sweeps")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    if let Some(listener) = &metrics_listener {
        tracing::info!(address = %listener.local_addr()?, "metrics");
    }
    tracing::info!(address = %listener.local_addr()?, "ready");
    let metrics = {
        let engine = Arc::clone(&engine);
        async move {
            match metrics_listener {
                Some(listener) => http::serve_metrics(engine, listener).await,
                None => std::future::pending().await,
            }
        }
    };
    let outbound = outbound::run(Arc::clone(&engine), asked);
    tokio::select! {
        served = server.serve(engine, listener, stop) => served,
        failed = metrics => failed,
        () = outbound => Ok(()),
    }
    .context("the listener failed")?;
    Ok(released)
}

/// Pieces of work that a thread does before it looks at the sockets again. A look costs a microsecond.
const TASKS_BETWEEN_LOOKS: u32 = 4;
/// How long a stop waits for work in the background, a build of an index at the most.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
