//! Settings: checked and defaulted. File, then `LOCULE_*` environment, then flags.
//!
//! Owns: what may be set and what it is if it isn't. The translation into each layer's own
//! options stands here, so that nothing below knows of settings.

mod issuers;
mod raw;
mod wire;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

pub use self::raw::{ConfigError, Listed, RawIssuer, RawSettings};
use crate::{
    access::{IssuerOptions, Presented},
    audit::{AuditOptions, Reads},
    clock,
    engine::EngineOptions,
    http, outbound,
    seal::RootKeySource,
    store::StoreOptions,
    telemetry::LogFormat,
};

/// Checked settings of a node.
#[derive(Debug)]
pub struct Settings {
    data: PathBuf,
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    wire: http::Options,
    issuers: Vec<IssuerOptions>,
    outbound: outbound::Options,
    root_key: Option<RootKeySource>,
    root_key_next: Option<RootKeySource>,
    operator_key: Option<String>,
    store: StoreOptions,
    partitions_open_max: usize,
    data_key_lasts: Duration,
    audit: AuditOptions,
    log: String,
    log_format: LogFormat,
}

impl Settings {
    /// Checks raw settings.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting.
    pub fn new(raw: RawSettings) -> Result<Self, ConfigError> {
        let wire = wire::options(&raw)?;
        let listen = raw.listen.unwrap_or_else(|| "127.0.0.1:6333".to_owned());
        let listen = listen
            .parse()
            .map_err(|_| ConfigError::wrong("listen", "takes ADDRESS:PORT, like 127.0.0.1:6333"))?;
        let metrics_listen = raw.metrics_listen.map(|text| text.parse()).transpose();
        let metrics_listen = metrics_listen.map_err(|_| {
            ConfigError::wrong("metrics_listen", "takes ADDRESS:PORT, like 127.0.0.1:9100")
        })?;
        let (issuers, followed) = issuers::issuers(raw.issuers.unwrap_or_default())?;
        let networks = raw.webhook_networks.as_ref();
        let webhook_networks = wire::networks("webhook_networks", networks)?;
        let root_key = source(
            "root_key_*",
            (raw.root_key_file, raw.root_key_env, raw.root_key_command),
        )?;
        let root_key_next = source(
            "root_key_next_*",
            (
                raw.root_key_next_file,
                raw.root_key_next_env,
                raw.root_key_next_command,
            ),
        )?;
        if raw
            .operator_key
            .as_ref()
            .is_some_and(|key| key.len() < OPERATOR_KEY_CHARACTERS_MIN)
        {
            return Err(ConfigError::wrong(
                "operator_key",
                "must have at least 32 characters (make one with `openssl rand -hex 32`)",
            ));
        }
        let log_format = match raw.log_format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => return Err(ConfigError::wrong("log_format", "takes text or json")),
        };
        let defaults = StoreOptions::default();
        let mebibytes = |set: Option<usize>, default: usize| set.map_or(default, |mib| mib << 20);
        let store = StoreOptions {
            block_cache_bytes: mebibytes(raw.block_cache_mib, defaults.block_cache_bytes),
            write_buffer_bytes: mebibytes(raw.write_buffer_mib, defaults.write_buffer_bytes),
            warm_shelves_max: defaults.warm_shelves_max,
        };
        let audit = AuditOptions::default();
        let audit = AuditOptions {
            reads: match raw.audit_reads.as_deref() {
                None => audit.reads,
                Some("each") => Reads::Each,
                Some("counted") => Reads::Counted,
                Some(_) => return Err(ConfigError::wrong("audit_reads", "takes each or counted")),
            },
            file_bytes: raw
                .audit_file_mib
                .map_or(audit.file_bytes, |mib| mib.clamp(1, 4096) << 20),
            keep: raw
                .audit_keep_days
                .map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60)),
        };
        Ok(Self {
            data: raw.data.unwrap_or_else(|| PathBuf::from("./locule-data")),
            listen,
            metrics_listen,
            wire,
            issuers,
            outbound: outbound::Options {
                followed,
                webhook_networks,
            },
            root_key,
            root_key_next,
            operator_key: raw.operator_key,
            store,
            partitions_open_max: raw.partitions_open_max.unwrap_or(1024).max(1),
            data_key_lasts: DAY * raw.data_key_days.unwrap_or(365).max(1),
            audit,
            log: raw.log.unwrap_or_else(|| "info".to_owned()),
            log_format,
        })
    }

    /// Where to listen.
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where to listen for the metrics alone, if they have a place of their own.
    pub const fn metrics_listen(&self) -> Option<SocketAddr> {
        self.metrics_listen
    }

    /// How to listen.
    pub const fn wire(&self) -> &http::Options {
        &self.wire
    }

    /// What to ask of others.
    pub const fn outbound(&self) -> &outbound::Options {
        &self.outbound
    }

    /// Which log lines are written, and how.
    pub fn log(&self) -> (&str, LogFormat) {
        (&self.log, self.log_format)
    }

    /// The engine's own options.
    pub fn into_engine_options(self) -> EngineOptions {
        EngineOptions {
            directory: self.data,
            root_key: self.root_key,
            root_key_next: self.root_key_next,
            operator_key: self.operator_key.as_deref().map(Presented::new),
            store: self.store,
            partitions_open_max: self.partitions_open_max,
            data_key_lasts: self.data_key_lasts,
            issuers: self.issuers,
            audit: self.audit,
            clock: Arc::new(clock::System),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Where a root key comes from, if it is said.
fn source(
    name: &'static str,
    said: (Option<PathBuf>, Option<String>, Option<String>),
) -> Result<Option<RootKeySource>, ConfigError> {
    match said {
        (None, None, None) => Ok(None),
        (Some(path), None, None) => Ok(Some(RootKeySource::File(path))),
        (None, Some(name), None) => Ok(Some(RootKeySource::Environment(name))),
        (None, None, Some(command)) => Ok(Some(RootKeySource::Command(command))),
        _ => Err(ConfigError::wrong(
            name,
            "takes one of a file, the name of an environment variable (_env) and a command",
        )),
    }
}

/// Shortest operator key that may be supplied.
const OPERATOR_KEY_CHARACTERS_MIN: usize = 32;
