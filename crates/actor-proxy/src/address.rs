//! Typed references to actors.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ended::Ended;
use crate::error::SendError;
use crate::inbox::yield_now;
use crate::local::{AnyMailbox, LocalAddress};
use crate::mailbox::{Mailbox, Pushed};
use crate::node_id::NodeId;
use crate::parcel::{Gone, Passenger};
use crate::proxy::{Proxy, Sent};
use crate::schema::Message;
use crate::scope;
use crate::shared::Core;
use crate::slot::Slot;

/// A reference to an actor, here or at another node. Cheap to clone; two are equal if they lead to the same actor.
///
/// It can stand anywhere inside a message. Sent to its own node it is the original again. One that leads to nothing when
/// it arrives is as one whose actor has ended, as [`Expired`](Ended::Expired).
///
/// # Promises
/// | call | resolves when | if the session is lost | if the future is dropped |
/// |---|---|---|---|
/// | [`send`](Self::send) | accepted under flow control | may or may not have arrived | not sent, unless it was accepted already |
/// | [`send_confirmed`](Self::send_confirmed) | in the actor's mailbox | `Lost { maybe_delivered }` | as if not waited for |
/// | [`ask`](Self::ask) | answered, or at the deadline | `Lost { maybe_delivered }` | as if not waited for |
/// | [`ended`](Self::ended) | the actor is gone | dials again, then `Unreachable` | not watched |
///
/// Messages of one sender to one actor arrive in the order in which they were accepted. Nothing is sent again in another
/// session.
pub struct Address<M>(pub(crate) Kind<M>);

pub(crate) enum Kind<M> {
    Local(Local<M>),
    Remote(Arc<Proxy>),
    Gone(Arc<Gone>),
}

/// A counted reference to a mailbox of this node.
pub(crate) struct Local<M>(Arc<Mailbox<M>>, fn(&Mailbox<M>, bool));

/// How messages to an actor travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// Not at all: the actor is at this node.
    Here,
    /// In a session with the actor's node.
    Direct(NodeId),
    /// Through the node that gave the address, which can read them.
    Through(NodeId),
    /// Not at all: the address led to nothing when it came.
    Nowhere,
}

impl<M: Message> Address<M> {
    pub(crate) fn local(mailbox: Arc<Mailbox<M>>) -> Self {
        mailbox.address_added();
        Self(Kind::Local(Local(mailbox, count::<M>)))
    }

    /// Sends a message; resolves when it was accepted under flow control: into the mailbox of an actor here, or under the
    /// credit of one elsewhere. It arrives at most once, and is lost if the session is lost before.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then.
    pub async fn send(&self, message: M) -> Result<(), SendError> {
        let pause = match &self.0 {
            Kind::Local(Local(mailbox, _)) => match mailbox.push(message) {
                Pushed::Accepted(pause) => pause,
                Pushed::Ended(ended) => return Err(ended.into()),
                Pushed::Full(message) => return line_up(mailbox, message).await,
            },
            Kind::Remote(proxy) => match proxy.send_at_once(&message) {
                Sent::Accepted { pause } => pause,
                Sent::Not(draft) => {
                    drop(message);
                    proxy.send(draft).await?
                }
                Sent::Never(error) => return Err(error),
            },
            Kind::Gone(_) => return Err(Ended::Expired.into()),
        };
        if pause {
            yield_now().await;
        }
        Ok(())
    }

    /// Sends a message; resolves when it is in the actor's mailbox.
    ///
    /// # Errors
    /// [`SendError`]. The message did not arrive, unless it was [`Lost`](SendError::Lost) with `maybe_delivered`.
    pub async fn send_confirmed(&self, message: M) -> Result<(), SendError> {
        match &self.0 {
            Kind::Local(_) | Kind::Gone(_) => self.send(message).await,
            Kind::Remote(proxy) => {
                let draft = proxy.write(&message)?;
                drop(message);
                proxy.send_confirmed(draft).await
            }
        }
    }

    /// Sends a message if there is room now. Without a session with the actor's node it is accepted, too: one is made,
    /// and the message is lost if that fails.
    ///
    /// # Errors
    /// [`SendError::Full`] without room; [`SendError`].
    pub fn try_send(&self, message: M) -> Result<(), SendError> {
        match &self.0 {
            Kind::Local(Local(mailbox, _)) => match mailbox.push(message) {
                Pushed::Accepted(_) => Ok(()),
                Pushed::Full(_) => Err(SendError::Full),
                Pushed::Ended(ended) => Err(ended.into()),
            },
            Kind::Remote(proxy) => proxy.try_send(proxy.write(&message)?),
            Kind::Gone(_) => Err(Ended::Expired.into()),
        }
    }

    /// Resolves when the actor is gone, with the reason. While somebody waits here the session is kept alive.
    ///
    /// [`Ended::Unreachable`] says that the actor's node cannot be reached at the moment: the actor may live.
    pub async fn ended(&self) -> Ended {
        match &self.0 {
            Kind::Local(Local(mailbox, _)) => match mailbox.watch() {
                Ok(slot) => std::future::poll_fn(|context| slot.poll(context)).await,
                Err(ended) => ended,
            },
            Kind::Remote(proxy) => proxy.ended().await,
            Kind::Gone(_) => Ended::Expired,
        }
    }

    /// Resolves when everything that this node has accepted for the actor's node so far was handed to the carrier. What
    /// [`try_send`](Self::try_send) took while there was no session or credit is not counted; without a session this returns
    /// at once.
    ///
    /// # Errors
    /// [`SendError::Lost`] if the session ends before.
    pub async fn flush(&self) -> Result<(), SendError> {
        match &self.0 {
            Kind::Local(_) | Kind::Gone(_) => Ok(()),
            Kind::Remote(proxy) => proxy.peer.flush().await,
        }
    }

    /// How messages get there.
    #[must_use]
    pub fn route(&self) -> Route {
        match &self.0 {
            Kind::Local(_) => Route::Here,
            Kind::Remote(proxy) => proxy.route(),
            Kind::Gone(_) => Route::Nowhere,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        match &self.0 {
            Kind::Local(Local(mailbox, _)) => &mailbox.core,
            Kind::Remote(proxy) => &proxy.peer.core,
            Kind::Gone(gone) => &gone.core,
        }
    }

    pub(crate) fn erased(&self) -> Passenger {
        match &self.0 {
            Kind::Local(Local(mailbox, _)) => Passenger::Local(LocalAddress::of(mailbox)),
            Kind::Remote(proxy) => Passenger::Remote(Arc::clone(proxy)),
            Kind::Gone(gone) => Passenger::Gone(Arc::clone(gone)),
        }
    }

    /// An address of this type, if that is what it leads to.
    pub(crate) fn from_passenger(passenger: Passenger) -> Result<Self, &'static str> {
        match passenger {
            Passenger::Local(local) => {
                let mailbox = local.share().into_any().downcast::<Mailbox<M>>();
                mailbox.map(Self::local).map_err(|_| "an address of another type")
            }
            Passenger::Remote(proxy) if *proxy.schema == *M::SCHEMA.as_str() => Ok(Self(Kind::Remote(proxy))),
            Passenger::Remote(_) => Err("an address of another schema"),
            Passenger::Gone(gone) => Ok(Self(Kind::Gone(gone))),
            Passenger::Reply(_) | Passenger::Taken => Err("a one-time address where another was expected"),
        }
    }
}

/// Adds or takes one reference.
fn count<M: Message>(mailbox: &Mailbox<M>, added: bool) {
    if added { mailbox.address_added() } else { mailbox.address_dropped() }
}

async fn line_up<M: Message>(mailbox: &Arc<Mailbox<M>>, message: M) -> Result<(), SendError> {
    /// Leaves the line if nobody waits any more.
    struct Place<'a, M: Message>(&'a Mailbox<M>, Arc<Slot<Result<(), SendError>>>);
    impl<M: Message> Drop for Place<'_, M> {
        fn drop(&mut self) {
            if !self.1.is_over() {
                self.0.cancel(&self.1);
            }
        }
    }
    let place = Place(mailbox, mailbox.enqueue(message)?);
    std::future::poll_fn(|context| place.1.poll(context)).await
}

impl<M> Clone for Local<M> {
    fn clone(&self) -> Self {
        self.1(&self.0, true);
        Self(Arc::clone(&self.0), self.1)
    }
}

impl<M> Drop for Local<M> {
    fn drop(&mut self) {
        self.1(&self.0, false);
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        match &self.0 {
            Kind::Local(local) => Self(Kind::Local(local.clone())),
            Kind::Remote(proxy) => Self(Kind::Remote(Arc::clone(proxy))),
            Kind::Gone(gone) => Self(Kind::Gone(Arc::clone(gone))),
        }
    }
}

impl<M> PartialEq for Address<M> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Local(one), Kind::Local(other)) => Arc::ptr_eq(&one.0, &other.0),
            (Kind::Remote(one), Kind::Remote(other)) => one.is_same(other),
            (Kind::Gone(one), Kind::Gone(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl<M> Eq for Address<M> {}

impl<M> Hash for Address<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Kind::Local(local) => Arc::as_ptr(&local.0).addr().hash(state),
            Kind::Remote(proxy) => proxy.id.hash(state),
            Kind::Gone(gone) => Arc::as_ptr(gone).addr().hash(state),
        }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Local(_) => f.write_str("Address(here)"),
            Kind::Gone(_) => f.write_str("Address(gone)"),
            Kind::Remote(proxy) => write!(f, "Address({:?} at {:?})", proxy.id, proxy.home()),
        }
    }
}

impl<M: Message> Serialize for Address<M> {
    /// # Errors
    /// Outside of a message, and beyond 4,096 addresses in one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(scope::board(self.erased())?)
    }
}

impl<'de, M: Message> Deserialize<'de> for Address<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let passenger = scope::alight(u32::deserialize(deserializer)?)?;
        Self::from_passenger(passenger).map_err(de::Error::custom)
    }
}
