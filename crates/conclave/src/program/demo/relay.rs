//! A wire between two processes that can be watched and cut.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::recording::{Lane, MAX_PIECE_BYTES, Recorder};

/// A relay on a port of its own: whoever dials it speaks with the target, through us.
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<Wire>,
    _acceptor: JoinSet<()>,
}

/// What all relays of a demonstration share: the recording, and the scissors.
pub(crate) struct Tap {
    recorder: Recorder,
    connections: AtomicU32,
    passed_bytes: AtomicU64,
    /// Cut when that many bytes have passed; `u64::MAX`: never.
    cut_at: AtomicU64,
    cuts: AtomicU32,
    scissors: Notify,
}

/// What the connections of one relay share.
struct Wire {
    tap: Arc<Tap>,
    target: watch::Sender<Option<SocketAddr>>,
    forth_bytes: AtomicU64,
    back_bytes: AtomicU64,
}

impl Tap {
    pub(crate) fn new(recorder: Recorder) -> Arc<Tap> {
        Arc::new(Tap {
            recorder,
            connections: AtomicU32::new(1),
            passed_bytes: AtomicU64::new(0),
            cut_at: AtomicU64::new(u64::MAX),
            cuts: AtomicU32::new(0),
            scissors: Notify::new(),
        })
    }

    /// Cuts every connection once, when that many more bytes have passed.
    pub(crate) fn cut_after(&self, bytes: u64) {
        let at = self.passed_bytes.load(Ordering::Acquire).saturating_add(bytes);
        self.cut_at.store(at, Ordering::Release);
    }

    /// How often it was cut.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::Acquire)
    }

    /// Counts and keeps what passes; an error when the wire is cut, or cannot be recorded.
    async fn pass(&self, lane: Lane, piece: Bytes, bytes: u64) -> io::Result<()> {
        let passed = self.passed_bytes.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes);
        self.recorder.record(lane, piece).await?;
        let at = self.cut_at.load(Ordering::Acquire);
        let due = at != u64::MAX && passed >= at;
        if due && self.cut_at.compare_exchange(at, u64::MAX, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.cuts.fetch_add(1, Ordering::AcqRel);
            self.scissors.notify_waiters();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Relay {
    /// Opens the port; connections wait until there is a target.
    pub(crate) async fn start(tap: Arc<Tap>) -> io::Result<Relay> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let target = watch::Sender::new(None);
        let wire =
            Arc::new(Wire { tap, target, forth_bytes: AtomicU64::new(0), back_bytes: AtomicU64::new(0) });
        let address = listener.local_addr()?;
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, Arc::clone(&wire)));
        Ok(Relay { address, wire, _acceptor: acceptor })
    }

    /// Where to dial.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where connections lead from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        self.wire.target.send_replace(Some(target));
    }

    /// Bytes from and to the sides that dialed.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.wire.forth_bytes.load(Ordering::Acquire), self.wire.back_bytes.load(Ordering::Acquire))
    }
}

async fn accept(listener: TcpListener, wire: Arc<Wire>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((dialer, _)) = listener.accept().await else { return };
        let connection = wire.tap.connections.fetch_add(1, Ordering::AcqRel);
        connections.spawn(carry(Arc::clone(&wire), connection, dialer));
    }
}

/// Carries one connection until either side ends it or it is cut.
async fn carry(wire: Arc<Wire>, connection: u32, dialer: TcpStream) {
    let tap = Arc::clone(&wire.tap);
    let cut = tap.scissors.notified();
    let carried = async {
        let mut target = wire.target.subscribe();
        let Ok(target) = target.wait_for(Option::is_some).await.map(|target| *target) else { return Ok(()) };
        let Some(target) = target else { return Ok(()) };
        let answerer = TcpStream::connect(target).await?;
        dialer.set_nodelay(true)?;
        answerer.set_nodelay(true)?;
        let (from_dialer, to_dialer) = dialer.into_split();
        let (from_answerer, to_answerer) = answerer.into_split();
        tokio::try_join!(
            copy(&wire, Lane { connection, back: false }, from_dialer, to_answerer),
            copy(&wire, Lane { connection, back: true }, from_answerer, to_dialer),
        )?;
        io::Result::Ok(())
    };
    // Being cut drops both sockets, with whatever was under way in them.
    tokio::select! {
        _ = carried => {}
        () = cut => {}
    }
}

async fn copy(wire: &Wire, lane: Lane, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(MAX_PIECE_BYTES);
    loop {
        buffer.reserve(MAX_PIECE_BYTES);
        let count =
            (&mut from).take(MAX_PIECE_BYTES.try_into().unwrap_or(u64::MAX)).read_buf(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let piece = buffer.split().freeze();
        let bytes = u64::try_from(count).unwrap_or(u64::MAX);
        let counter = if lane.back { &wire.back_bytes } else { &wire.forth_bytes };
        counter.fetch_add(bytes, Ordering::AcqRel);
        wire.tap.pass(lane, piece.clone(), bytes).await?;
        to.write_all(&piece).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// No single thing that these tests wait for takes longer, however slow the machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Sends everything back.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    let _ = tokio::io::copy(&mut reader, &mut writer).await;
                });
            }
        });
        address
    }

    fn tap(folder: &std::path::Path) -> Arc<Tap> {
        Tap::new(Recorder::start(&folder.join("wire")).unwrap().0)
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let relay = Relay::start(tap(folder.path())).await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        relay.lead_to(echo().await);
        let mut answer = [0; 5];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!((&answer, relay.bytes()), (b"hello", (5, 5)));
    }

    #[tokio::test]
    async fn a_cut_ends_every_connection_of_every_relay_once() {
        let folder = tempfile::tempdir().unwrap();
        let tap = tap(folder.path());
        let (one, other) =
            (Relay::start(Arc::clone(&tap)).await.unwrap(), Relay::start(Arc::clone(&tap)).await.unwrap());
        let echo = echo().await;
        one.lead_to(echo);
        other.lead_to(echo);
        let mut idle = TcpStream::connect(other.address()).await.unwrap();
        idle.write_all(b"x").await.unwrap();
        idle.read_u8().await.unwrap();
        tap.cut_after(4);
        let mut stream = TcpStream::connect(one.address()).await.unwrap();
        stream.write_all(b"long enough").await.unwrap();
        for stream in [&mut idle, &mut stream] {
            let mut answer = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
            assert_eq!(answer, b"");
        }
        assert_eq!(tap.cuts(), 1);
        let mut next = TcpStream::connect(one.address()).await.unwrap();
        next.write_all(b"long enough again").await.unwrap();
        assert_eq!(next.read_u8().await.unwrap(), b'l');
        assert_eq!(tap.cuts(), 1);
    }
}
