//! The end that is called, in stages as for members: each costs one Diffie-Hellman, and nothing is sent before the last.

use std::fmt;

use rand_core::CryptoRng;

use super::AnonymousEstablished;
use crate::{
    code::check_door_mac,
    error::{Error, Rejected},
    keys::Tag,
    noise,
    packet::{Answer, CallOffer, Kind, header, read_first},
    responder::{Knock, ReplyConfig, ResponderKeys},
    secret::CookieSecret,
    session::Role,
    suite::{Capabilities, Limits, Suite, TrafficAead},
};

/// A first packet of the right shape from somebody who knows the anonymous door.
#[derive(Clone, Copy)]
pub struct AnonymousKnock<'a>(Knock<'a>);

impl<'a> AnonymousKnock<'a> {
    /// Checks a packet's exact size, version, suite and `mac1`, in this order. No Diffie-Hellman. Suites of members are
    /// not looked at, and nothing is where the node has no anonymous door.
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn check(keys: &'a ResponderKeys, first_packet: &'a [u8]) -> Result<Self, Rejected> {
        let (suite, tag) = read_first(first_packet)?;
        if !suite.is_anonymous() {
            return Err(Rejected);
        }
        let door = check_door_mac(&keys.anonymous_door, first_packet)?;
        Ok(Self(Knock { packet: first_packet, door, suite, tag }))
    }

    /// The caller's tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.0.tag
    }

    /// As [`Knock::mac1`].
    #[must_use]
    pub fn mac1(&self) -> [u8; 16] {
        self.0.mac1()
    }

    /// As [`Knock::challenge`].
    ///
    /// # Errors
    /// As there.
    pub fn challenge(
        &self,
        secret: &CookieSecret,
        source: &[u8],
        bits: u8,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        self.0.challenge(secret, source, bits, rng)
    }

    /// Opens the packet: one Diffie-Hellman.
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn open(self, keys: &ResponderKeys) -> Result<Call, Rejected> {
        let (heard, offer) = noise::anonymous::hear(keys, &self.0)?;
        Ok(Call(Box::new((self.0.tag, offer, heard))))
    }
}

impl fmt::Debug for AnonymousKnock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnonymousKnock").field("tag", &self.0.tag).finish_non_exhaustive()
    }
}

/// A call of somebody, made for us, now or earlier.
pub struct Call(Box<(Tag, CallOffer, noise::anonymous::Heard)>);

impl Call {
    /// What the caller can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.0.1.capabilities
    }

    /// What the caller is ready to receive.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.1.limits
    }

    /// Makes the one reply and the session. The reply may be repeated, byte for byte, while the session is unconfirmed.
    ///
    /// Draws 32 bytes.
    ///
    /// # Errors
    /// [`Error::NoCommonAead`]; [`Error::Rejected`] for the caller's fault. Nothing is to be sent then.
    pub fn reply(
        self,
        config: &ReplyConfig,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Vec<u8>, AnonymousEstablished), Error> {
        let (tag, offer, heard) = *self.0;
        let suite = Suite::NoiseNk;
        let aead = TrafficAead::choose(config.aead, config.capabilities, offer.capabilities)?;
        let answer = Answer {
            tag: config.tag,
            boot: config.boot,
            aead,
            capabilities: config.capabilities,
            limits: config.limits,
        };
        let mut packet = Vec::with_capacity(Kind::Reply.packet_bytes(suite).unwrap_or(0));
        packet.extend_from_slice(&header(Kind::Reply, suite, tag));
        let exchanged = heard.reply(&mut packet, &answer, rng)?;
        let established = AnonymousEstablished {
            secrets: exchanged.secrets,
            role: Role::Responder,
            suite,
            aead,
            local_tag: config.tag,
            remote_tag: tag,
            boot: None,
            capabilities: offer.capabilities,
            limits: offer.limits,
            transcript: exchanged.transcript,
        };
        Ok((packet, established))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("tag", &self.0.0).finish_non_exhaustive()
    }
}
