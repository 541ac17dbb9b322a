//! The handle of a running node.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use endpoint::{GuardReport, Noted, PeerId, Target};
use link::{CloseReason, Outcome, StreamName, StreamOptions};
use membership::{Added, Card, IdentityKey, Member, Members};
use tokio::task::JoinHandle;
use x3dh_handshake::Role;

use crate::accept::accept;
use crate::builder::Builder;
use crate::core::Core;
use crate::error::{ConnectError, PingError, StreamTaken};
use crate::events::Events;
use crate::receivers::Receiver;
use crate::sender::Sender;
use crate::session::{PingReply, Session};
use crate::store::Store;
use crate::sync::lock;
use crate::transport::Listener;
use crate::welcome::welcome;

/// For the farewells of connections that are no sessions.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// For services that were told to end, until they have.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// A running node: it listens, dials, and keeps sessions with members. Cheap to clone.
///
/// When the last clone is dropped the node closes its sessions in the background, as far as its runtime lives on:
/// dropping never blocks. [`shutdown`](Self::shutdown) does the same and waits.
#[derive(Clone)]
pub struct Node {
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<Core>,
    listeners: Mutex<Vec<JoinHandle<()>>>,
    addresses: Vec<SocketAddr>,
}

/// A session with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Who is at the other end, with which device.
    pub peer: PeerId,
    /// Which end this node is.
    pub role: Role,
}

impl SessionInfo {
    pub(crate) fn of(session: &Session) -> Self {
        Self { peer: session.peer(), role: session.role() }
    }
}

impl Node {
    /// Begins to put a node together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Who this node is.
    #[must_use]
    pub fn identity(&self) -> IdentityKey {
        self.core().local.identity
    }

    /// Where it listens, with the ports that it was given.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.handle.addresses
    }

    /// The members as of now.
    #[must_use]
    pub fn members(&self) -> Arc<Members> {
        self.core().members()
    }

    /// Adds the member of a card to a list that is written by hand, or brings a known one up to date. Where the list
    /// follows from a [directory](Builder::directory), it is [`vouch_for`](Self::vouch_for) that lets somebody in.
    ///
    /// # Errors
    /// Those of [`Members::add`]; [`membership::Error::Malformed`] where the list follows from a directory. Nothing has
    /// changed then.
    pub fn add_member(&self, card: &Card) -> Result<Added, membership::Error> {
        if self.core().keeper.is_some() {
            return Err(membership::Error::Malformed { what: "a list of members that is written by hand" });
        }
        self.core().control(|control, now| {
            let mut members = Members::clone(control.endpoint.members());
            let added = members.add(card)?;
            control.endpoint.set_members(now, Arc::new(members));
            Ok(added)
        })
    }

    /// Strikes a member off a list that is written by hand: a live session is closed and says why, later dials get
    /// silence. `None` also where the list follows from a directory: [`revoke`](Self::revoke) them there.
    pub fn remove_member(&self, identity: &IdentityKey) -> Option<Member> {
        if self.core().keeper.is_some() {
            return None;
        }
        self.core().control(|control, now| {
            let mut members = Members::clone(control.endpoint.members());
            let removed = members.remove(identity)?;
            control.endpoint.set_members(now, Arc::new(members));
            Some(removed)
        })
    }

    /// Puts another list of members in place of one that is written by hand; sessions with those who are no longer on it
    /// are closed. Does nothing where the list follows from a directory.
    pub fn set_members(&self, members: Members) {
        if self.core().keeper.is_some() {
            return;
        }
        self.core().control(|control, now| control.endpoint.set_members(now, Arc::new(members)));
    }

    /// Makes sure that there is a session. Sending does this by itself.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, member: IdentityKey) -> Result<SessionInfo, ConnectError> {
        let session = self.core().connect(Target::Member(member)).await?;
        Ok(SessionInfo::of(&session))
    }

    /// Ends the sessions with a member, and the dials to it. Messages that were accepted still leave.
    pub fn disconnect(&self, member: IdentityKey) {
        let target = Target::Member(member);
        self.core()
            .control(|control, now| control.endpoint.disconnect(now, target, CloseReason::Application));
    }

    /// Measures the time to a member and back, within an authenticated session. Connects first if need be.
    ///
    /// # Errors
    /// [`PingError`].
    pub async fn ping(&self, member: IdentityKey) -> Result<Duration, PingError> {
        let session = self.core().connect(Target::Member(member)).await?;
        let start = tokio::time::Instant::now();
        let reply = PingReply::request(&session).map_err(|_| PingError::Lost)?;
        match tokio::time::timeout(self.core().limits.ping_timeout, reply).await {
            Ok(Outcome::Confirmed) => Ok(start.elapsed()),
            Ok(_) => Err(PingError::Lost),
            Err(_) => Err(PingError::TimedOut),
        }
    }

    /// Sends to one stream of a member. Nothing happens before the first message.
    #[must_use]
    pub fn sender(&self, member: IdentityKey, name: StreamName, options: StreamOptions) -> Sender {
        Sender::new(Arc::clone(self.core()), Target::Member(member), name, options)
    }

    /// Receives what members send to a stream of this name, until it is dropped.
    ///
    /// # Errors
    /// [`StreamTaken`] while there is another receiver of that name.
    pub fn receiver(&self, name: StreamName) -> Result<Receiver, StreamTaken> {
        self.core().receivers.add(name)
    }

    /// The last things that went wrong with a member, oldest first.
    #[must_use]
    pub fn why(&self, member: &IdentityKey) -> Vec<Noted> {
        lock(&self.core().control).endpoint.causes(member)
    }

    /// The last handshakes that failed before anybody had proven who they are, oldest first.
    #[must_use]
    pub fn stranger_causes(&self) -> Vec<Noted> {
        lock(&self.core().control).endpoint.stranger_causes()
    }

    /// How pressed the node is by handshakes of others, and whom it has refused.
    #[must_use]
    pub fn admission(&self) -> GuardReport {
        self.core().guard_report()
    }

    /// The sessions of now, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let control = lock(&self.core().control);
        let info = |(id, peer)| control.endpoint.role(id).map(|role| SessionInfo { peer, role });
        control.endpoint.sessions().filter_map(info).collect()
    }

    /// Where the node keeps what outlives it, if it was given a [store](Builder::store).
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.core().recorder.as_ref().map(|recorder| recorder.store())
    }

    /// What happens to peers from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.core().events.watch()
    }

    /// Ends the node for all its clones: nobody is accepted or dialed any more, services end and whoever watches actors of
    /// this node is told, what was accepted for sending leaves, sessions are closed with a word of farewell. Messages that have arrived can still be received.
    ///
    /// Takes no longer than a second for services to end, [`Limits::flush_timeout`](crate::Limits::flush_timeout), two
    /// seconds for farewells, and two for what is yet to be stored.
    pub async fn shutdown(&self) {
        for listener in self.handle.stop_listening() {
            // It was aborted, or there was another clone that did the same: what matters is that it is over.
            listener.await.ok();
        }
        // Peers hear of the end of this node's actors behind everything that these have said.
        self.core().actors.farewell();
        // A service that ends drops the questions that it holds, and whoever asked hears that, too.
        tokio::time::timeout(LAST_WORDS_TIMEOUT, self.core().serving.ended()).await.ok();
        let sessions = self.core().all_sessions();
        let flushed = async {
            for session in sessions {
                let flushing = session.exchange().map(|exchange| exchange.flush());
                if let Some(flushing) = flushing {
                    // Lost with its session, should that end meanwhile.
                    flushing.await.ok();
                }
                session.flushed().await;
            }
        };
        // What has not left by then is lost, as it would be with the process.
        tokio::time::timeout(self.core().limits.flush_timeout, flushed).await.ok();
        self.core().close();
        if let Some(hub) = &self.core().mychips {
            // What has not been answered by then is not waited for.
            tokio::time::timeout(FAREWELL_TIMEOUT, hub.finished()).await.ok();
        }
        self.core().timers.stopped().await;
        if let Some(recorder) = &self.core().recorder {
            recorder.finished().await;
        }
    }

    pub(crate) fn start(core: Arc<Core>, listeners: Vec<Listener>) -> Self {
        let addresses = listeners.iter().filter_map(|listener| listener.local_address().ok()).collect();
        let timer = Arc::clone(&core);
        core.machine.spawn(async move {
            while let Some(due) = timer.timers.next().await {
                if due.control {
                    timer.control(|control, now| control.endpoint.handle_timeout(now));
                }
                if due.guard {
                    timer.look_around();
                }
                due.sessions.iter().for_each(|session| session.nudge());
            }
        });
        core.machine.spawn(crate::actors::keep(Arc::clone(&core)));
        if let Some(recorder) = &core.recorder {
            core.machine.spawn(Arc::clone(recorder).run(core.machine.clone()));
        }
        if core.keeper.is_some() {
            core.machine.spawn(crate::directory::keep(Arc::clone(&core)));
            // The node is new, and nothing has the name.
            if let Some(news) = crate::directory::stream_name().and_then(|name| core.receivers.add(name).ok())
            {
                core.machine.spawn(crate::directory::listen(Arc::clone(&core), news));
            }
        }
        let listeners = listeners.into_iter().map(|listener| listen(&core, listener)).collect();
        Self { handle: Arc::new(Handle { core, listeners: Mutex::new(listeners), addresses }) }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }
}

fn listen(core: &Arc<Core>, listener: Listener) -> JoinHandle<()> {
    let node = Arc::clone(core);
    let accepting = accept(listener, move |mut carrier, address| match node.enter(address.ip()) {
        Some(pass) => drop(node.machine.spawn(welcome(Arc::clone(&node), carrier, address, pass))),
        None => {
            // Nothing of it lingers in the kernel either.
            carrier.abort();
            tracing::debug!(%address, "connection refused: too many from there");
        }
    });
    core.machine.spawn(accepting)
}

impl Handle {
    fn stop_listening(&self) -> Vec<JoinHandle<()>> {
        let listeners = std::mem::take(&mut *lock(&self.listeners));
        listeners.iter().for_each(JoinHandle::abort);
        listeners
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.stop_listening());
        self.core.close();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("identity", &self.identity())
            .field("addresses", &self.handle.addresses)
            .finish_non_exhaustive()
    }
}
