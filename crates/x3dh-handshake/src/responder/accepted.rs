//! The last stage: a packet that deserves an answer, and the answer.

use rand_core::CryptoRng;

use super::{Sender, debug_stage};
use crate::{
    error::{Error, Rejected},
    keys::{BootId, Tag, TicketId},
    noise,
    packet::{Answer, Kind, Offer, header},
    session::{Established, Peer, Role},
    suite::{Capabilities, Limits, TrafficAead},
    x3dh,
};

pub(super) enum Taken {
    X3dh(x3dh::responder::Taken),
    Noise(noise::responder::Proved),
}

/// A first packet that deserves an answer.
pub struct Accepted(pub(super) Box<(Sender, Offer, Taken)>);

/// What the responder puts into its reply.
#[derive(Clone, Copy, Debug)]
pub struct ReplyConfig {
    /// The traffic AEAD to take if both can.
    pub aead: TrafficAead,
    /// Our node's boot id.
    pub boot: BootId,
    /// What we can do; at least one traffic AEAD.
    pub capabilities: Capabilities,
    /// What we are ready to receive.
    pub limits: Limits,
    /// The tag that packets to us shall carry.
    pub tag: Tag,
}

impl Accepted {
    /// Whether the initiator's key share has yet to come.
    #[must_use]
    pub fn needs_key_share(&self) -> bool {
        match &self.0.2 {
            Taken::X3dh(taken) => taken.needs_key_share(),
            Taken::Noise(_) => false,
        }
    }

    /// Takes the initiator's key share in.
    ///
    /// # Errors
    /// A packet that is not the one the first packet committed to is rejected and the state comes back, unchanged.
    pub fn key_share(mut self, packet: &[u8]) -> Result<Self, (Self, Rejected)> {
        let taken = match &mut self.0.2 {
            Taken::X3dh(taken) => taken.key_share(packet),
            Taken::Noise(_) => Err(Rejected),
        };
        match taken {
            Ok(()) => Ok(self),
            Err(rejected) => Err((self, rejected)),
        }
    }

    /// Makes the one reply and the session. The reply may be repeated, byte for byte, while the session is unconfirmed.
    ///
    /// Draws 32 bytes for the ephemeral key and, if the suite has a KEM, 32 more for the encapsulation.
    ///
    /// # Errors
    /// [`Error::KeyShareMissing`] before [`key_share`](Self::key_share); [`Error::NoCommonAead`];
    /// [`Error::Rejected`] for the peer's fault. Nothing is to be sent then.
    pub fn reply(
        self,
        config: &ReplyConfig,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, Established), Error> {
        if self.needs_key_share() {
            return Err(Error::KeyShareMissing);
        }
        let (sender, offer, exchange) = *self.0;
        let aead = TrafficAead::choose(config.aead, config.capabilities, offer.capabilities)?;
        let answer = Answer {
            tag: config.tag,
            boot: config.boot,
            aead,
            capabilities: config.capabilities,
            limits: config.limits,
        };
        let mut packet = Vec::with_capacity(Kind::Reply.packet_bytes(sender.suite).unwrap_or(0));
        packet.extend_from_slice(&header(Kind::Reply, sender.suite, sender.tag));
        let exchanged = match exchange {
            Taken::X3dh(taken) => taken.reply(&mut packet, &answer, rng)?,
            Taken::Noise(proved) => proved.reply(&mut packet, &answer, rng)?,
        };
        let established = Established {
            secrets: exchanged.secrets,
            role: Role::Responder,
            suite: sender.suite,
            aead,
            local_tag: config.tag,
            remote_tag: sender.tag,
            counter: offer.counter,
            ticket: Some(offer.ticket).filter(|ticket| *ticket != TicketId::NONE),
            peer: Peer {
                static_key: sender.static_key,
                identity: sender.credential.identity(),
                credential: Some(sender.credential),
                boot: offer.boot,
                capabilities: offer.capabilities,
                limits: offer.limits,
            },
            transcript: exchanged.transcript,
        };
        Ok((packet, established))
    }
}

debug_stage!(Accepted);
