//! The end that dials.
//!
//! ```text
//!   start ──▶ Initiator ──read_reply──▶ Established
//!                │  ▲
//!                └──┘ a reply that is not the responder's: the attempt stands
//! ```

use std::fmt;

use rand_core::CryptoRng;

use crate::{
    error::{Error, Rejected},
    keys::{BootId, Credential, IdentityKey, StaticKey, StaticSecret, Tag, TicketId},
    noise,
    packet::{Kind, Offer, check_answer},
    secret::{Door, Psk},
    session::{Established, Peer, Role},
    suite::{Capabilities, Limits, Suite},
    x3dh,
};

/// Everything a first packet is made of.
#[derive(Clone, Copy, Debug)]
pub struct InitiatorConfig<'a> {
    /// The best suite of the responder's record, and never one below it.
    pub suite: Suite,
    /// Our device's secret.
    pub static_secret: &'a StaticSecret,
    /// What binds it to our identity.
    pub credential: &'a Credential,
    /// The identity that we mean to reach.
    pub responder_identity: &'a IdentityKey,
    /// The key of its device.
    pub responder_static: &'a StaticKey,
    /// The responder's door.
    pub door: &'a Door,
    /// The ticket to redeem, if any.
    pub ticket: Option<(TicketId, &'a Psk)>,
    /// Strictly increasing per static key, across restarts.
    pub counter: u64,
    /// Our node's boot id.
    pub boot: BootId,
    /// What we can do; at least one traffic AEAD.
    pub capabilities: Capabilities,
    /// What we are ready to receive.
    pub limits: Limits,
    /// The tag that packets to us shall carry.
    pub tag: Tag,
}

/// An attempt that waits for its reply.
pub struct Initiator(Box<State>);

struct State {
    suite: Suite,
    tag: Tag,
    counter: u64,
    ticket: Option<TicketId>,
    identity: IdentityKey,
    static_key: StaticKey,
    exchange: Exchange,
}

enum Exchange {
    X3dh(x3dh::initiator::Waiting),
    Noise(noise::Waiting),
}

/// The packets that open a handshake. Repeat them as they are: on a path that loses packets, a repetition is not a new
/// attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstFlight {
    pub(crate) first: Vec<u8>,
    pub(crate) cookied: Option<Vec<u8>>,
    pub(crate) key_share: Option<Vec<u8>>,
}

impl FirstFlight {
    /// The packets, in the order in which to send them: one or two.
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.cookied.as_ref().unwrap_or(&self.first))
            .chain(&self.key_share)
            .map(Vec::as_slice)
    }
}

impl Initiator {
    /// Makes the first packets.
    ///
    /// Draws 32 bytes for the ephemeral key and, if the suite has a KEM, 64 more for its key pair.
    ///
    /// # Errors
    /// Only for misuse: a key that cannot be dialed, a ticket where the suite has none or none where it needs one, an
    /// anonymous suite, capabilities without an AEAD.
    pub fn start(
        config: &InitiatorConfig<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, FirstFlight), Error> {
        check(config)?;
        let responder = config.responder_static.point().map_err(|_| Error::UnusableStaticKey)?;
        let ticket = config.ticket.as_ref().map(|(id, _)| *id);
        let offer = Offer {
            counter: config.counter,
            boot: config.boot,
            ticket: ticket.unwrap_or(TicketId::NONE),
            capabilities: config.capabilities,
            limits: config.limits,
        };
        let (exchange, flight) = match config.suite {
            Suite::X3dhHybrid | Suite::X3dh => {
                let (waiting, flight) = x3dh::initiator::start(config, &offer, &responder, rng)?;
                (Exchange::X3dh(waiting), flight)
            }
            Suite::NoiseNk => return Err(Error::AnonymousSuite),
            Suite::NoiseIk | Suite::NoiseIkPsk2 => {
                let (waiting, flight) = noise::initiator::start(config, &offer, rng)?;
                (Exchange::Noise(waiting), flight)
            }
        };
        let state = State {
            suite: config.suite,
            tag: config.tag,
            counter: config.counter,
            ticket,
            identity: *config.responder_identity,
            static_key: *config.responder_static,
            exchange,
        };
        Ok((Self(Box::new(state)), flight))
    }

    /// The tag by which a reply names this attempt.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.0.tag
    }

    /// Reads the reply.
    ///
    /// # Errors
    /// A packet that is not the responder's reply to this very attempt is rejected and the attempt comes back,
    /// unchanged: a forgery cannot end it.
    pub fn read_reply(mut self, packet: &[u8]) -> Result<Established, (Self, Rejected)> {
        match self.0.read(packet) {
            Ok(established) => Ok(established),
            Err(rejected) => Err((self, rejected)),
        }
    }
}

impl State {
    fn read(&mut self, packet: &[u8]) -> Result<Established, Rejected> {
        check_answer(packet, Kind::Reply, self.suite, self.tag)?;
        let (answer, exchanged) = match &mut self.exchange {
            Exchange::X3dh(waiting) => waiting.read(packet)?,
            Exchange::Noise(waiting) => waiting.read(packet)?,
        };
        Ok(Established {
            secrets: exchanged.secrets,
            role: Role::Initiator,
            suite: self.suite,
            aead: answer.aead,
            local_tag: self.tag,
            remote_tag: answer.tag,
            counter: self.counter,
            ticket: self.ticket,
            peer: Peer {
                static_key: self.static_key,
                identity: self.identity,
                credential: None,
                boot: answer.boot,
                capabilities: answer.capabilities,
                limits: answer.limits,
            },
            transcript: exchanged.transcript,
        })
    }
}

fn check(config: &InitiatorConfig<'_>) -> Result<(), Error> {
    if config.suite.is_anonymous() {
        return Err(Error::AnonymousSuite);
    }
    if config.static_secret.public() == *config.responder_static {
        return Err(Error::SelfDial);
    }
    if !config.capabilities.has_an_aead() {
        return Err(Error::NoCommonAead);
    }
    match config.ticket {
        Some(_) if !config.suite.has_tickets() => Err(Error::TicketUnsupported),
        Some((TicketId::NONE, _)) => Err(Error::ZeroTicketId),
        None if config.suite.needs_ticket() => Err(Error::TicketMissing),
        _ => Ok(()),
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator")
            .field("suite", &self.0.suite)
            .field("tag", &self.0.tag)
            .finish_non_exhaustive()
    }
}
