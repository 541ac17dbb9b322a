//! The end that is dialed, in stages. Each consumes the one before it, and nothing is sent before the last.
//!
//! ```text
//!              mac1           es              ss             psk                             fresh keys
//!   packet ──▶ Knock ──claim──▶ Claim ──prove──▶ Proven ──accept──▶ Accepted ──reply──▶ (Reply, Established)
//!                │                                                  │  ▲
//!                └─ challenge: a cookie instead                     └──┘ key_share: the one committed to
//! ```
//!
//! | stage | costs | what is known |
//! |-|-|-|
//! | [`Knock`] | one hash, a MAC per door | the sender knows the door, or repeats somebody who does |
//! | [`Claim`] | one Diffie-Hellman | which device and identity the sender says it is |
//! | [`Proven`] | one Diffie-Hellman | it holds that device's key, or ours, or repeats it; its counter and ticket id |
//! | [`Accepted`] | one hash | it holds the ticket's secret, if there is a ticket |
//! | [`Established`] | a key pair, two Diffie-Hellman, an encapsulation | the initiator learns that we are the one it dialed |
//!
//! With [`Suite::NoiseIk`] a claim costs two Diffie-Hellman and proves the static key at once, because Noise reads its
//! message whole.

use std::fmt;

use rand_core::CryptoRng;

use crate::{
    error::{Error, Rejected},
    keys::{BootId, Credential, IdentityKey, StaticKey, StaticSecret, Tag, TicketId},
    noise,
    packet::{Answer, Kind, Offer, header, read_first},
    seal::check_door_mac,
    secret::{Door, Psk},
    session::{Established, Peer, Role},
    suite::{Capabilities, Limits, Suite, TrafficAead},
    x3dh,
};

/// What a node answers with.
#[derive(Debug)]
pub struct ResponderKeys {
    /// The device's secret.
    pub static_secret: StaticSecret,
    /// The identity that initiators mean when they dial this device.
    pub identity: IdentityKey,
    /// The door that new tickets and records carry.
    pub door: Door,
    /// The door before it, while records that carry it are about.
    pub previous_door: Option<Door>,
}

impl ResponderKeys {
    fn doors(&self) -> impl Iterator<Item = &Door> {
        std::iter::once(&self.door).chain(&self.previous_door)
    }
}

/// A first packet of the right shape from somebody who knows the door.
#[derive(Clone, Copy)]
pub struct Knock<'a> {
    pub(crate) packet: &'a [u8],
    pub(crate) door: &'a Door,
    pub(crate) suite: Suite,
    pub(crate) tag: Tag,
}

impl<'a> Knock<'a> {
    /// Checks a packet's exact size, version, suite and `mac1`, in this order. No Diffie-Hellman.
    ///
    /// # Errors
    /// [`Rejected`]: say nothing.
    pub fn check(keys: &'a ResponderKeys, first_packet: &'a [u8]) -> Result<Self, Rejected> {
        let (suite, tag) = read_first(first_packet)?;
        let door = check_door_mac(keys.doors(), first_packet)?;
        Ok(Self { packet: first_packet, door, suite, tag })
    }

    /// The suite that the initiator chose.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The initiator's tag.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.tag
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
            Suite::NoiseIk => {
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

/// What every stage after the first knows about the initiator.
struct Sender {
    suite: Suite,
    tag: Tag,
    static_key: StaticKey,
    credential: Credential,
}

enum Claimed {
    X3dh(x3dh::responder::Claimed),
    Noise(noise::responder::Claimed),
}

/// Who the sender says it is: unproven.
pub struct Claim(Box<(Sender, Claimed)>);

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

enum Proved {
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
            Proved::Noise(proved) => Taken::Noise(proved),
        };
        Ok(Accepted(Box::new((sender, offer, exchange))))
    }
}

enum Taken {
    X3dh(x3dh::responder::Taken),
    Noise(noise::responder::Proved),
}

/// A first packet that deserves an answer.
pub struct Accepted(Box<(Sender, Offer, Taken)>);

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

/// Shows a stage by what it knows of the sender, never its keys.
macro_rules! debug {
    ($($stage:ident),*) => {$(
        impl fmt::Debug for $stage {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let sender = &self.0.0;
                f.debug_struct(stringify!($stage))
                    .field("suite", &sender.suite)
                    .field("static_key", &sender.static_key)
                    .finish_non_exhaustive()
            }
        }
    )*};
}

debug!(Claim, Proven, Accepted);

impl fmt::Debug for Knock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knock").field("suite", &self.suite).field("tag", &self.tag).finish_non_exhaustive()
    }
}
