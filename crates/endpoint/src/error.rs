//! What can go wrong, by whose fault, and whether trying again may help.

use thiserror::Error;

/// A call that its caller should not have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A waiter of this name waits already.
    #[error("this waiter waits already")]
    WaiterInUse,
    /// The attempt is over: its dial succeeded elsewhere, failed or was cancelled. The path, if one was opened, is to
    /// be closed by the one who opened it.
    #[error("the attempt is no longer wanted")]
    Abandoned,
    /// The counter is not above those this endpoint has used with the peer.
    #[error("the handshake counter was used before")]
    CounterUsed,
    /// The endpoint shuts down and takes no more paths.
    #[error("shutting down")]
    ShuttingDown,
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A path opened, and then silence. A peer that refuses is silent too: see [`PossibleCause`].
    #[error("no answer: {}", PossibleCause::LIST)]
    NoAnswer,
    /// Every address was refused by the machine there.
    #[error("every address was refused: nothing listens there")]
    Refused,
    /// No address can be reached from here.
    #[error("no address can be reached from here")]
    Unreachable,
    /// No path opened in time.
    #[error("no path opened in time")]
    TimedOut,
    /// This machine could not dial: out of descriptors, ports or memory, or a counter that cannot be stored.
    #[error("this machine could not dial")]
    Local,
    /// Not a member here.
    #[error("not a member here")]
    UnknownMember,
    /// The member has no such device here.
    #[error("the member has no such device here")]
    UnknownDevice,
    /// The record of every device of the member has expired: ask them for a new card.
    #[error("the member's record has expired")]
    ExpiredRecord,
    /// No address of the member is known, and they have not come by themselves.
    #[error("no address of the member is known")]
    NoAddress,
    /// No address of the member is one that this node can dial.
    #[error("no address of the member can be dialed")]
    BadAddress,
    /// The member was removed while the dial was under way.
    #[error("the member was removed")]
    Removed,
    /// [`Endpoint::disconnect`](crate::Endpoint::disconnect) was called while the dial was under way.
    #[error("disconnected meanwhile")]
    Disconnected,
    /// That is this node itself.
    #[error("that is this node itself")]
    SelfDial,
    /// Too many callers wait already.
    #[error("too many callers wait already")]
    TooManyWaiters,
    /// The endpoint shuts down.
    #[error("shutting down")]
    ShuttingDown,
}

impl ConnectError {
    /// Whether the same call may succeed later without anybody changing a configuration.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoAnswer
            | Self::Refused
            | Self::Unreachable
            | Self::TimedOut
            | Self::Local
            | Self::Disconnected
            | Self::TooManyWaiters => true,
            Self::UnknownMember
            | Self::UnknownDevice
            | Self::ExpiredRecord
            | Self::NoAddress
            | Self::BadAddress
            | Self::Removed
            | Self::SelfDial
            | Self::ShuttingDown => false,
        }
    }

    /// What may be behind it, for errors that do not say themselves.
    #[must_use]
    pub fn possible_causes(&self) -> &'static [PossibleCause] {
        match self {
            Self::NoAnswer => &PossibleCause::ALL,
            _ => &[],
        }
    }
}

/// What may be behind silence. The silent side knows which; it tells its own log, never the stranger it may be
/// talking to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PossibleCause {
    /// The door that we know is no longer theirs.
    #[error("their door has changed")]
    WrongDoor,
    /// The device's key has changed: a new installation.
    #[error("their key has changed")]
    WrongKey,
    /// They have not added us.
    #[error("we are not a member there")]
    NotAMember,
    /// They have removed us, or our record there has expired.
    #[error("we were removed there, or our record has expired")]
    Removed,
    /// They speak another version or suite.
    #[error("another version of the protocol")]
    Version,
    /// Our clock was set back, so our counter does not grow.
    #[error("our clock was set back")]
    ClockSetBack,
    /// Something else answers at this address.
    #[error("something else is at this address")]
    Stranger,
    /// They are overloaded, or packets are lost.
    #[error("overload or loss")]
    Overload,
}

impl PossibleCause {
    /// All of them, the likeliest first.
    pub const ALL: [Self; 8] = [
        Self::NotAMember,
        Self::WrongDoor,
        Self::WrongKey,
        Self::Removed,
        Self::Stranger,
        Self::Version,
        Self::ClockSetBack,
        Self::Overload,
    ];

    const LIST: &'static str = "not a member there, another door or key, removed there, a stranger at this address, \
                                another version, our clock set back, or overload";
}
