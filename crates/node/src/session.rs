//! One session, as its users and its driver share it.

mod driver;
mod lazy_exchange;
mod operation;
mod routes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Instant;

use actor_proxy::{Actors, Exchange, Former, NodeId};
use endpoint::PeerId;
use link::{CloseReason, OperationId, Outcome, SendError, StreamId, StreamName, StreamOptions, Tx, TxEvent};

use x3dh_handshake::{BootId, Role};

pub(crate) use driver::{Driver, Parts};
use lazy_exchange::LazyExchange;
pub(crate) use operation::{Operation, PingReply};

use crate::sync::lock;

/// Messages accepted at once between two looks at a task's budget: looking costs as much as a small message.
const MESSAGES_BETWEEN_LOOKS: u32 = 32;

/// One session: what its senders, the node's control plane and its driver reach it by.
///
/// The lock is held for short calls only; nobody encrypts, writes or wakes under it, and the only lock taken under it is
/// that of the session's peer of actors.
pub(crate) struct Session {
    peer: PeerId,
    role: Role,
    boot: BootId,
    half: Mutex<Half>,
    /// What actors say, while the session is up.
    exchange: LazyExchange,
}

/// The sending half, and who waits for what.
pub(crate) struct Half {
    pub(crate) tx: Tx,
    /// The driver's task.
    driver: Option<Waker>,
    operations: BTreeMap<OperationId, Slot>,
    pings: BTreeMap<u64, Slot>,
    /// How many senders use each stream.
    users: BTreeMap<StreamId, usize>,
    next_ping: u64,
    /// Whoever waits until everything accepted has left.
    flushed: Option<Waker>,
    last_used: Instant,
    order: Option<Order>,
    /// Messages accepted at once since the session began.
    accepted: u32,
}

/// What the control plane wants of the driver, beyond what the sending half says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say farewell with this reason, then end.
    Close(CloseReason),
    /// End without a word.
    Abort,
}

/// Where the outcome of one operation is left for whoever waits for it.
#[derive(Default)]
struct Slot {
    outcome: Option<Outcome>,
    /// A message supplied in pieces has room for more.
    hungry: bool,
    waker: Option<Waker>,
}

/// Tasks to wake once the lock is released.
#[derive(Default)]
#[must_use]
pub(crate) struct Wakes {
    driver: Option<Waker>,
    others: Vec<Waker>,
}

impl Session {
    pub(crate) fn new(peer: PeerId, boot: BootId, role: Role, tx: Tx, now: Instant) -> Self {
        let half = Half {
            tx,
            driver: None,
            operations: BTreeMap::new(),
            pings: BTreeMap::new(),
            users: BTreeMap::new(),
            next_ping: 1,
            flushed: None,
            last_used: now,
            order: None,
            accepted: 0,
        };
        Self { peer, role, boot, half: Mutex::new(half), exchange: LazyExchange::default() }
    }

    pub(crate) fn peer(&self) -> PeerId {
        self.peer
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The far process, as actors name it.
    pub(crate) fn node(&self) -> NodeId {
        let PeerId { identity, device } = self.peer;
        NodeId { member: *identity.as_bytes(), device: *device.as_bytes(), boot: self.boot.0 }
    }

    /// The session is up, and actors may speak in it.
    pub(crate) fn allow_actors(&self, actors: &Actors) -> Former {
        let former = self.exchange.allow(actors, self.node());
        self.nudge();
        former
    }

    /// Whether the session has come up, and has not ended.
    pub(crate) fn allows_actors(&self) -> bool {
        self.exchange.is_allowed()
    }

    /// What actors say, from now on if they have said nothing yet; `None` unless the session is up and stays.
    pub(crate) fn begin_exchange(&self, actors: &Actors) -> Option<Arc<Exchange>> {
        let exchange = self.exchange.begin(actors, self.node())?;
        // The driver may not know of it yet.
        self.nudge();
        Some(exchange)
    }

    /// What actors say, if they have said anything.
    pub(crate) fn exchange(&self) -> Option<Arc<Exchange>> {
        self.exchange.get()
    }

    /// Actors speak in this session no more.
    pub(crate) fn close_exchange(&self) {
        self.exchange.end();
    }

    /// Works on the sending half, then wakes whom it may concern.
    #[inline]
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Half) -> T) -> T {
        let mut half = lock(&self.half);
        let result = work(&mut half);
        // Most calls put one more message into an open packet, and concern nobody.
        if half.tx.has_news() || half.flushed.is_some() || !half.pings.is_empty() {
            Self::settle(half);
        }
        result
    }

    #[inline(never)]
    fn settle(mut half: MutexGuard<'_, Half>) {
        let mut wakes = half.settle();
        if half.tx.take_wake() {
            wakes.driver.clone_from(&half.driver);
        }
        drop(half);
        wakes.wake();
    }

    /// Gives the driver an order. Nothing more is accepted from this moment on, and no exchange begins.
    pub(crate) fn order(&self, order: Order) {
        self.exchange.shut();
        self.with(|half| {
            match order {
                Order::Close(reason) => half.tx.close(reason),
                Order::Abort => half.tx.fail(),
            }
            if half.order != Some(Order::Abort) {
                half.order = Some(order);
            }
        });
        self.nudge();
    }

    /// Lets the driver look around: credit is due, or a deadline has passed.
    pub(crate) fn nudge(&self) {
        let driver = lock(&self.half).driver.clone();
        driver.into_iter().for_each(Waker::wake);
    }

    /// When it was last used. Whoever waits for something uses it.
    pub(crate) fn last_used(&self, now: Instant) -> Instant {
        let awaited = self.exchange().is_some_and(|exchange| exchange.is_awaited());
        let half = lock(&self.half);
        if awaited || half.is_awaited() { now } else { half.last_used }
    }

    /// Resolves when everything that was accepted has left and was acknowledged where somebody waits for that, or the
    /// session has ended.
    pub(crate) async fn flushed(&self) {
        std::future::poll_fn(|context| {
            let mut half = lock(&self.half);
            if half.tx.is_closed() || half.tx.is_idle() {
                return std::task::Poll::Ready(());
            }
            half.flushed = Some(context.waker().clone());
            std::task::Poll::Pending
        })
        .await;
    }
}

impl Half {
    /// Opens a stream for one more sender.
    pub(crate) fn use_stream(
        &mut self,
        name: &StreamName,
        options: StreamOptions,
    ) -> Result<StreamId, SendError> {
        let stream = self.tx.open_stream(name, options)?;
        self.use_again(stream);
        Ok(stream)
    }

    pub(crate) fn use_again(&mut self, stream: StreamId) {
        *self.users.entry(stream).or_default() += 1;
    }

    /// A sender is done with a stream; what it has sent there still leaves.
    pub(crate) fn leave_stream(&mut self, stream: StreamId) {
        let Some(users) = self.users.get_mut(&stream) else { return };
        *users -= 1;
        if *users == 0 {
            self.users.remove(&stream);
            self.tx.end_stream(stream);
        }
    }

    /// Counts a message accepted at once; `true` when its sender should look whether other tasks wait for their turn.
    pub(crate) fn is_time_to_look(&mut self) -> bool {
        self.accepted = self.accepted.wrapping_add(1);
        self.accepted.is_multiple_of(MESSAGES_BETWEEN_LOOKS)
    }

    /// Whether the peer owes something: an answer, or the credit that what was accepted still needs.
    fn is_awaited(&self) -> bool {
        !self.operations.is_empty() || !self.pings.is_empty() || !self.tx.is_idle()
    }

    /// Hands out what happened to operations.
    fn settle(&mut self) -> Wakes {
        let mut wakes = Wakes::default();
        while let Some(event) = self.tx.poll_event() {
            match event {
                TxEvent::Done { operation, outcome } => {
                    if let Some(slot) = self.operations.get_mut(&operation) {
                        slot.outcome = Some(outcome);
                        wakes.others.extend(slot.waker.take());
                    }
                }
                TxEvent::Hungry { operation } => {
                    if let Some(slot) = self.operations.get_mut(&operation) {
                        slot.hungry = true;
                        wakes.others.extend(slot.waker.take());
                    }
                }
                TxEvent::Pong { number } => self.answer_pings(number, Outcome::Confirmed, &mut wakes),
                // An event that concerns nobody here.
                _ => {}
            }
        }
        if self.tx.is_closed() && !self.pings.is_empty() {
            self.answer_pings(u64::MAX, Outcome::Lost { maybe_delivered: false }, &mut wakes);
        }
        if self.flushed.is_some() && (self.tx.is_closed() || self.tx.is_idle()) {
            wakes.others.extend(self.flushed.take());
        }
        wakes
    }

    /// Of several pings that wait together the last is answered for all.
    fn answer_pings(&mut self, up_to: u64, outcome: Outcome, wakes: &mut Wakes) {
        for (_, slot) in self.pings.range_mut(..=up_to).filter(|(_, slot)| slot.outcome.is_none()) {
            slot.outcome = Some(outcome);
            wakes.others.extend(slot.waker.take());
        }
    }
}

impl Wakes {
    fn wake(self) {
        self.driver.into_iter().for_each(Waker::wake);
        self.others.into_iter().for_each(Waker::wake);
    }
}
