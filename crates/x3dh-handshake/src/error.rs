//! What can go wrong: the peer's fault, the caller's misuse, and a primitive that failed.

/// Why a call of this crate failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer's packet was refused. See [`Rejected`].
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Misuse: the public key to dial is a low-order point or not the canonical encoding of one.
    #[error("the responder's static key is not a usable X25519 point")]
    UnusableStaticKey,
    /// Misuse: the key to dial is our own.
    #[error("a device cannot hold a handshake with itself")]
    SelfDial,
    /// Misuse: a ticket in a suite without tickets.
    #[error("this suite carries no ticket")]
    TicketUnsupported,
    /// Misuse: no ticket in a suite that is there to redeem one.
    #[error("this suite redeems a ticket, and there is none")]
    TicketMissing,
    /// Misuse: an anonymous suite for an initiator with a name.
    #[error("this suite is for anonymous callers")]
    AnonymousSuite,
    /// Misuse: the all-zero ticket id means "no ticket" on the wire.
    #[error("the all-zero ticket id is reserved")]
    ZeroTicketId,
    /// The two ends have no traffic AEAD in common, or the initiator offers none.
    #[error("no traffic AEAD in common")]
    NoCommonAead,
    /// A challenge asks for more work than [`MAX_PUZZLE_BITS`](crate::cookie::MAX_PUZZLE_BITS): whoever made it knows the
    /// door and wastes our time. As misuse: a challenge that would ask for as much.
    #[error("a puzzle of {bits} bits is more than an initiator works for")]
    PuzzleTooHard {
        /// How much it asks for.
        bits: u8,
    },
    /// Misuse: a reply was asked for before the initiator's key share was taken in.
    #[error("the initiator's key share has not been taken in yet")]
    KeyShareMissing,
    /// Misuse: an agent's id that is not the canonical encoding of a point of the prime-order subgroup.
    #[error("the id of the agent is not a usable Ed25519 point")]
    UnusableAgentId,
    /// Misuse: more than a packet or a message of the MyCHIPs profile has room for.
    #[error("{what}: more than {limit} bytes")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// How long it may be.
        limit: usize,
    },
    /// Misuse: a token that is too short to be a secret.
    #[error("a token of less than {minimum} bytes")]
    TokenTooShort {
        /// How long it has to be.
        minimum: usize,
    },
    /// Misuse: an answer where nobody has asked.
    #[error("nobody has asked to be let in")]
    NotAsked,
    /// The connection is not open: not yet, or not any more.
    #[error("the connection is not open")]
    NotOpen,
    /// Misuse: what is there has to be taken first, packets before messages, events before packets.
    #[error("what is there has to be taken first")]
    Full,
    /// A primitive failed on input that it must accept; in practice, out of memory.
    #[error("a cryptographic primitive failed")]
    Primitive,
}

/// The packet was refused.
///
/// Deliberately without a cause: the one answer to a bad handshake packet is silence, whatever was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet was rejected")]
pub struct Rejected;
