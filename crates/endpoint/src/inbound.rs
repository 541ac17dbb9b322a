//! One handshake of somebody else's.

mod first;

use std::time::Instant;

use membership::NetAddress;
use rand_core::CryptoRng;
use x3dh_handshake::anonymous::{AnonymousEstablished, Call};
use x3dh_handshake::{Accepted, Established, Limits, ReplyConfig, Tag};

use crate::action::Admission;
use crate::cause::HandshakeCause;
use crate::endpoint::Admittance;
use crate::keys::HandshakeKeys;
use crate::now::Now;
use crate::path::PathFacts;
use crate::proof::Proof;
use crate::step::Step;

/// One handshake on a path that somebody opened to us, owned by the task of the path. Its Diffie-Hellmans happen here,
/// outside of the endpoint's lock, and a packet earns each of them by the one before.
///
/// Whatever is wrong, nothing is sent, and the outcome is the same [`Step::Failed`]: the cause is for our own log.
/// Its packets are at most [`x3dh_handshake::MAX_PACKET_BYTES`] long and two in number, or four around a challenge; more
/// than that need not be kept of a stranger.
#[derive(Debug)]
pub struct Inbound {
    stage: Stage,
    deadline: Instant,
    reliable: bool,
    /// Where the path says that packets come from: what cookies are bound to.
    source: NetAddress,
    /// And on a reliable path, once it was challenged: this path itself, so that work is done for one connection only.
    salt: Option<[u8; SALT_BYTES]>,
    /// The first packet, where it may come again.
    first: Vec<u8>,
    /// The size of the flight's second packet, once there was one.
    key_share_bytes: Option<usize>,
    /// That it came again, and its key share has not since.
    first_came_again: bool,
    reply: Vec<u8>,
    unsent: bool,
}

const SALT_BYTES: usize = 16;

/// ```text
///   First ── the door, a member's claim, their static key ──> KeyShare ── the one committed to ──> Proven
///     │  │                                           ▲           │ (at once without a KEM)           │
///     │  └── the door, under load ──> Challenged ────┘           │                                   │ answer
///     │ anything else                     │                      │                                   │
///     ▼                                   ▼                      ▼                                   ▼
///    Over <───────────────────────────────┴──────────────────────┴───────────────────────────── Answered
///
///              First            Challenged       KeyShare           Proven             Answered         Over
///   M1a        checks, claims   challenge *      again: ignored *   again: ignored *   again: reply *   nothing
///   COOKIED    checks, claims   checks, claims   again: ignored *   again: ignored *   again: reply *   nothing
///   M1b        over             ignored, once    taken in           again: ignored *   again: reply *   nothing
///   other      over             over *           over *             over *             nothing          nothing
///   deadline   over             over             over               over               nothing          nothing
/// ```
/// `*`: on a path that is not reliable. There a repetition is not a new attempt, and a forgery ends nothing; on a
/// reliable path both end the handshake. The reply is repeated when all packets of the flight have come again, so that it
/// is never longer than what it answers. A caller without a name goes the same way, from the anonymous door to Called in
/// the place of Proven. A COOKIED packet that was not asked for on this very path is over where the path is reliable.
#[derive(Debug)]
enum Stage {
    First,
    /// The challenge is on its way, and so may the key share be that was sent before it came.
    Challenged {
        key_share_passed: bool,
        /// The work that it asked for, which still counts if more is asked of others since.
        bits: u8,
    },
    KeyShare(Accepted, Box<Proof>),
    Proven(Accepted),
    /// By somebody without a name.
    Called(Call),
    Answered,
    Over,
}

impl Inbound {
    /// Begins on a path that [`Endpoint::accept`](crate::Endpoint::accept) took, which gave the deadline.
    #[must_use]
    pub fn new(path: &PathFacts, deadline: Instant) -> Self {
        let (reliable, source) = (path.reliable, path.remote.clone());
        Self {
            stage: Stage::First,
            deadline,
            reliable,
            source,
            salt: None,
            first: Vec::new(),
            key_share_bytes: None,
            first_came_again: false,
            reply: Vec::new(),
            unsent: false,
        }
    }

    /// Takes in a packet that came on the path, and checks it against a snapshot of who may come in.
    pub fn handle_packet(&mut self, now: Now, packet: &[u8], with: (&HandshakeKeys, &Admittance)) -> Step {
        if now.instant >= self.deadline && !matches!(self.stage, Stage::Answered) {
            return self.fail(HandshakeCause::TimedOut);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            stage @ (Stage::First | Stage::Challenged { .. }) => self.take_first(stage, now, packet, with),
            Stage::KeyShare(accepted, proof) => match accepted.key_share(packet) {
                Ok(accepted) => {
                    self.key_share_bytes = Some(packet.len());
                    self.go_on(accepted, proof)
                }
                Err((accepted, _)) => self.unexpected(Stage::KeyShare(accepted, proof)),
            },
            stage @ (Stage::Proven(_) | Stage::Called(_)) => self.unexpected(stage),
            Stage::Answered => {
                self.stage = Stage::Answered;
                self.unsent |= !self.reliable && self.is_whole_flight(packet);
                Step::Wait
            }
            Stage::Over => Step::Wait,
        }
    }

    /// After the first packet, and after the key share.
    fn go_on(&mut self, accepted: Accepted, proof: Box<Proof>) -> Step {
        if accepted.needs_key_share() {
            self.stage = Stage::KeyShare(accepted, proof);
            return Step::Wait;
        }
        self.stage = Stage::Proven(accepted);
        Step::Proven(proof)
    }

    /// Whether a flight that was answered has come again with this packet: what stands in the place of its key share need
    /// only be as long.
    fn is_whole_flight(&mut self, packet: &[u8]) -> bool {
        let is_first = packet == self.first;
        let Some(key_share_bytes) = self.key_share_bytes else { return is_first };
        self.first_came_again |= is_first;
        packet.len() == key_share_bytes && std::mem::take(&mut self.first_came_again)
    }

    fn unexpected(&mut self, stage: Stage) -> Step {
        if self.reliable {
            return self.fail(HandshakeCause::Malformed);
        }
        self.stage = stage;
        Step::Wait
    }

    /// Makes the one answer that [`Action::Answer`](crate::Action::Answer) allows: a key pair, two Diffie-Hellmans, an
    /// encapsulation. Send it with [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// The cause to report with [`Endpoint::handshake_failed`](crate::Endpoint::handshake_failed); there is nothing to
    /// send then.
    pub fn answer(
        &mut self,
        admission: &Admission,
        keys: &HandshakeKeys,
        rng: &mut dyn CryptoRng,
    ) -> Result<Box<Established>, HandshakeCause> {
        let Stage::Proven(accepted) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(HandshakeCause::Local);
        };
        let config = reply_config(keys, admission.tag, keys.limits);
        let (reply, established) = accepted.reply(&config, rng).map_err(|error| cause_of(&error))?;
        self.answered(reply);
        Ok(Box::new(established))
    }

    /// Makes the one answer to a [caller without a name](Step::Called), for whom there is a place: a key pair and a
    /// Diffie-Hellman. `tag` is what packets to us shall carry, `limits` what we are ready to receive of them. Send it with
    /// [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub fn answer_call(
        &mut self,
        tag: Tag,
        limits: Limits,
        keys: &HandshakeKeys,
        rng: &mut dyn CryptoRng,
    ) -> Result<Box<AnonymousEstablished>, HandshakeCause> {
        let Stage::Called(call) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(HandshakeCause::Local);
        };
        let config = reply_config(keys, tag, limits);
        let (reply, established) = call.reply(&config, rng).map_err(|error| cause_of(&error))?;
        self.answered(reply);
        Ok(Box::new(established))
    }

    fn answered(&mut self, reply: Vec<u8>) {
        self.stage = Stage::Answered;
        self.reply = reply;
        self.unsent = true;
    }

    /// The answer, once for each time that it is due.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        std::mem::take(&mut self.unsent).then_some(self.reply.as_slice())
    }

    fn fail(&mut self, cause: HandshakeCause) -> Step {
        self.stage = Stage::Over;
        Step::Failed(cause)
    }
}

fn reply_config(keys: &HandshakeKeys, tag: Tag, limits: Limits) -> ReplyConfig {
    ReplyConfig { aead: keys.aead, boot: keys.boot, capabilities: keys.capabilities, limits, tag }
}

fn cause_of(error: &x3dh_handshake::Error) -> HandshakeCause {
    match error {
        x3dh_handshake::Error::Rejected(_) => HandshakeCause::Malformed,
        x3dh_handshake::Error::NoCommonAead => HandshakeCause::NoCommonAead,
        _ => HandshakeCause::Local,
    }
}
