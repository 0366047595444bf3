//! *Where the server is, and as whom to speak to it*: the arguments that all client commands have.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, ClientBuilder, Identity, Url};
use serde::Deserialize;

use super::ClientError;

/// Where the server is, and as whom to speak to it.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Connection (client commands)")]
pub(crate) struct Connection {
    /// Address of the server.
    #[arg(
        long,
        global = true,
        env = "LOCULE_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:6333"
    )]
    pub(in crate::cli) url: String,
    /// The operator's key for `tenant`, a key of the tenant for everything else. The environment
    /// variable is the better place: arguments show up in the list of processes.
    #[arg(
        long,
        global = true,
        env = "LOCULE_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub(in crate::cli) api_key: Option<ApiKey>,
    /// A PEM file with the authorities to believe about the server's certificate, in place of the
    /// system's.
    #[arg(long, global = true, env = "LOCULE_CA", value_name = "FILE")]
    pub(in crate::cli) ca: Option<PathBuf>,
    /// A PEM file with a client certificate and its private key, for a key that is bound to one.
    #[arg(long, global = true, env = "LOCULE_IDENTITY", value_name = "FILE")]
    pub(in crate::cli) identity: Option<PathBuf>,
}

impl Connection {
    pub(super) fn key(&self) -> Option<&ApiKey> {
        // An empty variable is how scripts say that there's none.
        self.api_key.as_ref().filter(|key| !key.0.trim().is_empty())
    }

    pub(super) fn address(&self) -> Result<Url, ClientError> {
        let refuse = |advice| ClientError::Address {
            url: self.url.clone(),
            advice,
        };
        let url =
            Url::parse(&self.url).map_err(|_| refuse("write it like http://127.0.0.1:6333"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err(refuse(
                "it has to begin with https:// or http://, like http://127.0.0.1:6333",
            )),
        }
    }

    /// Adds what was said about certificates.
    pub(super) fn trusting(&self, mut http: ClientBuilder) -> Result<ClientBuilder, ClientError> {
        if let Some(path) = self
            .ca
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
        {
            let authorities = Certificate::from_pem_bundle(&pem(path)?)
                .ok()
                .filter(|authorities| !authorities.is_empty())
                .ok_or_else(|| ClientError::pem(path))?;
            http = http.tls_certs_only(authorities);
        }
        let identity = self.identity.as_deref();
        if let Some(path) = identity.filter(|path| !path.as_os_str().is_empty()) {
            let identity = Identity::from_pem(&pem(path)?).map_err(|_| ClientError::pem(path))?;
            http = http.identity(identity);
        }
        Ok(http)
    }
}

/// A key as it came in. Checked only when it's used: clap would repeat a value that it refuses.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct ApiKey(pub(super) String);

impl ApiKey {
    pub(super) fn header(&self) -> Result<HeaderValue, ClientError> {
        let mut value = HeaderValue::from_str(self.0.trim()).map_err(|_| ClientError::Key)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl FromStr for ApiKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, ClientError> {
    fs::read(path).map_err(|source| ClientError::File {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}
