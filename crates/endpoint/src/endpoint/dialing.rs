//! Our own dials: addresses, paths, one handshake at a time.

use rand_core::CryptoRng;

use super::{Endpoint, Path, PathStage};
use crate::action::{Action, Order};
use crate::cause::{Cause, DialCause, HandshakeCause};
use crate::dial::{Attempt, Flight, Next, OpenPath, Phase};
use crate::error::{ConnectError, Error};
use crate::id::{AttemptId, PathId, PeerId};
use crate::now::Now;
use crate::path::PathFacts;
use crate::peer::Contact;
use crate::session::{Session, Stage};
use crate::timers::Timer;
use membership::DeviceStanding;
use x3dh_handshake::{BootId, Role};

impl Endpoint {
    /// A path asked for by [`Action::Dial`] is open. Its handshake begins when [`Action::Begin`] says so.
    ///
    /// `counter` goes into the first packet: above zero, and strictly increasing for this device's key, across restarts.
    ///
    /// # Errors
    /// [`Error::Abandoned`]: close the path. [`Error::CounterUsed`]: nothing has changed; call again with another.
    pub fn path_opened(
        &mut self,
        now: Now,
        attempt: AttemptId,
        facts: PathFacts,
        counter: u64,
        rng: &mut dyn CryptoRng,
    ) -> Result<PathId, Error> {
        let id = *self.attempts.get(&attempt).ok_or(Error::Abandoned)?;
        let peer = self.peers.get_mut(&id).ok_or(Error::Abandoned)?;
        if counter <= peer.own_counter {
            return Err(Error::CounterUsed);
        }
        peer.own_counter = counter;
        let (path, tag) = (PathId(self.next_id()), self.draw_tag(rng));
        if let Some(attempt) = self.dial_mut(&id).and_then(|dial| dial.attempts.get_mut(&attempt)) {
            attempt.path = Some(OpenPath { path, counter, tag });
        }
        self.paths.insert(path, Path { facts, stage: PathStage::Dialed { attempt } });
        self.advance(now, id);
        Ok(path)
    }

    /// A path asked for by [`Action::Dial`] could not be opened.
    pub fn dial_failed(&mut self, now: Now, attempt: AttemptId, cause: DialCause) {
        let Some(id) = self.attempts.get(&attempt).copied() else { return };
        let Some(dial) = self.dial_mut(&id) else { return };
        if dial.attempts.get(&attempt).is_some_and(|attempt| attempt.path.is_some()) {
            // It has opened: what becomes of it is said of its path.
            return;
        }
        let Some(Attempt { address, .. }) = dial.attempts.remove(&attempt) else { return };
        dial.explain(cause.into());
        dial.next_address_at = now.instant;
        self.attempts.remove(&attempt);
        self.note(now, &id, Cause::Dial { address, cause });
        self.advance(now, id);
    }

    /// The handshake begun on `path` was answered by who it was meant for. [`Action::Live`] or
    /// [`Action::ClosePath`] follows: at once, unless a session that the peer dialed at the same time may still be
    /// confirmed.
    pub fn established(&mut self, now: Now, path: PathId, boot: BootId) {
        let Some(id) = self.dialed_peer(path) else { return };
        let Some(flight) = self.dial_mut(&id).and_then(|dial| dial.flight.as_mut()) else { return };
        if flight.open.path == path {
            flight.answered = Some(boot);
            self.advance(now, id);
        }
    }

    /// Whom the path was dialed to, while its handshake is not over.
    fn dialed_peer(&self, path: PathId) -> Option<PeerId> {
        match self.paths.get(&path)?.stage {
            PathStage::Dialed { attempt } => self.attempts.get(&attempt).copied(),
            _ => None,
        }
    }

    /// Does for a dial whatever can be done now, and sets its deadline.
    pub(super) fn advance(&mut self, now: Now, id: PeerId) {
        loop {
            match self.next_step(now, &id) {
                None => return self.timers.cancel(Timer::Dial(id)),
                Some(Next::Wait(until)) => return self.timers.set(Timer::Dial(id), until),
                Some(Next::Start) => self.start_dial(now, id),
                Some(Next::Launch) => self.launch(now, id),
                Some(Next::Retry) => self.retry(now, id),
                Some(Next::Begin(attempt)) => self.begin(now, id, attempt),
                Some(Next::GiveUp) => self.give_up(now, id),
                Some(Next::Succeed) => self.succeed(now, id),
                Some(Next::Unpark) => self.unpark(now, id),
                Some(Next::Fail) => self.fail_dial(now, id, ConnectError::TimedOut),
            }
        }
    }

    fn next_step(&self, now: Now, id: &PeerId) -> Option<Next> {
        let peer = self.peers.get(id)?;
        let Contact::Dialing(dial) = &peer.contact else { return None };
        let unconfirmed =
            peer.unconfirmed.and_then(|id| self.sessions.get(&id)).and_then(|session| match session.stage {
                Stage::Unconfirmed { since } => Some(since),
                Stage::Redeeming | Stage::Live => None,
            });
        Some(dial.next(now.instant, unconfirmed, &self.config))
    }

    fn start_dial(&mut self, now: Now, id: PeerId) {
        let addresses = self.addresses(&id);
        let deadline = now.instant + self.config.handshake_timeout;
        let standing = self.standing(&id, now.date);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.backoff.started(now.instant);
        if let Contact::Dialing(dial) = &mut peer.contact {
            dial.phase = Phase::Running { deadline };
            dial.next_address_at = now.instant;
            if addresses.is_empty() {
                dial.explain(ConnectError::NoAddress);
            }
            dial.untried = addresses.into();
        }
        if standing == DeviceStanding::Expired {
            self.fail_dial(now, id, ConnectError::ExpiredRecord);
        }
    }

    fn launch(&mut self, now: Now, id: PeerId) {
        let attempt = AttemptId(self.next_id());
        let stagger = self.config.dial_stagger;
        let Some(dial) = self.dial_mut(&id) else { return };
        let Some(address) = dial.untried.pop_front() else { return };
        dial.next_address_at = now.instant + stagger;
        dial.attempts.insert(attempt, Attempt { address: address.clone(), path: None });
        self.attempts.insert(attempt, id);
        self.actions.push_back(Action::Dial { attempt, peer: id, address });
    }

    /// Nothing has answered and nothing else is left. Whoever had not heard of us yet keeps silent on that path for good,
    /// so another one is opened, and the handshake gives up its turn when it is.
    fn retry(&mut self, now: Now, id: PeerId) {
        let Some(dial) = self.dial_mut(&id) else { return };
        let Some(flight) = dial.flight else { return };
        dial.untried.extend(dial.attempts.get(&flight.attempt).map(|attempt| attempt.address.clone()));
        dial.next_address_at = now.instant;
        dial.retries = dial.retries.saturating_add(1);
    }

    /// Our first packet leaves. It says that we have no session with the peer, so there must be none.
    fn begin(&mut self, now: Now, id: PeerId, attempt: AttemptId) {
        self.drop_unconfirmed(&id);
        let Some(dial) = self.dial_mut(&id) else { return };
        let Some(open) = dial.attempts.get(&attempt).and_then(|attempt| attempt.path) else { return };
        let Phase::Running { deadline } = dial.phase else { return };
        let offers_ticket = dial.offers_ticket();
        dial.flight = Some(Flight { attempt, open, since: now.instant, answered: None });
        let ticket = self.offers.get(&id.identity).filter(|_| offers_ticket).cloned();
        let order = Order { peer: id, counter: open.counter, tag: open.tag, deadline, ticket };
        self.actions.push_back(Action::Begin { path: open.path, order });
    }

    fn give_up(&mut self, now: Now, id: PeerId) {
        let flight = self.dial_mut(&id).and_then(|dial| dial.flight);
        if let Some(flight) = flight {
            self.close_path(flight.open.path);
            self.fail_attempt(now, id, flight.attempt, HandshakeCause::TimedOut);
        }
    }

    /// An attempt whose path was open has failed; the path is closed or lost already. The caller advances the dial.
    pub(super) fn fail_attempt(&mut self, now: Now, id: PeerId, attempt: AttemptId, cause: HandshakeCause) {
        self.attempts.remove(&attempt);
        let Some(dial) = self.dial_mut(&id) else { return };
        let Some(Attempt { address, path }) = dial.attempts.remove(&attempt) else { return };
        dial.flight = dial.flight.filter(|flight| flight.attempt != attempt);
        dial.explain(if cause == HandshakeCause::Local {
            ConnectError::Local
        } else {
            ConnectError::NoAnswer
        });
        dial.next_address_at = now.instant;
        if let Some(open) = path {
            self.tags.remove(&open.tag);
        }
        self.note(now, &id, Cause::Handshake { address, cause });
    }

    /// The answered handshake becomes the session with the peer.
    fn succeed(&mut self, now: Now, id: PeerId) {
        let Some(flight) = self.dial_mut(&id).and_then(|dial| dial.flight) else { return };
        let Some(boot) = flight.answered else { return };
        self.drop_unconfirmed(&id);
        if let Some(peer) = self.peers.get_mut(&id) {
            let dial = if let Contact::Dialing(dial) = &mut peer.contact { Some(dial) } else { None };
            let won = dial.and_then(|dial| dial.attempts.remove(&flight.attempt));
            peer.good_address = won.map(|attempt| attempt.address).or(peer.good_address.take());
        }
        self.attempts.remove(&flight.attempt);
        self.abandon_dial(now, &id);
        let session = Session {
            peer: id,
            role: Role::Initiator,
            stage: Stage::Live,
            paths: vec![flight.open.path],
            tag: flight.open.tag,
            boot,
            counter: flight.open.counter,
            credential: None,
            ticket: None,
        };
        let session = self.insert_session(flight.open.path, session);
        self.actions.push_back(Action::Live { path: flight.open.path, session });
        self.go_live(now, session);
    }

    /// A dial ends without a session.
    fn fail_dial(&mut self, now: Now, id: PeerId, otherwise: ConnectError) {
        let Some(dial) = self.dial_mut(&id) else { return };
        if dial.flight.is_some() {
            dial.explain(ConnectError::NoAnswer);
        } else if !dial.attempts.is_empty() {
            dial.explain(ConnectError::TimedOut);
        }
        let error = dial.explanation.unwrap_or(otherwise);
        self.note(now, &id, Cause::Connect(error));
        self.abandon_dial(now, &id);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.backoff.failed(self.config.backoff_base, self.config.backoff_cap, &mut self.jitter);
        }
        self.resolve(&id, Err(error));
        self.prune(&id);
    }

    /// Stops whatever a dial has under way. Its waiters stay, for the caller to tell.
    pub(super) fn abandon_dial(&mut self, now: Now, id: &PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if !matches!(peer.contact, Contact::Dialing(_)) {
            return;
        }
        let Contact::Dialing(dial) = std::mem::take(&mut peer.contact) else { return };
        self.timers.cancel(Timer::Dial(*id));
        for (attempt, Attempt { path, .. }) in dial.attempts {
            self.attempts.remove(&attempt);
            match path {
                None => self.actions.push_back(Action::AbandonDial { attempt }),
                Some(open) => {
                    self.tags.remove(&open.tag);
                    self.close_path(open.path);
                }
            }
        }
        if let Some(parked) = dial.parked {
            self.tags.remove(&parked.tag);
            self.silence(now, parked.path, Some(*id), HandshakeCause::Superseded);
        }
    }
}
