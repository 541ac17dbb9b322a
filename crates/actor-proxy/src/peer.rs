//! One node as this node's actors see it: which of ours it knows, which of its we know, and what is under way.
//!
//! It outlives sessions, and ends with the boot of either node.

mod aftermath;
mod answers;
mod connection;
mod endings;
mod exports;
mod holding;
mod imports;
mod inquiries;
mod parked;
mod receive;
mod relayed;
mod sending;
mod time;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;
use std::time::Instant;

use crate::account::Account;
use crate::body::Format;
use crate::deadlines::Timer;
use crate::ended::Ended;
use crate::envelope::{Envelope, Head, Listed};
use crate::error::{PeerFault, SendError, ServiceError};
use crate::introductions::Introduced;
use crate::limits::MAX_CONTROL_BACKLOG_BYTES;
use crate::limits::MAX_SHARED_SCHEMAS;
use crate::node_id::{ActorId, NodeId};
use crate::outbox::{Lane, Outbox, Place};
use crate::proxy::Proxy;
use crate::reply::AnyReply;
use crate::shared::Core;
use crate::slot::Slot;
use crate::sync::lock;
use crate::table::{Handle, Slab, Tag, TagTable};

pub(crate) use aftermath::Aftermath;
pub use aftermath::Wakes;
pub(crate) use exports::Export;
pub(crate) use imports::Import;
use parked::Parked;
pub(crate) use receive::MAX_HEAD_BYTES;
pub(crate) use sending::{Draft, Offered};

/// One other node. Nothing that belongs to users is run or dropped under its lock: see [`Aftermath`].
pub(crate) struct Peer {
    pub(crate) node: NodeId,
    /// Among the peers of this node.
    pub(crate) number: u64,
    pub(crate) core: Arc<Core>,
    state: Mutex<State>,
}

/// ```text
///          somebody wants it          connected
///   Down ────────────────────▶ Wanted ──────────▶ Up
///    ▲  ◀──────unreachable───── │                  │ disconnected: what was under way is lost
///    └─────────────────────────────────────────────┘ (to Wanted, if somebody still wants it)
/// ```
/// From `Down`, too, when the peer dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Wanted,
    Up,
}

/// What is under the lock.
pub(crate) struct State {
    link: Link,
    /// Counts sessions: what an old one reports does not touch a new one.
    epoch: u64,
    /// The other process is gone for good, or ours shuts down.
    over: Option<Ended>,
    outbox: Outbox,
    /// Our actors that the peer knows, and where each stands.
    exports: TagTable<Export>,
    export_tags: HashMap<ExportKey, Tag>,
    /// Of exports that may come again while something of before is unread.
    accounts: HashMap<ExportKey, Weak<Account>>,
    /// How many of them there may be before those that nobody needs are looked for.
    max_accounts: usize,
    /// Exports that nobody holds, and until when they are kept.
    leases: BTreeSet<(Instant, Tag)>,
    /// The peer's actors that we know.
    imports: Slab<Import>,
    import_ids: HashMap<ActorId, Handle<Import>>,
    import_tags: HashMap<Tag, Handle<Import>>,
    incarnations: u32,
    schemas: HashSet<Arc<str>>,
    /// What we have asked.
    asks: TagTable<Pending>,
    /// One-time addresses of the peer that we have, those of earlier sessions included: they take room, too.
    open_replies: usize,
    /// Messages that wait for credit or room, over all imports.
    waiting: usize,
    /// What of all that is for other peers.
    relayed: relayed::Relayed,
    parked: Parked,
    monitors: usize,
    accepted: u32,
    /// The first words of the session were said.
    is_greeted: bool,
    /// The largest body that this node takes, and that the peer takes.
    own_body_limit: usize,
    body_limit: usize,
    /// The peer broke the protocol: its session is to be closed.
    fault: Option<PeerFault>,
    driver: Option<Waker>,
    /// The driver found nothing and was not woken since.
    asleep: bool,
    flushes: Vec<Flush>,
    /// Until when what the peer holds is kept without a session.
    absent_until: Option<Instant>,
    timer: Option<(Instant, Timer)>,
    /// Somebody else told of the peer, and there was no session with it so far.
    introduced: Option<Introduced>,
}

/// Names an actor or a way to one among the exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ExportKey {
    /// An actor of this node.
    Own(ActorId),
    /// The way to an actor of another peer.
    Way(u64, ActorId),
    /// The same by the name under which the importer knows it.
    Relay(ActorId),
}

/// Something the peer has to answer.
enum Pending {
    Reply { reply: Arc<dyn AnyReply>, format: Format, place: Place },
    Confirm { confirm: Confirm, place: Place },
    LookUp(Arc<Slot<Result<Arc<Proxy>, ServiceError>>>),
    List(Arc<Slot<Result<Vec<Listed>, ServiceError>>>),
}

/// Who wants to know that a message is in the far mailbox.
pub(crate) enum Confirm {
    Here(Arc<Slot<Result<(), SendError>>>),
    /// The peer for which this node passes on.
    Relay {
        peer: Arc<Peer>,
        ask: Tag,
        epoch: u64,
    },
}

struct Flush {
    ends: [u64; Lane::COUNT],
    slot: Arc<Slot<Result<(), SendError>>>,
}

impl Peer {
    pub(crate) fn new(
        core: &Arc<Core>,
        node: NodeId,
        (number, introduced): (u64, Option<Introduced>),
    ) -> Arc<Self> {
        let limits = &core.limits;
        let state = State {
            link: Link::Down,
            epoch: 0,
            over: None,
            outbox: Outbox::default(),
            exports: TagTable::new(core.new_key(), limits.max_exports),
            export_tags: HashMap::new(),
            accounts: HashMap::new(),
            max_accounts: 256,
            leases: BTreeSet::new(),
            imports: Slab::new(),
            import_ids: HashMap::new(),
            import_tags: HashMap::new(),
            incarnations: 0,
            schemas: HashSet::new(),
            asks: TagTable::new(core.new_key(), limits.max_asks),
            open_replies: 0,
            waiting: 0,
            relayed: relayed::Relayed::default(),
            parked: Parked::default(),
            monitors: 0,
            accepted: 0,
            is_greeted: false,
            own_body_limit: limits.max_body_bytes,
            body_limit: limits.max_body_bytes,
            fault: None,
            driver: None,
            asleep: true,
            flushes: Vec::new(),
            absent_until: None,
            timer: None,
            introduced,
        };
        Arc::new(Self { node, number, core: Arc::clone(core), state: Mutex::new(state) })
    }

    /// Works under the lock, then does what must not be done under it.
    fn with<T>(self: &Arc<Self>, work: impl FnOnce(&mut State, &mut Aftermath) -> T) -> T {
        let (result, wakes) = self.with_wakes(work);
        wakes.wake();
        result
    }

    /// As `with`, and leaves the waking to the caller.
    fn with_wakes<T>(self: &Arc<Self>, work: impl FnOnce(&mut State, &mut Aftermath) -> T) -> (T, Wakes) {
        let mut after = Aftermath::default();
        let mut state = lock(&self.state);
        let result = work(&mut state, &mut after);
        let has_news = !state.outbox.is_empty() || state.fault.is_some();
        if state.asleep && has_news && state.link == Link::Up {
            state.asleep = false;
            after.wakes.extend(state.driver.clone());
        }
        after.wakes.extend(self.set_timer(&mut state));
        drop(state);
        (result, after.settle(self))
    }

    /// What may be in a body that goes to the peer, in bytes.
    pub(crate) fn body_limit(&self) -> usize {
        lock(&self.state).body_limit
    }
}

impl State {
    fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// Whether the peer reads what it is told, and how it broke the protocol if it did.
    fn check_fault(&mut self) -> Result<(), PeerFault> {
        if self.outbox.bytes_of(Lane::CONTROL) > MAX_CONTROL_BACKLOG_BYTES {
            self.fault = Some(PeerFault::Unread);
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// Whatever caused it: a peer that does not read what it is told breaks the protocol, and is told no more.
    fn say(&mut self, news: &Envelope) {
        if self.link == Link::Up {
            self.greet();
            if self.check_fault().is_err() {
                return;
            }
            let head = Head::news(news);
            self.outbox.push(Lane::CONTROL, head.as_bytes(), &[]);
        }
    }

    /// The text of a schema, which many addresses of the peer have in common.
    fn share_schema(&mut self, schema: &str) -> Arc<str> {
        if let Some(shared) = self.schemas.get(schema) {
            return Arc::clone(shared);
        }
        let schema: Arc<str> = schema.into();
        if self.schemas.len() < MAX_SHARED_SCHEMAS {
            self.schemas.insert(Arc::clone(&schema));
        }
        schema
    }
}
