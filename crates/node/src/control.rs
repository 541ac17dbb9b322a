//! The control plane behind its one lock, and what is done for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actor_proxy::{Ended, Former};
use endpoint::{
    Action, Admittance, AttemptId, ConnectError, DialCause, Endpoint, Now, PathCause, PathId, SessionId,
    Target, WaiterId,
};
use link::CloseReason;
use membership::Members;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use x3dh_handshake::Role;

use crate::core::Core;
use crate::dial;
use crate::directory::Roll;
use crate::events::Event;
use crate::greeting::Failure;
use crate::mailbox::{Mailbox, Word};
use crate::session::{Order, Session};
use crate::sync::lock;

/// The endpoint, and what its names stand for.
pub(crate) struct Control {
    pub(crate) endpoint: Endpoint,
    paths: BTreeMap<PathId, PathEntry>,
    sessions: BTreeMap<SessionId, Arc<Session>>,
    pub(crate) dials: BTreeMap<AttemptId, AbortHandle>,
    waiters: BTreeMap<WaiterId, Waiter>,
    last_waiter: u64,
    /// Which list of members is in place.
    roll: u64,
    closing: bool,
}

/// A path, and how its task is reached.
struct PathEntry {
    mailbox: Arc<Mailbox>,
    /// Once there are keys.
    session: Option<Arc<Session>>,
    /// Once the control plane has given it a name.
    id: Option<SessionId>,
}

/// Somebody who waits for a session.
struct Waiter {
    target: Target,
    reply: oneshot::Sender<Result<Arc<Session>, ConnectError>>,
}

/// What one turn of the control plane keeps between its actions, and drops when its lock is free.
#[derive(Default)]
struct Turn {
    /// The last dial that was logged as failed: all who waited for it are told, the log once.
    failure: Option<(Target, ConnectError)>,
    /// Runs of nodes that are over. To end their addresses takes as long as there are some.
    former: Vec<Former>,
}

impl Control {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            paths: BTreeMap::new(),
            sessions: BTreeMap::new(),
            dials: BTreeMap::new(),
            waiters: BTreeMap::new(),
            last_waiter: 0,
            roll: 0,
            closing: false,
        }
    }

    /// The later of two lists of members: the one that was just made, or one that was made after it and came first.
    pub(crate) fn latest(&mut self, roll: Roll) -> Arc<Members> {
        if roll.number > self.roll {
            self.roll = roll.number;
            return roll.members;
        }
        Arc::clone(self.endpoint.members())
    }

    /// How many paths, sessions and waiters there are.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.paths.len(), self.sessions.len(), self.waiters.len())
    }

    /// Puts in a path whose handshake begins.
    pub(crate) fn add_path(&mut self, path: PathId) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        self.paths.insert(path, PathEntry { mailbox: Arc::clone(&mailbox), session: None, id: None });
        mailbox
    }

    /// There are keys for a path; what its session is called is said by the control plane now or later.
    pub(crate) fn set_session(&mut self, path: PathId, session: &Arc<Session>, id: Option<SessionId>) {
        if let Some(entry) = self.paths.get_mut(&path) {
            entry.session = Some(Arc::clone(session));
            entry.id = id;
            self.sessions.extend(id.map(|id| (id, Arc::clone(session))));
        }
    }

    /// Lets a path go that somebody without a name has opened: it is its task's alone. `false` if it was closed already.
    pub(crate) fn release(&mut self, path: PathId) -> bool {
        self.endpoint.release(path) && self.forget_path(path).is_some()
    }

    fn forget_path(&mut self, path: PathId) -> Option<PathEntry> {
        let entry = self.paths.remove(&path)?;
        if let Some(id) = entry.id {
            self.sessions.remove(&id);
        }
        Some(entry)
    }

    /// Lets a path go, and its session with it.
    ///
    /// The next session with the same peer may be up before the driver of this one is done: what is said then must not
    /// be taken by this one, which would lose it.
    fn lose_path(&mut self, path: PathId) -> Option<PathEntry> {
        let entry = self.forget_path(path)?;
        if let Some(session) = &entry.session {
            session.order(Order::Abort);
        }
        Some(entry)
    }

    /// Closes a path without a word.
    fn close_path(&mut self, path: PathId) {
        if let Some(entry) = self.lose_path(path) {
            entry.mailbox.close();
        }
    }

    fn make_live(&mut self, path: PathId, id: SessionId) {
        if let Some(entry) = self.paths.get_mut(&path) {
            entry.id = Some(id);
            self.sessions.extend(entry.session.clone().map(|session| (id, session)));
            entry.mailbox.put(Word::Live(id));
        }
    }
}

impl Core {
    /// Works on the control plane, and does what it then asks for.
    pub(crate) fn control<T>(self: &Arc<Self>, work: impl FnOnce(&mut Control, Now) -> T) -> T {
        let now = self.machine.now();
        let mut control = lock(&self.control);
        let result = work(&mut control, now);
        let mut turn = Turn::default();
        while let Some(action) = control.endpoint.poll_action() {
            self.perform(&mut control, now, action, &mut turn);
        }
        if let Some(recorder) = &self.recorder {
            while let Some((peer, noted)) = control.endpoint.poll_noted() {
                recorder.noted(peer.map(|peer| peer.identity), noted);
            }
        }
        let deadline = control.endpoint.poll_timeout();
        let finished = control.closing && control.paths.is_empty();
        drop(control);
        drop(turn);
        self.timers.set_control(deadline);
        if finished {
            self.finish();
        }
        result
    }

    fn perform(self: &Arc<Self>, control: &mut Control, now: Now, action: Action, turn: &mut Turn) {
        match action {
            Action::Dial { attempt, peer, address } => {
                let task = self.machine.spawn(dial::dial(Arc::clone(self), attempt, peer, address));
                control.dials.insert(attempt, task.abort_handle());
            }
            Action::AbandonDial { attempt } => {
                if let Some(task) = control.dials.remove(&attempt) {
                    task.abort();
                }
            }
            Action::Begin { path, order } => control.tell(path, Word::Begin(order)),
            Action::Answer { path, admission } => control.tell(path, Word::Answer(admission)),
            Action::Live { path, session } => control.make_live(path, session),
            Action::ClosePath { path } => control.close_path(path),
            Action::CloseSession { session, reason } => {
                if let Some(session) = control.sessions.remove(&session) {
                    session.order(Order::Close(reason));
                }
            }
            Action::CheckIdle { session } => {
                if let Some(last_use) =
                    control.sessions.get(&session).map(|session| session.last_used(now.instant))
                {
                    control.endpoint.session_used(now, session, last_use);
                }
            }
            Action::Resolved { waiter, result } => control.resolve(waiter, result, &mut turn.failure),
            Action::PeerUp { peer, session, role } => {
                if let Some(session) = control.sessions.get(&session) {
                    turn.former.push(session.allow_actors(&self.actors));
                }
                self.greet_with_news(peer);
                tracing::info!(peer = ?peer.identity, ?role, "peer up");
                if let (Some(recorder), Role::Initiator) = (&self.recorder, role)
                    && let Some(address) = control.endpoint.good_address(&peer)
                {
                    recorder.found(peer.device, address.clone());
                }
                self.events.tell(Event::PeerUp { peer, role });
            }
            Action::PeerDown { peer, session, cause } => {
                if let Some(session) = control.sessions.remove(&session) {
                    session.close_exchange();
                }
                tracing::info!(peer = ?peer.identity, %cause, "peer down");
                self.events.tell(Event::PeerDown { peer, cause });
            }
            Action::PeerRestarted { peer, boot } => {
                tracing::info!(peer = ?peer.identity, "peer restarted");
                self.events.tell(Event::PeerRestarted { peer, boot });
            }
            Action::StoreCounter { peer, counter } => {
                if let Some(recorder) = &self.recorder {
                    recorder.confirmed(peer, counter);
                }
                self.events.tell(Event::CounterConfirmed { peer, counter });
            }
            Action::Redeem { session, peer, redemption, .. } => {
                let core = Arc::clone(self);
                self.machine.spawn(async move { core.redeem(session, peer, *redemption).await });
            }
            // What a later version of the control plane may ask for is not asked of this one.
            _ => {}
        }
    }

    /// A session with `target`: the one there is, or a new one.
    pub(crate) async fn connect(self: &Arc<Self>, target: Target) -> Result<Arc<Session>, ConnectError> {
        let (waiting, outcome) = Waiting::begin(self, target);
        let result = outcome.await;
        waiting.over();
        // The sender is dropped unused only with the whole node.
        result.unwrap_or(Err(ConnectError::ShuttingDown))
    }

    pub(crate) fn path_lost(self: &Arc<Self>, path: PathId, cause: PathCause) {
        self.control(|control, now| {
            control.lose_path(path);
            control.endpoint.path_lost(now, path, cause);
        });
    }

    pub(crate) fn dial_failed(self: &Arc<Self>, attempt: AttemptId, cause: DialCause) {
        self.control(|control, now| {
            control.dials.remove(&attempt);
            control.endpoint.dial_failed(now, attempt, cause);
        });
    }

    /// The handshake of a path has failed, or the path with it.
    pub(crate) fn failed(self: &Arc<Self>, path: PathId, failure: Failure) {
        match failure {
            Failure::Path(cause) => self.path_lost(path, cause),
            Failure::Handshake(cause) => {
                self.control(|control, now| control.endpoint.handshake_failed(now, path, cause));
            }
        }
    }

    /// Every session there is.
    pub(crate) fn all_sessions(&self) -> Vec<Arc<Session>> {
        lock(&self.control).sessions.values().cloned().collect()
    }

    /// The members as of now.
    pub(crate) fn members(&self) -> Arc<Members> {
        Arc::clone(lock(&self.control).endpoint.members())
    }

    /// What first packets are checked against now.
    pub(crate) fn admittance(&self) -> Admittance {
        lock(&self.control).endpoint.admittance()
    }

    pub(crate) fn has_session_with(&self, peer: &endpoint::PeerId) -> bool {
        lock(&self.control).endpoint.session_with(peer).is_some()
    }

    /// The driver of a path has carried out its order to end.
    pub(crate) fn path_closed(self: &Arc<Self>, path: PathId) {
        self.path_lost(path, PathCause::Local);
    }

    pub(crate) fn closed_by_peer(self: &Arc<Self>, path: PathId, session: SessionId, reason: CloseReason) {
        let ended = self.control(|control, now| {
            let entry = control.lose_path(path);
            control.endpoint.closed_by_peer(now, session, reason);
            entry.and_then(|entry| entry.session)
        });
        if reason == CloseReason::Shutdown
            && let Some(session) = ended
        {
            // Its actors end with its process, and nobody need dial to hear of it.
            self.actors.handle_gone(&session.node(), &Ended::Shutdown);
        }
    }

    pub(crate) fn close_session(self: &Arc<Self>, session: SessionId, reason: CloseReason) {
        self.control(|control, now| control.endpoint.close(now, session, reason));
    }

    /// Ends everything: sessions with a word of farewell, which their drivers say.
    pub(crate) fn close(self: &Arc<Self>) {
        if let Some(hub) = &self.mychips {
            hub.close();
        }
        self.control(|control, now| {
            control.closing = true;
            self.desk.close();
            control.endpoint.shutdown(now);
        });
    }

    /// Nothing will happen any more.
    fn finish(&self) {
        self.actors.shutdown();
        self.receivers.finish();
        self.timers.stop();
        if let Some(recorder) = &self.recorder {
            recorder.stop();
        }
    }

    /// The initiator of a session has shown that it has the keys.
    pub(crate) fn confirmed(self: &Arc<Self>, session: SessionId) {
        self.control(|control, now| control.endpoint.confirmed(now, session));
    }
}

impl Control {
    fn tell(&mut self, path: PathId, word: Word) {
        if let Some(entry) = self.paths.get(&path) {
            entry.mailbox.put(word);
        }
    }

    fn resolve(
        &mut self,
        waiter: WaiterId,
        result: Result<SessionId, ConnectError>,
        failure: &mut Option<(Target, ConnectError)>,
    ) {
        let Some(Waiter { target, reply }) = self.waiters.remove(&waiter) else { return };
        if let Err(error) = &result
            && *failure != Some((target, *error))
        {
            *failure = Some((target, *error));
            tracing::info!(?target, %error, "no session");
        }
        let result = result.and_then(|session| {
            // A session is in the table before anybody is told of it, and leaves it with the telling of its end.
            self.sessions.get(&session).cloned().ok_or(ConnectError::Disconnected)
        });
        // Whoever waited may have stopped.
        reply.send(result).ok();
    }
}

/// Somebody waits for a session, until [`over`](Self::over) or dropped.
struct Waiting<'a> {
    core: &'a Arc<Core>,
    waiter: Option<WaiterId>,
}

impl<'a> Waiting<'a> {
    fn begin(
        core: &'a Arc<Core>,
        target: Target,
    ) -> (Self, oneshot::Receiver<Result<Arc<Session>, ConnectError>>) {
        let (reply, outcome) = oneshot::channel();
        let waiter = core.control(|control, now| {
            control.last_waiter += 1;
            let waiter = WaiterId(control.last_waiter);
            control.waiters.insert(waiter, Waiter { target, reply });
            // The name is new, the only thing that could be wrong with it.
            control.endpoint.connect(now, target, endpoint::Urgency::Prompt, waiter).ok();
            waiter
        });
        (Self { core, waiter: Some(waiter) }, outcome)
    }

    fn over(mut self) {
        self.waiter = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.core.control(|control, now| {
                control.waiters.remove(&waiter);
                control.endpoint.cancel(now, waiter);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use membership::{IdentityKey, StaticKey};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::clock;

    #[test]
    fn a_list_of_members_that_comes_late_does_not_take_the_place_of_a_later_one() {
        let local = endpoint::PeerId { identity: IdentityKey([1; 32]), device: StaticKey([2; 32]) };
        let mut rng = StdRng::seed_from_u64(1);
        let (first, second) = (Arc::new(Members::new()), Arc::new(Members::new()));
        let endpoint = Endpoint::new(endpoint::Config::default(), local, Arc::default(), &mut rng);
        let mut control = Control::new(endpoint);
        let now = Now { instant: clock::now(), date: membership::UnixSeconds::default() };
        let members = control.latest(Roll { number: 2, members: Arc::clone(&second) });
        control.endpoint.set_members(now, members);
        let late = control.latest(Roll { number: 1, members: first });
        assert!(Arc::ptr_eq(&late, &second));
    }
}
