//! The network between the peers and the steady node: connections that can be cut, ended or stopped in the middle.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Hosts of which connections seem to come, so that what is counted for each host is counted for many.
const HOSTS: u64 = 200;
const BUFFER_BYTES: usize = 64 * 1024;

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It carries bytes.
    Flow,
    /// Nothing gets through, and nobody is told.
    Frozen,
    /// It is reset at both ends.
    Cut,
    /// It is closed at both ends.
    Closed,
}

/// Passes on what comes to its listener.
#[derive(Clone, Default)]
pub(crate) struct Relay {
    connections: Arc<Mutex<BTreeMap<u64, watch::Sender<Fate>>>>,
}

impl Relay {
    /// Passes connections on to `target` from now on.
    pub(crate) fn start(listener: TcpListener, target: SocketAddr) -> Self {
        let relay = Self::default();
        let accepting = relay.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let (fate, watched) = watch::channel(Fate::Flow);
                accepting.connections().insert(number, fate);
                let relay = accepting.clone();
                tokio::spawn(async move {
                    // One that could not be passed on is over, as one that was closed.
                    pass_on(stream, target, number, watched).await.ok();
                    relay.connections().remove(&number);
                });
            }
        });
        relay
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, watch::Sender<Fate>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about one connection, if there is one.
    pub(crate) fn decide(&self, fate: Fate, rng: &mut StdRng) -> bool {
        let connections = self.connections();
        let index = rng.random_range(0..connections.len().max(1));
        connections.values().nth(index).map(|connection| connection.send_replace(fate)).is_some()
    }

    /// Lets flow what was stopped.
    pub(crate) fn thaw(&self) {
        for connection in self.connections().values() {
            connection.send_if_modified(|fate| {
                let was_frozen = *fate == Fate::Frozen;
                if was_frozen {
                    *fate = Fate::Flow;
                }
                was_frozen
            });
        }
    }
}

async fn pass_on(
    mut near: TcpStream,
    target: SocketAddr,
    number: u64,
    mut fate: watch::Receiver<Fate>,
) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(number % HOSTS).unwrap_or_default();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1 + host, 1), 0)))?;
    let mut far = socket.connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let decision = {
        let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
        let there = pump(near_read, far_write, fate.clone());
        let back = pump(far_read, near_write, fate.clone());
        let decided = async {
            let decision = fate.wait_for(|fate| matches!(fate, Fate::Cut | Fate::Closed)).await;
            decision.map_or(Fate::Closed, |decision| *decision)
        };
        tokio::select! {
            _ = async { tokio::try_join!(there, back) } => Fate::Closed,
            decision = decided => decision,
        }
    };
    if decision == Fate::Cut {
        // A reset instead of a farewell.
        near.set_zero_linger()?;
        far.set_zero_linger()?;
    }
    Ok(())
}

/// Carries bytes one way.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut fate: watch::Receiver<Fate>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        // What was read before it stopped waits here with the rest.
        if fate.wait_for(|fate| *fate != Fate::Frozen).await.is_err() || count == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}
