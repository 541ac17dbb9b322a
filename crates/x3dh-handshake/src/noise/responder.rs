//! The responder's half of Noise IK and IKpsk2.

use rand_core::CryptoRng;
use snow::HandshakeState;
use zeroize::Zeroizing;

use super::{
    Beginning, EphemeralSlot, PSK_LOCATION, prologue, reply, reply_key,
    ticket::{Covered, Proof},
};
use crate::{
    error::{Error, Rejected},
    hash::MAC_BYTES,
    keys::{CREDENTIAL_BYTES, Credential, StaticKey, TicketId},
    packet::{Answer, HEADER_BYTES, OFFER_BYTES, Offer, TICKET_PROOF_BYTES, field, noise_payload_bytes},
    responder::{Knock, ResponderKeys},
    secret::Psk,
    session::Exchanged,
};

/// The credential and the offer, which every payload begins with.
const SAID_BYTES: usize = CREDENTIAL_BYTES + OFFER_BYTES;

/// The state after the first message, which has proven the static key already.
pub(crate) struct Claimed {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
    reply_key: Zeroizing<[u8; 32]>,
    offer: Offer,
    proof: Option<Proof>,
}

/// Reads `M1`, whose size and `mac1` are right: both Diffie-Hellman of the message.
pub(crate) fn claim(
    keys: &ResponderKeys,
    knock: &Knock<'_>,
) -> Result<(Claimed, StaticKey, Credential), Rejected> {
    let suite = knock.suite;
    let (covered, mac1) = knock.packet.split_last_chunk::<MAC_BYTES>().ok_or(Rejected)?;
    let (header, message) = covered.split_first_chunk::<HEADER_BYTES>().ok_or(Rejected)?;
    let slot = EphemeralSlot::default();
    let prologue = prologue(suite, &keys.identity, header);
    let mut state = Beginning {
        suite,
        static_secret: Some(&keys.static_secret),
        remote: None,
        psk: None,
        prologue: &prologue,
    }
    .build(slot.clone())
    .map_err(|_| Rejected)?;

    let mut payload = [0; SAID_BYTES + TICKET_PROOF_BYTES];
    let payload = payload.get_mut(..noise_payload_bytes(suite)).ok_or(Rejected)?;
    let read = state.read_message(message, payload).map_err(|_| Rejected)?;
    let static_key = StaticKey(field(state.get_remote_static().ok_or(Rejected)?, 0)?);
    let offer = Offer::decode(&field(payload, CREDENTIAL_BYTES)?);
    let names_ticket = offer.ticket != TicketId::NONE;
    if read != payload.len() || names_ticket != suite.needs_ticket() {
        return Err(Rejected);
    }
    let proof = match suite.needs_ticket() {
        true => {
            let covered = Covered {
                prologue: &prologue,
                responder: &keys.static_secret.public().0,
                ephemeral: &field(message, 0)?,
                initiator: &static_key.0,
                payload: payload.get(..SAID_BYTES).ok_or(Rejected)?,
            };
            Some(Proof::new(&covered, field(payload, SAID_BYTES)?))
        }
        false => None,
    };
    let reply_key = reply_key(knock.door, mac1);
    let credential = Credential(field(payload, 0)?);
    Ok((Claimed { state, slot, reply_key, offer, proof }, static_key, credential))
}

/// The state until the reply.
pub(crate) struct Proved {
    state: Box<HandshakeState>,
    slot: EphemeralSlot,
    reply_key: Zeroizing<[u8; 32]>,
    proof: Option<Proof>,
}

impl Claimed {
    pub(crate) fn prove(self) -> (Proved, Offer) {
        let Self { state, slot, reply_key, offer, proof } = self;
        (Proved { state, slot, reply_key, proof }, offer)
    }
}

impl Proved {
    /// Checks the proof of the ticket's secret before anything is made of it.
    pub(crate) fn accept(mut self, psk: Option<&Psk>) -> Result<Self, Rejected> {
        match (self.proof.take(), psk) {
            (None, None) => {}
            (Some(proof), Some(psk)) => {
                proof.check(psk)?;
                self.state.set_psk(usize::from(PSK_LOCATION), psk.dangerous_bytes()).map_err(|_| Rejected)?;
            }
            _ => return Err(Rejected),
        }
        Ok(self)
    }

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
