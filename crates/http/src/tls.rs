//! TLS with a certificate that can be replaced while the server runs.
//!
//! * [`certificates`]: reads and checks a certificate chain and its key

mod certificates;

pub use certificates::TlsError;

use arc_swap::ArcSwap;
use carnelian_app::host::CertificateStatus;
use carnelian_domain::Timestamp;
use certificates::Credentials;
use rustls::{ServerConfig, sign::SingleCertAndKey};
use std::{sync::Arc, time::Duration};
use tokio_rustls::TlsAcceptor;

/// The certificate of new connections; open connections keep theirs.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<Presented>>);

/// What is presented to clients.
struct Presented {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateStatus>,
}

impl Tls {
    /// Uses a certificate chain and its private key, both in PEM form. Also returns why certificates are not valid now.
    pub fn from_pem(chain: &[u8], key: &[u8], now: Timestamp) -> Result<(Tls, Vec<String>), TlsError> {
        let (presented, warnings) = read(chain, key, now)?;
        Ok((Tls(Arc::new(ArcSwap::from_pointee(presented))), warnings))
    }

    /// Uses another chain and key for new connections; if they cannot be used, nothing changes. Returns why certificates are
    /// not valid now.
    pub fn replace(&self, chain: &[u8], key: &[u8], now: Timestamp) -> Result<Vec<String>, TlsError> {
        let (presented, warnings) = read(chain, key, now)?;
        self.0.store(Arc::new(presented));
        Ok(warnings)
    }

    /// The certificates of the chain, that of the server first.
    pub fn chain(&self) -> Vec<CertificateStatus> {
        self.0.load().chain.clone()
    }

    /// Accepts TLS connections with the current certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load().config.clone())
    }
}

fn read(chain: &[u8], key: &[u8], now: Timestamp) -> Result<(Presented, Vec<String>), TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let now = Duration::from_millis(u64::try_from(now.0).unwrap_or_default());
    let Credentials { certified, chain, warnings } = certificates::read(&provider, chain, key, now)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has cipher suites for both versions");
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Presented { config: Arc::new(config), chain }, warnings))
}
