//! What a handshake has proven, as far as the control plane decides by it.

use crate::id::PeerId;
use crate::seam::BootId;

/// What a proven first packet says. Proven means: it was made with the door and the static key of the peer. It may
/// still be a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Who made it.
    pub peer: PeerId,
    /// Which one of theirs it is.
    pub counter: u64,
    /// Their process.
    pub boot: BootId,
}
