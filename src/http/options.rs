//! How a node listens: TLS, limits of connections, who may be believed about addresses.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;

/// How a node listens.
#[derive(Clone, Debug)]
pub struct Options {
    /// TLS; plain HTTP without.
    pub tls: Option<TlsOptions>,
    /// Proxies that are believed when they say whom they ask for (`X-Forwarded-For`).
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may read answers (CORS). None: no page may.
    pub cors_origins: Vec<String>,
    /// How long a connection may take to send a request's head; so long, too, one may be kept open
    /// between requests over HTTP/1.
    pub header_time: Duration,
    /// How long a connection over HTTP/2 may be kept open between requests.
    pub idle_time: Duration,
    /// How long the other side may take nothing of an answer.
    pub write_time: Duration,
    /// How long a request may take, from its head to its answer's head.
    pub request_time: Duration,
    /// Connections that are served at once. Further ones wait.
    pub connections_max: usize,
    /// Whether the metrics have a listener of their own, and so aren't shown here.
    pub metrics_apart: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            header_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(300),
            write_time: Duration::from_secs(30),
            request_time: Duration::from_secs(120),
            connections_max: 1024,
            metrics_apart: false,
        }
    }
}

/// Where certificates are, and who must show one.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// The server's certificate and the ones between it and a root: PEM.
    pub certificate: PathBuf,
    /// Its private key: PEM.
    pub key: PathBuf,
    /// The authorities whose certificates clients may show: PEM.
    pub client_authorities: Option<PathBuf>,
    /// Whether a client without a certificate is turned away.
    pub client_required: bool,
    /// Whether TLS 1.2 is spoken, too.
    pub version_1_2: bool,
    /// How often the files are looked at, so that changed ones are taken up.
    pub look_every: Duration,
}
