//! What a handshake ends in.

use zeroize::Zeroizing;

use crate::{
    hash::derive,
    keys::{BootId, Credential, IdentityKey, StaticKey, Tag, TicketId},
    secret::{ChainSecret, ExporterSecret, RootSecret},
    suite::{Capabilities, Limits, Suite, TrafficAead},
};

/// Which end of a handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sent the first packet.
    Initiator,
    /// Answered it.
    Responder,
}

/// A finished handshake.
///
/// The initiator knows now that the responder is who it dialed. The responder does not know yet: a replayed first
/// packet gets this far. For it the session stays *unconfirmed* until a sealed packet of the initiator opens.
#[derive(Debug)]
#[non_exhaustive]
pub struct Established {
    /// The secrets, for `secure-channel`.
    pub secrets: SessionSecrets,
    /// Which end this is.
    pub role: Role,
    /// The suite that was used.
    pub suite: Suite,
    /// The AEAD of the session's packets, chosen by the responder among what both can.
    pub aead: TrafficAead,
    /// The tag that packets to us carry.
    pub local_tag: Tag,
    /// The tag that packets to the peer carry.
    pub remote_tag: Tag,
    /// The initiator's counter: strictly increasing per static key.
    pub counter: u64,
    /// The ticket that the handshake redeems once it is confirmed.
    pub ticket: Option<TicketId>,
    /// Who is at the other end.
    pub peer: Peer,
    /// `h6`, the hash of everything both ends said; equal at both ends and at no others.
    pub transcript: [u8; 32],
}

/// What a handshake learned about the other end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// The device's key.
    pub static_key: StaticKey,
    /// The identity: for the initiator the one it dialed, for the responder the one that the credential claims.
    pub identity: IdentityKey,
    /// What binds the two, sent by the initiator; `None` at the initiator, which dialed by a record it already had.
    pub credential: Option<Credential>,
    /// Changes when the peer's node restarts.
    pub boot: BootId,
    /// What the peer can do.
    pub capabilities: Capabilities,
    /// What the peer is ready to receive.
    pub limits: Limits,
}

/// `r0 | c_I | c_R | ex`: the four secrets of a new session (PROTOCOL §5.6).
#[derive(Debug)]
pub struct SessionSecrets {
    root: RootSecret,
    initiator: ChainSecret,
    responder: ChainSecret,
    exporter: ExporterSecret,
}

/// The secrets, taken apart.
#[derive(Debug)]
pub struct SessionParts {
    /// `r0`
    pub root: RootSecret,
    /// `c_I`: packets from the initiator.
    pub initiator: ChainSecret,
    /// `c_R`: packets from the responder.
    pub responder: ChainSecret,
    /// `ex`
    pub exporter: ExporterSecret,
}

/// What both ends have when the equations are through.
pub(crate) struct Exchanged {
    pub(crate) secrets: SessionSecrets,
    pub(crate) transcript: [u8; 32],
}

impl SessionSecrets {
    /// `r0 | c_I | c_R | ex = derive("Conclave1 session", key, h6)[128]`
    pub(crate) fn derive(key: &[u8], transcript: &[u8; 32]) -> Self {
        let mut output = Zeroizing::new([0; 128]);
        derive("Conclave1 session", &[key, transcript], &mut output[..]);
        Self::dangerous_from_bytes(&output)
    }

    /// Takes the four secrets in. A session made from bytes is as fresh and as secret as the bytes: for vectors and tests.
    #[must_use]
    pub fn dangerous_from_bytes(bytes: &[u8; 128]) -> Self {
        let part = |index: usize| {
            let mut part = [0; 32];
            part.copy_from_slice(&bytes[32 * index..32 * (index + 1)]);
            part
        };
        Self {
            root: RootSecret::from_bytes(part(0)),
            initiator: ChainSecret::from_bytes(part(1)),
            responder: ChainSecret::from_bytes(part(2)),
            exporter: ExporterSecret::from_bytes(part(3)),
        }
    }

    /// Takes the secrets apart, for the layer that lives on them.
    #[must_use]
    pub fn into_parts(self) -> SessionParts {
        let Self { root, initiator, responder, exporter } = self;
        SessionParts { root, initiator, responder, exporter }
    }

    /// The secret behind [`ExporterSecret::export`].
    #[must_use]
    pub fn exporter(&self) -> &ExporterSecret {
        &self.exporter
    }
}

impl ExporterSecret {
    /// `derive("Conclave1 export", ex, label, context)`: fills `out` with a secret for a purpose of the user's.
    ///
    /// Both ends get the same bytes for the same label and context; nothing about the session follows from them.
    pub fn export(&self, label: &str, context: &[u8], out: &mut [u8]) {
        derive("Conclave1 export", &[self.dangerous_bytes(), label.as_bytes(), context], out);
    }
}
