//! Certificates: read from files, and read again when those change.
//!
//! **Invariant:** files that can't be used change nothing: the node goes on with what it has, and
//! says so. Connections that stand aren't touched; new ones get the new certificate.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{VerifierBuilderError, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};

use crate::http::options::TlsOptions;

/// What new connections are greeted with.
pub(super) struct Tls {
    options: TlsOptions,
    current: ArcSwap<ServerConfig>,
    /// What the files looked like when they were read.
    seen: Mutex<Vec<Stamp>>,
}

/// Tells one state of a file from another. A file that is replaced gets another inode, whatever its
/// times say.
#[derive(PartialEq, Eq, Debug)]
struct Stamp {
    modified: (i64, i64),
    inode: u64,
    bytes: u64,
}

impl Tls {
    /// Reads certificates and key.
    pub(super) fn load(options: TlsOptions) -> Result<Self, TlsError> {
        let seen = stamps(&options)?;
        let current = read(&options)?;
        Ok(Self {
            options,
            current: ArcSwap::from_pointee(current),
            seen: Mutex::new(seen),
        })
    }

    /// What a new connection is greeted with.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Looks at the files now and then, until it is dropped.
    pub(super) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(self.options.look_every).await;
            match self.reload() {
                Ok(true) => tracing::info!("the changed TLS certificate is in use"),
                Ok(false) => {}
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the changed TLS files can't be used; the certificate of before stays in use"
                ),
            }
        }
    }

    /// Reads the files again if they look different: whether they did.
    fn reload(&self) -> Result<bool, TlsError> {
        let now = stamps(&self.options)?;
        let mut seen = self.seen.lock();
        if *seen == now {
            return Ok(false);
        }
        // Before they are read: what changes meanwhile looks different the next time. And bad files
        // are told of once.
        *seen = now;
        self.current.store(Arc::new(read(&self.options)?));
        Ok(true)
    }
}

fn stamps(options: &TlsOptions) -> Result<Vec<Stamp>, TlsError> {
    let files = [&options.certificate, &options.key].into_iter();
    let files = files.chain(&options.client_authorities);
    let stamp = |path: &PathBuf| {
        let file = fs::metadata(path).map_err(|source| TlsError::file(path, source))?;
        Ok(Stamp {
            modified: (file.mtime(), file.mtime_nsec()),
            inode: file.ino(),
            bytes: file.len(),
        })
    };
    files.map(stamp).collect()
}

fn read(options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = if options.version_1_2 {
        &[&TLS13, &TLS12]
    } else {
        &[&TLS13]
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?;
    let config = match &options.client_authorities {
        None => config.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if options.client_required {
                verifier
            } else {
                verifier.allow_unauthenticated()
            };
            config.with_client_cert_verifier(verifier.build()?)
        }
    };
    let key = fs::read(&options.key).map_err(|source| TlsError::file(&options.key, source))?;
    let key = zeroize::Zeroizing::new(key);
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Pem {
        path: options.key.clone(),
    })?;
    let mut config = config.with_single_cert(certificates(&options.certificate)?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = fs::read(path).map_err(|source| TlsError::file(path, source))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    read.ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| TlsError::Pem {
            path: path.to_owned(),
        })
}

/// Why TLS can't be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{} can't be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file isn't what it should be.
    #[error("{} holds no certificate or key in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
    },
    /// The certificate, or that it goes with the key.
    #[error("the TLS certificate and key can't be used")]
    Certificate(#[from] rustls::Error),
    /// The authorities of clients.
    #[error("the authorities of client certificates can't be used")]
    Authorities(#[from] VerifierBuilderError),
}

impl TlsError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}
