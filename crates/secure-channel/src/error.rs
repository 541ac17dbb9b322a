//! What can go wrong, and whose fault it is.

/// Why a packet was not sealed, not opened, or a key not exchanged.
///
/// Whoever gets one of these finds the state exactly as it was before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The packet's fault: anybody on the path may have made it.
    /// Too short, too long, or of another kind: not a sealed packet.
    #[error("not a sealed packet")]
    Malformed,
    /// The packet names the tag of another session.
    #[error("the packet belongs to another session")]
    WrongTag,
    /// The packet names a generation or an epoch whose keys are not held: erased, or more than one step ahead.
    #[error("the keys of this packet are not held")]
    UnknownEpoch,
    /// This number was opened before.
    #[error("the packet was opened before")]
    Replayed,
    /// The number lies behind the replay window.
    #[error("the packet is older than the replay window")]
    TooOld,
    /// The path was retired; its number never comes back within a session.
    #[error("the path was retired")]
    PathRetired,
    /// All [`MAX_PATHS`](crate::MAX_PATHS) places for paths are taken.
    #[error("too many paths")]
    TooManyPaths,
    /// The authentication tag does not fit. Deliberately says no more.
    #[error("the packet is not authentic")]
    Unauthentic,

    // The authenticated peer's fault.
    /// A rekey message for another generation than the next, or a response that nobody asked for.
    #[error("the peer sent a rekey message out of turn")]
    RekeyOutOfTurn,
    /// A rekey message that is none.
    #[error("the peer sent a rekey message that is none")]
    RekeyRejected,

    // The caller's fault.
    /// The cipher is not one of this version.
    #[error("this version does not know the cipher")]
    UnsupportedAead,
    /// A request waits for its response, or the peer has not used the latest generation yet.
    #[error("a rekey is under way")]
    RekeyUnderWay,
    /// The keys are not those of the next generation.
    #[error("these are not the keys of the next generation")]
    WrongGeneration,
    /// The buffer does not have the length that the header, the payload and the tag add up to.
    #[error("the buffer does not fit the packet")]
    WrongLength,
    /// The ticket is of another packet or of another session.
    #[error("the ticket is not for this packet")]
    WrongTicket,
    /// Nothing was sealed in this epoch yet, so the peer cannot follow another step.
    #[error("nothing was sealed in this epoch yet")]
    EpochUnused,
    /// No packet number is left in this generation. A rekey was due long before.
    #[error("no packet number is left; rekey")]
    Exhausted,
    /// The session was closed and its keys erased.
    #[error("the session is closed")]
    Closed,

    /// A primitive failed on input that it must accept; in practice, out of memory.
    #[error("a cryptographic primitive failed")]
    Primitive,
}
