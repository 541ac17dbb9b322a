//! quinn: QUIC over UDP, with the certificates, the key exchange and the cipher of the yardstick.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benches::{KeyExchange, Tls};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, IdleTimeout, RecvStream, SendStream, ServerConfig, TransportConfig,
    VarInt,
};
use tokio::io::{BufWriter, Join};
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tokio_rustls::rustls::quic::Suite;

use super::stream::{self, Carrier, Duplex, StreamSession};
use super::tcp::Listening;
use crate::mode::{Mode, NOT_GROWN};
use crate::system::{Dialer, Setting, System};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// The system.
pub struct Quinn;

impl System for Quinn {
    const NAME: &'static str = "quinn";
    const LABEL: &'static str = "quinn";
    const BATCHING: &'static str = stream::BATCHING;
    const NOTES: &'static [&'static str] =
        &["one connection with one stream; default transport settings, but that idle connections stay open"];
    const GAPS: &'static [(Mode, &'static str)] = &[(Mode::Growth, NOT_GROWN)];
    type Host = Listening;
    type Dialer = QuinnDialer;

    fn dialer(_: usize) -> Result<QuinnDialer> {
        Ok(QuinnDialer { reached: None })
    }

    async fn host(setting: Setting) -> Result<(Listening, String)> {
        let idle = setting.idle;
        let tls = Tls::new(KeyExchange::X25519MlKem768);
        let crypto = QuicServerConfig::with_initial(tls.server_config(), initial()?)?;
        let mut config = ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(transport());
        let endpoint = Endpoint::server(config, LOOPBACK)?;
        let invitation = format!("{} {}", endpoint.local_addr()?, tls.to_text());
        let host = Listening::new(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(async move {
                    let served = serve(incoming, idle).await;
                    served.unwrap_or_else(|error| eprintln!("a connection ended: {error:#}"));
                });
            }
        });
        Ok((host, invitation))
    }
}

async fn serve(incoming: quinn::Incoming, idle: bool) -> Result<()> {
    let connection = incoming.await?;
    let (send, receive) = connection.accept_bi().await?;
    stream::serve(tokio::io::join(receive, send), idle).await
}

/// QUIC opens with this cipher whatever is agreed on afterwards.
fn initial() -> Result<Suite> {
    TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite()).context("no suite for QUIC")
}

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(3_600_000))));
    Arc::new(transport)
}

/// The dialing end.
pub struct QuinnDialer {
    reached: Option<(Endpoint, SocketAddr)>,
}

impl Dialer for QuinnDialer {
    type Session = StreamSession<Join<RecvStream, SendStream>, Connection>;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, credentials) = invitation.split_once(' ').context("no credentials")?;
        let tls = Arc::new(Tls::client_config(credentials));
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::with_initial(tls, initial()?)?));
        config.transport_config(transport());
        let mut endpoint = Endpoint::client(LOOPBACK)?;
        endpoint.set_default_client_config(config);
        self.reached = Some((endpoint, address.parse()?));
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<Self::Session> {
        let (endpoint, address) = self.reached.as_ref().context("nobody was met")?;
        let connection = endpoint.connect(*address, "localhost")?.await?;
        let (send, receive) = connection.open_bi().await?;
        Ok(StreamSession::new(tokio::io::join(receive, send), connection))
    }
}

impl Carrier for Connection {
    async fn hang_up<D: Duplex>(self, _: BufWriter<D>) -> Result<()> {
        self.close(VarInt::from_u32(0), b"");
        Ok(())
    }
}
