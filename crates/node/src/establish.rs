//! From a finished handshake to the two halves of a session.

use std::sync::Arc;

use endpoint::{HandshakeCause, PeerId};
use link::{PeerLimits, Rx, Tx};
use secure_channel::{Association, PathNumber, split};
use x3dh_handshake::{Established, Role};

use crate::clock;
use crate::core::Core;
use crate::frames::FrameWriter;
use crate::session::Session;

/// The path of the data plane: there is one in this version.
const FIRST_PATH: PathNumber = PathNumber(0);

/// A session that nobody drives yet.
pub(crate) struct Halves {
    pub(crate) session: Arc<Session>,
    pub(crate) rx: Rx,
    /// With the first packet of an initiator in it.
    pub(crate) writer: FrameWriter,
}

/// Makes a session of what a handshake left.
///
/// The first packet of an initiator holds its confirmation and nothing else, whatever is sent meanwhile: its peer
/// keeps no more of a session that is not confirmed.
pub(crate) fn establish(core: &Core, established: Established) -> Result<Halves, HandshakeCause> {
    let Established { secrets, role, suite, aead, local_tag, remote_tag, peer, ticket, .. } = established;
    let association = Association { secrets, role, suite, aead, local_tag, remote_tag };
    let (sealer, opener, rekey) =
        split(association, secure_channel::Limits::default()).map_err(|_| HandshakeCause::Local)?;
    let peer_limits = PeerLimits {
        session_window_bytes: u64::from(peer.limits.session_window_kib) * 1024,
        stream_window_bytes: u64::from(peer.limits.stream_window_kib) * 1024,
    };
    let confirm = role == Role::Initiator;
    let now = clock::now();
    let (received, sent) = core.message_limits(&peer.identity, ticket.as_ref());
    let mut tx = Tx::new(sealer, FIRST_PATH, sent, peer_limits, confirm, core.buffers.clone());
    let mut writer = FrameWriter::default();
    if confirm && let Some(job) = tx.poll_transmit() {
        #[cfg(feature = "simulation")]
        core.machine.note_key(job.key_fingerprint());
        let sealed = core.deflaters.with(|deflater| writer.seal(job, deflater));
        sealed.map_err(|_| HandshakeCause::Local)?;
    }
    let rx = Rx::new(now, opener, rekey, received, core.budget.clone());
    let boot = peer.boot;
    let peer = PeerId { identity: peer.identity, device: peer.static_key };
    Ok(Halves { session: Arc::new(Session::new(peer, boot, role, tx, now)), rx, writer })
}
