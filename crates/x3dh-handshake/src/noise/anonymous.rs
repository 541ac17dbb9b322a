//! Both halves of Noise NK.

use rand_core::CryptoRng;
use snow::HandshakeState;
use zeroize::Zeroizing;

use super::{Beginning, EphemeralSlot, Waiting, prologue, reply, reply_key, write};
use crate::{
    anonymous::CallerConfig,
    code::append_door_mac,
    error::{Error, Rejected},
    hash::MAC_BYTES,
    initiator::FirstFlight,
    packet::{Answer, CALL_BYTES, CallOffer, HEADER_BYTES, Kind, header},
    responder::{Knock, ResponderKeys},
    session::Exchanged,
    suite::Suite,
};

/// `M1 = hdr | Noise message 1 with the caller's offer as payload | mac1`
pub(crate) fn start(
    config: &CallerConfig<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<(Waiting, FirstFlight), Error> {
    let suite = Suite::NoiseNk;
    let header = header(Kind::First, suite, config.tag);
    let slot = EphemeralSlot::default();
    slot.fill(rng)?;
    let prologue = prologue(suite, config.responder_identity, &header);
    let remote = Some(&config.responder_static.0);
    let beginning = Beginning { suite, static_secret: None, remote, psk: None, prologue: &prologue };
    let mut state = beginning.build(slot)?;

    let offer = CallOffer { capabilities: config.capabilities, limits: config.limits };
    let packet_bytes = Kind::First.packet_bytes(suite).unwrap_or(0);
    let mut packet = Vec::with_capacity(packet_bytes);
    packet.extend_from_slice(&header);
    write(&mut state, &offer.encode(), &mut packet, packet_bytes - MAC_BYTES)?;
    append_door_mac(config.door, &mut packet);
    let mac1 = packet.last_chunk::<MAC_BYTES>().ok_or(Error::Primitive)?;
    let reply_key = reply_key(config.door, mac1);
    let waiting = Waiting { state, reply_key, offered: config.capabilities };
    Ok((waiting, FirstFlight { first: packet, cookied: None, key_share: None }))
}

/// The state after the first message.
pub(crate) struct Heard {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
    reply_key: Zeroizing<[u8; 32]>,
}

/// Reads `M1`, whose size and `mac1` are right: one Diffie-Hellman.
pub(crate) fn hear(keys: &ResponderKeys, knock: &Knock<'_>) -> Result<(Heard, CallOffer), Rejected> {
    let suite = Suite::NoiseNk;
    let (covered, mac1) = knock.packet.split_last_chunk::<MAC_BYTES>().ok_or(Rejected)?;
    let (header, message) = covered.split_first_chunk::<HEADER_BYTES>().ok_or(Rejected)?;
    let slot = EphemeralSlot::default();
    let prologue = prologue(suite, &keys.identity, header);
    let static_secret = Some(&keys.static_secret);
    let beginning = Beginning { suite, static_secret, remote: None, psk: None, prologue: &prologue };
    let mut state = beginning.build(slot.clone()).map_err(|_| Rejected)?;

    let mut payload = [0; CALL_BYTES];
    let read = state.read_message(message, &mut payload).map_err(|_| Rejected)?;
    if read != payload.len() {
        return Err(Rejected);
    }
    let heard = Heard { state, slot, reply_key: reply_key(knock.door, mac1) };
    Ok((heard, CallOffer::decode(&payload)))
}

impl Heard {
    /// Appends Noise message 2 to its header.
    pub(crate) fn reply(
        self,
        packet: &mut Vec<u8>,
        answer: &Answer,
        rng: &mut dyn CryptoRng,
    ) -> Result<Exchanged, Error> {
        reply((self.state, &self.slot), &self.reply_key, packet, answer, rng)
    }
}
