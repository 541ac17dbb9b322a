//! The dials of others: what is accepted, answered, and when it counts.

use std::time::Instant;

use rand_core::CryptoRng;

use super::{Endpoint, Path, PathStage};
use crate::action::{Action, Admission};
use crate::cause::{Cause, EndCause, HandshakeCause};
use crate::dial::Parked;
use crate::error::Error;
use crate::id::{AttemptId, PathId, PeerId, SessionId};
use crate::now::Now;
use crate::path::PathFacts;
use crate::proof::Proof;
use crate::session::{Session, Stage};
use crate::timers::Timer;
use membership::NetAddress;
use x3dh_handshake::{Role, Tag};

impl Endpoint {
    /// Somebody has opened a path to us. Its handshake may take until the deadline given back.
    ///
    /// If there are too many, the oldest that has proven nothing gives way: a flood must then be faster than the round
    /// trip of an honest peer, instead of merely filling the table once.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]: close the path.
    pub fn accept(&mut self, now: Now, facts: PathFacts) -> Result<Accepted, Error> {
        if self.closing {
            return Err(Error::ShuttingDown);
        }
        while self.knocking.len() >= self.config.max_inbound_handshakes.max(1) {
            let Some(oldest) = self.knocking.first().copied() else { break };
            self.close_path(oldest);
        }
        let path = PathId(self.next_id());
        let deadline = now.instant + self.config.handshake_timeout;
        self.paths.insert(path, Path { facts, stage: PathStage::Knocking { deadline } });
        self.knocking.insert(path);
        self.timers.set(Timer::Path(path), deadline);
        Ok(Accepted { path, deadline })
    }

    /// A first packet that came on `path` is proven. [`Action::Answer`] follows if and when it may be answered: at
    /// once, unless a handshake of our own with the same peer is in flight and takes precedence. If it may not, the
    /// path stays silent until [`Action::ClosePath`], as it does for a stranger; gives back why, if that is known at once.
    pub fn admit(
        &mut self,
        now: Now,
        path: PathId,
        proof: Proof,
        rng: &mut dyn CryptoRng,
    ) -> Option<HandshakeCause> {
        let Some(&PathStage::Knocking { deadline }) = self.paths.get(&path).map(|path| &path.stage) else {
            return None;
        };
        let peer = proof.peer();
        let mut examined = self.examine(now, &proof);
        // Only now: a packet that proves nothing new must not use up the rate of the one whose name is on it.
        if examined.is_ok() && !self.member_rate.take(now.instant, peer.identity) {
            examined = Err(HandshakeCause::TooOften(peer.identity));
        }
        if let Err(cause) = examined {
            self.silence(now, path, Some(peer), cause);
            return Some(cause);
        }
        self.meet(peer);
        let tag = self.draw_tag(rng);
        let ours_is_in_flight = self.dial_mut(&peer).is_some_and(|dial| dial.flight.is_some());
        if ours_is_in_flight && self.local < peer {
            self.park(now, Parked { path, proof, tag }, deadline);
        } else {
            self.answer(now, path, proof, tag);
        }
        self.advance(now, peer);
        self.prune(&peer);
        None
    }

    /// Somebody without a name has [called](crate::Step::Called) on `path`. The path leaves the control plane, its deadline
    /// with it, and is its owner's to close. `false` if it was closed meanwhile.
    pub fn release(&mut self, path: PathId) -> bool {
        let is_knocking =
            matches!(self.paths.get(&path), Some(Path { stage: PathStage::Knocking { .. }, .. }));
        is_knocking && self.forget_path(path).is_some()
    }

    /// Whether a proven first packet may be answered at all.
    fn examine(&mut self, now: Now, proof: &Proof) -> Result<(), HandshakeCause> {
        if proof.peer() == self.local {
            return Err(HandshakeCause::Replayed);
        }
        self.welcome(proof, now.date)?;
        let id = proof.peer();
        let peer = self.peers.get(&id);
        let answered = peer.map(|peer| &peer.answered).or_else(|| self.departed.get(&id));
        let is_new = answered.is_none_or(|answered| answered.is_new(proof.counter));
        // The latest that waits for an outcome stands.
        let unconfirmed =
            peer.and_then(|peer| peer.unconfirmed).and_then(|session| self.sessions.get(&session));
        let answered = unconfirmed.map(|session| session.counter);
        let parked = self.dial_mut(&id).and_then(|dial| dial.parked).map(|parked| parked.proof.counter);
        if is_new && answered.max(parked).is_none_or(|latest| proof.counter > latest) {
            return Ok(());
        }
        Err(HandshakeCause::Replayed)
    }

    /// Lets a first packet wait for the end of our own handshake, in place of an earlier one of the same peer.
    fn park(&mut self, now: Now, parked: Parked, deadline: Instant) {
        let peer = parked.proof.peer();
        self.knocking.remove(&parked.path);
        if let Some(path) = self.paths.get_mut(&parked.path) {
            path.stage = PathStage::Parked { peer: Box::new(peer), deadline };
        }
        if let Some(earlier) = self.dial_mut(&peer).and_then(|dial| dial.parked.replace(parked)) {
            self.tags.remove(&earlier.tag);
            self.silence(now, earlier.path, Some(peer), HandshakeCause::Superseded);
        }
    }

    /// Has a proven first packet answered: an unconfirmed session, in place of an earlier one of the same peer.
    fn answer(&mut self, now: Now, path: PathId, proof: Proof, tag: Tag) {
        let deadline = match self.paths.get(&path).map(|path| &path.stage) {
            Some(PathStage::Knocking { deadline } | PathStage::Parked { deadline, .. }) => *deadline,
            _ => return,
        };
        self.drop_unconfirmed(&proof.peer());
        if let Some(ticket) = proof.ticket
            && let Err(refusal) = self.tickets.reserve(&ticket, &proof.peer().identity, now.date)
        {
            self.tags.remove(&tag);
            let cause = HandshakeCause::Ticket(proof.peer().identity, refusal);
            return self.silence(now, path, Some(proof.peer()), cause);
        }
        while self.unconfirmed >= self.config.max_unconfirmed_sessions {
            if self.crowd_out(now) {
                continue;
            }
            self.tags.remove(&tag);
            if let Some(ticket) = proof.ticket {
                self.tickets.release(&ticket, &proof.peer().identity);
            }
            return self.silence(now, path, Some(proof.peer()), HandshakeCause::TooManyUnconfirmed);
        }
        let session = Session {
            peer: proof.peer(),
            role: Role::Responder,
            stage: Stage::Unconfirmed { since: now.instant },
            paths: vec![path],
            tag,
            boot: proof.boot,
            counter: proof.counter,
            credential: Some(Box::new(proof.credential)),
            ticket: proof.ticket,
        };
        let session = self.insert_session(path, session);
        self.timers.set(Timer::Session(session), deadline);
        if let Some(peer) = self.peers.get_mut(&proof.peer()) {
            peer.unconfirmed = Some(session);
            peer.answered.answer(proof.counter);
        }
        self.actions.push_back(Action::Answer { path, admission: Admission { session, tag } });
    }

    /// Has the oldest unconfirmed session give way: members who never confirm must then be faster than the round trip of
    /// one who does, instead of merely filling the table once. `false` if all of them are about to count.
    fn crowd_out(&mut self, now: Now) -> bool {
        let unconfirmed = |entry: &Session| matches!(entry.stage, Stage::Unconfirmed { .. });
        let oldest = self.sessions.iter().find(|(_, entry)| unconfirmed(entry)).map(|(id, _)| *id);
        oldest.inspect(|oldest| self.unconfirmed_failed(now, *oldest)).is_some()
    }

    /// Our own handshake is over without a session: the first packet of theirs that waited for that is answered.
    pub(super) fn unpark(&mut self, now: Now, id: PeerId) {
        if let Some(parked) = self.dial_mut(&id).and_then(|dial| dial.parked.take()) {
            self.answer(now, parked.path, parked.proof, parked.tag);
        }
    }

    /// The first packet of a session has opened: its far end has the keys. Both ends may report this; only the
    /// responder's session changes by it.
    pub fn confirmed(&mut self, now: Now, session: SessionId) {
        let Some(entry) = self.sessions.get_mut(&session) else { return };
        match (entry.stage, entry.ticket) {
            (Stage::Live | Stage::Redeeming, _) => {}
            (Stage::Unconfirmed { .. }, None) => self.accept_confirmed(now, session),
            (Stage::Unconfirmed { .. }, Some(ticket)) => self.begin_redeeming(now, session, ticket),
        }
    }

    /// The session counts, and takes the place of an earlier one with the same peer.
    pub(super) fn accept_confirmed(&mut self, now: Now, session: SessionId) {
        let Some(entry) = self.sessions.get_mut(&session) else { return };
        entry.stage = Stage::Live;
        self.unconfirmed -= 1;
        let (id, counter, boot, credential) =
            (entry.peer, entry.counter, entry.boot, entry.credential.take());
        self.abandon_dial(now, &id);
        let old = self.session_with(&id);
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.unconfirmed = None;
        peer.answered.confirm(counter);
        peer.credential = credential;
        self.actions.push_back(Action::StoreCounter { peer: id, counter });
        if let Some(old) = old {
            let restarted = self.sessions.get(&old).is_some_and(|old| old.boot != boot);
            self.note_boot(&id, boot);
            let cause = if restarted { EndCause::Restarted } else { EndCause::Superseded };
            self.end_session(now, old, cause, Some(link::CloseReason::Superseded));
        }
        self.go_live(now, session);
    }

    /// Tells the endpoint what a device had confirmed before this process began: see
    /// [`Action::StoreCounter`].
    pub fn restore_counter(&mut self, id: PeerId, counter: u64) {
        self.meet(id).answered.confirm(counter);
        self.prune(&id);
    }

    /// Where a device answered last, if it did: tried first among the addresses that are known of it.
    #[must_use]
    pub fn good_address(&self, id: &PeerId) -> Option<&NetAddress> {
        self.peers.get(id)?.good_address.as_ref()
    }

    /// Tells the endpoint where a device on the list answered before this process began: see
    /// [`good_address`](Self::good_address).
    pub fn restore_address(&mut self, id: PeerId, address: NetAddress) {
        self.meet(id).good_address = Some(address);
        self.prune(&id);
    }

    /// The handshake on `path` has failed. If the path is ours it is closed, and the dial goes on elsewhere. If it is
    /// theirs it stays silent until [`Action::ClosePath`]: drop what was read, write nothing, close nothing.
    pub fn handshake_failed(&mut self, now: Now, path: PathId, cause: HandshakeCause) {
        match self.paths.get(&path).map(|path| path.stage.clone()) {
            Some(PathStage::Dialed { attempt }) => {
                self.close_path(path);
                self.attempt_over(now, attempt, cause);
            }
            Some(PathStage::Knocking { .. }) => self.silence(now, path, None, cause),
            Some(PathStage::Parked { peer, .. }) => {
                self.unpark_as_failed(&peer);
                self.silence(now, path, Some(*peer), cause);
                self.advance(now, *peer);
            }
            Some(PathStage::Carrying { session }) => self.unconfirmed_failed(now, session),
            Some(PathStage::Silent) | None => {}
        }
    }

    /// An attempt with an open path is over.
    pub(super) fn attempt_over(&mut self, now: Now, attempt: AttemptId, cause: HandshakeCause) {
        if let Some(id) = self.attempts.get(&attempt).copied() {
            self.fail_attempt(now, id, attempt, cause);
            self.advance(now, id);
        }
    }

    /// Takes the waiting first packet out without answering it.
    pub(super) fn unpark_as_failed(&mut self, peer: &PeerId) {
        if let Some(parked) = self.dial_mut(peer).and_then(|dial| dial.parked.take()) {
            self.tags.remove(&parked.tag);
        }
    }

    /// The answer to a first packet could not be made or confirmed.
    pub(super) fn unconfirmed_failed(&mut self, now: Now, session: SessionId) {
        let Some(entry) = self.sessions.get(&session).filter(|entry| entry.stage != Stage::Live) else {
            return;
        };
        let peer = entry.peer;
        self.drop_unconfirmed(&peer);
        self.advance(now, peer);
        self.prune(&peer);
    }

    /// Refuses a path without a sign: it stays as it is until the deadline of its handshake.
    pub(super) fn silence(&mut self, now: Now, path: PathId, proven: Option<PeerId>, cause: HandshakeCause) {
        let Some(entry) = self.paths.get_mut(&path) else { return };
        entry.stage = PathStage::Silent;
        let cause = Cause::Handshake { address: entry.facts.remote.clone(), cause };
        self.knocking.insert(path);
        match proven.filter(|peer| self.peers.contains_key(peer)) {
            Some(peer) => self.note(now, &peer, cause),
            None => self.note_stranger(now, cause),
        }
    }
}

/// A path that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Its name from now on.
    pub path: PathId,
    /// When its handshake must be over.
    pub deadline: Instant,
}
