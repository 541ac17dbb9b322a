//! From what a handshake leaves to the two halves of a session.

use crate::schedule::ChainKey;
use crate::secret::Secret;
use crate::{Limits, Opener, Sealer};

/// Which end of the handshake this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sent the first message.
    Initiator,
    /// Answered it.
    Responder,
}

/// The cipher of a session's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficAead {
    /// AES-256-GCM.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// Names a session to the one who chose it. A locator, never an authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub u32);

/// The tags of a session: each end finds the session by the one it chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    /// Chosen by this end; stands in the packets we receive.
    pub ours: Tag,
    /// Chosen by the peer; stands in the packets we send.
    pub peers: Tag,
}

/// What a handshake leaves for the packets of its session.
#[derive(Debug)]
pub struct ChannelSecrets {
    /// `r_0`, from which the next generation of chains will come.
    #[expect(dead_code, reason = "read by the rekey, which needs the key agreement of the handshake")]
    pub(crate) root: Secret<32>,
    /// `c_I`
    pub(crate) initiator_chain: ChainKey,
    /// `c_R`
    pub(crate) responder_chain: ChainKey,
}

impl ChannelSecrets {
    /// From the bytes of the handshake's last derivation.
    #[must_use]
    pub fn from_bytes(root: &[u8; 32], initiator_chain: &[u8; 32], responder_chain: &[u8; 32]) -> Self {
        Self {
            root: Secret(*root),
            initiator_chain: ChainKey::new(initiator_chain),
            responder_chain: ChainKey::new(responder_chain),
        }
    }
}

/// Makes the two halves of a session. Each direction has a chain of its own, and the role says which one seals:
/// a packet that comes back to its sender never opens.
#[must_use]
pub fn split(
    secrets: ChannelSecrets,
    role: Role,
    aead: TrafficAead,
    tags: Tags,
    limits: Limits,
) -> (Sealer, Opener) {
    let (sealing, opening) = match role {
        Role::Initiator => (&secrets.initiator_chain, &secrets.responder_chain),
        Role::Responder => (&secrets.responder_chain, &secrets.initiator_chain),
    };
    let sealer = Sealer::new(aead, tags.peers, limits, sealing);
    let opener = Opener::new(aead, tags.ours, limits, opening);
    (sealer, opener)
}
