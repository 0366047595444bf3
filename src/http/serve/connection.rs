//! One connection, from its first byte to its last.

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{patient::Patient, tls::Tls};
use crate::{
    access::{Fingerprint, Origin},
    http::{options::Options, origin},
};

/// What all connections have in common.
pub(super) struct Talk {
    service: TowerToHyperService<Router>,
    builder: Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    trusted_proxies: Vec<IpNet>,
    header_time: Duration,
    idle_time: Duration,
    write_time: Duration,
}

impl Talk {
    pub(super) fn new(routes: Router, tls: Option<Arc<Tls>>, options: &Options) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_time)
            .max_buf_size(HEAD_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(ERRORS_MAX)
            .keep_alive_interval(ALIVE_EVERY)
            .keep_alive_timeout(ALIVE_EVERY);
        Self {
            service: TowerToHyperService::new(routes),
            builder,
            tls,
            trusted_proxies: options.trusted_proxies.clone(),
            header_time: options.header_time,
            idle_time: options.idle_time,
            write_time: options.write_time,
        }
    }

    /// Serves a connection until either side ends it.
    pub(super) async fn hold(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        mut stopping: watch::Receiver<bool>,
    ) {
        // Answers are small and each is worth sending at once.
        drop(stream.set_nodelay(true));
        let count = Arc::new(Count::default());
        let stream = Patient::new(stream, self.write_time, Arc::clone(&count.sent));
        // On a dual-stack listener an IPv4 client comes as ::ffff:a.b.c.d.
        let peer = peer.ip().to_canonical();
        let Some(tls) = &self.tls else {
            return self.converse((stream, count), peer, None, stopping).await;
        };
        let greeting = TlsAcceptor::from(tls.current()).accept(stream);
        let greeted = tokio::select! {
            greeted = timeout(self.header_time, greeting) => greeted,
            _ = stopping.changed() => return,
        };
        match greeted {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let certificate = shown.and_then(<[_]>::first).map(|der| Fingerprint::of(der));
                self.converse((stream, count), peer, certificate, stopping)
                    .await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn converse(
        &self,
        (stream, count): (impl AsyncRead + AsyncWrite + Unpin + 'static, Arc<Count>),
        peer: IpAddr,
        certificate: Option<Fingerprint>,
        mut stopping: watch::Receiver<bool>,
    ) {
        let service = hyper::service::service_fn(|mut request: Request<Incoming>| {
            let origin = Origin {
                ip: Some(origin::client(
                    peer,
                    request.headers(),
                    &self.trusted_proxies,
                )),
                certificate,
            };
            request.extensions_mut().insert(origin);
            let running = Running::begin(&count);
            let answer = self.service.call(request);
            async move {
                let answer = answer.await;
                drop(running);
                answer
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        let mut patience = pin!(tokio::time::sleep(self.header_time));
        let mut seen = 0;
        let mut sent = None;
        let mut stopped = *stopping.borrow_and_update();
        if stopped {
            connection.as_mut().graceful_shutdown();
        }
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = &*error as &dyn std::error::Error, "a connection broke");
                    }
                    return;
                }
                _ = stopping.changed(), if !stopped => {
                    stopped = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = patience.as_mut() => {
                    let now = count.sent.load(Ordering::Relaxed);
                    let begun = count.begun.load(Ordering::Relaxed);
                    if begun == 0 {
                        tracing::debug!("a connection asked for nothing in time");
                        return;
                    }
                    if let Some(before) = sent {
                        // What is left are answers. Over HTTP/2 nobody has to take them to keep the
                        // connection: its stream is written to as long as pings are answered.
                        if now < TAKEN_BYTES_MIN.saturating_add(before) {
                            tracing::debug!("a connection took nothing of its answers in time");
                            return;
                        }
                        sent = Some(now);
                        patience.set(tokio::time::sleep(self.write_time));
                    } else if begun == seen && count.ended.load(Ordering::Relaxed) == begun {
                        connection.as_mut().graceful_shutdown();
                        sent = Some(now);
                        patience.set(tokio::time::sleep(self.write_time));
                    } else {
                        seen = begun;
                        patience.set(tokio::time::sleep(self.idle_time));
                    }
                }
            }
        }
    }
}

/// The requests of a connection, and the bytes that it was sent.
#[derive(Default)]
struct Count {
    sent: Arc<AtomicU64>,
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Counts one request, however it ends.
struct Running(Arc<Count>);

impl Running {
    fn begin(count: &Arc<Count>) -> Self {
        count.begun.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Longest head of a request over HTTP/1: request line and headers.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Longest list of headers over HTTP/2.
const HEADER_LIST_BYTES_MAX: u32 = 32 << 10;
/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 128;
/// Requests that a client may take back before they were looked at (CVE-2023-44487), and streams
/// that were reset for the client's own errors; past these the connection is closed.
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 256;
/// How often a client of HTTP/2 is asked whether it is there, and how long it has to say so.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
/// What the other side must take of its answers in its time for that, once it asks for nothing more:
/// more than pings and the end of a connection come to.
const TAKEN_BYTES_MIN: u64 = 1024;
