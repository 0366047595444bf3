//! Exactly what file and environment may say.

use std::{collections::BTreeMap, env, path::PathBuf};

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
    /// Where to listen for the metrics alone.
    pub metrics_listen: Option<String>,
    /// The server's certificate, and the ones between it and a root.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key.
    pub tls_key: Option<PathBuf>,
    /// The authorities whose certificates clients may show.
    pub tls_client_ca: Option<PathBuf>,
    /// Whether a client must show one.
    pub tls_client_required: Option<bool>,
    /// The oldest version of TLS that is spoken: 1.3 or 1.2.
    pub tls_version_min: Option<String>,
    /// Proxies that are believed about whom they ask for.
    pub trusted_proxies: Option<Listed>,
    /// Origins whose pages may read answers.
    pub cors_origins: Option<Listed>,
    /// Connections at once.
    pub connections_max: Option<usize>,
    /// How long a request's head may take.
    pub header_seconds_max: Option<u64>,
    /// How long a request may take.
    pub request_seconds_max: Option<u64>,
    /// Private networks that webhooks may lead to.
    pub webhook_networks: Option<Listed>,
    /// Whose tokens are believed besides the node's own.
    pub issuers: Option<Vec<RawIssuer>>,
    /// A file with the root key.
    pub root_key_file: Option<PathBuf>,
    /// The name of an environment variable with the root key.
    pub root_key_env: Option<String>,
    /// A command that prints the root key.
    pub root_key_command: Option<String>,
    /// A file with the next root key, for when it is to be replaced.
    pub root_key_next_file: Option<PathBuf>,
    /// The name of an environment variable with the next root key.
    pub root_key_next_env: Option<String>,
    /// A command that prints the next root key.
    pub root_key_next_command: Option<String>,
    /// The operator key, instead of one that is made.
    pub operator_key: Option<String>,
    /// Memory for blocks that were read.
    pub block_cache_mib: Option<usize>,
    /// Memory for writes that aren't in a table file yet.
    pub write_buffer_mib: Option<usize>,
    /// Partitions that may be open at once.
    pub partitions_open_max: Option<usize>,
    /// Days until a tenant's data key is replaced.
    pub data_key_days: Option<u32>,
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

/// An issuer as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawIssuer {
    /// What it is called in logs.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens for this node.
    pub audience: String,
    /// A file with its key set.
    pub jwks_file: Option<PathBuf>,
    /// Where it publishes its key set.
    pub jwks_url: Option<String>,
    /// The algorithms of its signatures.
    pub algorithms: Vec<String>,
    /// The claim that names the tenant.
    pub tenant_claim: Option<String>,
    /// The tenants that it may name.
    pub tenants: Option<Vec<String>>,
    /// The claim that names the role.
    pub role_claim: Option<String>,
    /// Which of its roles is which of ours.
    pub roles: BTreeMap<String, String>,
    /// How far its clock may be off.
    pub clock_skew_seconds: Option<u64>,
}

/// Several values: a list in the file, separated by commas in the environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Listed {
    /// As a list.
    List(Vec<String>),
    /// In one text.
    Text(String),
}

impl Listed {
    pub(super) fn values(&self) -> Vec<&str> {
        match self {
            Self::List(values) => values.iter().map(String::as_str).collect(),
            Self::Text(text) => {
                let values = text.split(',').map(str::trim);
                values.filter(|value| !value.is_empty()).collect()
            }
        }
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
const CLIENT_SETTINGS: [&str; 8] = [
    "url",
    "api_key",
    "refresh_token",
    "ca",
    "identity",
    "target_dir",
    "config",
    "failpoint",
];
