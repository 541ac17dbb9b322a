//! What must not happen under a peer's lock: running or dropping what belongs to users, waking, and other peers' locks.

use std::sync::Arc;
use std::task::Waker;

use super::imports::Facts;
use super::{Confirm, Draft, Export, Peer};
use crate::account::Account;
use crate::envelope::{Envelope, Head, Listed, Refusal, Relay, Shape};
use crate::error::{AskError, SendError, ServiceError};
use crate::limits::cost;
use crate::local::LocalAddress;
use crate::node_id::{ActorId, NodeId, ServiceName};
use crate::outbox::Lane;
use crate::parcel::{Parcel, Passenger, Received, Toll};
use crate::proxy::Proxy;
use crate::reply::AnyReply;
use crate::slot::Slot;
use crate::sync::lock;
use crate::table::Tag;

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
    pub(super) inquiries: Vec<(Tag, Inquiry)>,
    /// Somebody wants a session.
    pub(super) wanted: bool,
    pub(super) trash: Vec<Trash>,
}

/// What is only to be dropped. Each of them may run code of users, or take other locks.
#[expect(dead_code, reason = "it is here to be dropped")]
pub(super) enum Trash {
    Draft(Draft),
    Passengers(Vec<Passenger>),
    Export(Export),
    Toll(Toll),
    Reply(Arc<dyn AnyReply>),
    Proxy(Arc<Proxy>),
}

/// A message or answer whose addresses are not all resolved.
pub(super) struct Incoming {
    pub(super) parcel: Parcel,
    /// Addresses of third nodes, by their index.
    pub(super) thirds: Vec<(usize, Third)>,
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
    pub(super) target: Target,
    pub(super) incoming: Incoming,
    pub(super) account: Arc<Account>,
    pub(super) confirm: Option<Tag>,
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
        for (ask, inquiry) in inquiries {
            peer.answer_inquiry(ask, &inquiry);
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
    /// Finds the proxies of third nodes: directly where this node may, else through the one that gave the address.
    fn resolve(self, via: &Arc<Peer>) -> Parcel {
        let Self { mut parcel, thirds } = self;
        for (index, Third { node, id, shape, relay }) in thirds {
            let direct = node != via.node && via.core.may_speak_with(&node);
            let proxy = match relay {
                Some(relay) if !direct => {
                    via.receive_way(relay, &Facts { id, home: Some(node), shape: &shape })
                }
                relay => {
                    if let Some(relay) = relay {
                        via.release_way(relay.tag);
                    }
                    via.core.third(node, id, &shape, !direct)
                }
            };
            if let (Some(place), Some(proxy)) = (parcel.table.get_mut(index), proxy) {
                *place = Passenger::Remote(proxy);
            }
        }
        parcel
    }
}

impl Delivery {
    fn deliver(self, from: &Arc<Peer>, wakes: &mut Wakes, confirmed: &mut Vec<Envelope>) {
        let Self { target, incoming, account, confirm } = self;
        let parcel = if incoming.thirds.is_empty() { incoming.parcel } else { incoming.resolve(from) };
        let toll = Toll::new(account, cost(parcel.body.len()));
        let refused = match target {
            Target::Way(proxy) => {
                let epoch = from.epoch();
                let confirm = confirm.map(|ask| Confirm::Relay { peer: Arc::clone(from), ask, epoch });
                proxy.peer.forward(&proxy, parcel, toll, confirm);
                return;
            }
            Target::Actor(actor) if actor.mailbox().permits(&from.node) => {
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
            Target::Actor(_) => (parcel, AskError::NotAllowed),
        };
        let (parcel, why) = refused;
        confirmed.extend(confirm.map(|ask| Envelope::Refusal { ask, refusal: Refusal::of(&why) }));
        parcel.refuse(&why);
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
    fn say_in(self: &Arc<Self>, epoch: u64, news: &Envelope) {
        self.with(|state, _| {
            if state.epoch == epoch {
                state.outbox.push(Lane::CONTROL, Head::news(news).as_bytes(), &[]);
            }
        });
    }

    pub(crate) fn epoch(&self) -> u64 {
        lock(&self.state).epoch
    }
}
