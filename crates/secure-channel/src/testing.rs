//! Two ends of one session, for the tests that look inside.

use rand::{SeedableRng, rngs::StdRng};
use x3dh_handshake::{Role, SessionSecrets, Suite, Tag, TrafficAead};

use crate::{
    Association, Error, HEADER_BYTES, Limits, NextKeys, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Sealer,
    split,
};

pub(crate) const BOTH_AEADS: [TrafficAead; 2] = [TrafficAead::Aes256Gcm, TrafficAead::ChaCha20Poly1305];

pub(crate) struct End {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) rekey: Rekey,
}

/// Sessions with different seeds have different secrets, but all have the same tags.
pub(crate) fn pair(aead: TrafficAead, seed: u8, limits: Limits) -> (End, End) {
    let end = |role| {
        let secrets =
            SessionSecrets::dangerous_from_bytes(&core::array::from_fn(|n| n.to_le_bytes()[0] ^ seed));
        let (local_tag, remote_tag, suite) = (Tag(7), Tag(7), Suite::X3dh);
        let association = Association { secrets, role, suite, aead, local_tag, remote_tag };
        let (sealer, opener, rekey) = split(association, limits).unwrap();
        End { sealer, opener, rekey }
    };
    (end(Role::Initiator), end(Role::Responder))
}

impl End {
    pub(crate) fn seal(&mut self, path: u32, text: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; OVERHEAD_BYTES + text.len()];
        packet[HEADER_BYTES..HEADER_BYTES + text.len()].copy_from_slice(text);
        self.sealer.reserve(PathNumber(path)).unwrap().seal(&mut packet, &[]).unwrap();
        packet
    }

    pub(crate) fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Error> {
        let mut copy = packet.to_vec();
        let (text, committed) = self.opener.open(&mut copy)?;
        if let Some(generation) = committed.generation {
            self.sealer.follow(generation);
            self.rekey.handle_followed(generation);
        }
        Ok(text.to_vec())
    }

    /// A whole rekey that this end asks for, up to the packet that makes the peer follow; it is not delivered.
    pub(crate) fn rekeys_with(&mut self, peer: &mut Self, seed: u64) {
        let uses_the_latest_keys = peer.seal(0, b"so a request may be made");
        self.open(&uses_the_latest_keys).unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let request = self.rekey.request(&mut rng).unwrap();
        let answer = peer.rekey.handle_request(&mut rng, &request).unwrap().unwrap();
        peer.install(answer.keys.unwrap());
        let keys = self.rekey.handle_response(&answer.response).unwrap().unwrap();
        self.install(keys);
    }

    fn install(&mut self, keys: NextKeys) {
        self.opener.install(keys.opening).unwrap();
        self.sealer.install(keys.sealing).unwrap();
    }
}
