//! The responder's half of Noise IK.

use rand_core::CryptoRng;
use snow::HandshakeState;
use zeroize::Zeroizing;

use super::{EphemeralSlot, build, finish, prologue, reply_key};
use crate::{
    aead::TAG_BYTES,
    code::append_mac,
    error::{Error, Rejected},
    hash::MAC_BYTES,
    keys::{CREDENTIAL_BYTES, Credential, StaticKey, TicketId},
    packet::{ANSWER_BYTES, Answer, HEADER_BYTES, KEY_BYTES, OFFER_BYTES, Offer, field},
    responder::{Knock, ResponderKeys},
    session::Exchanged,
};

/// The state after the first message, which has proven the static key already.
pub(crate) struct Claimed {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
    reply_key: Zeroizing<[u8; 32]>,
    offer: Offer,
}

/// Reads `M1`, whose size and `mac1` are right: both Diffie-Hellman of the message.
pub(crate) fn claim(
    keys: &ResponderKeys,
    knock: &Knock<'_>,
) -> Result<(Claimed, StaticKey, Credential), Rejected> {
    let (covered, mac1) = knock.packet.split_last_chunk::<MAC_BYTES>().ok_or(Rejected)?;
    let (header, message) = covered.split_first_chunk::<HEADER_BYTES>().ok_or(Rejected)?;
    let slot = EphemeralSlot::default();
    let prologue = prologue(&keys.identity, header);
    let mut state = build(&keys.static_secret, None, &prologue, slot.clone()).map_err(|_| Rejected)?;

    let mut payload = [0; CREDENTIAL_BYTES + OFFER_BYTES];
    let read = state.read_message(message, &mut payload).map_err(|_| Rejected)?;
    let static_key = StaticKey(field(state.get_remote_static().ok_or(Rejected)?, 0)?);
    let offer = Offer::decode(&field(&payload, CREDENTIAL_BYTES)?);
    if read != payload.len() || offer.ticket != TicketId::NONE {
        return Err(Rejected);
    }
    let reply_key = reply_key(knock.door, mac1);
    Ok((Claimed { state, slot, reply_key, offer }, static_key, Credential(field(&payload, 0)?)))
}

/// The state until the reply.
pub(crate) struct Proved {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
    reply_key: Zeroizing<[u8; 32]>,
}

impl Claimed {
    pub(crate) fn prove(self) -> (Proved, Offer) {
        let Self { state, slot, reply_key, offer } = self;
        (Proved { state, slot, reply_key }, offer)
    }
}

impl Proved {
    /// Appends Noise message 2 to its header.
    pub(crate) fn reply(
        mut self,
        packet: &mut Vec<u8>,
        answer: &Answer,
        rng: &mut dyn CryptoRng,
    ) -> Result<Exchanged, Error> {
        self.slot.fill(rng);
        packet.resize(HEADER_BYTES + KEY_BYTES + ANSWER_BYTES + TAG_BYTES, 0);
        let written = self
            .state
            .write_message(&answer.encode(), &mut packet[HEADER_BYTES..])
            .map_err(|_| Error::Primitive)?;
        if HEADER_BYTES + written != packet.len() {
            return Err(Error::Primitive);
        }
        append_mac(&self.reply_key, packet);
        Ok(finish(&mut self.state))
    }
}
