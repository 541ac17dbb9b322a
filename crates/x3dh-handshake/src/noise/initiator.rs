//! The initiator's half of Noise IK and IKpsk2.

use rand_core::CryptoRng;

use super::{Beginning, EphemeralSlot, Waiting, prologue, reply_key, ticket::Covered, write};
use crate::{
    code::append_door_mac,
    error::Error,
    hash::MAC_BYTES,
    initiator::{FirstFlight, InitiatorConfig},
    packet::{Kind, Offer, header},
};

/// `M1 = hdr | Noise message 1 with payload (credential | offer | proof) | mac1`, the proof in IKpsk2 only.
pub(crate) fn start(
    config: &InitiatorConfig<'_>,
    offer: &Offer,
    rng: &mut dyn CryptoRng,
) -> Result<(Waiting, FirstFlight), Error> {
    let suite = config.suite;
    let header = header(Kind::First, suite, config.tag);
    let slot = EphemeralSlot::default();
    let ephemeral = slot.fill(rng)?;
    let prologue = prologue(suite, config.responder_identity, &header);
    let psk = config.ticket.as_ref().map(|(_, psk)| *psk);
    let mut state = Beginning {
        suite,
        static_secret: Some(config.static_secret),
        remote: Some(&config.responder_static.0),
        psk,
        prologue: &prologue,
    }
    .build(slot)?;

    let mut payload = [&config.credential.0[..], &offer.encode()].concat();
    if let Some(psk) = psk {
        let proof = Covered {
            prologue: &prologue,
            responder: &config.responder_static.0,
            ephemeral: &ephemeral,
            initiator: &config.static_secret.public().0,
            payload: &payload,
        }
        .prove(psk);
        payload.extend_from_slice(&proof);
    }
    let packet_bytes = Kind::First.packet_bytes(suite).unwrap_or(0);
    let mut packet = Vec::with_capacity(packet_bytes);
    packet.extend_from_slice(&header);
    write(&mut state, &payload, &mut packet, packet_bytes - MAC_BYTES)?;
    append_door_mac(config.door, &mut packet);
    let mac1 = packet.last_chunk::<MAC_BYTES>().ok_or(Error::Primitive)?;
    let reply_key = reply_key(config.door, mac1);
    let waiting = Waiting { state, reply_key, offered: config.capabilities };
    Ok((waiting, FirstFlight { first: packet, cookied: None, key_share: None }))
}
