//! Exactly what file and environment may say.

use std::{env, path::PathBuf};

use config::{Config, File, FileFormat, Map, Value};
use serde::Deserialize;

/// Settings as they were written.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// Where to listen.
    pub listen: Option<String>,
    /// A file with the root key.
    pub root_key_file: Option<PathBuf>,
    /// The name of an environment variable with the root key.
    pub root_key_env: Option<String>,
    /// A command that prints the root key.
    pub root_key_command: Option<String>,
    /// The operator key, instead of one that is made.
    pub operator_key: Option<String>,
    /// Memory for blocks that were read.
    pub block_cache_mib: Option<usize>,
    /// Memory for writes that aren't in a table file yet.
    pub write_buffer_mib: Option<usize>,
    /// Partitions that may be open at once.
    pub partitions_open_max: Option<usize>,
    /// How reads are recorded in the audit log: each or counted.
    pub audit_reads: Option<String>,
    /// How long a file of the audit log gets.
    pub audit_file_mib: Option<u64>,
    /// How many days files of the audit log are kept; for ever, if that isn't said.
    pub audit_keep_days: Option<u32>,
    /// Which log lines are written.
    pub log: Option<String>,
    /// How log lines look: text or json.
    pub log_format: Option<String>,
}

impl RawSettings {
    /// Reads a TOML file, if one is named, and the environment over it.
    ///
    /// # Errors
    /// [`ConfigError::Read`] when the file can't be read, or something unknown is set.
    pub fn load(file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let mut builder = Config::builder();
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        builder
            .add_source(Environment)
            .build()?
            .try_deserialize()
            .map_err(Into::into)
    }
}

impl std::fmt::Debug for RawSettings {
    /// Without the values: one of them is a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawSettings")
    }
}

/// `LOCULE_LISTEN` and the like. What the command line's clients read isn't a server's setting.
#[derive(Clone, Debug)]
struct Environment;

impl config::Source for Environment {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let origin = "the environment".to_owned();
        Ok(env::vars()
            .filter_map(|(name, value)| {
                let setting = name.strip_prefix("LOCULE_")?.to_ascii_lowercase();
                let server = !CLIENT_SETTINGS.contains(&setting.as_str());
                server.then(|| (setting, Value::new(Some(&origin), value)))
            })
            .collect())
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read, or something unknown is set.
    #[error("the settings can't be read")]
    Read(#[from] config::ConfigError),
    /// A setting has a wrong value.
    #[error("setting `{name}` {message}")]
    Wrong {
        /// The setting.
        name: &'static str,
        /// What it takes.
        message: &'static str,
    },
}

impl ConfigError {
    pub(super) const fn wrong(name: &'static str, message: &'static str) -> Self {
        Self::Wrong { name, message }
    }
}

/// Read by client commands, by scripts and by tests.
const CLIENT_SETTINGS: [&str; 5] = ["url", "api_key", "target_dir", "config", "failpoint"];
