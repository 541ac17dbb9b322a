//! Putting things into the tables and taking them out, all of their traces at once.

use rand_core::CryptoRng;

use super::{Endpoint, Path, PathStage};
use crate::action::Action;
use crate::dial::Dial;
use crate::id::{PathId, PeerId, SessionId};
use crate::peer::Contact;
use crate::session::{Session, Stage};
use crate::timers::Timer;
use x3dh_handshake::Tag;

impl Endpoint {
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Draws a tag that no handshake or session of ours has.
    pub(super) fn draw_tag(&mut self, rng: &mut dyn CryptoRng) -> Tag {
        loop {
            let tag = Tag(rng.next_u32());
            if self.tags.insert(tag) {
                return tag;
            }
        }
    }

    /// The dial to the peer, if one is under way.
    pub(super) fn dial_mut(&mut self, peer: &PeerId) -> Option<&mut Dial> {
        match &mut self.peers.get_mut(peer)?.contact {
            Contact::Dialing(dial) => Some(dial),
            Contact::Down | Contact::Live(_) => None,
        }
    }

    /// Takes a path out. Its owner knows already, or is told with [`Self::close_path`].
    pub(super) fn forget_path(&mut self, id: PathId) -> Option<Path> {
        self.timers.cancel(Timer::Path(id));
        self.knocking.remove(&id);
        self.paths.remove(&id)
    }

    /// Takes a path out and has it closed.
    pub(super) fn close_path(&mut self, id: PathId) {
        if self.forget_path(id).is_some() {
            self.actions.push_back(Action::ClosePath { path: id });
        }
    }

    /// Puts a session in, carried by `path`.
    pub(super) fn insert_session(&mut self, path: PathId, session: Session) -> SessionId {
        let id = SessionId(self.next_id());
        if session.stage != Stage::Live {
            self.unconfirmed += 1;
        }
        self.timers.cancel(Timer::Path(path));
        self.knocking.remove(&path);
        if let Some(path) = self.paths.get_mut(&path) {
            path.stage = PathStage::Carrying { session: id };
        }
        self.sessions.insert(id, session);
        id
    }

    /// Takes a session out, and with it its tag and its deadline; its paths stay.
    pub(super) fn remove_session(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.timers.cancel(Timer::Session(id));
        self.tags.remove(&session.tag);
        if session.stage != Stage::Live {
            self.unconfirmed -= 1;
            if let Some(ticket) = session.ticket {
                self.tickets.release(&ticket, &session.peer.identity);
            }
        }
        Some(session)
    }

    /// Forgets the session that the peer has asked for and not confirmed. Nothing was said in it, so nothing is said
    /// about its end.
    pub(super) fn drop_unconfirmed(&mut self, peer: &PeerId) {
        let Some(id) = self.peers.get_mut(peer).and_then(|peer| peer.unconfirmed.take()) else { return };
        if let Some(session) = self.remove_session(id) {
            session.paths.iter().for_each(|path| self.close_path(*path));
        }
    }
}
