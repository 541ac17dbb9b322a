//! libp2p: TCP, Noise XX and Yamux, with raw streams over them.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, StreamProtocol};
use libp2p_stream::{Behaviour, Control};
use tokio::io::BufWriter;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _};

use super::stream::{self, Carrier, Duplex, StreamSession};
use super::swarm::{self, Remote};
use super::tcp::Listening;
use crate::mode::{Mode, NOT_GROWN};
use crate::system::{Dialer, Setting, System};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/peers/1");

/// The system.
pub struct Libp2p;

impl System for Libp2p {
    const NAME: &'static str = "libp2p";
    const LABEL: &'static str = "libp2p (TCP, Noise, Yamux)";
    const BATCHING: &'static str = stream::BATCHING;
    const NOTES: &'static [&'static str] =
        &["libp2p 0.56, the release that kameo stands on; one connection with one \
         stream of `libp2p-stream`; default settings, but that idle connections stay open; no KEM"];
    const GAPS: &'static [(Mode, &'static str)] = &[(Mode::Growth, NOT_GROWN)];
    type Host = (Listening, Listening);
    type Dialer = SwarmDialer;

    fn dialer(_: usize) -> Result<SwarmDialer> {
        Ok(SwarmDialer { reached: None })
    }

    async fn host(setting: Setting) -> Result<(Self::Host, String)> {
        let idle = setting.idle;
        let mut swarm = swarm::build(|_| Behaviour::new())?;
        let mut streams = swarm.behaviour().new_control().accept(PROTOCOL)?;
        let invitation = swarm::listen(&mut swarm).await?;
        let (_, driven) = swarm::run(swarm);
        let served = Listening::new(async move {
            while let Some((_, stream)) = streams.next().await {
                tokio::spawn(async move {
                    let served = stream::serve(stream.compat(), idle).await;
                    served.unwrap_or_else(|error| eprintln!("a stream ended: {error:#}"));
                });
            }
        });
        Ok(((driven, served), invitation))
    }
}

/// The dialing end.
pub struct SwarmDialer {
    reached: Option<Reached>,
}

struct Reached {
    address: Multiaddr,
    peer: PeerId,
    control: Control,
    remote: Remote,
    _driven: Listening,
}

impl Dialer for SwarmDialer {
    type Session = StreamSession<Compat<libp2p::Stream>, Connection>;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, peer) = swarm::reached(invitation)?;
        let swarm = swarm::build(|_| Behaviour::new())?;
        let control = swarm.behaviour().new_control();
        let (remote, driven) = swarm::run(swarm);
        self.reached = Some(Reached { address, peer, control, remote, _driven: driven });
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<Self::Session> {
        let reached = self.reached.as_mut().context("nobody was met")?;
        let id = reached.remote.dial(reached.peer, reached.address.clone()).await?;
        let stream = reached.control.open_stream(reached.peer, PROTOCOL).await?;
        let remote = reached.remote.clone();
        Ok(StreamSession::new(stream.compat(), Connection { remote, id }))
    }
}

/// A connection of the swarm.
pub struct Connection {
    remote: Remote,
    id: ConnectionId,
}

impl Carrier for Connection {
    async fn hang_up<D: Duplex>(self, _: BufWriter<D>) -> Result<()> {
        self.remote.close(self.id).await
    }
}
