//! Certificates, made on the spot.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use locule::{access::Fingerprint, http::TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;

/// An authority, and files of what it has certified.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    directory: TempDir,
}

/// A certificate with its key, both in PEM.
pub struct Certified {
    pub certificate: String,
    pub key: String,
    pub fingerprint: Fingerprint,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority of tests");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let authority = Self {
            issuer: Issuer::new(params, key),
            pem,
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(authority.file("ca.pem"), &authority.pem).unwrap();
        authority
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn certify(&self, name: &str) -> Certified {
        self.certify_with(name, |_| {})
    }

    /// Certifies what isn't as it should be.
    pub fn certify_with(&self, name: &str, change: fn(&mut CertificateParams)) -> Certified {
        let mut params =
            CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            fingerprint: Fingerprint::of(certificate.der()),
        }
    }

    /// A file with a certificate and its key.
    pub fn identity(&self, certified: &Certified) -> String {
        let file = self.file(&certified.fingerprint.to_string());
        fs::write(&file, format!("{}{}", certified.certificate, certified.key)).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Puts a new certificate where the server looks: the key first, as a renewal may.
    pub fn install(&self, name: &str) -> Fingerprint {
        self.install_this(self.certify(name))
    }

    pub fn install_this(&self, certified: Certified) -> Fingerprint {
        for (file, text) in [
            ("server.key", &certified.key),
            ("server.pem", &certified.certificate),
        ] {
            let whole = self.file("new");
            fs::write(&whole, text).unwrap();
            fs::rename(whole, self.file(file)).unwrap();
        }
        certified.fingerprint
    }

    /// How a server with the installed certificate listens.
    pub fn options(&self) -> TlsOptions {
        TlsOptions {
            certificate: self.file("server.pem"),
            key: self.file("server.key"),
            client_authorities: None,
            client_required: false,
            version_1_2: false,
            look_every: Duration::from_millis(20),
        }
    }

    /// A client that believes this authority.
    pub fn client(&self, shows: Option<&Certified>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.pem.as_bytes()).unwrap();
        let mut client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_certs_only([root]);
        if let Some(certified) = shows {
            let pem = format!("{}{}", certified.certificate, certified.key);
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        client.build().unwrap()
    }

    /// What a bare TLS server with the installed certificate is made of.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let read = |name: &str| fs::read(self.file(name)).unwrap();
        let certificate = CertificateDer::from_pem_slice(&read("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Arc::new(config.unwrap())
    }

    /// What a bare TLS client is made of.
    pub fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let pem = self.pem.as_bytes();
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        roots.add(der).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}
