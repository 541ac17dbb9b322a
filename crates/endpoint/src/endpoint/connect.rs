//! What the application asks for: sessions, and their end.

use link::CloseReason;

use super::Endpoint;
use crate::action::Action;
use crate::cause::EndCause;
use crate::dial::{Dial, Phase};
use crate::error::{ConnectError, Error};
use crate::id::{PeerId, SessionId, Target, WaiterId};
use crate::now::Now;
use crate::peer::Contact;

/// How soon a dial should begin after one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits: at once, but one dial a second to a peer at most (`min_dial_interval`).
    Prompt,
    /// Nobody does: after the jittered exponential backoff.
    Patient,
}

impl Endpoint {
    /// Asks for a session with `target`. The waiter is told once, by [`Action::Resolved`], unless it is cancelled: at
    /// once if there is a session or there cannot be one, else when the dial ends, at the latest
    /// `handshake_timeout` after it began.
    ///
    /// All who ask for one peer share one dial.
    ///
    /// # Errors
    /// [`Error::WaiterInUse`] if a waiter of this name waits already; that one goes on waiting.
    pub fn connect(
        &mut self,
        now: Now,
        target: Target,
        urgency: Urgency,
        waiter: WaiterId,
    ) -> Result<(), Error> {
        if self.waiters.contains_key(&waiter) {
            return Err(Error::WaiterInUse);
        }
        match self.session_or_peer(now, target) {
            Ok(Reached::Session(session)) => {
                self.actions.push_back(Action::Resolved { waiter, result: Ok(session) })
            }
            Ok(Reached::Peer(peer)) => {
                self.waiters.insert(waiter, peer);
                self.meet(peer).waiters.insert(waiter);
                self.begin_dial(now, peer, urgency);
            }
            Err(error) => self.actions.push_back(Action::Resolved { waiter, result: Err(error) }),
        }
        Ok(())
    }

    fn session_or_peer(&self, now: Now, target: Target) -> Result<Reached, ConnectError> {
        if self.closing {
            return Err(ConnectError::ShuttingDown);
        }
        let peer = self.choose(target, now.date)?;
        match self.session_with(&peer) {
            Some(session) => Ok(Reached::Session(session)),
            None if self.waiters.len() >= self.config.max_waiters => Err(ConnectError::TooManyWaiters),
            None => Ok(Reached::Peer(peer)),
        }
    }

    /// Begins a dial, or hurries the one that waits for its backoff.
    fn begin_dial(&mut self, now: Now, id: PeerId, urgency: Urgency) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let urgent = urgency == Urgency::Prompt;
        let earliest = peer.backoff.earliest(now.instant, urgent, self.config.min_dial_interval);
        match &mut peer.contact {
            Contact::Dialing(dial) => {
                if let Phase::Waiting { start_at } = &mut dial.phase {
                    *start_at = earliest.min(*start_at);
                }
            }
            Contact::Down => peer.contact = Contact::Dialing(Box::new(Dial::new(earliest))),
            Contact::Live(_) => {}
        }
        self.advance(now, id);
    }

    /// Takes a waiter back; it gets no [`Action::Resolved`]. False if it does not wait: it has been resolved, and the
    /// action may still be in the queue.
    ///
    /// A dial that has begun goes on without waiters to its end: whoever asks again with little patience finds it
    /// further on. One that still waits for its backoff is forgotten.
    pub fn cancel(&mut self, now: Now, waiter: WaiterId) -> bool {
        let Some(id) = self.waiters.remove(&waiter) else { return false };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.waiters.remove(&waiter);
            if let Contact::Dialing(dial) = &peer.contact
                && peer.waiters.is_empty()
                && matches!(dial.phase, Phase::Waiting { .. })
            {
                self.abandon_dial(now, &id);
            }
        }
        self.prune(&id);
        true
    }

    /// Ends the sessions with a target and the dials to it, telling the peer `reason`. Those who wait get
    /// [`ConnectError::Disconnected`].
    pub fn disconnect(&mut self, now: Now, target: Target, reason: CloseReason) {
        let concerned = |id: &PeerId| match target {
            Target::Member(identity) => id.identity == identity,
            Target::Device(peer) => *id == peer,
        };
        let peers: Vec<_> = self.peers.keys().filter(|id| concerned(id)).copied().collect();
        for id in peers {
            self.part(now, id, EndCause::ClosedHere(reason), ConnectError::Disconnected, reason);
        }
    }

    /// Ends everything: sessions with a word, everything else without. Every waiter gets
    /// [`ConnectError::ShuttingDown`], and so does whoever asks later. Nothing is left afterwards but the actions.
    pub fn shutdown(&mut self, now: Now) {
        self.closing = true;
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for id in peers {
            self.part(now, id, EndCause::ShuttingDown, ConnectError::ShuttingDown, CloseReason::Shutdown);
        }
        let paths: Vec<_> = self.paths.keys().copied().collect();
        paths.into_iter().for_each(|path| self.close_path(path));
    }

    /// Tells all who wait for a peer.
    pub(super) fn resolve(&mut self, id: &PeerId, result: Result<SessionId, ConnectError>) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        for waiter in std::mem::take(&mut peer.waiters) {
            self.waiters.remove(&waiter);
            self.actions.push_back(Action::Resolved { waiter, result });
        }
    }
}

/// How far a caller has come at once.
enum Reached {
    Session(SessionId),
    Peer(PeerId),
}
