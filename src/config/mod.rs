//! Settings: checked and defaulted. File, then `LOCULE_*` environment, then flags.
//!
//! Owns: what may be set and what it is if it isn't. The translation into each layer's own
//! options stands here, so that nothing below knows of settings.

mod raw;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

pub use self::raw::{ConfigError, RawSettings};
use crate::{
    access::Presented, clock, engine::EngineOptions, seal::RootKeySource, store::StoreOptions,
    telemetry::LogFormat,
};

/// Checked settings of a node.
#[derive(Debug)]
pub struct Settings {
    data: PathBuf,
    listen: SocketAddr,
    root_key: Option<RootKeySource>,
    root_key_next: Option<RootKeySource>,
    operator_key: Option<String>,
    store: StoreOptions,
    partitions_open_max: usize,
    data_key_lasts: Duration,
    log: String,
    log_format: LogFormat,
}

impl Settings {
    /// Checks raw settings.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting.
    pub fn new(raw: RawSettings) -> Result<Self, ConfigError> {
        let listen = raw.listen.unwrap_or_else(|| "127.0.0.1:6333".to_owned());
        let listen = listen
            .parse()
            .map_err(|_| ConfigError::wrong("listen", "takes ADDRESS:PORT, like 127.0.0.1:6333"))?;
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
        Ok(Self {
            data: raw.data.unwrap_or_else(|| PathBuf::from("./locule-data")),
            listen,
            root_key,
            root_key_next,
            operator_key: raw.operator_key,
            store,
            partitions_open_max: raw.partitions_open_max.unwrap_or(1024).max(1),
            data_key_lasts: DAY * raw.data_key_days.unwrap_or(365).max(1),
            log: raw.log.unwrap_or_else(|| "info".to_owned()),
            log_format,
        })
    }

    /// Where to listen.
    pub const fn listen(&self) -> SocketAddr {
        self.listen
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
