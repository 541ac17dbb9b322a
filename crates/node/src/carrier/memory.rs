//! A network in memory: what sockets are to TCP, with faults at will and under tokio's paused time.

mod pipe;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use crate::sync::lock;
use pipe::{Pipe, Reader, Way, Writer};
pub use wire::Wire;

/// Connections that a listener has not accepted yet.
const BACKLOG: usize = 128;
/// The first port given to a dialer, or to a listener that asks for port 0.
const FIRST_FREE_PORT: u16 = 49_152;
/// Before a dial that a [`Wire`] has lost is tried again.
const DIAL_AGAIN: Duration = Duration::from_secs(1);

/// A network of byte streams within one process.
///
/// Nodes built with [`Builder::memory`](crate::Builder::memory) listen and dial here instead of on sockets. The handle
/// is cheap to clone; through it a test breaks connections, makes hosts unreachable, adds latency or records every
/// byte.
#[derive(Clone, Default)]
pub struct MemoryNetwork {
    shared: Arc<Mutex<Network>>,
}

#[derive(Default)]
struct Network {
    listeners: BTreeMap<SocketAddr, mpsc::Sender<MemoryStream>>,
    connections: Vec<Weak<Connection>>,
    recordings: Vec<Arc<Mutex<Recording>>>,
    unreachable: BTreeSet<IpAddr>,
    /// From which host nothing gets to which.
    blocked: BTreeSet<(IpAddr, IpAddr)>,
    wire: Option<Arc<dyn Wire>>,
    ports_given: u16,
    latency: Duration,
    recording: bool,
}

/// Both directions of one connection.
struct Connection {
    dialer: SocketAddr,
    listener: SocketAddr,
    to_listener: Arc<Pipe>,
    to_dialer: Arc<Pipe>,
    /// One of its ends is gone without a word: nothing comes through any more.
    severed: AtomicBool,
}

/// Everything that one side of a connection wrote.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The side that wrote.
    pub from: SocketAddr,
    /// The side that was written to.
    pub to: SocketAddr,
    /// The bytes, in order.
    pub bytes: Vec<u8>,
}

impl MemoryNetwork {
    /// A network without hosts, latency or faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each byte of connections opened from now on is under way. Zero at first.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.shared).latency = latency;
    }

    /// Whether connections opened from now on are recorded.
    pub fn set_recording(&self, recording: bool) {
        lock(&self.shared).recording = recording;
    }

    /// What was recorded so far, in the order in which the connections were opened, the dialer's side first.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        lock(&self.shared).recordings.iter().map(|recording| lock(recording).clone()).collect()
    }

    /// Whether `host` answers dials. One that does not lets them wait for ever, and what is sent over the connections
    /// that it has arrives, in both directions, when it is reachable again.
    pub fn set_reachable(&self, host: IpAddr, reachable: bool) {
        let mut network = lock(&self.shared);
        if reachable {
            network.unreachable.remove(&host)
        } else {
            network.unreachable.insert(host)
        };
        network.open_pipes();
    }

    /// Whether anything gets from one host to another; the way back is another one. What is held back arrives when it is
    /// open again, and dials want both ways.
    pub fn set_way_open(&self, from: IpAddr, to: IpAddr, open: bool) {
        let mut network = lock(&self.shared);
        if open {
            network.blocked.remove(&(from, to))
        } else {
            network.blocked.insert((from, to))
        };
        network.open_pipes();
    }

    /// What decides about dials, and about the bytes of connections opened from now on, in place of the latency.
    pub fn set_wire(&self, wire: Arc<dyn Wire>) {
        lock(&self.shared).wire = Some(wire);
    }

    /// Takes a host off the network without a word, as when its power fails: the far ends of its connections hear nothing
    /// any more, and nobody listens there.
    pub fn sever(&self, host: IpAddr) {
        let mut network = lock(&self.shared);
        network.listeners.retain(|address, _| address.ip() != host);
        for connection in network.live_connections().iter().filter(|connection| connection.touches(host)) {
            connection.severed.store(true, Ordering::Relaxed);
        }
        network.open_pipes();
    }

    /// Resets what is left of the connections of a host that was [severed](Self::sever): it is there again, and knows
    /// nothing of them.
    pub fn reset_severed(&self, host: IpAddr) -> usize {
        let connections = lock(&self.shared).live_connections();
        let severed = |connection: &&Arc<Connection>| connection.severed.load(Ordering::Relaxed);
        let left = connections.iter().filter(|connection| connection.touches(host)).filter(severed);
        left.map(|connection| connection.reset()).count()
    }

    /// Resets every connection between two hosts, and returns how many there were.
    pub fn cut_between(&self, one: IpAddr, other: IpAddr) -> usize {
        let connections = lock(&self.shared).live_connections();
        let between = connections.iter().filter(|it| it.touches(one) && it.touches(other));
        between.map(|connection| connection.reset()).count()
    }

    /// Resets every connection that `host` has, and returns how many there were.
    pub fn cut(&self, host: IpAddr) -> usize {
        let connections = lock(&self.shared).live_connections();
        connections
            .iter()
            .filter(|connection| connection.touches(host))
            .map(|connection| connection.reset())
            .count()
    }

    /// Connects from `from` (port 0: any free one) to the listener at `to`.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens. An unreachable host answers never.
    pub async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<MemoryStream> {
        let wire = lock(&self.shared).wire.clone();
        if let Some(wire) = wire {
            self.get_through(&*wire, from, to).await;
            return lock(&self.shared).connect(from, to);
        }
        let blackhole = {
            let network = lock(&self.shared);
            network.unreachable.contains(&to.ip()) || network.unreachable.contains(&from.ip())
        };
        if blackhole {
            std::future::pending::<()>().await;
        }
        let latency = lock(&self.shared).latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        lock(&self.shared).connect(from, to)
    }

    /// Dials through a wire, for as long as it takes.
    async fn get_through(&self, wire: &dyn Wire, from: SocketAddr, to: SocketAddr) {
        let is_open = || lock(&self.shared).is_open(from.ip(), to.ip());
        loop {
            match wire.dials(from, to).filter(|_| is_open()) {
                Some(takes) => tokio::time::sleep(takes).await,
                None => {
                    tokio::time::sleep(DIAL_AGAIN).await;
                    continue;
                }
            }
            if is_open() {
                return;
            }
        }
    }

    /// Listens at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// `AddrInUse`.
    pub fn listen(&self, address: SocketAddr) -> io::Result<MemoryListener> {
        let mut network = lock(&self.shared);
        let address = network.with_port(address);
        // A listener that was dropped leaves its entry behind.
        network.listeners.retain(|_, backlog| !backlog.is_closed());
        if network.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, backlog) = mpsc::channel(BACKLOG);
        network.listeners.insert(address, sender);
        Ok(MemoryListener { address, backlog })
    }
}

impl Network {
    fn connect(&mut self, from: SocketAddr, to: SocketAddr) -> io::Result<MemoryStream> {
        let from = self.with_port(from);
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let backlog = self.listeners.get(&to).ok_or_else(refused)?.clone();
        let place = backlog.try_reserve().map_err(|_| refused())?;
        let connection = Arc::new(Connection {
            dialer: from,
            listener: to,
            to_listener: Pipe::new(self.way(from, to)),
            to_dialer: Pipe::new(self.way(to, from)),
            severed: AtomicBool::new(false),
        });
        self.connections.retain(|connection| connection.strong_count() > 0);
        self.connections.push(Arc::downgrade(&connection));
        place.send(MemoryStream::new(&connection, to, from));
        Ok(MemoryStream::new(&connection, from, to))
    }

    fn way(&mut self, from: SocketAddr, to: SocketAddr) -> Way {
        Way { from, to, latency: self.latency, wire: self.wire.clone(), recording: self.record(from, to) }
    }

    /// Whether both ways between two hosts are open.
    fn is_open(&self, one: IpAddr, other: IpAddr) -> bool {
        self.is_way_open(one, other) && self.is_way_open(other, one)
    }

    fn is_way_open(&self, from: IpAddr, to: IpAddr) -> bool {
        let reachable = !self.unreachable.contains(&from) && !self.unreachable.contains(&to);
        reachable && !self.blocked.contains(&(from, to))
    }

    /// Opens and shuts every pipe as it has to be now.
    fn open_pipes(&self) {
        for connection in self.live_connections() {
            let (dialer, listener) = (connection.dialer.ip(), connection.listener.ip());
            let is_whole = !connection.severed.load(Ordering::Relaxed);
            connection.to_listener.set_open(is_whole && self.is_way_open(dialer, listener));
            connection.to_dialer.set_open(is_whole && self.is_way_open(listener, dialer));
        }
    }

    fn record(&mut self, from: SocketAddr, to: SocketAddr) -> Option<Arc<Mutex<Recording>>> {
        self.recording.then(|| {
            let recording = Arc::new(Mutex::new(Recording { from, to, bytes: Vec::new() }));
            self.recordings.push(Arc::clone(&recording));
            recording
        })
    }

    fn with_port(&mut self, mut address: SocketAddr) -> SocketAddr {
        if address.port() == 0 {
            address.set_port(FIRST_FREE_PORT.wrapping_add(self.ports_given).max(1));
            self.ports_given = self.ports_given.wrapping_add(1);
        }
        address
    }

    fn live_connections(&self) -> Vec<Arc<Connection>> {
        self.connections.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Connection {
    fn touches(&self, host: IpAddr) -> bool {
        self.dialer.ip() == host || self.listener.ip() == host
    }

    fn reset(&self) {
        self.to_listener.reset();
        self.to_dialer.reset();
    }
}

/// Accepts connections at one address of a [`MemoryNetwork`].
pub struct MemoryListener {
    address: SocketAddr,
    backlog: mpsc::Receiver<MemoryStream>,
}

impl MemoryListener {
    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection. Waits for ever once no handle of the network is left.
    pub async fn accept(&mut self) -> MemoryStream {
        match self.backlog.recv().await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }
}

/// One end of a connection in a [`MemoryNetwork`]. Dropping it closes the connection in an orderly way.
pub struct MemoryStream {
    local: SocketAddr,
    remote: SocketAddr,
    reader: Reader,
    writer: Writer,
    /// Keeps the connection in the network's list.
    connection: Arc<Connection>,
}

impl MemoryStream {
    fn new(connection: &Arc<Connection>, local: SocketAddr, remote: SocketAddr) -> Self {
        let dialing = local == connection.dialer;
        let (inbound, outbound) = if dialing {
            (&connection.to_dialer, &connection.to_listener)
        } else {
            (&connection.to_listener, &connection.to_dialer)
        };
        Self {
            local,
            remote,
            reader: Reader::new(Arc::clone(inbound)),
            writer: Writer::new(Arc::clone(outbound)),
            connection: Arc::clone(connection),
        }
    }

    /// This end.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The far end.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.remote
    }

    /// Breaks the connection in both directions; what is under way is lost.
    pub fn reset(&self) {
        self.connection.reset();
    }

    pub(crate) fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.reader.poll_ready(context)
    }

    pub(crate) fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_ready(context)
    }

    pub(crate) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writer.try_write_vectored(slices)
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().reader.poll_read(context, out)
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let writer = &mut self.get_mut().writer;
        loop {
            std::task::ready!(writer.poll_ready(context))?;
            match writer.try_write_vectored(&[IoSlice::new(bytes)]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer.close();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = lock(&self.shared);
        f.debug_struct("MemoryNetwork")
            .field("listeners", &network.listeners.keys())
            .field("connections", &network.live_connections().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryListener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
