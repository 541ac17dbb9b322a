//! What happens when a deadline passes.

use super::{Endpoint, PathStage};
use crate::action::Action;
use crate::cause::{Cause, HandshakeCause};
use crate::id::{PathId, SessionId};
use crate::now::Now;
use crate::session::Stage;
use crate::timers::Timer;

impl Endpoint {
    /// Handles every deadline that has passed at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(timer) = self.timers.pop_due(now.instant) {
            match timer {
                Timer::Dial(peer) => self.advance(now, peer),
                Timer::Path(path) => self.path_timed_out(now, path),
                Timer::Session(session) => self.session_timed_out(now, session),
            }
        }
    }

    /// The handshake of an accepted path has had its time, whether it was silent, slow or waited for ours.
    fn path_timed_out(&mut self, now: Now, id: PathId) {
        let Some(path) = self.paths.get(&id) else { return };
        let (stage, address) = (path.stage.clone(), path.facts.remote.clone());
        self.close_path(id);
        match stage {
            PathStage::Knocking { .. } => {
                self.note_stranger(now, Cause::Handshake { address, cause: HandshakeCause::TimedOut });
            }
            PathStage::Parked { peer, .. } => {
                self.unpark_as_failed(&peer);
                self.advance(now, *peer);
            }
            PathStage::Silent | PathStage::Dialed { .. } | PathStage::Carrying { .. } => {}
        }
    }

    fn session_timed_out(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let again = now.instant + self.idle_timeout(session.role);
        match session.stage {
            Stage::Unconfirmed { .. } | Stage::Redeeming => self.unconfirmed_failed(now, id),
            Stage::Live => {
                if !self.ended_with_record(now, id) {
                    self.timers.set(Timer::Session(id), again);
                    self.actions.push_back(Action::CheckIdle { session: id });
                }
            }
        }
    }
}
