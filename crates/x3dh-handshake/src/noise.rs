//! Noise IK, IKpsk2 and NK through snow, on our own primitives (PROTOCOL §5.4).

pub(crate) mod anonymous;
pub(crate) mod initiator;
pub(crate) mod resolver;
pub(crate) mod responder;
mod ticket;

use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use crate::{
    aead::TAG_BYTES,
    code::{append_mac, check_mac},
    error::{Error, Rejected},
    hash::{derive, hash},
    keys::{IdentityKey, StaticSecret},
    packet::{ANSWER_BYTES, Answer, HEADER_BYTES, KEY_BYTES},
    secret::{Door, Psk},
    session::{Exchanged, SessionSecrets},
    suite::{Capabilities, Suite},
};
use resolver::{EphemeralSlot, Resolver};

/// Where IKpsk2 mixes its pre-shared key in: at the end of the second message.
const PSK_LOCATION: u8 = 2;

/// The label in front of the name by which Noise knows the suite.
const PREFIX: &str = "Conclave1 ";

/// The name by which Noise knows the suite.
fn noise_name(suite: Suite) -> &'static str {
    suite.protocol_name().strip_prefix(PREFIX).unwrap_or_default()
}

/// `prologue = protocol name | Id_R | hdr`
fn prologue(suite: Suite, responder: &IdentityKey, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [suite.protocol_name().as_bytes(), &responder.0, header].concat()
}

/// What one end begins with.
struct Beginning<'a> {
    suite: Suite,
    /// None for an anonymous caller.
    static_secret: Option<&'a StaticSecret>,
    /// The responder's key, given at the initiator only.
    remote: Option<&'a [u8; 32]>,
    /// Given at the initiator; a responder has to learn first which ticket it is.
    psk: Option<&'a Psk>,
    prologue: &'a [u8],
}

impl Beginning<'_> {
    fn build(&self, slot: EphemeralSlot) -> Result<Box<HandshakeState>, Error> {
        let parameters = noise_name(self.suite).parse().map_err(|_| Error::Primitive)?;
        let resolver = Box::new(Resolver::new(self.static_secret.cloned(), slot));
        let mut builder = Builder::with_resolver(parameters, resolver).prologue(self.prologue);
        if let Some(secret) = self.static_secret {
            builder = builder.and_then(|builder| builder.local_private_key(secret.dangerous_bytes()));
        }
        if let Some(psk) = self.psk {
            builder = builder.and_then(|builder| builder.psk(PSK_LOCATION, psk.dangerous_bytes()));
        }
        let state = match self.remote {
            Some(key) => builder.and_then(|builder| builder.remote_public_key(key)?.build_initiator()),
            None => builder.and_then(Builder::build_responder),
        };
        state.map(Box::new).map_err(|_| Error::Primitive)
    }
}

/// Appends the next Noise message with this payload to a packet, which is then `length` bytes long.
fn write(
    state: &mut HandshakeState,
    payload: &[u8],
    packet: &mut Vec<u8>,
    length: usize,
) -> Result<(), Error> {
    let start = packet.len();
    packet.resize(length, 0);
    let message = packet.get_mut(start..).unwrap_or_default();
    let written = state.write_message(payload, message).map_err(|_| Error::Primitive)?;
    if start + written == length { Ok(()) } else { Err(Error::Primitive) }
}

/// Appends Noise message 2 and `mac_R` to the header of `M2`.
fn reply(
    (mut state, slot): (Box<HandshakeState>, &EphemeralSlot),
    reply_key: &[u8; 32],
    packet: &mut Vec<u8>,
    answer: &Answer,
    rng: &mut dyn rand_core::CryptoRng,
) -> Result<Exchanged, Error> {
    slot.fill(rng)?;
    let length = HEADER_BYTES + KEY_BYTES + ANSWER_BYTES + TAG_BYTES;
    write(&mut state, &answer.encode(), packet, length)?;
    append_mac(reply_key, packet);
    Ok(finish(&mut state))
}

/// What an initiator keeps until its reply comes.
pub(crate) struct Waiting {
    state: Box<HandshakeState>,
    reply_key: Zeroizing<[u8; 32]>,
    offered: Capabilities,
}

impl Waiting {
    /// Reads `M2 = hdr | Noise message 2 with payload answer | code`, whose header has been checked.
    ///
    /// snow takes its state back if the message does not open. If it opens, the responder itself wrote it.
    pub(crate) fn read(&mut self, packet: &[u8]) -> Result<(Answer, Exchanged), Rejected> {
        let message = check_mac(&self.reply_key, packet)?.get(HEADER_BYTES..).ok_or(Rejected)?;
        let mut answer = [0; ANSWER_BYTES];
        let read = self.state.read_message(message, &mut answer).map_err(|_| Rejected)?;
        if read != ANSWER_BYTES {
            return Err(Rejected);
        }
        let answer = Answer::decode(&answer, self.offered)?;
        Ok((answer, finish(&mut self.state)))
    }
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
