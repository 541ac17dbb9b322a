//! Sessions that carry traffic, until they end.

use link::CloseReason;

use super::{Endpoint, PathStage};
use crate::action::Action;
use crate::cause::{Cause, EndCause, HandshakeCause, PathCause};
use crate::id::{PathId, PeerId, SessionId};
use crate::now::Now;
use crate::peer::Contact;
use crate::session::Stage;
use crate::timers::Timer;
use membership::DeviceStanding;
use x3dh_handshake::{BootId, Role};

impl Endpoint {
    /// A session carries traffic from now on: it is in the tables, and all who waited have it.
    pub(super) fn go_live(&mut self, now: Now, session: SessionId) {
        let Some(entry) = self.sessions.get(&session) else { return };
        let (id, role, boot) = (entry.peer, entry.role, entry.boot);
        self.offers.remove(&id.identity);
        self.note_boot(&id, boot);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.contact = Contact::Live(session);
            peer.backoff.succeeded();
        }
        self.timers.set(Timer::Session(session), now.instant + self.idle_timeout(role));
        self.actions.push_back(Action::PeerUp { peer: id, session, role });
        self.resolve(&id, Ok(session));
    }

    /// Compares the boot id with the one that the peer had.
    pub(super) fn note_boot(&mut self, id: &PeerId, boot: BootId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let before = peer.boot.replace(boot);
        if before.is_some_and(|before| before != boot) {
            self.actions.push_back(Action::PeerRestarted { peer: *id, boot });
        }
    }

    pub(super) fn idle_timeout(&self, role: Role) -> std::time::Duration {
        match role {
            Role::Initiator => self.config.initiator_idle_timeout,
            Role::Responder => self.config.idle_timeout,
        }
    }

    /// The answer to [`Action::CheckIdle`]: when the session last sent or received something authenticated.
    /// Operations under way count as use: say `now` while there are any.
    pub fn session_used(&mut self, now: Now, session: SessionId, last_use: std::time::Instant) {
        let Some(entry) = self.sessions.get(&session).filter(|entry| entry.stage == Stage::Live) else {
            return;
        };
        let deadline = last_use + self.idle_timeout(entry.role);
        if deadline <= now.instant {
            self.finish(now, session, EndCause::Idle, Some(CloseReason::Idle));
        } else {
            self.timers.set(Timer::Session(session), deadline);
        }
    }

    /// Closes a session with a word for its peer: what the data plane asks for when the peer broke the protocol.
    pub fn close(&mut self, now: Now, session: SessionId, reason: CloseReason) {
        match self.sessions.get(&session).map(|entry| entry.stage) {
            Some(Stage::Live) => self.finish(now, session, EndCause::ClosedHere(reason), Some(reason)),
            Some(Stage::Unconfirmed { .. } | Stage::Redeeming) => self.unconfirmed_failed(now, session),
            None => {}
        }
    }

    /// The peer has closed the session with an authenticated word.
    pub fn closed_by_peer(&mut self, now: Now, session: SessionId, reason: CloseReason) {
        match self.sessions.get(&session).map(|entry| entry.stage) {
            Some(Stage::Live) => self.finish(now, session, EndCause::ClosedByPeer(reason), None),
            Some(Stage::Unconfirmed { .. } | Stage::Redeeming) => self.unconfirmed_failed(now, session),
            None => {}
        }
    }

    /// A path is gone. Its session lives on as long as it has another; in this version it never has.
    pub fn path_lost(&mut self, now: Now, path: PathId, cause: PathCause) {
        let Some(entry) = self.forget_path(path) else { return };
        let failure = HandshakeCause::PathLost(cause);
        match entry.stage {
            PathStage::Dialed { attempt } => self.attempt_over(now, attempt, failure),
            PathStage::Knocking { .. } => {
                self.note_stranger(now, Cause::Handshake { address: entry.facts.remote, cause: failure });
            }
            PathStage::Parked { peer, .. } => {
                self.unpark_as_failed(&peer);
                self.note(now, &peer, Cause::Handshake { address: entry.facts.remote, cause: failure });
                self.advance(now, *peer);
            }
            PathStage::Silent => {}
            PathStage::Carrying { session } => self.lose_path_of(now, session, path, cause),
        }
    }

    fn lose_path_of(&mut self, now: Now, id: SessionId, path: PathId, cause: PathCause) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.paths.retain(|other| *other != path);
        if !session.paths.is_empty() {
            return;
        }
        match session.stage {
            Stage::Live => self.finish(now, id, EndCause::PathLost(cause), None),
            Stage::Unconfirmed { .. } | Stage::Redeeming => self.unconfirmed_failed(now, id),
        }
    }

    /// Ends the session that a peer has, and forgets the peer if nothing else is known of it.
    fn finish(&mut self, now: Now, id: SessionId, cause: EndCause, word: Option<CloseReason>) {
        let Some(peer) = self.sessions.get(&id).map(|session| session.peer) else { return };
        self.end_session(now, id, cause, word);
        self.prune(&peer);
    }

    /// Ends a session that carries traffic: with a word in it if there is one to say, else by closing its paths.
    pub(super) fn end_session(
        &mut self,
        now: Now,
        id: SessionId,
        cause: EndCause,
        word: Option<CloseReason>,
    ) {
        let Some(session) = self.remove_session(id) else { return };
        let peer = session.peer;
        match word {
            Some(reason) => {
                session.paths.iter().for_each(|path| drop(self.forget_path(*path)));
                self.actions.push_back(Action::CloseSession { session: id, reason });
            }
            None => session.paths.iter().for_each(|path| self.close_path(*path)),
        }
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.contact = Contact::Down;
            let flapping = matches!(cause, EndCause::PathLost(_) | EndCause::ClosedByPeer(_));
            if flapping && entry.backoff.is_recent(now.instant, self.config.min_dial_interval) {
                entry.backoff.failed(self.config.backoff_base, self.config.backoff_cap, &mut self.jitter);
            }
        }
        self.note(now, &peer, Cause::Ended(cause));
        self.actions.push_back(Action::PeerDown { peer, session: id, cause });
    }

    /// Ends a session whose peer is no longer welcome; false if it is.
    pub(super) fn ended_with_record(&mut self, now: Now, id: SessionId) -> bool {
        let Some(peer) = self.sessions.get(&id).map(|session| session.peer) else { return true };
        let cause = match self.standing(&peer, now.date) {
            DeviceStanding::Member => return false,
            DeviceStanding::Expired => EndCause::Expired,
            _ => EndCause::Removed,
        };
        self.finish(now, id, cause, Some(CloseReason::Removed));
        true
    }
}
