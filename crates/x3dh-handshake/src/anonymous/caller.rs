//! The end that calls.

use std::fmt;

use rand_core::CryptoRng;

use super::AnonymousEstablished;
use crate::{
    error::{Error, Rejected},
    initiator::FirstFlight,
    keys::{IdentityKey, StaticKey, Tag},
    noise,
    packet::{Kind, check_answer},
    secret::Door,
    session::Role,
    suite::{Capabilities, Limits, Suite},
};

/// Everything that a call begins with.
#[derive(Clone, Copy, Debug)]
pub struct CallerConfig<'a> {
    /// The identity that we mean to reach.
    pub responder_identity: &'a IdentityKey,
    /// The key of its device.
    pub responder_static: &'a StaticKey,
    /// Its anonymous door.
    pub door: &'a Door,
    /// What we can do; at least one traffic AEAD.
    pub capabilities: Capabilities,
    /// What we are ready to receive.
    pub limits: Limits,
    /// The tag that packets to us shall carry.
    pub tag: Tag,
}

/// A call that waits for its reply.
pub struct Caller(Box<State>);

struct State {
    tag: Tag,
    waiting: noise::Waiting,
}

impl Caller {
    /// Makes the first packet. Draws 32 bytes.
    ///
    /// # Errors
    /// Only for misuse: a key that cannot be called, capabilities without an AEAD.
    pub fn start(config: &CallerConfig<'_>, rng: &mut dyn CryptoRng) -> Result<(Self, FirstFlight), Error> {
        if !config.capabilities.has_an_aead() {
            return Err(Error::NoCommonAead);
        }
        config.responder_static.point().map_err(|_| Error::UnusableStaticKey)?;
        let (waiting, flight) = noise::anonymous::start(config, rng)?;
        Ok((Self(Box::new(State { tag: config.tag, waiting })), flight))
    }

    /// The tag by which a reply names this call.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.0.tag
    }

    /// Reads the reply. Who made it is the device that was called, of the identity that was meant.
    ///
    /// # Errors
    /// A packet that is not the reply to this very call is rejected and the call comes back, unchanged.
    pub fn read_reply(mut self, packet: &[u8]) -> Result<AnonymousEstablished, (Self, Rejected)> {
        match self.0.read(packet) {
            Ok(established) => Ok(established),
            Err(rejected) => Err((self, rejected)),
        }
    }
}

impl State {
    fn read(&mut self, packet: &[u8]) -> Result<AnonymousEstablished, Rejected> {
        check_answer(packet, Kind::Reply, Suite::NoiseNk, self.tag)?;
        let (answer, exchanged) = self.waiting.read(packet)?;
        Ok(AnonymousEstablished {
            secrets: exchanged.secrets,
            role: Role::Initiator,
            suite: Suite::NoiseNk,
            aead: answer.aead,
            local_tag: self.tag,
            remote_tag: answer.tag,
            boot: Some(answer.boot),
            capabilities: answer.capabilities,
            limits: answer.limits,
            transcript: exchanged.transcript,
        })
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("tag", &self.0.tag).finish_non_exhaustive()
    }
}
