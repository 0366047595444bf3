//! Where the root key comes from: a file, the environment, or a command's output.

use std::{
    env, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use zeroize::Zeroizing;

use super::{
    envelope::SealError, hazmat::Secret, keyring::write_durably, random_bytes, root_key::RootKey,
};

/// Where the root key comes from. It is 64 hex digits everywhere.
#[derive(Clone, Debug)]
pub enum RootKeySource {
    /// A file that only its owner may read; made on first use.
    File(PathBuf),
    /// An environment variable, by name.
    Environment(String),
    /// What a command prints: a secrets manager's own client, say.
    Command(String),
}

impl RootKeySource {
    /// Whether fetching the key would make it: it is to be in a file that isn't there.
    pub fn would_make(&self) -> bool {
        match self {
            Self::File(path) => !path.exists(),
            Self::Environment(_) | Self::Command(_) => false,
        }
    }

    /// Fetches the root key.
    ///
    /// # Errors
    /// [`RootKeyError`], which says what to do about it.
    pub fn fetch(&self) -> Result<RootKey, RootKeyError> {
        let text = match self {
            Self::File(path) => read_or_make(path)?,
            Self::Environment(name) => Zeroizing::new(
                env::var(name).map_err(|_| RootKeyError::Environment { name: name.clone() })?,
            ),
            Self::Command(command) => run(command)?,
        };
        parse(text.trim()).map(|secret| RootKey::from_secret(&secret))
    }
}

fn read_or_make(path: &Path) -> Result<Zeroizing<String>, RootKeyError> {
    let file = |source| RootKeyError::File {
        path: path.to_owned(),
        source,
    };
    if !path.exists() {
        let secret = Secret::new(random_bytes()?);
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in secret.iter() {
            text.push_str(&format!("{byte:02x}"));
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(file)?;
        }
        write_durably(path, text.as_bytes()).map_err(file)?;
    }
    let mode = fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(RootKeyError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(file)
}

fn run(command: &str) -> Result<Zeroizing<String>, RootKeyError> {
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| RootKeyError::Command {
            status: source.to_string(),
        })?;
    if !output.status.success() {
        return Err(RootKeyError::Command {
            status: output.status.to_string(),
        });
    }
    let bytes = Zeroizing::new(output.stdout);
    let text = std::str::from_utf8(&bytes).map_err(|_| RootKeyError::Malformed)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn parse(text: &str) -> Result<Secret, RootKeyError> {
    let mut secret = Secret::default();
    if text.len() != 2 * secret.len() || !text.is_ascii() {
        return Err(RootKeyError::Malformed);
    }
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(RootKeyError::Malformed)?;
    }
    Ok(secret)
}

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The key file can't be read or made.
    #[error("root key file {} can't be read or made", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Others than the owner may read the key file.
    #[error("root key file {} has mode {mode:o}: others may read it; run `chmod 600` on it", path.display())]
    Readable {
        /// Its path.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The environment variable isn't set.
    #[error("environment variable {name} isn't set to a root key (64 hex digits)")]
    Environment {
        /// Its name.
        name: String,
    },
    /// The command failed.
    #[error("the root key command failed: {status}")]
    Command {
        /// Its exit status, or why it didn't start.
        status: String,
    },
    /// Not 64 hex digits.
    #[error("the root key isn't 64 hex digits (make one with `openssl rand -hex 32`)")]
    Malformed,
    /// No random bytes.
    #[error("a root key couldn't be made")]
    Random(#[from] SealError),
}
