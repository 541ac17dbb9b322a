//! `Noise_IK_25519_ChaChaPoly_BLAKE2b` through snow, on our own primitives (PROTOCOL §5.4).

pub(crate) mod initiator;
mod resolver;
pub(crate) mod responder;

use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    hash::{derive, hash},
    keys::{IdentityKey, StaticSecret},
    packet::HEADER_BYTES,
    secret::Door,
    session::{Exchanged, SessionSecrets},
    suite::Suite,
};
use resolver::{EphemeralSlot, Resolver};

/// The name by which Noise knows the suite.
const NOISE_NAME: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2b";

/// `prologue = protocol name | Id_R | hdr`
fn prologue(responder: &IdentityKey, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [Suite::NoiseIk.protocol_name().as_bytes(), &responder.0, header].concat()
}

/// One end's state; the responder's key is given at the initiator only.
fn build(
    static_secret: &StaticSecret,
    remote: Option<&[u8; 32]>,
    prologue: &[u8],
    slot: EphemeralSlot,
) -> Result<Box<HandshakeState>, Error> {
    let parameters = NOISE_NAME.parse().map_err(|_| Error::Primitive)?;
    let resolver = Box::new(Resolver::new(static_secret.clone(), slot));
    let builder = Builder::with_resolver(parameters, resolver)
        .prologue(prologue)
        .and_then(|builder| builder.local_private_key(static_secret.dangerous_bytes()));
    let state = match remote {
        Some(key) => builder.and_then(|builder| builder.remote_public_key(key)?.build_initiator()),
        None => builder.and_then(Builder::build_responder),
    };
    state.map(Box::new).map_err(|_| Error::Primitive)
}

/// `derive("Conclave1 noise reply", door, mac1)[32]`: the key of the reply's outer code.
fn reply_key(door: &Door, mac1: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    derive("Conclave1 noise reply", &[door.dangerous_bytes(), mac1], &mut key[..]);
    key
}

/// `k1, k2 = Split()    h6 = H("Conclave1 noise", h)    session = derive("Conclave1 session", k1 | k2, h6)`
///
/// `k1` and `k2` are what Noise would seal its transport with. They seal nothing here and seed our own key schedule.
fn finish(state: &mut HandshakeState) -> Exchanged {
    let (first, second) = state.dangerously_get_raw_split();
    let (first, second) = (Zeroizing::new(first), Zeroizing::new(second));
    let mut key = Zeroizing::new([0; 64]);
    key[..32].copy_from_slice(&first[..]);
    key[32..].copy_from_slice(&second[..]);
    let transcript = hash("Conclave1 noise", &[state.get_handshake_hash()]);
    Exchanged { secrets: SessionSecrets::derive(&key[..], &transcript), transcript }
}

#[cfg(test)]
mod tests;
