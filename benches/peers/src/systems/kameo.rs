//! kameo's remote actors, over a libp2p swarm without discovery.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use kameo::actor::{ActorRef, RemoteActorRef, Spawn as _};
use kameo::message::{Context, Message};
use kameo::remote::{Behaviour, messaging};
use kameo::{Actor, RemoteActor, Reply, remote_message};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, Swarm};
use serde::{Deserialize, Serialize};

use super::swarm::{self, Remote};
use super::tcp::Listening;
use crate::measure::random;
use crate::mode::{BULK_MESSAGE_BYTES, Mode, NOT_GROWN, SMALL_MESSAGE_BYTES};
use crate::system::{Dialer, Session, Setting, System};

const NAME: &str = "worker";
/// Sends under way: each is a stream of its own, of which kameo allows a hundred by default.
const SENDS_AT_ONCE: usize = 64;
const LARGE_SENDS_AT_ONCE: usize = 4;
const LOOKUPS: usize = 100;
const LOOKUP_PAUSE: Duration = Duration::from_millis(50);

/// The system.
pub struct Kameo;

impl System for Kameo {
    const NAME: &'static str = "kameo";
    const LABEL: &'static str = "kameo remote";
    const BATCHING: &'static str = "none: each `tell` is a request over a Yamux stream of its own; 64 of them, with `send_ack`, are under way at a time";
    const NOTES: &'static [&'static str] = &[
        "two processes, since a process has one swarm for all of kameo; TCP, Noise and Yamux of libp2p 0.56, no KEM, no \
         discovery by mDNS; the largest request is set to 2 MiB",
        "a twentieth of the small messages",
    ];
    const ONE_IN: usize = 20;
    const GAPS: &'static [(Mode, &'static str)] = &[
        (Mode::Idle, "one process has one swarm, and two swarms talk over one connection"),
        (Mode::Growth, NOT_GROWN),
    ];
    const APART: bool = true;
    type Host = (Listening, ActorRef<Worker>);
    type Dialer = KameoDialer;

    fn dialer(_: usize) -> Result<KameoDialer> {
        Ok(KameoDialer { reached: None })
    }

    async fn host(_: Setting) -> Result<(Self::Host, String)> {
        let mut swarm = own_swarm()?;
        let invitation = swarm::listen(&mut swarm).await?;
        let (_, driven) = swarm::run(swarm);
        let worker = Worker::spawn(Worker { taken: 0 });
        worker.register(NAME).await?;
        Ok(((driven, worker), invitation))
    }
}

fn own_swarm() -> Result<Swarm<Behaviour>> {
    let config = messaging::Config::default().with_request_size_maximum(2 * BULK_MESSAGE_BYTES as u64);
    let swarm = swarm::build(|peer| Behaviour::new(peer, config))?;
    swarm.behaviour().try_init_global()?;
    Ok(swarm)
}

/// The actor of the accepting end.
#[derive(Actor, RemoteActor)]
pub struct Worker {
    taken: u64,
}

#[derive(Serialize, Deserialize)]
struct Take(Bytes);
#[derive(Serialize, Deserialize)]
struct Echo(Bytes);
#[derive(Serialize, Deserialize)]
struct Count;
/// What comes back.
#[derive(Reply, Serialize, Deserialize)]
struct Echoed(Bytes);

#[remote_message]
impl Message<Take> for Worker {
    type Reply = ();
    async fn handle(&mut self, _: Take, _: &mut Context<Self, Self::Reply>) {
        self.taken += 1;
    }
}

#[remote_message]
impl Message<Echo> for Worker {
    type Reply = Echoed;
    async fn handle(&mut self, Echo(message): Echo, _: &mut Context<Self, Self::Reply>) -> Echoed {
        Echoed(message)
    }
}

#[remote_message]
impl Message<Count> for Worker {
    type Reply = u64;
    async fn handle(&mut self, _: Count, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.taken
    }
}

/// The dialing end.
pub struct KameoDialer {
    reached: Option<Reached>,
}

struct Reached {
    address: Multiaddr,
    peer: PeerId,
    remote: Remote,
    worker: Option<RemoteActorRef<Worker>>,
    _driven: Listening,
}

impl Dialer for KameoDialer {
    type Session = KameoSession;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (address, peer) = swarm::reached(invitation)?;
        let mut swarm = own_swarm()?;
        // What discovery would say. The registry asks nobody whose address it was not told.
        swarm.add_peer_address(peer, address.clone());
        let (remote, driven) = swarm::run(swarm);
        self.reached = Some(Reached { address, peer, remote, worker: None, _driven: driven });
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<KameoSession> {
        let reached = self.reached.as_mut().context("nobody was met")?;
        let id = reached.remote.dial(reached.peer, reached.address.clone()).await?;
        let worker = match &reached.worker {
            Some(worker) => worker.clone(),
            None => reached.worker.insert(look_up().await?).clone(),
        };
        Ok(KameoSession { worker, remote: reached.remote.clone(), id, taken: 0 })
    }
}

/// The first time, the table of the network is still being filled.
async fn look_up() -> Result<RemoteActorRef<Worker>> {
    for _ in 0..LOOKUPS {
        if let Ok(Some(worker)) = RemoteActorRef::lookup(NAME).await {
            return Ok(worker);
        }
        tokio::time::sleep(LOOKUP_PAUSE).await;
    }
    anyhow::bail!("the actor is not found")
}

/// A connection, and the actor at its other end.
pub struct KameoSession {
    worker: RemoteActorRef<Worker>,
    remote: Remote,
    id: ConnectionId,
    taken: u64,
}

impl Session for KameoSession {
    async fn ask(&mut self) -> Result<()> {
        let message = Bytes::from_static(&[7; SMALL_MESSAGE_BYTES]);
        let Echoed(answer) = self.worker.ask(&Echo(message.clone())).send().await.map_err(told)?;
        ensure!(answer == message, "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        let take = Take(random(bytes).into());
        let at_once = if bytes == SMALL_MESSAGE_BYTES { SENDS_AT_ONCE } else { LARGE_SENDS_AT_ONCE };
        let (worker, take) = (&self.worker, &take);
        let mut sends = stream::iter(0..count)
            .map(|_| async move { worker.tell(take).send_ack().await.map_err(told) })
            .buffer_unordered(at_once);
        while let Some(sent) = sends.next().await {
            sent?;
        }
        drop(sends);
        self.taken += u64::try_from(count)?;
        let taken = self.worker.ask(&Count).send().await.map_err(told)?;
        ensure!(taken == self.taken, "messages are missing");
        Ok(())
    }

    async fn close(self) -> Result<()> {
        self.remote.close(self.id).await
    }
}

fn told(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}
