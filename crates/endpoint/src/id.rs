//! Names of things that live as long as this process, and the name of a peer, which lives longer.

use std::fmt;

use x3dh_handshake::{IdentityKey, StaticKey};

/// Defines a number that names one object of one endpoint and is never used again.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// One way to carry packets, from the moment it opened to the moment it closed or was lost.
    PathId
}
id! {
    /// One try to open a path to one address.
    AttemptId
}
id! {
    /// One session. It is the name of the session on this node only; on the wire a session is found by its tag.
    SessionId
}
id! {
    /// Whoever waits for a session. The caller of [`Endpoint::connect`](crate::Endpoint::connect) chooses it.
    WaiterId
}

/// One device of one member: the far end of a session.
///
/// The order decides between simultaneous dials: the one by the smaller peer survives. The full identity key comes
/// first; the device's key decides only between two devices of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    /// Who it is.
    pub identity: IdentityKey,
    /// Which of their devices.
    pub device: StaticKey,
}

/// Whom to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Any device of this member: the one with a session, else one that is being dialed, else the one that failed
    /// least often in a row, the newest record first.
    Member(IdentityKey),
    /// This device.
    Device(PeerId),
}

impl From<IdentityKey> for Target {
    fn from(identity: IdentityKey) -> Self {
        Self::Member(identity)
    }
}

impl From<PeerId> for Target {
    fn from(peer: PeerId) -> Self {
        Self::Device(peer)
    }
}
