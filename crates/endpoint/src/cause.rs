//! Why things failed or ended, and the short memory of it that `conclave why` shows.

use std::collections::VecDeque;

use link::CloseReason;
use thiserror::Error;

use crate::error::ConnectError;
use membership::{DeviceStanding, NetAddress, TicketRefusal, UnixSeconds};
use x3dh_handshake::IdentityKey;

/// Why a path could not be opened, as its owner found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialCause {
    /// Nothing listens there.
    #[error("refused")]
    Refused,
    /// There is no way there.
    #[error("unreachable")]
    Unreachable,
    /// Nothing came back.
    #[error("timed out")]
    TimedOut,
    /// The address does not parse or resolve.
    #[error("not an address that can be dialed")]
    BadAddress,
    /// This machine is out of something, or its counter cannot be stored.
    #[error("a failure of this machine")]
    Local,
}

/// Why a path was lost, as its owner found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathCause {
    /// The far end closed it.
    #[error("closed by the far end")]
    Closed,
    /// It broke.
    #[error("broken")]
    Broken,
    /// Nothing came or went for too long.
    #[error("timed out")]
    TimedOut,
    /// Something arrived that no honest end sends.
    #[error("damaged or forged data")]
    Garbage,
    /// This machine failed.
    #[error("a failure of this machine")]
    Local,
}

/// Why a session ended. There is no session without a path in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndCause {
    /// Nobody used it.
    #[error("idle")]
    Idle,
    /// This side asked for it, and told the peer this reason.
    #[error("closed here: {0}")]
    ClosedHere(CloseReason),
    /// The peer closed it.
    #[error("closed by the peer: {0}")]
    ClosedByPeer(CloseReason),
    /// Its last path was lost.
    #[error("path lost: {0}")]
    PathLost(PathCause),
    /// The peer's node has restarted.
    #[error("the peer has restarted")]
    Restarted,
    /// The peer opened another in its place.
    #[error("superseded by another session")]
    Superseded,
    /// The peer is no longer a member.
    #[error("no longer a member")]
    Removed,
    /// The peer's record has expired.
    #[error("the peer's record has expired")]
    Expired,
    /// This node shuts down.
    #[error("shutting down")]
    ShuttingDown,
}

/// Why a handshake failed. For this side's log only: the far end gets the same silence whichever it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeCause {
    /// Not a packet of this protocol, or not one that belongs here.
    #[error("not a handshake packet")]
    Malformed,
    /// The first packet does not prove the door, or is not for our key.
    #[error("wrong door or key")]
    WrongDoor,
    /// Whoever claims to be this identity could not prove it.
    #[error("the claim to be {0:?} was not proven")]
    Unproven(IdentityKey),
    /// Not a member.
    #[error("{0:?} is not a member")]
    NotAMember(IdentityKey),
    /// Kept out by a member whose word counts.
    #[error("{0:?} was revoked")]
    Revoked(IdentityKey),
    /// Not a member, and the ticket does not let them in.
    #[error("the ticket of {0:?}: {1}")]
    Ticket(IdentityKey, TicketRefusal),
    /// A member, but not with this device, or without a valid record for it.
    #[error("{0:?} is a member with other devices")]
    UnknownDevice(IdentityKey),
    /// A member whose record has expired.
    #[error("the record of {0:?} has expired")]
    Expired(IdentityKey),
    /// A member that is here with too many devices already.
    #[error("{0:?} is here with too many devices already")]
    TooManyDevices(IdentityKey),
    /// It asks for a suite that we do not accept.
    #[error("a suite that is not accepted here")]
    Suite,
    /// A cookie, or the solution of a puzzle, that does not hold.
    #[error("a cookie or a solution that does not hold")]
    BadCookie,
    /// A member whose handshakes come faster than any honest node's.
    #[error("{0:?} comes too often")]
    TooOften(IdentityKey),
    /// Not a member, at a time at which nobody else is let in.
    #[error("{0:?} is not a member, and only members are let in now")]
    MembersOnly(IdentityKey),
    /// Without a name, when there is no place for such callers.
    #[error("a caller without a name, for whom there is no place now")]
    NoPlaceForAnonymous,
    /// The responder asks for more work than an honest one ever does.
    #[error("a puzzle harder than any that is asked for")]
    PuzzleTooHard,
    /// The counter does not grow: a packet that was recorded, or a clock that was set back.
    #[error("a first packet seen before, or a clock set back")]
    Replayed,
    /// Too many sessions wait for their confirmation.
    #[error("too many unconfirmed sessions")]
    TooManyUnconfirmed,
    /// There is no cipher that both can use.
    #[error("no traffic cipher in common")]
    NoCommonAead,
    /// Another dial between the same two peers went ahead.
    #[error("another dial went ahead")]
    Superseded,
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// The path was lost.
    #[error("path lost: {0}")]
    PathLost(PathCause),
    /// The responder's answer does not verify.
    #[error("an answer that does not verify")]
    BadAnswer,
    /// A primitive failed on this machine.
    #[error("a failure of this machine")]
    Local,
}

impl HandshakeCause {
    /// Why somebody with this standing is refused; `Ok` if they are not.
    pub(crate) fn of_standing(standing: DeviceStanding, identity: IdentityKey) -> Result<(), Self> {
        match standing {
            DeviceStanding::Member => Ok(()),
            DeviceStanding::Expired => Err(Self::Expired(identity)),
            DeviceStanding::UnknownDevice => Err(Self::UnknownDevice(identity)),
            DeviceStanding::Revoked => Err(Self::Revoked(identity)),
            _ => Err(Self::NotAMember(identity)),
        }
    }
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Cause {
    /// An address could not be reached.
    #[error("{address:?}: {cause}")]
    Dial {
        /// Which.
        address: NetAddress,
        /// Why.
        cause: DialCause,
    },
    /// A handshake failed.
    #[error("handshake with {address:?}: {cause}")]
    Handshake {
        /// With whom.
        address: NetAddress,
        /// Why.
        cause: HandshakeCause,
    },
    /// A session ended.
    #[error("session ended: {0}")]
    Ended(EndCause),
    /// A dial as a whole failed.
    #[error("dial failed: {0}")]
    Connect(ConnectError),
}

/// A cause and when it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub cause: Cause,
}

/// The last causes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Noted>,
}

impl Journal {
    /// Notes a cause; beyond `capacity` the oldest is forgotten.
    pub(crate) fn note(&mut self, at: UnixSeconds, cause: Cause, capacity: usize) {
        while self.entries.len() >= capacity.max(1) {
            self.entries.pop_front();
        }
        self.entries.push_back(Noted { at, cause });
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Noted> {
        self.entries.iter()
    }
}
