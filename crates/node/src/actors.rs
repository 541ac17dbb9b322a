//! Actors of this node, and those of others.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use actor_proxy::{
    Actors, Address, Allow, Ended, Exchange, Inbox, Limits, Message, NodeId, ServeError, ServiceInfo,
    ServiceOptions, Surroundings, Unreachable, Untyped,
};
use endpoint::{PeerId, Target};
use membership::{DeviceStanding, IdentityKey, StaticKey};

use crate::clock;
use crate::core::Core;
use crate::error::{ConnectError, ServiceError};
use crate::node::Node;
use crate::serving::Service;

impl Node {
    /// Runs an actor that nobody knows yet; give its address to whom you like. It ends when `actor` returns, or nobody has
    /// its address any more and it has seen all its messages.
    pub fn spawn_actor<M: Message, F>(&self, actor: impl FnOnce(Inbox<M>) -> F) -> Address<M>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (address, inbox) = self.mailbox();
        self.run(inbox, None, actor);
        address
    }

    /// A mailbox without a task: with it any task can be an actor.
    #[must_use]
    pub fn mailbox<M: Message>(&self) -> (Address<M>, Inbox<M>) {
        self.core().actors.mailbox()
    }

    /// Runs an actor and offers it to members under a name, until it returns or is [withdrawn](Self::withdraw). A panic in
    /// it ends it and nothing else.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn serve<M: Message, F>(
        &self,
        name: &str,
        allow: Allow,
        actor: impl FnOnce(Inbox<M>) -> F,
    ) -> Result<Address<M>, ServeError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.serve_with(name, allow, ServiceOptions::default(), actor)
    }

    /// As [`serve`](Self::serve), on other terms.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn serve_with<M: Message, F>(
        &self,
        name: &str,
        allow: Allow,
        options: ServiceOptions,
        actor: impl FnOnce(Inbox<M>) -> F,
    ) -> Result<Address<M>, ServeError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let allow = self.core().within_policy(name, allow);
        let (address, inbox) = self.core().actors.serve(name, allow, options)?;
        self.run(inbox, Some(self.core().serving.begin()), actor);
        Ok(address)
    }

    /// Ends the service of that name. `false`: there is none.
    pub fn withdraw(&self, name: &str) -> bool {
        self.core().actors.withdraw(name)
    }

    /// The address of a member's service. It works for as long as the member's process runs, through idle times and
    /// reconnections. Takes a [`connect`](Self::connect), and then at most [`lookup_timeout`](actor_proxy::Limits::lookup_timeout).
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn service<M: Message>(
        &self,
        member: IdentityKey,
        name: &str,
    ) -> Result<Address<M>, ServiceError> {
        if member == self.identity() {
            return Ok(self.core().actors.service(name)?);
        }
        // The exchange itself is let go: its end is what tells of the session's.
        let looking = self.exchange(member).await?.service(name);
        Ok(looking.await?)
    }

    /// The address of a member's service whose Rust type this program does not have, if its messages describe themselves.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn untyped_service(&self, member: IdentityKey, name: &str) -> Result<Untyped, ServiceError> {
        if member == self.identity() {
            return Ok(self.core().actors.untyped_service(name)?);
        }
        let looking = self.exchange(member).await?.untyped_service(name);
        Ok(looking.await?)
    }

    /// The services of a member that this node may use. Takes a [`connect`](Self::connect), and then at most
    /// [`lookup_timeout`](actor_proxy::Limits::lookup_timeout).
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn services(&self, member: IdentityKey) -> Result<Vec<ServiceInfo>, ServiceError> {
        if member == self.identity() {
            return Ok(self.core().actors.services());
        }
        let looking = self.exchange(member).await?.services();
        Ok(looking.await?)
    }

    /// A session with a member, as actors see it.
    async fn exchange(&self, member: IdentityKey) -> Result<Arc<Exchange>, ConnectError> {
        loop {
            let session = self.core().connect(Target::Member(member)).await?;
            if let Some(exchange) = session.begin_exchange(&self.core().actors) {
                return Ok(exchange);
            }
            // It has just ended. Whoever ends it may be waiting for this thread.
            tokio::task::yield_now().await;
        }
    }

    fn run<M: Message, F>(&self, inbox: Inbox<M>, service: Option<Service>, actor: impl FnOnce(Inbox<M>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let ender = inbox.ender();
        let future = Box::pin(actor(inbox));
        self.core().machine.spawn(async move {
            // Until all that the actor holds is dropped.
            let _service = service;
            let mut future = future;
            let poll = |context: &mut Context<'_>| {
                // The panic itself is reported by the hook.
                catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
                    .map_or(Poll::Ready(Err(())), |polled| polled.map(Ok))
            };
            if std::future::poll_fn(poll).await.is_err() {
                // Its inbox may still stand in what is left of it.
                ender.panicked();
            }
        });
    }
}

/// What a node's actors are made of, before there is a node.
pub(crate) struct ActorSurroundings {
    pub(crate) me: NodeId,
    pub(crate) seed: [u8; 32],
    pub(crate) limits: Limits,
}

impl ActorSurroundings {
    pub(crate) fn actors(self, core: &Weak<Core>) -> Actors {
        let Self { me, seed, limits } = self;
        let core = Weak::clone(core);
        let may_speak_with =
            move |node: &NodeId| core.upgrade().is_some_and(|core| core.may_speak_with(node));
        let (clock, may_speak_with) = (Arc::new(clock::now), Arc::new(may_speak_with));
        Actors::new(Surroundings { me, seed, clock, may_speak_with, limits })
    }
}

/// Keeps the time of a node's actors, and makes the sessions that they want.
pub(crate) async fn keep(core: Arc<Core>) {
    let mut stopped = pin!(core.timers.stopped());
    loop {
        let mut deadline = None;
        let mut sleep = pin!(None);
        let wanted = std::future::poll_fn(|context| {
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(Next::Stop);
            }
            if let Poll::Ready(node) = core.actors.poll_wanted(context) {
                return Poll::Ready(Next::Connect(node));
            }
            let next = core.actors.poll_timeout(Some(context));
            if next != deadline {
                deadline = next;
                sleep.set(next.map(clock::sleep_until));
            }
            match sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.poll(context).map(|()| Next::Timeout),
                None => Poll::Pending,
            }
        });
        match wanted.await {
            Next::Stop => return,
            Next::Timeout => core.actors.handle_timeout(clock::now()),
            Next::Connect(node) => drop(core.machine.spawn(reach(Arc::clone(&core), node))),
        }
    }
}

/// What the keeper of actors does next.
enum Next {
    Stop,
    Timeout,
    Connect(NodeId),
}

/// Makes a session with that run of a node, or tells why there is none.
async fn reach(core: Arc<Core>, node: NodeId) {
    loop {
        match core.connect(Target::Device(peer_of(&node))).await {
            // If another process answers, that one is gone.
            Ok(session) if session.node() != node => {
                return core.actors.handle_gone(&node, &Ended::Restarted);
            }
            Ok(session) if session.begin_exchange(&core.actors).is_some() => return,
            // It has just ended. Whoever ends it may be waiting for this thread.
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                let retryable = error.is_retryable();
                return core.actors.handle_unreachable(&node, &Unreachable::new(error, retryable));
            }
        }
    }
}

fn peer_of(node: &NodeId) -> PeerId {
    PeerId { identity: IdentityKey(node.member), device: StaticKey(node.device) }
}

impl Core {
    /// Whether this node may dial that one, or has a session with it.
    fn may_speak_with(&self, node: &NodeId) -> bool {
        let PeerId { identity, device } = peer_of(node);
        let members = self.members();
        let has_address = members.get(&identity).is_some_and(|member| !member.addresses().is_empty());
        let stands =
            matches!(members.standing(&identity, &device, self.machine.date()), DeviceStanding::Member);
        stands && (has_address || self.has_session_with(&PeerId { identity, device }))
    }
}
