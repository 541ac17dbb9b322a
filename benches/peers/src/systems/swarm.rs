//! A libp2p swarm over TCP, Noise and Yamux in a task of its own, told to dial and to close.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures::StreamExt as _;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};

use super::tcp::Listening;

/// No connection closes while it is measured.
const LONG: Duration = Duration::from_secs(3600);
/// Commands that wait.
const COMMANDS: usize = 16;

/// A swarm with its own new key.
pub fn build<B: NetworkBehaviour>(behaviour: impl FnOnce(PeerId) -> B) -> Result<Swarm<B>> {
    Ok(SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key| behaviour(key.public().to_peer_id()))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(LONG))
        .build())
}

/// Listens on loopback, and says where and who it is.
pub async fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Result<String> {
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return Ok(format!("{address} {}", swarm.local_peer_id()));
        }
    }
}

/// Where such a swarm is, and who.
pub fn reached(invitation: &str) -> Result<(Multiaddr, PeerId)> {
    let (address, peer) = invitation.split_once(' ').context("no key")?;
    Ok((address.parse()?, peer.parse()?))
}

enum Command {
    Dial(PeerId, Multiaddr, oneshot::Sender<Result<ConnectionId>>),
    Close(ConnectionId, oneshot::Sender<()>),
}

/// Tells a swarm what to do.
#[derive(Clone)]
pub struct Remote(mpsc::Sender<Command>);

/// Drives it for as long as the second value lives.
pub fn run<B: NetworkBehaviour + Send>(mut swarm: Swarm<B>) -> (Remote, Listening) {
    let (sender, mut commands) = mpsc::channel(COMMANDS);
    let task = async move {
        let mut dials = HashMap::new();
        let mut closes: HashMap<ConnectionId, oneshot::Sender<()>> = HashMap::new();
        loop {
            tokio::select! {
                Some(command) = commands.recv() => match command {
                    Command::Dial(peer, address, answer) => {
                        // Another connection to the same peer, if there is one already.
                        let options =
                            DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![address]).build();
                        let id = options.connection_id();
                        match swarm.dial(options) {
                            Ok(()) => _ = dials.insert(id, answer),
                            Err(error) => _ = answer.send(Err(error.into())),
                        }
                    }
                    Command::Close(id, answer) => {
                        closes.insert(id, answer);
                        swarm.close_connection(id);
                    }
                },
                event = swarm.select_next_some() => match event {
                    SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                        dials.remove(&connection_id).map(|answer| answer.send(Ok(connection_id)));
                    }
                    SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                        dials.remove(&connection_id).map(|answer| answer.send(Err(anyhow!("{error}"))));
                    }
                    SwarmEvent::ConnectionClosed { connection_id, .. } => {
                        closes.remove(&connection_id).map(|answer| answer.send(()));
                    }
                    _ => {}
                },
            }
        }
    };
    (Remote(sender), Listening::new(task))
}

impl Remote {
    /// Opens another connection.
    pub async fn dial(&self, peer: PeerId, address: Multiaddr) -> Result<ConnectionId> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Dial(peer, address, answer)).await.map_err(|_| anyhow!("the swarm ended"))?;
        answered.await?
    }

    /// Closes one, and waits until it is closed.
    pub async fn close(&self, id: ConnectionId) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Command::Close(id, answer)).await.map_err(|_| anyhow!("the swarm ended"))?;
        Ok(answered.await?)
    }
}
