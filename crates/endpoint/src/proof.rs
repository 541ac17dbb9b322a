//! What a handshake has proven, as far as the control plane decides by it.

use x3dh_handshake::{BootId, Credential, StaticKey, TicketId};

use crate::id::PeerId;

/// What a proven first packet says. Proven means: it was made with the door and the static key of the peer. It may
/// still be a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The device that made it.
    pub device: StaticKey,
    /// What binds it to its identity.
    pub credential: Credential,
    /// Which one of theirs it is.
    pub counter: u64,
    /// Their process.
    pub boot: BootId,
    /// The ticket whose secret they hold, if they come in by one.
    pub ticket: Option<TicketId>,
}

impl Proof {
    /// Who made it, if the credential holds.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        PeerId { identity: self.credential.identity(), device: self.device }
    }
}
