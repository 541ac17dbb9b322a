//! One handshake of ours.

use std::time::Instant;

use membership::Members;
use rand_core::CryptoRng;
use x3dh_handshake::anonymous::{Caller, CallerConfig};
use x3dh_handshake::cookie::{Puzzle, Solved};
use x3dh_handshake::{Door, Error, FirstFlight, Initiator, InitiatorConfig, Kind};

use crate::action::Order;
use crate::cause::HandshakeCause;
use crate::keys::HandshakeKeys;
use crate::path::PathFacts;
use crate::repeat::Repeat;
use crate::step::Step;

/// The numbers that are tried for a puzzle in one go: half a millisecond.
pub const PUZZLE_CHUNK: u64 = 1 << 10;
/// Challenges that are met in one handshake, each asking for more than the one before, or under another secret: a
/// responder that keeps nothing asks again when it is pressed harder meanwhile. On a reliable path it keeps what it has
/// asked for, and one is met.
pub const MAX_CHALLENGES: usize = 3;

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
    speaker: Option<Speaker>,
    flight: FirstFlight,
    door: Door,
    /// Challenges that were met.
    challenges: usize,
    /// What a challenge asks for, and how many numbers have been tried.
    puzzle: Option<(Puzzle, u64)>,
    /// What came of the last one.
    solved: Option<Solved>,
    /// Packets of the flight that were handed out.
    sent: usize,
    repeat: Repeat,
    deadline: Instant,
    reliable: bool,
}

/// Who speaks.
#[derive(Debug)]
enum Speaker {
    Member(Initiator),
    Anonymous(Caller),
}

impl Speaker {
    fn read_reply(self, packet: &[u8]) -> Result<Step, Self> {
        match self {
            Self::Member(initiator) => initiator
                .read_reply(packet)
                .map(|established| Step::Established(Box::new(established)))
                .map_err(|(initiator, _)| Self::Member(initiator)),
            Self::Anonymous(caller) => caller
                .read_reply(packet)
                .map(|established| Step::CallEstablished(Box::new(established)))
                .map_err(|(caller, _)| Self::Anonymous(caller)),
        }
    }
}

impl Outbound {
    /// Makes the first packets for the path that [`Action::Begin`](crate::Action::Begin) named: a key pair of each
    /// kind and two Diffie-Hellmans. The suite is the first of ours that can carry the order: with a ticket one that
    /// redeems tickets, without one that needs none.
    ///
    /// # Errors
    /// [`HandshakeCause::Local`], [`HandshakeCause::Suite`] or [`HandshakeCause::NotAMember`] when it cannot begin;
    /// report it with [`Endpoint::handshake_failed`](crate::Endpoint::handshake_failed).
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
            suite: keys.dialed_suite(order.ticket.is_some()).ok_or(HandshakeCause::Suite)?,
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
        Ok(Self::new(now, Speaker::Member(initiator), flight, door, (path, order.deadline)))
    }

    /// Makes the first packet of a call without a name: a key pair and a Diffie-Hellman.
    ///
    /// # Errors
    /// [`HandshakeCause::Local`]: the key is not one that can be called.
    pub fn call(
        now: Instant,
        config: &CallerConfig<'_>,
        (path, deadline): (&PathFacts, Instant),
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, HandshakeCause> {
        let (caller, flight) = Caller::start(config, rng).map_err(|_| HandshakeCause::Local)?;
        Ok(Self::new(now, Speaker::Anonymous(caller), flight, config.door, (path, deadline)))
    }

    fn new(
        now: Instant,
        speaker: Speaker,
        flight: FirstFlight,
        door: &Door,
        (path, deadline): (&PathFacts, Instant),
    ) -> Self {
        Self {
            speaker: Some(speaker),
            flight,
            door: door.clone(),
            challenges: 0,
            puzzle: None,
            solved: None,
            sent: 0,
            repeat: Repeat::new(now, path.reliable),
            deadline,
            reliable: path.reliable,
        }
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
    /// anybody, and is ignored; and more than one challenge may come: see [`MAX_CHALLENGES`].
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Step {
        if now >= self.deadline {
            return self.fail(HandshakeCause::TimedOut);
        }
        let Some(speaker) = self.speaker.take() else { return Step::Wait };
        let refused = match speaker.read_reply(packet) {
            Ok(established) => return established,
            Err(speaker) => {
                self.speaker = Some(speaker);
                self.meet_challenge(packet)
            }
        };
        match refused {
            Err(cause) if self.reliable => self.fail(cause),
            _ => Step::Wait,
        }
    }

    /// A responder under load wants to see that we receive what it sends, and perhaps that we work.
    fn meet_challenge(&mut self, packet: &[u8]) -> Result<(), HandshakeCause> {
        let most = if self.reliable { 1 } else { MAX_CHALLENGES };
        if self.challenges >= most || self.is_working() || packet.first() != Some(&Kind::Challenge.byte()) {
            return Err(HandshakeCause::BadAnswer);
        }
        let puzzle = self.flight.read_challenge(&self.door, packet).map_err(|error| match error {
            Error::PuzzleTooHard { .. } => HandshakeCause::PuzzleTooHard,
            _ => HandshakeCause::BadAnswer,
        })?;
        if self.solved.as_ref().is_some_and(|solved| puzzle.is_met_by(solved)) {
            return Ok(());
        }
        self.challenges += 1;
        self.puzzle = Some((puzzle, 0));
        self.work();
        Ok(())
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
            self.solved = Some(solved);
            self.sent = 0;
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` is never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let running = self.speaker.is_some();
        running.then(|| self.repeat.next().map_or(self.deadline, |next| next.min(self.deadline)))
    }

    /// Repeats what was sent, or ends the handshake.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.speaker.is_none() {
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
        self.speaker = None;
        self.puzzle = None;
        self.sent = usize::MAX;
        Step::Failed(cause)
    }
}
