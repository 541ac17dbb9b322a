//! One handshake of somebody else's.

use std::time::Instant;

use membership::{DeviceStanding, NetAddress};
use rand_core::CryptoRng;
use x3dh_handshake::cookie::{self, Refused};
use x3dh_handshake::{Accepted, Established, Kind, Knock, ReplyConfig};

use crate::action::Admission;
use crate::cause::HandshakeCause;
use crate::endpoint::Admittance;
use crate::guard::Demand;
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
    /// The first packet, where it may come again.
    first: Vec<u8>,
    reply: Vec<u8>,
    unsent: bool,
}

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
/// reliable path both end the handshake.
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
            first: Vec::new(),
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
                Ok(accepted) => self.go_on(accepted, proof),
                Err((accepted, _)) => self.unexpected(Stage::KeyShare(accepted, proof)),
            },
            Stage::Proven(accepted) => self.unexpected(Stage::Proven(accepted)),
            Stage::Answered => {
                self.stage = Stage::Answered;
                self.unsent |= !self.reliable && packet == self.first;
                Step::Wait
            }
            Stage::Over => Step::Wait,
        }
    }

    /// The first packet, in the open or behind a cookie.
    fn take_first(
        &mut self,
        stage: Stage,
        now: Now,
        packet: &[u8],
        (keys, admittance): (&HandshakeKeys, &Admittance),
    ) -> Step {
        if let Stage::Challenged { key_share_passed: false, bits } = stage
            && packet.first() == Some(&Kind::KeyShare.byte())
        {
            // It comes again behind the cookie. Until then nothing of it is kept.
            self.stage = Stage::Challenged { key_share_passed: self.reliable, bits };
            return Step::Wait;
        }
        let demand = &admittance.demand;
        let asked = demand.level().challenge(self.reliable).unwrap_or(0);
        let is_challenged = matches!(stage, Stage::Challenged { .. });
        let least_bits = match stage {
            Stage::Challenged { bits, .. } => bits.min(asked),
            _ => asked,
        };
        let examined =
            examine(packet, keys, (demand, least_bits), &self.source).and_then(|(knock, has_cookie)| {
                if !has_cookie && (is_challenged || demand.level().challenge(self.reliable).is_some()) {
                    return if is_challenged && self.reliable {
                        Err(HandshakeCause::Malformed)
                    } else {
                        Ok(None)
                    };
                }
                if demand.defer {
                    return Ok(Some(None));
                }
                open(now, knock, keys, admittance).map(|opened| Some(Some(opened)))
            });
        match examined {
            Ok(None) => {
                self.stage = Stage::Challenged { key_share_passed: false, bits: asked };
                Step::Challenge
            }
            Ok(Some(None)) => {
                self.stage = stage;
                Step::Later
            }
            Ok(Some(Some((accepted, proof)))) => {
                if !self.reliable {
                    self.first = packet.to_vec();
                }
                self.go_on(accepted, proof)
            }
            Err(_) if is_challenged && !self.reliable => {
                self.stage = stage;
                Step::Wait
            }
            Err(cause) => self.fail(cause),
        }
    }

    /// Makes the challenge that [`Step::Challenge`] asks for, of the same packet as it came. It is shorter than the packet. Send
    /// it with [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// [`HandshakeCause::Local`]: there is nothing to send then.
    pub fn challenge(
        &mut self,
        first: &[u8],
        keys: &HandshakeKeys,
        demand: &Demand,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), HandshakeCause> {
        let secret = demand.secrets.first().ok_or(HandshakeCause::Local)?;
        // One that showed too little work stands behind its cookie still.
        let first = match first.first().copied().and_then(Kind::from_byte) {
            Some(Kind::Cookied) => {
                cookie::open(first, demand.secrets.iter(), self.source.as_str().as_bytes(), 0)
                    .map_err(|_| HandshakeCause::Local)?
            }
            _ => first,
        };
        let knock = Knock::check(&keys.responder, first).map_err(|_| HandshakeCause::Local)?;
        let bits = match self.stage {
            Stage::Challenged { bits, .. } => bits,
            _ => return Err(HandshakeCause::Local),
        };
        let challenge = knock.challenge(secret, self.source.as_str().as_bytes(), bits, rng);
        self.reply = challenge.map_err(|_| HandshakeCause::Local)?;
        self.unsent = true;
        Ok(())
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
        let config = ReplyConfig {
            aead: keys.aead,
            boot: keys.boot,
            capabilities: keys.capabilities,
            limits: keys.limits,
            tag: admission.tag,
        };
        let (reply, established) = accepted.reply(&config, rng).map_err(|error| match error {
            x3dh_handshake::Error::Rejected(_) => HandshakeCause::Malformed,
            x3dh_handshake::Error::NoCommonAead => HandshakeCause::NoCommonAead,
            _ => HandshakeCause::Local,
        })?;
        self.stage = Stage::Answered;
        self.reply = reply;
        self.unsent = true;
        Ok(Box::new(established))
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

/// What can be told without a Diffie-Hellman: the size, the version, a cookie if there is one, the door, the suite.
fn examine<'a>(
    packet: &'a [u8],
    keys: &'a HandshakeKeys,
    (demand, least_bits): (&Demand, u8),
    source: &NetAddress,
) -> Result<(Knock<'a>, bool), HandshakeCause> {
    let (first, has_cookie) = match packet.first().copied().and_then(Kind::from_byte) {
        Some(Kind::First) => (packet, false),
        Some(Kind::Cookied) => {
            let source = source.as_str().as_bytes();
            match cookie::open(packet, demand.secrets.iter(), source, least_bits) {
                Ok(first) => (first, true),
                // Challenged before the difficulty rose, on a path that forgot it, or lazy.
                Err(Refused::TooLittleWork(first)) => (first, false),
                Err(Refused::Rejected(_)) => return Err(HandshakeCause::BadCookie),
            }
        }
        _ => return Err(HandshakeCause::Malformed),
    };
    let knock = Knock::check(&keys.responder, first).map_err(|_| HandshakeCause::WrongDoor)?;
    if !keys.suites.contains(&knock.suite()) {
        return Err(HandshakeCause::Suite);
    }
    Ok((knock, has_cookie))
}

/// Spends no more on a first packet than it has earned: one Diffie-Hellman, then one more for members.
fn open(
    now: Now,
    knock: Knock<'_>,
    keys: &HandshakeKeys,
    admittance: &Admittance,
) -> Result<(Accepted, Box<Proof>), HandshakeCause> {
    let claim = knock.claim(&keys.responder).map_err(|_| HandshakeCause::WrongDoor)?;
    let identity = claim.identity();
    let Admittance { members, tickets, demand } = admittance;
    let standing = members.standing_of_claim(&claim.static_key(), claim.credential(), now.date);
    let may_join = standing == DeviceStanding::Unknown
        && !tickets.is_empty()
        && members.may_join(&claim.static_key(), claim.credential(), now.date);
    if !may_join {
        HandshakeCause::of_standing(standing, identity)?;
    } else if !demand.level().admits_strangers() {
        return Err(HandshakeCause::MembersOnly(identity));
    }
    let proven = claim.prove(&keys.responder).map_err(|_| HandshakeCause::Unproven(identity))?;
    let proof = Box::new(Proof {
        device: proven.static_key(),
        credential: *proven.credential(),
        counter: proven.counter(),
        boot: proven.boot(),
        ticket: proven.ticket(),
    });
    let secret = match proven.ticket() {
        None if may_join => return Err(HandshakeCause::NotAMember(identity)),
        None => None,
        Some(ticket) => {
            let secret = tickets.secret(&ticket, &identity, now.date);
            Some(secret.map_err(|refusal| HandshakeCause::Ticket(identity, refusal))?)
        }
    };
    let accepted = proven.accept(secret).map_err(|_| HandshakeCause::Unproven(identity))?;
    Ok((accepted, proof))
}
