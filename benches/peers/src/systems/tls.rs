//! Mutual TLS 1.3 over TCP: certificates of both ends, AES-256-GCM, no resumption.

use std::marker::PhantomData;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use benches::{KeyExchange, Tls};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client};

use super::stream::{self, StreamSession};
use super::tcp::{self, Listening};
use crate::system::{Dialer, Setting, System};

/// Which key exchange.
pub trait Exchange: Send + 'static {
    /// What TLS calls it.
    const EXCHANGE: KeyExchange;
    /// How `--only` calls the system.
    const NAME: &'static str;
    /// How the table calls it.
    const LABEL: &'static str;
}

/// X25519MLKEM768.
pub struct PostQuantum;
impl Exchange for PostQuantum {
    const EXCHANGE: KeyExchange = KeyExchange::X25519MlKem768;
    const NAME: &'static str = "tls";
    const LABEL: &'static str = "mutual TLS X25519MLKEM768";
}

/// X25519.
pub struct EllipticCurve;
impl Exchange for EllipticCurve {
    const EXCHANGE: KeyExchange = KeyExchange::X25519;
    const NAME: &'static str = "tls-x25519";
    const LABEL: &'static str = "mutual TLS X25519";
}

/// The system with one key exchange.
pub struct OverTls<E>(PhantomData<E>);
/// What all are compared with.
pub type Hybrid = OverTls<PostQuantum>;
/// The same without the KEM.
pub type Classical = OverTls<EllipticCurve>;

impl<E: Exchange> System for OverTls<E> {
    const NAME: &'static str = E::NAME;
    const LABEL: &'static str = E::LABEL;
    const BATCHING: &'static str = stream::BATCHING;
    type Host = Listening;
    type Dialer = TlsDialer;

    fn dialer(_: usize) -> Result<TlsDialer> {
        Ok(TlsDialer { reached: None })
    }

    async fn host(setting: Setting) -> Result<(Listening, String)> {
        let tls = Tls::new(E::EXCHANGE);
        let credentials = tls.to_text();
        let idle = setting.idle;
        let serve = move |socket| {
            let tls = tls.clone();
            async move { stream::serve(tls.accept(socket).await, idle).await }
        };
        let (host, address) = tcp::listen(serve).await?;
        Ok((host, format!("{address} {credentials}")))
    }
}

/// The dialing end.
pub struct TlsDialer {
    reached: Option<(SocketAddr, TlsConnector)>,
}

impl Dialer for TlsDialer {
    type Session = StreamSession<client::TlsStream<TcpStream>>;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, credentials) = invitation.split_once(' ').context("no credentials")?;
        self.reached = Some((address.parse()?, Tls::dialer(credentials)));
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<Self::Session> {
        let (address, connector) = self.reached.as_ref().context("nobody was met")?;
        let socket = tcp::connect(Some(*address)).await?;
        Ok(StreamSession::new(benches::tls_connect(connector, socket).await, ()))
    }
}
