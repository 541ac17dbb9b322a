//! What a node holds its handshakes with.

use x3dh_handshake::{BootId, Capabilities, Credential, Limits, ResponderKeys, Suite, TrafficAead};

use crate::id::PeerId;

/// What a node holds its handshakes with: the same for all of them, in both directions.
#[derive(Clone, Debug)]
pub struct HandshakeKeys {
    /// The device's secret, its identity, and the doors it answers behind.
    pub responder: ResponderKeys,
    /// What binds the device to the identity.
    pub credential: Credential,
    /// Drawn anew each time the node starts.
    pub boot: BootId,
    /// The suites that are accepted, best first; dials use the first, or the first that can carry their ticket. Callers
    /// without a name are taken where there is a [door](ResponderKeys::anonymous_door) for them, whatever stands here.
    pub suites: Vec<Suite>,
    /// The traffic AEAD to choose as the responder.
    pub aead: TrafficAead,
    /// What the node can do.
    pub capabilities: Capabilities,
    /// What the node is ready to receive in a new session.
    pub limits: Limits,
}

impl HandshakeKeys {
    /// The device itself.
    #[must_use]
    pub fn local(&self) -> PeerId {
        PeerId { identity: self.responder.identity, device: self.responder.static_secret.public() }
    }

    /// What a dial begins with.
    pub(crate) fn dialed_suite(&self, with_ticket: bool) -> Option<Suite> {
        let fits = |suite: &Suite| match with_ticket {
            true => suite.has_tickets(),
            false => !suite.needs_ticket() && !suite.is_anonymous(),
        };
        self.suites.iter().copied().find(fits)
    }
}
