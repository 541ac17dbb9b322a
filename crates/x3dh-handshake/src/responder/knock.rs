//! The first stage: a packet from somebody who knows the door.

use std::fmt;

use super::{Claim, ResponderKeys, Sender, claim::Claimed};
use crate::{
    code::check_door_mac, error::Rejected, keys::Tag, noise, packet::read_first, secret::Door, suite::Suite,
    x3dh,
};

/// A first packet of the right shape from somebody who knows the door.
#[derive(Clone, Copy)]
pub struct Knock<'a> {
    pub(crate) packet: &'a [u8],
    pub(crate) door: &'a Door,
    pub(crate) suite: Suite,
    pub(crate) tag: Tag,
}

impl<'a> Knock<'a> {
    /// Checks a packet's exact size, version, suite and `mac1`, in this order. No Diffie-Hellman. Anonymous suites are
    /// not looked at: see [`AnonymousKnock`](crate::anonymous::AnonymousKnock).
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn check(keys: &'a ResponderKeys, first_packet: &'a [u8]) -> Result<Self, Rejected> {
        let (suite, tag) = read_first(first_packet)?;
        if suite.is_anonymous() {
            return Err(Rejected);
        }
        let door = check_door_mac(keys.doors(), first_packet)?;
        Ok(Self { packet: first_packet, door, suite, tag })
    }

    /// The suite that the initiator chose. Refuse one that this node's record does not list.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The initiator's tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// `mac1`, which tells this packet from every other: to be remembered where a packet that comes again, which proves
    /// nothing and works for nothing anew, must not cost anything anew.
    #[must_use]
    pub fn mac1(&self) -> [u8; 16] {
        self.packet.last_chunk().copied().unwrap_or_default()
    }

    /// Learns who the sender says it is: one Diffie-Hellman.
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn claim(self, keys: &ResponderKeys) -> Result<Claim, Rejected> {
        let (exchange, static_key, credential) = match self.suite {
            Suite::X3dhHybrid | Suite::X3dh => {
                let (claimed, static_key, credential) =
                    x3dh::responder::claim(keys, self.suite, self.packet)?;
                (Claimed::X3dh(claimed), static_key, credential)
            }
            Suite::NoiseNk => return Err(Rejected),
            Suite::NoiseIk | Suite::NoiseIkPsk2 => {
                let (claimed, static_key, credential) = noise::responder::claim(keys, &self)?;
                (Claimed::Noise(claimed), static_key, credential)
            }
        };
        // Our own packets, reflected, or another process with our key.
        if static_key == keys.static_secret.public() {
            return Err(Rejected);
        }
        let sender = Sender { suite: self.suite, tag: self.tag, static_key, credential };
        Ok(Claim(Box::new((sender, exchange))))
    }
}

impl fmt::Debug for Knock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knock").field("suite", &self.suite).field("tag", &self.tag).finish_non_exhaustive()
    }
}
