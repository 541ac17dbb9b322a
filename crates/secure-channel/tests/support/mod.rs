//! Two ends of one session, without a handshake.
#![allow(dead_code, unreachable_pub)]

use secure_channel::{
    Association, Committed, Error, HEADER_BYTES, Limits, OVERHEAD_BYTES, Opener, PathNumber, Rekey, Role,
    Sealer, SessionSecrets, Suite, Tag, TrafficAead, split,
};

pub const BOTH_AEADS: [TrafficAead; 2] = [TrafficAead::Aes256Gcm, TrafficAead::ChaCha20Poly1305];
pub const PATH: PathNumber = PathNumber(0);
/// Both ends chose the same: so that a reflected packet gets as far as the cipher.
pub const TAG: Tag = Tag(0x1234_5678);

/// One end of a session.
#[derive(Debug)]
pub struct End {
    pub sealer: Sealer,
    pub opener: Opener,
    pub rekey: Rekey,
}

/// How a session is made.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub aead: TrafficAead,
    pub suite: Suite,
    pub limits: Limits,
    /// Sessions with different seeds have different secrets.
    pub seed: u8,
}

impl Default for Setup {
    fn default() -> Self {
        Self { aead: TrafficAead::Aes256Gcm, suite: Suite::X3dh, limits: Limits::default(), seed: 0 }
    }
}

impl Setup {
    pub fn with(aead: TrafficAead) -> Self {
        Self { aead, ..Self::default() }
    }

    pub fn end(&self, role: Role) -> End {
        let bytes = core::array::from_fn(|n| u8::try_from(n).unwrap() ^ self.seed);
        let association = Association {
            secrets: SessionSecrets::dangerous_from_bytes(&bytes),
            role,
            suite: self.suite,
            aead: self.aead,
            local_tag: TAG,
            remote_tag: TAG,
        };
        let (sealer, opener, rekey) = split(association, self.limits).unwrap();
        End { sealer, opener, rekey }
    }

    /// Initiator and responder.
    pub fn pair(&self) -> (End, End) {
        (self.end(Role::Initiator), self.end(Role::Responder))
    }
}

/// Seals `records` and `payload` into one packet.
pub fn seal(sealer: &mut Sealer, path: PathNumber, records: &[u8], payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut packet = vec![0; OVERHEAD_BYTES + records.len() + payload.len()];
    packet[HEADER_BYTES..HEADER_BYTES + records.len()].copy_from_slice(records);
    sealer.reserve(path)?.seal(&mut packet, payload)?;
    Ok(packet)
}

/// Opens a copy of a packet.
pub fn open(opener: &mut Opener, packet: &[u8]) -> Result<(Vec<u8>, Committed), Error> {
    let mut copy = packet.to_vec();
    opener.open(&mut copy).map(|(plaintext, committed)| (plaintext.to_vec(), committed))
}

impl End {
    pub fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        seal(&mut self.sealer, PATH, text, &[]).unwrap()
    }

    /// Opens a packet as `link` does: what the opener learns, the sealer and the rekey are told.
    pub fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Error> {
        let (plaintext, committed) = open(&mut self.opener, packet)?;
        if let Some(generation) = committed.generation {
            self.sealer.follow(generation);
            self.rekey.handle_followed(generation);
        }
        Ok(plaintext)
    }
}
