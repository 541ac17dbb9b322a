//! Mutual TLS 1.3: both sides have a P-256 certificate of one throw-away authority.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::aws_lc_rs::{
    cipher_suite::TLS13_AES_256_GCM_SHA384, default_provider, kx_group::X25519,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, version::TLS13};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Both roles, over one authority.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    /// What another process needs to dial: the authority, a certificate and its key.
    dialer: (CertificateDer<'static>, CertificateDer<'static>, Vec<u8>),
}

impl Tls {
    pub fn new() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = parameters.self_signed(&authority_key).unwrap().der().clone();
        let issuer = Issuer::new(parameters, authority_key);
        let leaf = || {
            let key = KeyPair::generate().unwrap();
            let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = parameters.signed_by(&key, &issuer).unwrap();
            (certificate.der().clone(), key.serialize_der())
        };
        let (certificate, key) = leaf();
        let roots = roots(&authority);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
        let mut server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())
            .unwrap();
        // No session is resumed: each connect is a whole handshake.
        server.send_tls13_tickets = 0;
        let (certificate, key) = leaf();
        let dialer = (authority, certificate, key);
        Self { connector: connector(&dialer), acceptor: TlsAcceptor::from(Arc::new(server)), dialer }
    }

    /// What a dialer in another process needs, in one line.
    pub fn to_text(&self) -> String {
        let (authority, certificate, key) = &self.dialer;
        [authority.as_ref(), certificate.as_ref(), key].map(hex::encode).join(" ")
    }

    /// A dialer out of that line.
    pub fn dialer(text: &str) -> TlsConnector {
        let mut parts = text.split(' ').map(|part| hex::decode(part).unwrap());
        let mut next = || parts.next().unwrap();
        connector(&(next().into(), next().into(), next()))
    }

    pub async fn connect(&self, socket: TcpStream) -> client::TlsStream<TcpStream> {
        connect(&self.connector, socket).await
    }

    pub async fn accept(&self, socket: TcpStream) -> server::TlsStream<TcpStream> {
        self.acceptor.accept(socket).await.unwrap()
    }
}

pub async fn connect(connector: &TlsConnector, socket: TcpStream) -> client::TlsStream<TcpStream> {
    connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap()
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    provider.cipher_suites = vec![TLS13_AES_256_GCM_SHA384];
    provider.kx_groups = vec![X25519];
    Arc::new(provider)
}

fn roots(authority: &CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    Arc::new(roots)
}

fn connector(dialer: &(CertificateDer<'static>, CertificateDer<'static>, Vec<u8>)) -> TlsConnector {
    let (authority, certificate, key) = dialer;
    let mut client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots(authority))
        .with_client_auth_cert(vec![certificate.clone()], PrivatePkcs8KeyDer::from(key.clone()).into())
        .unwrap();
    client.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(client))
}
