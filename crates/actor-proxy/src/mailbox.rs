//! Where the messages of one actor wait.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use crate::allow::Allow;
use crate::body::Format;
use crate::ended::Ended;
use crate::error::SendError;
use crate::local::{AnyMailbox, LinePlace};
use crate::node_id::{ActorId, NodeId};
use crate::parcel::{Parcel, Received};
use crate::peer::Peer;
use crate::run::Run;
use crate::schema::{Message, Schema};
use crate::shared::Core;
use crate::slot::Slot;
use crate::sync::tried::{AtomicUsize, Mutex, Ordering, lock};
use crate::table::Tag;

/// Messages of this node accepted at once between two turns of other tasks.
const MESSAGES_BETWEEN_YIELDS: u32 = 256;

/// A mailbox: many senders, one reader.
///
/// ```text
///   Open ──last address dropped──▶ Open, unreachable ──drained──▶ the reader hears `None`
///    └──withdrawn──▶ Ended(Withdrawn) ──drained──▶ the reader hears `None`
///    └──reader dropped──▶ Ended(Finished, or Panicked while its task panics): what waits is refused
/// ```
pub(crate) struct Mailbox<M> {
    pub(crate) core: Arc<Core>,
    terms: Terms,
    id: OnceLock<ActorId>,
    addresses: AtomicUsize,
    state: Mutex<State<M>>,
}

/// How others may speak with an actor.
pub(crate) struct Terms {
    pub(crate) format: Format,
    pub(crate) direct_only: bool,
    /// `None`: whoever was given the address.
    pub(crate) allow: Option<Allow>,
    /// Messages of this node that may wait.
    pub(crate) capacity: usize,
}

struct State<M> {
    queue: VecDeque<Item<M>>,
    /// How many of the queue are from this node: the others are bounded by credit.
    local: usize,
    reader: Option<Waker>,
    waiting: VecDeque<Waiting<M>>,
    accepted: u32,
    ended: Option<Ended>,
    watchers: Vec<Weak<Slot<Ended>>>,
    exports: Vec<(Weak<Peer>, Tag)>,
}

/// A message in a mailbox.
pub(crate) enum Item<M> {
    Local(M),
    Remote(Received),
    Run(Run),
}

/// A message of this node that waits for room.
struct Waiting<M> {
    message: M,
    slot: LinePlace,
}

/// What became of a message.
pub(crate) enum Pushed<M> {
    /// It is in the queue; `true`: it is time to let other tasks have their turn.
    Accepted(bool),
    Full(M),
    Ended(Ended),
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(core: Arc<Core>, terms: Terms) -> Arc<Self> {
        let state = State {
            queue: VecDeque::new(),
            local: 0,
            reader: None,
            waiting: VecDeque::new(),
            accepted: 0,
            ended: None,
            watchers: Vec::new(),
            exports: Vec::new(),
        };
        let (id, addresses) = (OnceLock::new(), AtomicUsize::new(0));
        Arc::new(Self { core, terms, id, addresses, state: Mutex::new(state) })
    }

    /// Puts a message in if there is room.
    pub(crate) fn push(&self, message: M) -> Pushed<M> {
        let mut state = lock(&self.state);
        if let Some(ended) = &state.ended {
            return Pushed::Ended(ended.clone());
        }
        if state.local >= self.terms.capacity || !state.waiting.is_empty() {
            return Pushed::Full(message);
        }
        state.queue.push_back(Item::Local(message));
        state.local += 1;
        state.accepted = state.accepted.wrapping_add(1);
        let pause = state.accepted.is_multiple_of(MESSAGES_BETWEEN_YIELDS);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Pushed::Accepted(pause)
    }

    /// Puts a message into the line; the slot tells when it is in the queue.
    pub(crate) fn enqueue(&self, message: M) -> Result<LinePlace, SendError> {
        let slot = Arc::new(Slot::new());
        let mut state = lock(&self.state);
        if let Some(ended) = &state.ended {
            return Err(ended.clone().into());
        }
        if state.waiting.len() >= self.core.limits.max_waiting {
            return Err(SendError::TooManyWaiting { limit: self.core.limits.max_waiting });
        }
        state.waiting.push_back(Waiting { message, slot: Arc::clone(&slot) });
        let woken = state.advance(self.terms.capacity);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        Ok(slot)
    }

    /// Takes a message out of the line again.
    pub(crate) fn cancel(&self, slot: &LinePlace) {
        let mut state = lock(&self.state);
        let at = state.waiting.iter().position(|waiting| Arc::ptr_eq(&waiting.slot, slot));
        let taken = at.and_then(|at| state.waiting.remove(at));
        drop(state);
        drop(taken);
    }

    /// Takes everything into `taken`, which is empty. `false`: nothing will come any more.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>, taken: &mut VecDeque<Item<M>>) -> Poll<bool> {
        let mut state = lock(&self.state);
        if !state.queue.is_empty() {
            std::mem::swap(&mut state.queue, taken);
            state.local = 0;
            let woken =
                if state.waiting.is_empty() { Vec::new() } else { state.advance(self.terms.capacity) };
            drop(state);
            woken.into_iter().for_each(Waker::wake);
            return Poll::Ready(true);
        }
        if state.ended.is_some() || self.addresses.load(Ordering::Acquire) == 0 {
            return Poll::Ready(false);
        }
        match &mut state.reader {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes what is there, without waiting.
    pub(crate) fn take_now(&self, taken: &mut VecDeque<Item<M>>) {
        let mut state = lock(&self.state);
        std::mem::swap(&mut state.queue, taken);
        state.local = 0;
        let woken = state.advance(self.terms.capacity);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Resolves with the reason when the actor has ended.
    pub(crate) fn watch(&self) -> Result<Arc<Slot<Ended>>, Ended> {
        let mut state = lock(&self.state);
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        let slot = Arc::new(Slot::new());
        state.watchers.retain(|watcher| watcher.strong_count() > 0);
        state.watchers.push(Arc::downgrade(&slot));
        Ok(slot)
    }

    /// Refuses what waits: the reader is gone.
    pub(crate) fn abandon(&self, why: Ended) {
        self.end(why.clone());
        let queue = std::mem::take(&mut lock(&self.state).queue);
        refuse(queue, &why);
    }
}

/// Tells whoever waits for answers of messages that nobody will read.
pub(crate) fn refuse<M>(items: VecDeque<Item<M>>, why: &Ended) {
    for item in items {
        // A local message takes its questions along: they end as `NoReply`.
        if let Item::Remote(received) = item {
            let Received { parcel, toll, .. } = received;
            parcel.refuse(&crate::error::AskError::Ended(why.clone()));
            drop(toll);
        }
    }
}

impl<M> State<M> {
    /// Moves what waits into the room that there is.
    fn advance(&mut self, capacity: usize) -> Vec<Waker> {
        let mut woken = Vec::new();
        while self.local < capacity {
            let Some(Waiting { message, slot }) = self.waiting.pop_front() else { break };
            self.queue.push_back(Item::Local(message));
            self.local += 1;
            woken.extend(slot.set(Ok(())));
        }
        if !woken.is_empty() || !self.queue.is_empty() {
            woken.extend(self.reader.take());
        }
        woken
    }
}

impl<M: Message> AnyMailbox for Mailbox<M> {
    fn schema(&self) -> Schema {
        M::SCHEMA
    }

    fn format(&self) -> Format {
        self.terms.format
    }

    fn is_direct_only(&self) -> bool {
        self.terms.direct_only
    }

    fn is_guarded(&self) -> bool {
        !matches!(self.terms.allow, None | Some(Allow::Members))
    }

    fn permits(&self, node: &NodeId) -> bool {
        self.terms.allow.as_ref().is_none_or(|allow| allow.permits(node))
    }

    fn id(&self) -> ActorId {
        *self.id.get_or_init(|| self.core.new_id())
    }

    fn deliver(&self, received: Received) -> Result<Option<Waker>, (Box<Received>, Ended)> {
        let mut state = lock(&self.state);
        if let Some(ended) = &state.ended {
            let ended = ended.clone();
            drop(state);
            return Err((Box::new(received), ended));
        }
        state.queue.push_back(Item::Remote(received));
        Ok(state.reader.take())
    }

    fn deliver_run(&self, run: Run) -> Result<Option<Waker>, Ended> {
        let mut state = lock(&self.state);
        if let Some(ended) = &state.ended {
            let ended = ended.clone();
            drop(state);
            drop(run);
            return Err(ended);
        }
        state.queue.push_back(Item::Run(run));
        Ok(state.reader.take())
    }

    fn take_in(&self, parcel: Parcel) -> Result<Option<LinePlace>, SendError> {
        let message = parcel.open().map_err(|_| SendError::Malformed)?;
        match self.push(message) {
            Pushed::Accepted(_) => Ok(None),
            Pushed::Full(message) => self.enqueue(message).map(Some),
            Pushed::Ended(ended) => Err(ended.into()),
        }
    }

    fn leave_line(&self, place: &LinePlace) {
        self.cancel(place);
    }

    fn ended(&self) -> Option<Ended> {
        lock(&self.state).ended.clone()
    }

    fn end(&self, why: Ended) {
        let mut state = lock(&self.state);
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(why.clone());
        let waiting = std::mem::take(&mut state.waiting);
        let watchers = std::mem::take(&mut state.watchers);
        let exports = std::mem::take(&mut state.exports);
        let reader = state.reader.take();
        drop(state);
        let mut woken: Vec<Waker> = reader.into_iter().collect();
        woken.extend(waiting.iter().filter_map(|waiting| waiting.slot.set(Err(why.clone().into()))));
        woken.extend(watchers.iter().filter_map(Weak::upgrade).filter_map(|slot| slot.set(why.clone())));
        drop(waiting);
        for (peer, tag) in exports {
            if let Some(peer) = peer.upgrade() {
                peer.actor_ended(tag, &why);
            }
        }
        if let Some(id) = self.id.get() {
            self.core.forget_actor(id);
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn tell(&self, peer: Weak<Peer>, tag: Tag) -> Result<(), Ended> {
        let mut state = lock(&self.state);
        match &state.ended {
            Some(ended) => Err(ended.clone()),
            None => {
                state.exports.push((peer, tag));
                Ok(())
            }
        }
    }

    fn forget(&self, peer: &Arc<Peer>, tag: Tag) {
        let mut state = lock(&self.state);
        state.exports.retain(|(other, its)| *its != tag || !std::ptr::eq(other.as_ptr(), Arc::as_ptr(peer)));
    }

    fn address_added(&self) {
        self.addresses.fetch_add(1, Ordering::AcqRel);
    }

    fn address_found(&self) -> bool {
        let more = |count: usize| (count > 0).then(|| count + 1);
        self.addresses.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn address_dropped(&self) {
        if self.addresses.fetch_sub(1, Ordering::AcqRel) == 1 {
            let reader = lock(&self.state).reader.take();
            reader.into_iter().for_each(Waker::wake);
        }
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

#[cfg(all(test, loom))]
mod interleaving_tests;
