//! One end of a connection (PROTOCOL §14.4 to §14.6).

use std::{collections::VecDeque, fmt, time::Instant};

mod answer;
mod commands;
mod dial;
mod inputs;

pub use dial::Call;

use super::{
    agent::AgentSecret,
    event::{Agent, End, Event},
    exchange::Exchange,
    limits::{Limits, MAX_MESSAGE_BYTES, MAX_UNPROVEN_PACKET_BYTES},
    packet::{LENGTH_BYTES, Reason, Record},
    transport::Transport,
};
use crate::{
    aead::TAG_BYTES,
    error::Error,
    keys::{IdentityKey, StaticKey},
    session::Role,
};

/// Kind, tag, and the byte in front of a message.
const MESSAGE_OVERHEAD_BYTES: usize = 1 + TAG_BYTES + 1;
/// The shortest limit for a packet of an open connection: a CLOSE has to fit.
const MIN_OPEN_PACKET_BYTES: usize = MESSAGE_OVERHEAD_BYTES + 1;

/// One end of one connection, as initiator or as responder.
///
/// Methods may be called in any order:
///
/// * getters: [`phase`](Self::phase), [`unconfirmed`](Self::unconfirmed);
/// * commands: [`admit`](Self::admit), [`refuse`](Self::refuse), [`send`](Self::send), [`close`](Self::close);
/// * inputs: [`handle_length`](Self::handle_length), [`handle_packet`](Self::handle_packet),
///   [`handle_end`](Self::handle_end), [`handle_timeout`](Self::handle_timeout);
/// * outputs: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event),
///   [`poll_timeout`](Self::poll_timeout).
pub struct Connection {
    role: Role,
    agent: AgentSecret,
    limits: Limits,
    state: State,
    /// Of the handshake, whatever comes between.
    deadline: Instant,
    unsent: VecDeque<Vec<u8>>,
    /// At most the few of one packet: the next one is not taken before they are.
    events: VecDeque<Event>,
}

/// ```text
/// responder                  I ┌────────────────┐ admit: A
///                   ┌─────────▶│ AskedForTicket │─────────┐
///              ┌────┴─────┐    └────────────────┘         ▼           T                      close, idle
///   accept ───▶│ Accepted │                        ┌─────────────┐ opens ┌──────┐ : CLOSE ┌─────────┐
///              └────┬─────┘                        │ Unconfirmed │──────▶│ Open │────────▶│ Closing │
///                   │ N ┌─────────┐ K ┌───────┐    └─────────────┘       └──┬───┘         └────┬────┘
///                   └──▶│ Claimed │──▶│ Asked │───────────▲                 │ CLOSE: CLOSE     │ CLOSE, end, time
///                       └─────────┘   └───────┘ admit: A  │                 ▼                  ▼
///                                                                        Closed ◀──────────────┘
/// initiator    ┌─────────┐ A opens: T
///   dial ─────▶│ Pending │────────────▶ Open, and on as above
///              └─────────┘
/// everything that is not drawn leads to Closed, in silence
/// ```
enum State {
    Accepted,
    /// Somebody has claimed to be an agent.
    Claimed(Claim),
    /// And has sent what may show it. Nothing of it was looked at yet.
    Asked(Claim, Vec<u8>),
    AskedForTicket(Box<Introduced>),
    Unconfirmed(Box<Unconfirmed>),
    Pending(Box<Pending>),
    Open(Box<Open>),
    /// This end has said CLOSE, for this reason.
    Closing(Box<Open>, Reason),
    Closed,
}

/// What N says.
struct Claim {
    agent: IdentityKey,
    static_key: StaticKey,
    prologue: Vec<u8>,
}

/// Who has sent I.
struct Introduced {
    exchange: Exchange,
    agent: Agent,
    counter: u64,
    early: Vec<u8>,
}

/// There are keys, and the initiator has not shown that it is there.
struct Unconfirmed {
    open: Open,
    counter: u64,
    early: Vec<u8>,
}

/// The initiator waits for A.
struct Pending {
    exchange: Exchange,
    agent: Agent,
    counter: u64,
}

struct Open {
    transport: Transport,
    peer: Agent,
    max_received_bytes: usize,
    max_sent_bytes: usize,
    /// The last T in either direction; of a closing connection its CLOSE.
    last_use: Instant,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A responder to which nothing was said yet.
    Accepted,
    /// A responder to which N has named an agent.
    Claimed,
    /// A responder that has to be told whether the agent named is known.
    Asked,
    /// A responder that has to be told whether a ticket is good.
    AskedForTicket,
    /// A responder that has answered and not yet heard of the initiator.
    Unconfirmed,
    /// An initiator that was not answered yet.
    Pending,
    /// Both ends have proven their keys and are there.
    Open,
    /// This end has said that it closes, and waits for the far end to say so.
    Closing,
    /// It is over.
    Closed,
}

impl Connection {
    /// The end that was dialed.
    #[must_use]
    pub fn accept(now: Instant, agent: AgentSecret, limits: Limits) -> Self {
        Self::new(now, Role::Responder, agent, limits, State::Accepted)
    }

    fn new(now: Instant, role: Role, agent: AgentSecret, limits: Limits, state: State) -> Self {
        let deadline = now + limits.handshake_timeout;
        Self { role, agent, limits, state, deadline, unsent: VecDeque::new(), events: VecDeque::new() }
    }

    /// Which end this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Accepted => Phase::Accepted,
            State::Claimed(_) => Phase::Claimed,
            State::Asked(..) => Phase::Asked,
            State::AskedForTicket(_) => Phase::AskedForTicket,
            State::Unconfirmed(_) => Phase::Unconfirmed,
            State::Pending(_) => Phase::Pending,
            State::Open(_) => Phase::Open,
            State::Closing(..) => Phase::Closing,
            State::Closed => Phase::Closed,
        }
    }

    /// Whose connection this will be once it is confirmed, and the counter that was shown: of one key there may be one
    /// such connection, the one with the highest counter.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<(StaticKey, u64)> {
        match &self.state {
            State::Unconfirmed(unconfirmed) => {
                Some((unconfirmed.open.peer.static_key(), unconfirmed.counter))
            }
            _ => None,
        }
    }

    /// The next packet to send, kind and body; [`framed`](super::framed) puts its length in front.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.unsent.pop_front()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Closed => None,
            State::Open(open) => Some(open.last_use + self.idle_timeout()),
            State::Closing(open, _) => Some(open.last_use + self.limits.close_timeout),
            _ => Some(self.deadline),
        }
    }

    fn idle_timeout(&self) -> std::time::Duration {
        match self.role {
            Role::Initiator => self.limits.initiator_idle_timeout,
            Role::Responder => self.limits.idle_timeout,
        }
    }

    /// The longest packet that is taken now.
    fn max_packet_bytes(&self) -> usize {
        match &self.state {
            State::Open(open) | State::Closing(open, _) => {
                (open.max_received_bytes + MESSAGE_OVERHEAD_BYTES).max(MIN_OPEN_PACKET_BYTES)
            }
            _ => MAX_UNPROVEN_PACKET_BYTES,
        }
    }

    /// The connection ends, and nothing more is sent in it.
    fn end_silently(&mut self, end: End) {
        self.unsent.clear();
        self.end(end);
    }

    fn end(&mut self, end: End) {
        self.state = State::Closed;
        self.events.push_back(Event::Closed(end));
    }

    /// Says CLOSE, after which only the far end speaks.
    fn begin_closing(&mut self, now: Instant, mut open: Box<Open>, reason: Reason) {
        match open.transport.seal(&Record::Close(reason)) {
            Ok(packet) => {
                self.unsent.push_back(packet);
                open.last_use = now;
                self.state = State::Closing(open, reason);
            }
            Err(_) => self.end(End::ByUs(reason)),
        }
    }
}

impl Open {
    fn new(exchange: Exchange, peer: Agent, limits: (usize, usize), now: Instant) -> Result<Self, Error> {
        let (max_received_bytes, max_sent_bytes) = limits;
        Ok(Self {
            transport: Transport::new(exchange)?,
            peer,
            max_received_bytes: max_received_bytes.min(MAX_MESSAGE_BYTES),
            max_sent_bytes: max_sent_bytes.min(MAX_MESSAGE_BYTES),
            last_use: now,
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

/// The length in front of a packet, if it is within a limit.
fn checked_length(length: [u8; LENGTH_BYTES], limit: usize) -> Option<usize> {
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    (1..=limit).contains(&length).then_some(length)
}
