//! Mutual TLS 1.3: both sides have a P-256 certificate of one throw-away authority.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
use tokio_rustls::rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, version::TLS13};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// What the accepting certificate is called.
const NAME: &str = "localhost";

/// How both sides agree on keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyExchange {
    /// Without a KEM.
    X25519,
    /// The hybrid, with ML-KEM-768.
    X25519MlKem768,
}

/// Both roles, over one authority.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    server: Arc<ServerConfig>,
    dialer: Dialer,
}

/// What another process needs to dial.
#[derive(Clone)]
struct Dialer {
    exchange: KeyExchange,
    authority: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Tls {
    /// Another authority, with a certificate for each role.
    pub fn new(exchange: KeyExchange) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&authority_key).unwrap().der().clone();
        let issuer = Issuer::new(parameters, authority_key);
        let leaf = || {
            let key = KeyPair::generate().unwrap();
            let parameters = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
            let certificate = parameters.signed_by(&key, &issuer).unwrap();
            (certificate.der().clone(), key.serialize_der())
        };
        let (certificate, key) = leaf();
        let roots = roots(&authority);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots, provider(exchange)).build().unwrap();
        let mut server = ServerConfig::builder_with_provider(provider(exchange))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())
            .unwrap();
        // No session is resumed: each connect is a whole handshake.
        server.send_tls13_tickets = 0;
        let (certificate, key) = leaf();
        let dialer = Dialer { exchange, authority, certificate, key };
        Self { connector: TlsConnector::from(Arc::new(dialer.config())), server: Arc::new(server), dialer }
    }

    /// What a dialer in another process needs, in one line.
    pub fn to_text(&self) -> String {
        let Dialer { exchange, authority, certificate, key } = &self.dialer;
        let hybrid = [u8::from(*exchange == KeyExchange::X25519MlKem768)];
        [hybrid.as_ref(), authority, certificate, key].map(hex::encode).join(" ")
    }

    /// A dialer's settings out of that line.
    pub fn client_config(text: &str) -> ClientConfig {
        let mut parts = text.split(' ').map(|part| hex::decode(part).unwrap());
        let mut next = || parts.next().unwrap();
        let exchange = if next() == [1] { KeyExchange::X25519MlKem768 } else { KeyExchange::X25519 };
        Dialer { exchange, authority: next().into(), certificate: next().into(), key: next() }.config()
    }

    /// A dialer out of that line.
    pub fn dialer(text: &str) -> TlsConnector {
        TlsConnector::from(Arc::new(Self::client_config(text)))
    }

    /// The settings of who accepts.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.server.clone()
    }

    /// Dials as the one who is known here.
    pub async fn connect(&self, socket: TcpStream) -> client::TlsStream<TcpStream> {
        tls_connect(&self.connector, socket).await
    }

    /// Accepts whom the authority knows.
    pub async fn accept(&self, socket: TcpStream) -> server::TlsStream<TcpStream> {
        TlsAcceptor::from(self.server.clone()).accept(socket).await.unwrap()
    }
}

/// The whole handshake of who dials.
pub async fn tls_connect(connector: &TlsConnector, socket: TcpStream) -> client::TlsStream<TcpStream> {
    connector.connect(ServerName::try_from(NAME).unwrap(), socket).await.unwrap()
}

impl Dialer {
    fn config(&self) -> ClientConfig {
        let mut client = ClientConfig::builder_with_provider(provider(self.exchange))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots(&self.authority))
            .with_client_auth_cert(
                vec![self.certificate.clone()],
                PrivatePkcs8KeyDer::from(self.key.clone()).into(),
            )
            .unwrap();
        client.resumption = Resumption::disabled();
        client
    }
}

fn provider(exchange: KeyExchange) -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    provider.cipher_suites = vec![TLS13_AES_256_GCM_SHA384];
    provider.kx_groups = vec![match exchange {
        KeyExchange::X25519 => kx_group::X25519,
        KeyExchange::X25519MlKem768 => kx_group::X25519MLKEM768,
    }];
    Arc::new(provider)
}

fn roots(authority: &CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    Arc::new(roots)
}
