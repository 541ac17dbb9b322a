//! One handshake of ours.

use std::time::Instant;

use membership::Members;
use rand_core::CryptoRng;
use x3dh_handshake::cookie::Puzzle;
use x3dh_handshake::{Door, FirstFlight, Initiator, InitiatorConfig, Kind, Suite};

use crate::action::Order;
use crate::cause::HandshakeCause;
use crate::keys::HandshakeKeys;
use crate::path::PathFacts;
use crate::repeat::Repeat;
use crate::step::Step;

/// The numbers that are tried for a puzzle in one go: half a millisecond.
pub const PUZZLE_CHUNK: u64 = 1 << 10;

/// One handshake that we began, owned by the task of its path. Its Diffie-Hellmans happen here, outside of the
/// endpoint's lock.
///
/// ```text
///   start ──> packets out (poll_transmit) ──> handle_packet ──> Established
///                  ▲                              │
///                  └── a challenge (work), or loss ┴──> Failed: a bad answer on a reliable path, or too late
/// ```
#[derive(Debug)]
pub struct Outbound {
    /// `None` once it is over.
    initiator: Option<Initiator>,
    flight: FirstFlight,
    door: Door,
    challenged: bool,
    /// What a challenge asks for, and how many numbers have been tried.
    puzzle: Option<(Puzzle, u64)>,
    /// Packets of the flight that were handed out.
    sent: usize,
    repeat: Repeat,
    deadline: Instant,
    reliable: bool,
}

impl Outbound {
    /// Makes the first packets for the path that [`Action::Begin`](crate::Action::Begin) named: a key pair of each
    /// kind and two Diffie-Hellmans.
    ///
    /// # Errors
    /// [`HandshakeCause::Local`] or [`HandshakeCause::NotAMember`] when it cannot begin; report it with
    /// [`Endpoint::handshake_failed`](crate::Endpoint::handshake_failed).
    pub fn start(
        now: Instant,
        order: &Order,
        path: &PathFacts,
        with: (&HandshakeKeys, &Members),
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, HandshakeCause> {
        let (keys, members) = with;
        let peer = &order.peer;
        let member = members.get(&peer.identity).ok_or(HandshakeCause::NotAMember(peer.identity))?;
        let door = member.door().ok_or(HandshakeCause::NotAMember(peer.identity))?;
        let config = InitiatorConfig {
            suite: keys.suites.first().copied().unwrap_or(Suite::X3dhHybrid),
            static_secret: &keys.responder.static_secret,
            credential: &keys.credential,
            responder_identity: &peer.identity,
            responder_static: &peer.device,
            door,
            ticket: order.ticket.as_ref().map(|(id, secret)| (*id, secret)),
            counter: order.counter,
            boot: keys.boot,
            capabilities: keys.capabilities,
            limits: keys.limits,
            tag: order.tag,
        };
        let (initiator, flight) = Initiator::start(&config, rng).map_err(|_| HandshakeCause::Local)?;
        Ok(Self {
            initiator: Some(initiator),
            flight,
            door: door.clone(),
            challenged: false,
            puzzle: None,
            sent: 0,
            repeat: Repeat::new(now, path.reliable),
            deadline: order.deadline,
            reliable: path.reliable,
        })
    }

    /// The next packet to send; none while a puzzle is to be [solved](Self::is_working).
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        if self.is_working() {
            return None;
        }
        let packet = self.flight.packets().nth(self.sent)?;
        self.sent += 1;
        Some(packet)
    }

    /// Takes in a packet that came on the path: two Diffie-Hellmans and a decapsulation if it looks like the answer.
    ///
    /// On a reliable path anything but one challenge and the answer ends the handshake. On others it may be forged by
    /// anybody, and is ignored.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Step {
        if now >= self.deadline {
            return self.fail(HandshakeCause::TimedOut);
        }
        let Some(initiator) = self.initiator.take() else { return Step::Wait };
        match initiator.read_reply(packet) {
            Ok(established) => Step::Established(Box::new(established)),
            Err((initiator, _)) if self.meets_challenge(packet) => {
                self.initiator = Some(initiator);
                Step::Wait
            }
            Err(_) if self.reliable => self.fail(HandshakeCause::BadAnswer),
            Err((initiator, _)) => {
                self.initiator = Some(initiator);
                Step::Wait
            }
        }
    }

    /// A responder under load wants to see that we receive what it sends, and perhaps that we work: once for a handshake.
    fn meets_challenge(&mut self, packet: &[u8]) -> bool {
        if self.challenged || packet.first() != Some(&Kind::Challenge.byte()) {
            return false;
        }
        let Ok(puzzle) = self.flight.read_challenge(&self.door, packet) else { return false };
        self.challenged = true;
        self.puzzle = Some((puzzle, 0));
        self.work();
        true
    }

    /// Whether a puzzle is to be solved before there is anything to send: call [`work`](Self::work) until it is.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.puzzle.is_some()
    }

    /// Tries [`PUZZLE_CHUNK`] numbers: half a millisecond. What comes of it is for [`poll_transmit`](Self::poll_transmit).
    pub fn work(&mut self) {
        let Some((puzzle, tried)) = self.puzzle.take() else { return };
        let next = tried.saturating_add(PUZZLE_CHUNK);
        let Some(solved) = puzzle.try_solve(tried..next) else {
            self.puzzle = Some((puzzle, next));
            return;
        };
        if let Ok(flight) = self.flight.with_cookie(&solved) {
            self.flight = flight;
            self.sent = 0;
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` is never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let running = self.initiator.is_some();
        running.then(|| self.repeat.next().map_or(self.deadline, |next| next.min(self.deadline)))
    }

    /// Repeats what was sent, or ends the handshake.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.initiator.is_none() {
            return Step::Wait;
        }
        if now >= self.deadline {
            return self.fail(HandshakeCause::TimedOut);
        }
        if self.repeat.is_due(now) {
            self.sent = 0;
        }
        Step::Wait
    }

    fn fail(&mut self, cause: HandshakeCause) -> Step {
        self.initiator = None;
        self.puzzle = None;
        self.sent = usize::MAX;
        Step::Failed(cause)
    }
}
