//! The stages in which the sender says who it is, and shows it.

use super::{Accepted, ResponderKeys, Sender, accepted::Taken, debug_stage};
use crate::{
    error::Rejected,
    keys::{BootId, Credential, IdentityKey, StaticKey, TicketId},
    noise,
    packet::Offer,
    secret::Psk,
    suite::{Capabilities, Limits},
    x3dh,
};

pub(super) enum Claimed {
    X3dh(x3dh::responder::Claimed),
    Noise(noise::responder::Claimed),
}

/// Who the sender says it is: unproven.
pub struct Claim(pub(super) Box<(Sender, Claimed)>);

impl Claim {
    /// The device's key: unproven.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.0.0.static_key
    }

    /// The identity that the credential names: unproven, and the credential's signature is not checked here.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.0.0.credential.identity()
    }

    /// What shall bind the two.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.0.0.credential
    }

    /// Has the sender's static key proven: one Diffie-Hellman.
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn prove(self, keys: &ResponderKeys) -> Result<Proven, Rejected> {
        let (sender, exchange) = *self.0;
        let (exchange, offer) = match exchange {
            Claimed::X3dh(claimed) => {
                let (proved, offer) = claimed.prove(keys)?;
                (Proved::X3dh(proved), offer)
            }
            Claimed::Noise(claimed) => {
                let (proved, offer) = claimed.prove();
                (Proved::Noise(proved), offer)
            }
        };
        Ok(Proven(Box::new((sender, offer, exchange))))
    }
}

pub(super) enum Proved {
    X3dh(x3dh::responder::Proved),
    Noise(noise::responder::Proved),
}

/// A packet that the holder of the static key made, now or earlier, for us.
pub struct Proven(Box<(Sender, Offer, Proved)>);

impl Proven {
    /// The device's key.
    #[must_use]
    pub fn static_key(&self) -> StaticKey {
        self.0.0.static_key
    }

    /// The identity that the credential names.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.0.0.credential.identity()
    }

    /// What shall bind the two.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.0.0.credential
    }

    /// The initiator's counter. One that is not above the last confirmed one marks a replay.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.0.1.counter
    }

    /// The initiator's boot id.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.0.1.boot
    }

    /// The ticket that the initiator means to redeem.
    #[must_use]
    pub fn ticket(&self) -> Option<TicketId> {
        Some(self.0.1.ticket).filter(|ticket| *ticket != TicketId::NONE)
    }

    /// What the initiator can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.0.1.capabilities
    }

    /// What the initiator is ready to receive.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.1.limits
    }

    /// Checks the secret of the ticket that [`ticket`](Self::ticket) names, or that there is none.
    ///
    /// # Errors
    /// [`Rejected`], also if a secret is given where the packet names no ticket, or the other way round: say nothing.
    pub fn accept(self, psk: Option<&Psk>) -> Result<Accepted, Rejected> {
        if self.ticket().is_some() != psk.is_some() {
            return Err(Rejected);
        }
        let (sender, offer, exchange) = *self.0;
        let exchange = match exchange {
            Proved::X3dh(proved) => {
                Taken::X3dh(proved.accept(psk.map_or(&[][..], |psk| psk.dangerous_bytes()))?)
            }
            Proved::Noise(proved) => Taken::Noise(proved.accept(psk)?),
        };
        Ok(Accepted(Box::new((sender, offer, exchange))))
    }
}

debug_stage!(Claim, Proven);
