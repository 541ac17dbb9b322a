//! What must not happen under a peer's lock: running or dropping what belongs to users, waking, and other peers' locks.

use std::sync::{Arc, Weak};
use std::task::Waker;

use bytes::Bytes;

use super::imports::{Facts, Fate};
use super::{Confirm, Draft, Export, Peer, Pending};
use crate::account::Account;
use crate::body::Format;
use crate::ended::Ended;
use crate::envelope::{Envelope, Listed, Refusal, Relay, Shape};
use crate::error::{AskError, SendError, ServiceError};
use crate::limits::cost;
use crate::local::{AnyMailbox, LocalAddress};
use crate::node_id::{ActorId, NodeId, ServiceName};
use crate::parcel::{Parcel, Passenger, Received, Toll};
use crate::proxy::Proxy;
use crate::reply::AnyReply;
use crate::run::{Bodies, Run};
use crate::slot::Slot;
use crate::table::Tag;
use crate::written::Written;

/// Tasks to wake, once each thing that they may look at is in place.
#[derive(Debug, Default)]
#[must_use = "somebody waits"]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    /// Wakes them.
    pub fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.0.extend(wakers);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// An outcome, and where somebody waits for it.
type Told<T> = (Arc<Slot<T>>, T);

/// What is left to do once the lock is free.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub(super) wakes: Wakes,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) answers: Vec<(Arc<dyn AnyReply>, Incoming)>,
    pub(super) failures: Vec<(Arc<dyn AnyReply>, AskError)>,
    pub(super) outcomes: Vec<(Confirm, Result<(), SendError>)>,
    pub(super) looked_up: Vec<Told<Result<Arc<Proxy>, ServiceError>>>,
    pub(super) listed: Vec<Told<Result<Vec<Listed>, ServiceError>>>,
    /// With the session in which they came.
    pub(super) inquiries: Vec<(u64, Tag, Inquiry)>,
    /// Services that the peer wants to hold, if they permit it, and the session in which it said so.
    pub(super) holds: Vec<(u64, ActorId, LocalAddress)>,
    /// Exports of what has ended already.
    pub(super) ended: Vec<(Tag, Ended)>,
    /// Ways that the peer was given, and those that were forgotten.
    pub(super) ways: Vec<(Arc<Proxy>, Tag)>,
    pub(super) ways_forgotten: Vec<(Arc<Proxy>, Tag)>,
    /// Ways that have ended with the actor to which they lead: other peers are to be told.
    pub(super) ways_ended: Vec<(Weak<Peer>, Tag, Ended)>,
    /// Somebody wants a session.
    pub(super) wanted: bool,
    pub(super) trash: Vec<Trash>,
}

/// What is only to be dropped. Each of them may run code of users, or take other locks.
#[expect(dead_code, reason = "it is here to be dropped")]
pub(super) enum Trash {
    Draft(Draft),
    Passengers(Vec<Passenger>),
    /// Bytes in these may be a user's.
    Body(Written),
    Envelope(Vec<Bytes>),
    Export(Export),
    Toll(Toll),
    Reply(Arc<dyn AnyReply>),
    Pending(Pending),
    Proxy(Arc<Proxy>),
    Mailbox(Arc<dyn AnyMailbox>),
    Target(Target),
}

/// A message or answer whose addresses are not all resolved.
pub(super) struct Incoming {
    pub(super) parcel: Parcel,
    /// Addresses of third nodes, by their index.
    pub(super) thirds: Vec<(usize, Third)>,
    /// Services that may not permit the peer to name them.
    pub(super) guarded: Vec<usize>,
}

/// An actor of a third node.
pub(super) struct Third {
    pub(super) node: NodeId,
    pub(super) id: ActorId,
    pub(super) shape: Shape,
    pub(super) relay: Option<Relay>,
}

/// A question about services. Who may use them is the user's code.
pub(super) enum Inquiry {
    LookUp(ServiceName),
    List,
}

/// A message for a mailbox, or for a way to another node.
pub(super) struct Delivery {
    pub(super) to: Tag,
    pub(super) target: Target,
    pub(super) account: Arc<Account>,
    pub(super) load: Load,
    /// The session in which it came.
    pub(super) epoch: u64,
}

/// What is delivered at once.
pub(super) enum Load {
    One {
        incoming: Incoming,
        confirm: Option<Tag>,
    },
    /// Messages without addresses that came one behind the other.
    Run {
        format: Format,
        bodies: Bodies,
    },
}

/// Where messages under a tag go.
#[derive(Clone)]
pub(crate) enum Target {
    Actor(LocalAddress),
    Way(Arc<Proxy>),
}

impl Aftermath {
    pub(super) fn settle(self, peer: &Arc<Peer>) -> Wakes {
        let Self {
            mut wakes,
            deliveries,
            answers,
            failures,
            outcomes,
            looked_up,
            listed,
            inquiries,
            holds,
            ended,
            ways,
            ways_forgotten,
            ways_ended,
            wanted,
            trash,
        } = self;
        for (reply, incoming) in answers {
            wakes.extend(reply.complete(incoming.resolve(peer)));
        }
        for (reply, why) in failures {
            wakes.extend(reply.fail(why));
        }
        for (confirm, outcome) in outcomes {
            wakes.extend(confirm.tell(outcome));
        }
        for (slot, result) in looked_up {
            wakes.extend(slot.set(result));
        }
        for (slot, result) in listed {
            wakes.extend(slot.set(result));
        }
        let mut confirmed = Vec::new();
        for delivery in deliveries {
            delivery.deliver(peer, &mut wakes, &mut confirmed);
        }
        for (epoch, ask, inquiry) in inquiries {
            peer.answer_inquiry(epoch, ask, &inquiry);
        }
        for (epoch, id, service) in holds {
            peer.answer_hold_of_service(epoch, id, service);
        }
        for (proxy, tag) in ways_forgotten {
            proxy.peer.forget_way(proxy.import, peer, tag);
        }
        for (proxy, tag) in ways {
            if let Err(why) = proxy.peer.tell_way(proxy.import, Arc::downgrade(peer), tag) {
                peer.actor_ended(tag, &why);
            }
        }
        for (tag, why) in ended {
            peer.actor_ended(tag, &why);
        }
        for (other, tag, why) in ways_ended {
            if let Some(other) = other.upgrade() {
                other.actor_ended(tag, &why);
            }
        }
        if !confirmed.is_empty() {
            let ((), more) = peer.with_wakes(|state, _| {
                for news in &confirmed {
                    state.say(news);
                }
            });
            wakes.append(more);
        }
        if wanted {
            wakes.extend(peer.core.want(peer));
        }
        drop(trash);
        wakes
    }
}

impl Incoming {
    /// Finds the proxies of third nodes: directly where this node may, else through the one that gave the address. A
    /// service of this node is gone for whom it does not permit.
    fn resolve(self, via: &Arc<Peer>) -> Parcel {
        let Self { mut parcel, thirds, guarded } = self;
        for index in guarded {
            if let Some(place) = parcel.table.get_mut(index)
                && let Passenger::Local(local) = &*place
                && !local.mailbox().permits(&via.node)
            {
                *place = Passenger::gone(&via.core);
            }
        }
        for (index, third) in thirds {
            let proxy = third.resolve(via);
            if let Some(place) = parcel.table.get_mut(index) {
                *place = proxy.map_or_else(|| Passenger::gone(&via.core), Passenger::Remote);
            }
        }
        parcel
    }

    /// Looks for no third node, and gives the ways back that were offered along.
    fn unresolved(self, via: &Arc<Peer>) -> Parcel {
        let ways: Vec<Tag> =
            self.thirds.iter().filter_map(|(_, third)| third.relay).map(|way| way.tag).collect();
        if !ways.is_empty() {
            via.release_ways(&ways);
        }
        self.parcel
    }
}

impl Third {
    /// The proxy of the actor: with its node if this one may speak with it and keeps it, else through the peer, else one
    /// that leads nowhere.
    fn resolve(self, via: &Arc<Peer>) -> Option<Arc<Proxy>> {
        let Self { node, id, shape, relay } = self;
        let facts = Facts { id, home: Some(node), shape: &shape };
        let is_former_self = node.is_same_device(&via.core.me);
        let is_blocked = node == via.node || !via.core.may_speak_with(&node);
        let direct = if is_former_self || is_blocked && relay.is_some() {
            None
        } else {
            via.core.third(&via.node, (node, id), &shape, is_blocked)
        };
        match relay {
            Some(relay) if direct.is_none() && !is_former_self => return via.receive_way(relay, &facts),
            Some(relay) => via.release_ways(&[relay.tag]),
            None => {}
        }
        let fate = if is_former_self { Fate::Ended(Ended::Restarted) } else { Fate::NoRoute };
        direct.or_else(|| via.receive_void(&facts, fate))
    }
}

impl Delivery {
    fn deliver(self, from: &Arc<Peer>, wakes: &mut Wakes, confirmed: &mut Vec<Envelope>) {
        let Self { target, account, load, epoch, .. } = self;
        let (incoming, confirm) = match load {
            Load::One { incoming, confirm } => (incoming, confirm),
            Load::Run { format, bodies } => {
                return deliver_run(&target, Run::new(Arc::clone(from), format, bodies, account), wakes);
            }
        };
        let toll = Toll::new(account, cost(incoming.parcel.body.len(), incoming.parcel.table.len()));
        let refused = match target {
            Target::Way(proxy) => {
                let parcel = incoming.resolve(from);
                let confirm = confirm.map(|ask| Confirm::Relay { peer: Arc::clone(from), ask, epoch });
                proxy.peer.forward(&proxy, parcel, toll, confirm);
                return;
            }
            Target::Actor(actor) if actor.mailbox().permits(&from.node) => {
                let parcel = incoming.resolve(from);
                let received = Received { from: Arc::clone(from), parcel, toll };
                match actor.mailbox().deliver(received) {
                    Ok(waker) => {
                        wakes.extend(waker);
                        confirmed.extend(confirm.map(|ask| Envelope::Confirmed { ask }));
                        return;
                    }
                    Err((received, ended)) => (received.parcel, AskError::Ended(ended)),
                }
            }
            // Nothing is done for whoever may not send there: no third node is looked for.
            Target::Actor(_) => (incoming.unresolved(from), AskError::NotAllowed),
        };
        let (parcel, why) = refused;
        confirmed.extend(confirm.map(|ask| Envelope::Refusal { ask, refusal: Refusal::of(&why) }));
        parcel.refuse(&why);
    }
}

fn deliver_run(target: &Target, mut run: Run, wakes: &mut Wakes) {
    match target {
        Target::Actor(actor) => {
            let from = run.from.node;
            run.retain(|| actor.mailbox().permits(&from));
            if !run.is_empty() {
                // Nobody waits for anything of what an actor that has ended does not get.
                wakes.extend(actor.mailbox().deliver_run(run).ok().flatten());
            }
        }
        Target::Way(proxy) => {
            for (parcel, toll) in run.into_parcels() {
                proxy.peer.forward(proxy, parcel, toll, None);
            }
        }
    }
}

impl Confirm {
    /// Tells the outcome; wake whom it returns.
    pub(crate) fn tell(self, outcome: Result<(), SendError>) -> Option<Waker> {
        match self {
            Self::Here(slot) => slot.set(outcome),
            Self::Relay { peer, ask, epoch } => {
                let news = match outcome {
                    Ok(()) => Envelope::Confirmed { ask },
                    Err(error) => Envelope::Refusal { ask, refusal: Refusal::of(&error.into()) },
                };
                peer.say_in(epoch, &news);
                None
            }
        }
    }
}

impl Peer {
    /// Says something that belongs into one session, if that is still the one.
    pub(super) fn say_in(self: &Arc<Self>, epoch: u64, news: &Envelope) {
        self.with(|state, _| {
            if state.epoch == epoch {
                state.say(news);
            }
        });
    }
}
