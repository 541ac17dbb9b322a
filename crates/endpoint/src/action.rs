//! What an endpoint asks its owner to do, and what it tells.

use std::time::Instant;

use link::CloseReason;

use crate::cause::EndCause;
use crate::error::ConnectError;
use crate::id::{AttemptId, PathId, PeerId, SessionId, WaiterId};
use membership::{NetAddress, Redemption};
use x3dh_handshake::{BootId, Credential, Psk, Role, Tag, TicketId};

/// The handshake that a path of ours is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// With whom.
    pub peer: PeerId,
    /// The counter for the first packet, as it was given with the path.
    pub counter: u64,
    /// The tag that packets to us shall carry.
    pub tag: Tag,
    /// When it must be over.
    pub deadline: Instant,
    /// The ticket to come in by, if there is one for them.
    pub ticket: Option<(TicketId, Psk)>,
}

/// The permission to answer a first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The unconfirmed session that the answer makes.
    pub session: SessionId,
    /// The tag that packets to us shall carry.
    pub tag: Tag,
}

/// What an endpoint asks for ([`Endpoint::poll_action`](crate::Endpoint::poll_action)), in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Open a path; answer with [`path_opened`](crate::Endpoint::path_opened) or
    /// [`dial_failed`](crate::Endpoint::dial_failed).
    Dial {
        /// The name of this try.
        attempt: AttemptId,
        /// For whom.
        peer: PeerId,
        /// Where.
        address: NetAddress,
    },
    /// Stop opening this path. No answer is expected, and one that comes is ignored.
    AbandonDial {
        /// Which try.
        attempt: AttemptId,
    },
    /// Begin the handshake of a path that we opened, and report with
    /// [`established`](crate::Endpoint::established) or [`handshake_failed`](crate::Endpoint::handshake_failed).
    Begin {
        /// Which path.
        path: PathId,
        /// With whom and how.
        order: Order,
    },
    /// Answer the first packet that was brought to [`admit`](crate::Endpoint::admit).
    Answer {
        /// On which path.
        path: PathId,
        /// With what.
        admission: Admission,
    },
    /// The handshake that we began counts: send, and confirm at once if there is nothing to send.
    Live {
        /// Which path.
        path: PathId,
        /// The session it carries from now on.
        session: SessionId,
    },
    /// Close this path without a word. It carries no session, or one that was never confirmed; forget that too.
    ClosePath {
        /// Which path.
        path: PathId,
    },
    /// Close this session with an authenticated word of farewell, then its paths.
    CloseSession {
        /// Which session.
        session: SessionId,
        /// The word.
        reason: CloseReason,
    },
    /// Say when this session was last used, with [`session_used`](crate::Endpoint::session_used).
    CheckIdle {
        /// Which session.
        session: SessionId,
    },
    /// Whoever came in by a ticket has confirmed. Make the redemption durable, let them in, and report with
    /// [`redeemed`](crate::Endpoint::redeemed); nothing is said or heard in the session meanwhile.
    Redeem {
        /// Which session waits for it.
        session: SessionId,
        /// Who comes in.
        peer: PeerId,
        /// What binds the device to them.
        credential: Box<Credential>,
        /// What to store.
        redemption: Box<Redemption>,
    },
    /// The one outcome of [`connect`](crate::Endpoint::connect).
    Resolved {
        /// Who waited.
        waiter: WaiterId,
        /// For what.
        result: Result<SessionId, ConnectError>,
    },
    /// A peer can be spoken with: the session may carry what applications say, and not before.
    PeerUp {
        /// Who.
        peer: PeerId,
        /// By which session.
        session: SessionId,
        /// Who dialed.
        role: Role,
    },
    /// A session that was up has ended; what was under way in it is lost.
    PeerDown {
        /// Who.
        peer: PeerId,
        /// Which session.
        session: SessionId,
        /// Why.
        cause: EndCause,
    },
    /// A peer is not the process it was when we last spoke: addresses handed out by that one are void. Comes before
    /// the [`PeerDown`](Action::PeerDown) of the old session, if there still is one.
    PeerRestarted {
        /// Who.
        peer: PeerId,
        /// Its new boot id.
        boot: BootId,
    },
    /// A peer has confirmed this counter. Whoever stores it and hands it to
    /// [`restore_counter`](crate::Endpoint::restore_counter) after a restart spares the work on replayed packets.
    StoreCounter {
        /// Whose.
        peer: PeerId,
        /// The highest one confirmed.
        counter: u64,
    },
}
