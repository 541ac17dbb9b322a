//! iroh, by addresses only: no relay, nothing is looked up anywhere.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use iroh::endpoint::{Connection, IdleTimeout, QuicTransportConfig, RecvStream, SendStream, VarInt, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode};
use tokio::io::{BufWriter, Join};
use tokio_rustls::rustls::crypto::aws_lc_rs::{default_provider, kx_group::X25519MLKEM768};

use super::stream::{self, Carrier, Duplex, StreamSession};
use super::tcp::Listening;
use crate::mode::{Mode, NOT_GROWN};
use crate::system::{Dialer, Setting, System};

const PROTOCOL: &[u8] = b"peers/1";

/// The system.
pub struct Iroh;

impl System for Iroh {
    const NAME: &'static str = "iroh";
    const LABEL: &'static str = "iroh";
    const BATCHING: &'static str = stream::BATCHING;
    const NOTES: &'static [&'static str] = &[
        "direct addresses on loopback only, relays, discovery and port mapping \
         off; aws-lc-rs with X25519MLKEM768 as in its own example; one connection with one stream; idle connections \
         stay open",
    ];
    const GAPS: &'static [(Mode, &'static str)] = &[(Mode::Growth, NOT_GROWN)];
    type Host = Listening;
    type Dialer = IrohDialer;

    fn dialer(_: usize) -> Result<IrohDialer> {
        Ok(IrohDialer { reached: None })
    }

    async fn host(setting: Setting) -> Result<(Listening, String)> {
        let idle = setting.idle;
        let endpoint = bind().await?;
        let address = endpoint.bound_sockets().into_iter().next().context("it listens nowhere")?;
        let invitation = format!("{address} {}", endpoint.id());
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

async fn bind() -> Result<Endpoint> {
    let mut provider = default_provider();
    provider.kx_groups = vec![X25519MLKEM768];
    let patient = IdleTimeout::try_from(Duration::from_secs(3600))?;
    Endpoint::builder(presets::Minimal)
        .crypto_provider(Arc::new(provider))
        .relay_mode(RelayMode::Disabled)
        .clear_address_lookup()
        .transport_config(QuicTransportConfig::builder().max_idle_timeout(Some(patient)).build())
        .alpns(vec![PROTOCOL.to_vec()])
        .clear_ip_transports()
        .bind_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .map_err(told)?
        .bind()
        .await
        .map_err(told)
}

async fn serve(incoming: iroh::endpoint::Incoming, idle: bool) -> Result<()> {
    let connection = incoming.await.map_err(told)?;
    let (send, receive) = connection.accept_bi().await.map_err(told)?;
    stream::serve(tokio::io::join(receive, send), idle).await
}

/// Its errors in ours.
fn told(error: impl Display) -> anyhow::Error {
    anyhow!("{error:#}")
}

/// The dialing end.
pub struct IrohDialer {
    reached: Option<(Endpoint, EndpointAddr)>,
}

impl Dialer for IrohDialer {
    type Session = StreamSession<Join<RecvStream, SendStream>, Connection>;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, key) = invitation.split_once(' ').context("no key")?;
        let key: EndpointId = key.parse().map_err(told)?;
        self.reached = Some((bind().await?, EndpointAddr::new(key).with_ip_addr(address.parse()?)));
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<Self::Session> {
        let (endpoint, host) = self.reached.as_ref().context("nobody was met")?;
        let connection = endpoint.connect(host.clone(), PROTOCOL).await.map_err(told)?;
        let (send, receive) = connection.open_bi().await.map_err(told)?;
        Ok(StreamSession::new(tokio::io::join(receive, send), connection))
    }
}

impl Carrier for Connection {
    async fn hang_up<D: Duplex>(self, _: BufWriter<D>) -> Result<()> {
        self.close(VarInt::from_u32(0), b"");
        Ok(())
    }
}
