//! The three Noise handshakes of the profile, through snow on our own primitives (PROTOCOL §14.3).

use blake2::{Blake2b512, Digest};
use rand_core::CryptoRng;
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::packet::Kind;
use crate::{
    aead::TAG_BYTES,
    error::{Error, Rejected},
    keys::{StaticKey, StaticSecret},
    noise::resolver::{EphemeralSlot, Resolver},
    session::Role,
};

/// `base = "Conclave MyCHIPs" | version`
const BASE: &[u8] = b"Conclave MyCHIPs\x01";

/// Bytes that a message of Noise has beside its payload: of I, where the static key travels too, the most.
const MAX_OVERHEAD_BYTES: usize = 32 + (32 + TAG_BYTES) + TAG_BYTES;

#[derive(Clone, Copy)]
pub(super) enum Pattern {
    Ik,
    N,
    Kk,
}

impl Pattern {
    fn name(self) -> &'static str {
        match self {
            Self::Ik => "Noise_IK_25519_ChaChaPoly_BLAKE2b",
            Self::N => "Noise_N_25519_ChaChaPoly_BLAKE2b",
            Self::Kk => "Noise_KK_25519_ChaChaPoly_BLAKE2b",
        }
    }
}

/// `base | "IAT"`
pub(super) fn prologue_of_introduction() -> Vec<u8> {
    [BASE, b"IAT"].concat()
}

/// `base | "N"`
pub(super) fn prologue_of_claim() -> Vec<u8> {
    [BASE, b"N"].concat()
}

/// `base | "NKAT" | BLAKE2b-512(kind | body of the N packet)`: K opens behind its own N only.
pub(super) fn prologue_of_request(claim: &[u8]) -> Vec<u8> {
    [BASE, b"NKAT", &Blake2b512::digest(claim)[..]].concat()
}

/// One end of a handshake.
pub(super) struct Exchange {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
}

impl Exchange {
    pub(super) fn new(
        pattern: Pattern,
        role: Role,
        local: &StaticSecret,
        remote: Option<&StaticKey>,
        prologue: &[u8],
    ) -> Result<Self, Error> {
        let parameters = pattern.name().parse().map_err(|_| Error::Primitive)?;
        let slot = EphemeralSlot::default();
        let resolver = Box::new(Resolver::new(Some(local.clone()), slot.clone()));
        let mut builder = Builder::with_resolver(parameters, resolver).prologue(prologue);
        // The sender of N has no key in it: that is why it proves nothing.
        if !matches!((pattern, role), (Pattern::N, Role::Initiator)) {
            builder = builder.and_then(|builder| builder.local_private_key(local.dangerous_bytes()));
        }
        if let Some(key) = remote {
            builder = builder.and_then(|builder| builder.remote_public_key(&key.0));
        }
        let state = match role {
            Role::Initiator => builder.and_then(Builder::build_initiator),
            Role::Responder => builder.and_then(Builder::build_responder),
        };
        Ok(Self { state: Box::new(state.map_err(|_| Error::Primitive)?), slot })
    }

    /// The next message with this payload, as a packet of this kind.
    pub(super) fn write(
        &mut self,
        kind: Kind,
        payload: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        self.slot.fill(rng)?;
        let mut packet = vec![0; 1 + payload.len() + MAX_OVERHEAD_BYTES];
        let (first, message) = packet.split_first_mut().ok_or(Error::Primitive)?;
        *first = kind.byte();
        let written = self.state.write_message(payload, message).map_err(|_| Error::Primitive)?;
        packet.truncate(1 + written);
        Ok(packet)
    }

    /// The payload of the far end's message.
    pub(super) fn read(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Rejected> {
        let mut payload = Zeroizing::new(vec![0; message.len()]);
        let read = self.state.read_message(message, &mut payload).map_err(|_| Rejected)?;
        payload.truncate(read);
        Ok(payload)
    }

    /// The static key that the far end has shown.
    pub(super) fn remote_static(&self) -> Option<&[u8]> {
        self.state.get_remote_static()
    }

    pub(super) fn into_state(self) -> HandshakeState {
        *self.state
    }
}
