//! ractor's cluster: actors of two nodes that talk over mutual TLS.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use benches::{KeyExchange, Tls};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{
    IncomingEncryptionMode, NodeServer, NodeServerMessage, RactorClusterMessage, client_connect_enc,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::measure::random;
use crate::mode::{BULK_MESSAGE_BYTES, Mode, NOT_GROWN, SMALL_MESSAGE_BYTES};
use crate::system::{Dialer, Session, Setting, System};

const GROUP: &str = "workers";
const DEADLINE: Duration = Duration::from_secs(120);
/// What may be under way before it is asked how many have come: nothing else holds a sender back.
const WINDOW_BYTES: usize = 8 * BULK_MESSAGE_BYTES;
const WINDOW_MESSAGES: usize = 10_000;
const LOOKS: usize = 2_000;
const PAUSE: Duration = Duration::from_millis(5);
const JOINED_ONCE: &str = "a node joins the cluster once, and its actors appear some time later by themselves: there \
     is no call whose end says that a session stands or is gone";

/// The system.
pub struct Ractor;

impl System for Ractor {
    const NAME: &'static str = "ractor";
    const LABEL: &'static str = "ractor_cluster over mutual TLS";
    const BATCHING: &'static str =
        "none of its own; its queues have no bound, so each 10,000 casts (or 8 MiB) are followed by a call";
    const NOTES: &'static [&'static str] = &[
        "two processes, since a process has one set of groups of actors; its cookie inside of the yardstick's TLS",
        "a quarter of the small messages",
    ];
    const ONE_IN: usize = 4;
    const GAPS: &'static [(Mode, &'static str)] =
        &[(Mode::Connect, JOINED_ONCE), (Mode::Idle, JOINED_ONCE), (Mode::Growth, NOT_GROWN)];
    const APART: bool = true;
    type Host = (ActorRef<NodeServerMessage>, ActorRef<Task>);
    type Dialer = ClusterDialer;

    fn dialer(_: usize) -> Result<ClusterDialer> {
        Ok(ClusterDialer { worker: None, node: None })
    }

    async fn host(_: Setting) -> Result<(Self::Host, String)> {
        let tls = Tls::new(KeyExchange::X25519MlKem768);
        let (node, port) = node("host", &tls).await?;
        let (worker, _) = Worker::spawn(None, Worker, ()).await?;
        pg::join(GROUP.to_owned(), vec![worker.get_cell()]);
        Ok(((node, worker), format!("{port} {}", tls.to_text())))
    }
}

async fn node(name: &str, tls: &Tls) -> Result<(ActorRef<NodeServerMessage>, u16)> {
    // It does not say which port it got, so it is given one that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let encryption = IncomingEncryptionMode::Tls(TlsAcceptor::from(tls.server_config()));
    let server = NodeServer::new(
        port,
        "cookie".to_owned(),
        name.to_owned(),
        "localhost".to_owned(),
        Some(encryption),
        None,
    )
    .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (node, _) = NodeServer::spawn(None, server, ()).await?;
    Ok((node, port))
}

/// What the worker takes.
#[derive(RactorClusterMessage)]
pub enum Task {
    /// One of many.
    Take(Vec<u8>),
    /// Answer with the same.
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
    /// Answer how many were taken.
    #[rpc]
    Count(RpcReplyPort<u64>),
}

/// The actor of the accepting end.
pub struct Worker;

impl Actor for Worker {
    type Msg = Task;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Task>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(&self, _: ActorRef<Task>, task: Task, taken: &mut u64) -> Result<(), ActorProcessingErr> {
        match task {
            Task::Take(_) => *taken += 1,
            Task::Echo(message, reply) => reply.send(message)?,
            Task::Count(reply) => reply.send(*taken)?,
        }
        Ok(())
    }
}

/// The dialing end.
pub struct ClusterDialer {
    worker: Option<ActorRef<Task>>,
    node: Option<ActorRef<NodeServerMessage>>,
}

impl Dialer for ClusterDialer {
    type Session = ClusterSession;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        let (port, credentials) = invitation.split_once(' ').context("no credentials")?;
        let port: u16 = port.parse()?;
        // Nobody dials this node; its own credentials are not used.
        let (node, _) = node("dialer", &Tls::new(KeyExchange::X25519MlKem768)).await?;
        let name = ServerName::try_from("localhost")?;
        client_connect_enc(&node, (Ipv4Addr::LOCALHOST, port), Tls::dialer(credentials), name).await?;
        self.node = Some(node);
        for _ in 0..LOOKS {
            if let Some(cell) = pg::get_members(&GROUP.to_owned()).into_iter().next() {
                self.worker = Some(cell.into());
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("the actor does not appear")
    }

    async fn connect(&mut self, _: usize) -> Result<ClusterSession> {
        Ok(ClusterSession { worker: self.worker.clone().context("nobody was met")?, taken: 0 })
    }
}

/// The actor at the other end.
pub struct ClusterSession {
    worker: ActorRef<Task>,
    taken: u64,
}

impl ClusterSession {
    async fn count(&self) -> Result<()> {
        let taken = answered(self.worker.call(Task::Count, Some(DEADLINE)).await?)?;
        ensure!(taken == self.taken, "messages are missing");
        Ok(())
    }
}

fn answered<T>(result: CallResult<T>) -> Result<T> {
    match result {
        CallResult::Success(answer) => Ok(answer),
        CallResult::Timeout => Err(anyhow!("no answer in time")),
        CallResult::SenderError => Err(anyhow!("no answer")),
    }
}

impl Session for ClusterSession {
    async fn ask(&mut self) -> Result<()> {
        let message = vec![7; SMALL_MESSAGE_BYTES];
        let call = self.worker.call(|reply| Task::Echo(message.clone(), reply), Some(DEADLINE));
        ensure!(answered(call.await?)? == message, "another answer");
        Ok(())
    }

    async fn flood(&mut self, bytes: usize, count: usize) -> Result<()> {
        let message = random(bytes);
        let window = (WINDOW_BYTES / bytes).min(WINDOW_MESSAGES);
        for number in 1..=count {
            self.worker.cast(Task::Take(message.clone()))?;
            self.taken += 1;
            if number % window == 0 {
                self.count().await?;
            }
        }
        self.count().await
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}
