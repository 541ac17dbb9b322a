//! What every node does all the time: operations with others, at random.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use node::{Address, Allow, IdentityKey, Node, Receiver, SendError, Sender, StreamName, StreamOptions};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, RwLockReadGuard};

use crate::actors::{Cell, DESK, Desk, Pool, cell, desk};
use crate::ledger::Ledger;
use crate::plan::{ASK_TIMEOUT, OPERATION_DEADLINE, TRANSFER_DEADLINE};
use crate::transfer::{Pieces, check};

/// The stream that every node receives.
const STREAM: &str = "soak";
/// How often to look whether all that was started has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// What takes longer to end is told.
pub(crate) const LONG: Duration = Duration::from_secs(15);

/// One node, and what it has started.
pub(crate) struct Activity {
    pub(crate) node: Node,
    pub(crate) ledger: Ledger,
    pub(crate) pool: Pool,
    /// With whom it has to do most.
    favourite: Option<IdentityKey>,
    /// Held for reading by each operation; whoever wants quiet takes it for writing.
    gate: Arc<RwLock<()>>,
    is_over: AtomicBool,
}

/// Quiet for as long as this lives.
pub(crate) type Quiet = OwnedRwLockWriteGuard<()>;

/// Why a transfer that is given up after a moment did not succeed before.
#[derive(Debug)]
#[expect(dead_code, reason = "what is in it is written down by its Debug")]
enum Short {
    GivenUp,
    Ended(SendError),
}

impl Activity {
    /// A node that answers others. It starts nothing by itself until it is set to [work](Self::work).
    pub(crate) fn new(node: Node, favourite: Option<IdentityKey>) -> Result<Arc<Self>> {
        let pool = Pool::default();
        let (served, pooled) = (node.clone(), pool.clone());
        node.serve(DESK, Allow::Members, |inbox| desk(inbox, served, pooled))?;
        let receiver = node.receiver(StreamName::new(STREAM).context("a name of a stream")?)?;
        let activity = Arc::new(Self {
            node,
            ledger: Ledger::default(),
            pool,
            favourite,
            gate: Arc::default(),
            is_over: AtomicBool::new(false),
        });
        tokio::spawn(Arc::clone(&activity).receive(receiver));
        Ok(activity)
    }

    /// Starts operations from now on, in so many tasks.
    pub(crate) fn work(self: &Arc<Self>, workers: u32, rng: &mut StdRng) {
        for _ in 0..workers {
            let mut rng = StdRng::seed_from_u64(rng.next_u64());
            let activity = Arc::clone(self);
            tokio::spawn(async move {
                while !activity.is_over.load(Ordering::Acquire) {
                    {
                        let _pass = activity.pass().await;
                        activity.operate(&mut rng).await;
                    }
                    tokio::time::sleep(Duration::from_millis(rng.random_range(5..90))).await;
                }
            });
        }
    }

    /// Starts nothing more until the guard is dropped; resolves when all that was started has ended.
    pub(crate) async fn hush(&self) -> Quiet {
        let mut quiet = std::pin::pin!(Arc::clone(&self.gate).write_owned());
        match tokio::time::timeout(LONG, &mut quiet).await {
            Ok(quiet) => quiet,
            Err(_) => {
                eprintln!(
                    "{} s after the last start: {:?}",
                    LONG.as_secs(),
                    self.ledger.totals().under_way()
                );
                quiet.await
            }
        }
    }

    /// Leave to start something: quiet waits for it.
    pub(crate) async fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Resolves when nothing is under way, neither what this node has started nor what it receives.
    pub(crate) async fn settled(&self) {
        while self.ledger.totals().in_flight() > 0 {
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Starts nothing more, ever.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    async fn receive(self: Arc<Self>, mut receiver: Receiver) {
        while let Some(incoming) = receiver.recv().await {
            let activity = Arc::clone(&self);
            // Bounded by the windows of the sessions.
            tokio::spawn(async move {
                activity.ledger.watch("receive", TRANSFER_DEADLINE, check(incoming.body)).await;
            });
        }
    }

    /// Somebody else: one with whom there is a session, or any member.
    fn somebody(&self, rng: &mut StdRng) -> Option<IdentityKey> {
        if let Some(favourite) = self.favourite.filter(|_| rng.random_bool(0.65)) {
            return Some(favourite);
        }
        let own = self.node.identity();
        let mut known: Vec<_> =
            self.node.sessions().into_iter().map(|session| session.peer.identity).collect();
        if known.is_empty() || rng.random_bool(0.2) {
            known = self.node.members().iter().map(node::Member::identity).collect();
        }
        known.retain(|identity| *identity != own);
        (!known.is_empty()).then(|| known.swap_remove(rng.random_range(0..known.len())))
    }

    async fn operate(&self, rng: &mut StdRng) {
        let Some(peer) = self.somebody(rng) else { return };
        match rng.random_range(0..100_u32) {
            0..4 => {
                self.watch("connect", self.node.connect(peer)).await;
            }
            4..12 => {
                self.watch("ping", self.node.ping(peer)).await;
            }
            12..18 => {
                self.watch("services", self.node.services(peer)).await;
            }
            18..48 => self.speak(peer, rng).await,
            48..58 => self.borrow(peer, rng).await,
            58..70 => self.swap(peer).await,
            70..88 => self.tell(peer, rng).await,
            88..94 => self.stream(peer, rng).await,
            _ => self.node.disconnect(peer),
        }
    }

    async fn watch<T, E: std::fmt::Debug>(
        &self,
        kind: &str,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        self.ledger.watch(kind, OPERATION_DEADLINE, operation).await
    }

    async fn desk(&self, peer: IdentityKey) -> Option<Address<Desk>> {
        self.watch("look up", self.node.service(peer, DESK)).await
    }

    /// Tells an actor something, or asks it.
    async fn speak(&self, peer: IdentityKey, rng: &mut StdRng) {
        let Some(desk) = self.desk(peer).await else { return };
        for _ in 0..rng.random_range(1..20_u32) {
            if self.watch("actor send", desk.send(Desk::Note(rng.next_u64()))).await.is_none() {
                return;
            }
        }
        self.watch("actor send confirmed", desk.send_confirmed(Desk::Note(1))).await;
        let most = if rng.random_bool(0.05) { 512 * 1024 } else { 4 * 1024 };
        let mut bytes = vec![0; rng.random_range(0..most)];
        rng.fill_bytes(&mut bytes);
        let sent = bytes.clone();
        let asked = desk.ask(|reply| Desk::Echo(bytes, reply), ASK_TIMEOUT);
        if let Some(answer) = self.watch("ask", asked).await {
            let outcome = if answer == sent { Ok(()) } else { Err(crate::transfer::NotWhole::Damaged) };
            self.watch("compare", async { outcome }).await;
        }
    }

    /// Has a new actor made at another node, uses it, and lets go of it or ends it.
    async fn borrow(&self, peer: IdentityKey, rng: &mut StdRng) {
        let Some(desk) = self.desk(peer).await else { return };
        let Some(lent) = self.watch("borrow", desk.ask(Desk::Lend, ASK_TIMEOUT)).await else { return };
        self.watch("actor send", lent.send(Cell::Add(3))).await;
        self.watch("ask", lent.ask(Cell::Sum, ASK_TIMEOUT)).await;
        if rng.random_bool(0.5) {
            // Only one that has got the word must end: a session may be lost with it on the way.
            if self.watch("actor send confirmed", lent.send_confirmed(Cell::End)).await.is_some() {
                let ended = async { Ok::<_, Infallible>(lent.ended().await) };
                self.watch("watch the end", ended).await;
            }
        }
    }

    /// Passes the address of an actor of this node on, and uses one that a third has left.
    async fn swap(&self, peer: IdentityKey) {
        let Some(desk) = self.desk(peer).await else { return };
        let own = self.node.spawn_actor(cell);
        let swapped = desk.ask(|reply| Desk::Swap(own, reply), ASK_TIMEOUT);
        if let Some(Some(other)) = self.watch("swap", swapped).await {
            self.watch("send to a third", other.send(Cell::Add(1))).await;
            self.watch("ask a third", other.ask(Cell::Sum, ASK_TIMEOUT)).await;
        }
    }

    fn sender(&self, peer: IdentityKey) -> Option<Sender> {
        Some(self.node.sender(peer, StreamName::new(STREAM)?, StreamOptions::default()))
    }

    /// Sends small messages.
    async fn tell(&self, peer: IdentityKey, rng: &mut StdRng) {
        let Some(sender) = self.sender(peer) else { return };
        let mut message = || Pieces::new(rng.random_range(0..16_384), rng.next_u64()).whole();
        for _ in 0..8 {
            // Whoever cannot be reached now is not dialed eight times more: all others would wait for that to be quiet.
            if self.watch("send", sender.send(message())).await.is_none() {
                return;
            }
        }
        self.watch("send confirmed", sender.send_confirmed(message())).await;
    }

    /// Sends a large message in pieces, and gives it up now and then.
    async fn stream(&self, peer: IdentityKey, rng: &mut StdRng) {
        let Some(sender) = self.sender(peer) else { return };
        // 64 KiB to 16 MiB, small ones as often as large ones.
        let least = 1_u64 << rng.random_range(16..24_u32);
        let pieces = Pieces::new(rng.random_range(least..=2 * least), rng.next_u64());
        let given_up = rng.random_bool(0.15).then(|| Duration::from_millis(rng.random_range(0..40)));
        let transfer = async {
            let mut outgoing = sender.begin(pieces.left_bytes()).await?;
            for piece in pieces {
                outgoing.write(piece).await?;
            }
            outgoing.finish().await
        };
        match given_up {
            None => {
                self.ledger.watch("transfer", TRANSFER_DEADLINE, transfer).await;
            }
            Some(after) => {
                let bounded = async {
                    let ended = tokio::time::timeout(after, transfer).await;
                    ended.map_or(Err(Short::GivenUp), |outcome| outcome.map_err(Short::Ended))
                };
                self.watch("transfer given up", bounded).await;
            }
        }
    }
}
