//! Listening, and stopping: finish what is in flight, then go.
//!
//! Owns: connections: TLS, how many there may be, how slow they may be, and what of HTTP/2 a client
//! may overdo. **Invariant:** every wait for the other side ends by itself: for a handshake, for a
//! head, for a body's next piece, for an answer to be taken (`it/transport/`).

mod connection;
mod patient;
mod tls;

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

pub use self::tls::TlsError;
use self::{connection::Talk, tls::Tls};
use super::{health, options::Options, routes};
use crate::engine::Engine;

/// A node's wire, ready to be put on a listener.
pub struct Server {
    options: Options,
    tls: Option<Arc<Tls>>,
}

impl Server {
    /// Reads the certificates, if there are any to be read.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(mut options: Options) -> Result<Self, TlsError> {
        let tls = options.tls.take().map(Tls::load).transpose()?;
        Ok(Self {
            options,
            tls: tls.map(Arc::new),
        })
    }

    /// Serves until `stop` is done and what was in flight then is answered, or has had its time.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self,
        engine: Arc<Engine>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let routes = routes(&engine, &self.options, self.tls.is_some());
        drop(engine);
        let talk = Arc::new(Talk::new(routes, self.tls.clone(), &self.options));
        let places = Arc::new(Semaphore::new(self.options.connections_max));
        let (stopping, stopped) = watch::channel(false);
        let accept = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        rest_after(&error).await;
                        continue;
                    }
                };
                let (talk, stopped) = (Arc::clone(&talk), stopped.clone());
                tokio::spawn(async move {
                    talk.hold(stream, peer, stopped).await;
                    drop(place);
                });
            }
        };
        let keep_up = async {
            match &self.tls {
                Some(tls) => tls.keep_up().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = accept => {}
            () = keep_up => {}
            () = stop => {}
        }
        tracing::info!("stopping: no new connections, finishing what is in flight");
        drop((listener, stopped, talk));
        stopping.send_replace(true);
        if timeout(DRAIN, stopping.closed()).await.is_err() {
            tracing::warn!("some connections were still open when the time was up");
        }
        Ok(())
    }
}

/// Serves the metrics alone, in plain HTTP, for as long as it is polled.
///
/// # Errors
/// When the listener fails.
pub async fn serve_metrics(engine: Arc<Engine>, listener: TcpListener) -> io::Result<()> {
    let routes = health::metrics_routes().with_state(engine);
    let options = Options::default();
    let talk = Arc::new(Talk::new(routes, None, &options));
    let (_stopping, stopped) = watch::channel(false);
    let mut held = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                while held.try_join_next().is_some() {}
                // Each ends within its time, so a place gets free.
                if held.len() >= SCRAPERS_MAX {
                    held.join_next().await;
                }
                let (talk, stopped) = (Arc::clone(&talk), stopped.clone());
                held.spawn(async move {
                    let held = talk.hold(stream, peer, stopped);
                    drop(timeout(SCRAPE, held).await);
                });
            }
            Err(error) => rest_after(&error).await,
        }
    }
}

/// A connection that broke before it was accepted costs nothing; anything else (too many open files)
/// wants a moment to pass.
async fn rest_after(error: &io::Error) {
    let passing = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset,
    ];
    if !passing.contains(&error.kind()) {
        tracing::error!(%error, "a connection couldn't be accepted");
        sleep(REST).await;
    }
}

/// How long requests in flight may take once the node is to stop.
const DRAIN: Duration = Duration::from_secs(20);
const REST: Duration = Duration::from_secs(1);
/// Connections to the metrics' own listener at once: a few scrapers, and who looks on.
const SCRAPERS_MAX: usize = 32;
/// How long one of them lasts.
const SCRAPE: Duration = Duration::from_secs(10);
