//! From what a handshake leaves to the halves of a session.

use x3dh_handshake::{Role, SessionParts, SessionSecrets, Suite, Tag, TrafficAead};

use crate::cipher::Algorithm;
use crate::schedule::ChainKey;
use crate::{Error, Limits, Opener, Rekey, Sealer};

/// What a handshake leaves for the packets of its session: these fields of its
/// [`Established`](x3dh_handshake::Established).
#[derive(Debug)]
pub struct Association {
    /// The secrets that both ends share. Never used twice: they are given away.
    pub secrets: SessionSecrets,
    /// Which end this is.
    pub role: Role,
    /// What kind of key agreement renews the session.
    pub suite: Suite,
    /// The cipher of the session's packets.
    pub aead: TrafficAead,
    /// Chosen by this end; stands in the packets we receive.
    pub local_tag: Tag,
    /// Chosen by the peer; stands in the packets we send.
    pub remote_tag: Tag,
}

/// Makes the parts of a session. Each direction has a chain of its own, and the role says which one seals: a packet
/// that comes back to its sender never opens.
///
/// # Errors
/// [`Error::UnsupportedAead`] for a cipher that this version does not know.
pub fn split(association: Association, limits: Limits) -> Result<(Sealer, Opener, Rekey), Error> {
    let Association { secrets, role, suite, aead, local_tag, remote_tag } = association;
    let algorithm = Algorithm::try_from(aead)?;
    let SessionParts { root, initiator, responder, .. } = secrets.into_parts();
    let (sealing, opening) = match role {
        Role::Initiator => (&initiator, &responder),
        Role::Responder => (&responder, &initiator),
    };
    let sealer = Sealer::new(algorithm, remote_tag, limits, &ChainKey::new(sealing.dangerous_bytes()));
    let opener = Opener::new(algorithm, local_tag, limits, &ChainKey::new(opening.dangerous_bytes()));
    Ok((sealer, opener, Rekey::new(suite, role, root.dangerous_bytes())))
}
