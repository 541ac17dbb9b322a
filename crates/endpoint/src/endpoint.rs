//! The control plane of one node.

mod admission;
mod connect;
mod dialing;
mod sessions;
mod standing;
mod tables;
mod tickets;
mod timeouts;

#[cfg(test)]
mod tests;

pub use admission::Accepted;
pub use connect::Urgency;
pub use tickets::Admittance;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand_core::CryptoRng;

use crate::action::Action;
use crate::answered::Departed;
use crate::cause::{Journal, Noted};
use crate::config::Config;
use crate::guard::{MAX_METERED_MEMBERS, Meter};
use crate::id::{AttemptId, PathId, PeerId, SessionId, WaiterId};
use crate::jitter::Jitter;
use crate::path::PathFacts;
use crate::peer::{Contact, Peer};
use crate::session::{Session, Stage};
use crate::timers::Timers;
use membership::{Members, TicketBook};
use x3dh_handshake::{IdentityKey, Psk, Role, Tag, TicketId};

/// The control plane of one node: its peers, their sessions, the paths that carry them, and every deadline.
///
/// Four families of calls, in any order:
///
/// * **Getters**: [`session_with`](Self::session_with), [`sessions`](Self::sessions), [`causes`](Self::causes), …
/// * **Commands** of the application: [`connect`](Self::connect), [`cancel`](Self::cancel),
///   [`disconnect`](Self::disconnect), [`set_members`](Self::set_members), [`shutdown`](Self::shutdown).
/// * **Inputs** from paths and their handshakes: [`path_opened`](Self::path_opened),
///   [`dial_failed`](Self::dial_failed), [`established`](Self::established), [`accept`](Self::accept),
///   [`admit`](Self::admit), [`confirmed`](Self::confirmed), [`handshake_failed`](Self::handshake_failed),
///   [`path_lost`](Self::path_lost), [`session_used`](Self::session_used), [`closed_by_peer`](Self::closed_by_peer),
///   [`handle_timeout`](Self::handle_timeout).
/// * **Outputs**: [`poll_action`](Self::poll_action) until it is empty, after every call;
///   [`poll_timeout`](Self::poll_timeout) then says when to call `handle_timeout` next. [`poll_noted`](Self::poll_noted)
///   for an owner who keeps causes.
///
/// Every call is short and does no cryptography: the Diffie-Hellmans are done by [`Outbound`](crate::Outbound) and
/// [`Inbound`](crate::Inbound) in the task that owns the path, outside of any lock. Inputs about things that are gone
/// are ignored, as they cross with actions on their way.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    local: PeerId,
    members: Arc<Members>,
    /// The tickets that we have issued.
    tickets: TicketBook,
    /// The tickets that we present to others.
    offers: BTreeMap<IdentityKey, (TicketId, Psk)>,
    /// On the heap each: a node of the map has room for eleven, used or not.
    peers: BTreeMap<PeerId, Box<Peer>>,
    /// What is remembered of devices that are none of them.
    departed: Departed,
    paths: BTreeMap<PathId, Path>,
    sessions: BTreeMap<SessionId, Session>,
    attempts: BTreeMap<AttemptId, PeerId>,
    waiters: BTreeMap<WaiterId, PeerId>,
    /// Accepted paths whose handshake is neither proven nor over; the oldest, which is the least, gives way.
    knocking: BTreeSet<PathId>,
    /// Tags that find a handshake or a session of ours.
    tags: BTreeSet<Tag>,
    unconfirmed: usize,
    timers: Timers,
    actions: VecDeque<Action>,
    strangers: Journal,
    /// What was noted and not taken yet, of peers and of strangers.
    noted: VecDeque<(Option<PeerId>, Noted)>,
    jitter: Jitter,
    member_rate: Meter<IdentityKey>,
    last_id: u64,
    closing: bool,
}

/// A path and what it is for.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) facts: PathFacts,
    pub(crate) stage: PathStage,
}

/// ```text
///   path_opened ──> Dialed ──────────── established, Live ──┐
///                     │ failed, abandoned, turn over        │
///                     ▼                                     ▼
///                  (closed) <──────── lost, ended ────── Carrying
///                     ▲                                     ▲
///                     │ deadline, crowded out               │ admitted: Answer
///   accept ──────> Knocking ────────────────────────────────┤
///                     │    └─ admitted, but our own first ──> Parked
///                     │ refused                    │ packet is in flight
///                     ▼                            │ our own dial went ahead
///                   Silent <───────────────────────┘
/// ```
/// A path that was refused stays open to the deadline of its handshake: nobody can tell from the time it takes what
/// the refusal was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStage {
    /// Ours; its handshake waits for its turn or is in flight.
    Dialed { attempt: AttemptId },
    /// Theirs; its handshake is not proven yet.
    Knocking { deadline: Instant },
    /// Theirs, proven; answered only if our own handshake fails. On the heap: few paths ever are, and all have its room.
    Parked { peer: Box<PeerId>, deadline: Instant },
    /// Theirs, refused.
    Silent,
    /// Carries a session, confirmed or not.
    Carrying { session: SessionId },
}

impl Endpoint {
    /// The endpoint of the device `local` among `members`.
    ///
    /// `rng` only seeds the jitter of redials, and the table of how often each member comes.
    #[must_use]
    pub fn new(config: Config, local: PeerId, members: Arc<Members>, rng: &mut dyn CryptoRng) -> Self {
        let jitter = Jitter::new(rng.next_u64());
        let seed = [rng.next_u64(), rng.next_u64()];
        let member_rate = Meter::new(config.member_rate, MAX_METERED_MEMBERS, seed);
        Self {
            config,
            local,
            members,
            tickets: TicketBook::default(),
            offers: BTreeMap::new(),
            peers: BTreeMap::new(),
            departed: Departed::default(),
            paths: BTreeMap::new(),
            sessions: BTreeMap::new(),
            attempts: BTreeMap::new(),
            waiters: BTreeMap::new(),
            knocking: BTreeSet::new(),
            tags: BTreeSet::new(),
            unconfirmed: 0,
            timers: Timers::default(),
            actions: VecDeque::new(),
            strangers: Journal::default(),
            jitter,
            member_rate,
            noted: VecDeque::new(),
            last_id: 0,
            closing: false,
        }
    }

    /// The device this endpoint speaks for.
    #[must_use]
    pub fn local(&self) -> PeerId {
        self.local
    }

    /// The members as of the last [`set_members`](Self::set_members).
    #[must_use]
    pub fn members(&self) -> &Arc<Members> {
        &self.members
    }

    /// The session that carries traffic with the peer now, if there is one.
    #[must_use]
    pub fn session_with(&self, peer: &PeerId) -> Option<SessionId> {
        match self.peers.get(peer)?.contact {
            Contact::Live(session) => Some(session),
            Contact::Down | Contact::Dialing(_) => None,
        }
    }

    /// The sessions that carry traffic now, oldest first, and who is at their other ends.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, PeerId)> {
        let live = self.sessions.iter().filter(|(_, session)| session.stage == Stage::Live);
        live.map(|(id, session)| (*id, session.peer))
    }

    /// Which end of the session dialed; `None` if there is no such session, confirmed or not.
    #[must_use]
    pub fn role(&self, session: SessionId) -> Option<Role> {
        self.sessions.get(&session).map(|session| session.role)
    }

    /// What is known about a path.
    #[must_use]
    pub fn path(&self, path: PathId) -> Option<&PathFacts> {
        self.paths.get(&path).map(|path| &path.facts)
    }

    /// The last things that went wrong with a member, oldest first.
    #[must_use]
    pub fn causes(&self, identity: &IdentityKey) -> Vec<Noted> {
        let devices = self.peers.iter().filter(|(id, _)| id.identity == *identity);
        let mut causes: Vec<_> = devices.flat_map(|(_, peer)| peer.journal.entries().cloned()).collect();
        causes.sort_by_key(|noted| noted.at);
        causes
    }

    /// The last handshakes that failed before anybody had proven who they are, oldest first.
    #[must_use]
    pub fn stranger_causes(&self) -> Vec<Noted> {
        self.strangers.entries().cloned().collect()
    }

    #[cfg(test)]
    fn known_peers(&self) -> usize {
        self.peers.len()
    }

    /// Whether nothing is under way: no path, session, dial or waiter, and no deadline.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.paths.is_empty()
            && self.sessions.is_empty()
            && self.attempts.is_empty()
            && self.waiters.is_empty()
            && self.knocking.is_empty()
            && self.tags.is_empty()
            && self.unconfirmed == 0
            && self.timers.is_empty()
            && self
                .peers
                .values()
                .all(|peer| matches!(peer.contact, Contact::Down) && peer.unconfirmed.is_none())
    }

    /// The next thing to do. Call until `None`, after every other call.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next cause that was noted: of a peer, or of a stranger. For an owner who keeps them; the last
    /// [`MAX_NOTED`](crate::config::MAX_NOTED) wait for being taken.
    pub fn poll_noted(&mut self) -> Option<(Option<PeerId>, Noted)> {
        self.noted.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` is never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}
