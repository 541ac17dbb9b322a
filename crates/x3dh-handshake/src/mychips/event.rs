//! What a connection tells, and what it is told.

use super::packet::{Reason, Token};
use crate::keys::{IdentityKey, StaticKey};

/// Who is at the other end, by a key that was proven in a handshake: there is no other way to come by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    id: IdentityKey,
    static_key: StaticKey,
}

impl Agent {
    pub(super) fn new(id: IdentityKey, static_key: StaticKey) -> Self {
        Self { id, static_key }
    }

    /// The agent's id.
    #[must_use]
    pub fn id(&self) -> IdentityKey {
        self.id
    }

    /// The agent's X25519 key, to which counters, tickets and connections belong.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.static_key
    }
}

/// What a responder is asked before it answers. [`Connection::admit`](super::Connection::admit) or
/// [`refuse`](super::Connection::refuse) says what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Somebody claims to be this agent, and nothing shows it yet: is that agent known, and may it come in?
    Known {
        /// Whose name N has used.
        claimed: IdentityKey,
    },
    /// An agent presents a ticket: is the token that of an open one, for this agent? Its key was used to make I, now or
    /// earlier.
    Ticket {
        /// Who presents it.
        by: IdentityKey,
        /// The token.
        token: Token,
    },
}

/// Lets somebody in who has asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// The highest counter of this agent's key that was confirmed, if there is one.
    pub last_counter: Option<u64>,
    /// What the layer above says in A.
    pub early: Vec<u8>,
    /// The longest message that is taken from this agent; that of the [limits](super::Limits) if nothing is said.
    pub max_received_bytes: Option<usize>,
    /// And the longest that is sent to it.
    pub max_sent_bytes: Option<usize>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The responder has to know whether to let somebody in.
    Asks(Question),
    /// The connection counts: the far end has proven its key and is there now. Comes before any message.
    Opened {
        /// Who it is.
        peer: Agent,
        /// The counter of the initiator: the highest confirmed one of its key from now on, to be held against others at
        /// once, and to be stored so that it is in another process.
        counter: u64,
        /// What the far end said early.
        early: Vec<u8>,
    },
    /// A message.
    Message(Vec<u8>),
    /// Nothing more will come. What is left to be sent is still to be sent; then the stream is to be closed.
    Closed(End),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Something that came was not what had to come, or did not open, or was refused. A responder that has not
    /// [opened](Event::Opened) stays silent until the deadline of the handshake, so that nobody can tell what was wrong.
    Rejected,
    /// What had to come has not come in time.
    TimedOut,
    /// The stream ended without a word.
    Truncated,
    /// The far end has closed the connection.
    ByPeer(Reason),
    /// This end has.
    ByUs(Reason),
}
