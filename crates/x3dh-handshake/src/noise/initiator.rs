//! The initiator's half of Noise IK.

use rand_core::CryptoRng;
use snow::HandshakeState;
use zeroize::Zeroizing;

use super::{EphemeralSlot, build, finish, prologue, reply_key};
use crate::{
    code::{append_door_mac, check_mac},
    error::{Error, Rejected},
    hash::MAC_BYTES,
    initiator::{FirstFlight, InitiatorConfig},
    packet::{ANSWER_BYTES, Answer, HEADER_BYTES, Kind, Offer, header},
    session::Exchanged,
    suite::Capabilities,
};

/// The state after the first message.
pub(crate) struct Waiting {
    state: Box<HandshakeState>,
    reply_key: Zeroizing<[u8; 32]>,
    offered: Capabilities,
}

/// `M1 = hdr | Noise message 1 with payload (credential | offer) | mac1`
pub(crate) fn start(
    config: &InitiatorConfig<'_>,
    offer: &Offer,
    rng: &mut dyn CryptoRng,
) -> Result<(Waiting, FirstFlight), Error> {
    let header = header(Kind::First, config.suite, config.tag);
    let slot = EphemeralSlot::default();
    slot.fill(rng);
    let prologue = prologue(config.responder_identity, &header);
    let mut state = build(config.static_secret, Some(&config.responder_static.0), &prologue, slot)?;

    let payload = [&config.credential.0[..], &offer.encode()].concat();
    let packet_bytes = Kind::First.packet_bytes(config.suite).unwrap_or(0);
    let mut packet = Vec::with_capacity(packet_bytes);
    packet.extend_from_slice(&header);
    packet.resize(packet_bytes - MAC_BYTES, 0);
    let written = state.write_message(&payload, &mut packet[HEADER_BYTES..]).map_err(|_| Error::Primitive)?;
    if HEADER_BYTES + written != packet.len() {
        return Err(Error::Primitive);
    }
    append_door_mac(config.door, &mut packet);
    let mac1 = packet.last_chunk::<MAC_BYTES>().ok_or(Error::Primitive)?;
    let reply_key = reply_key(config.door, mac1);
    let waiting = Waiting { state, reply_key, offered: config.capabilities };
    Ok((waiting, FirstFlight { first: packet, cookied: None, key_share: None }))
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
