//! Services of which only the shape of their messages is known, and no Rust type.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use serde::Serialize;

use crate::actors::Actors;
use crate::ask::Asked;
use crate::body::Format;
use crate::error::{AskError, SendError, ServiceError};
use crate::exchange::Exchange;
use crate::local::{AnyMailbox, LinePlace, LocalAddress};
use crate::node_id::ServiceName;
use crate::parcel::{Parcel, Passenger};
use crate::peer::{Draft, Peer};
use crate::proxy::Proxy;
use crate::reply::{AnyAnswer, AnyReply, Question, ReplyTo};
use crate::schema::Payload;
use crate::scope;
use crate::shared::Core;
use crate::table::Tag;

/// The address of a service whose messages describe themselves ([`Format::Cbor`]), for callers that do not have their Rust
/// type: command lines, scripts, bridges. Whatever serde can write is sent, and the service's actor says whether it can
/// read it.
///
/// Its promises are those of an [`Address`](crate::Address).
#[derive(Clone)]
pub struct Untyped(Kind);

#[derive(Clone)]
enum Kind {
    Local(LocalAddress, Arc<Core>),
    Remote(Arc<Proxy>),
}

impl Untyped {
    /// What the service says that it speaks.
    #[must_use]
    pub fn schema(&self) -> &str {
        match &self.0 {
            Kind::Local(local, _) => local.mailbox().schema().as_str(),
            Kind::Remote(proxy) => &proxy.schema,
        }
    }

    /// Sends a message; resolves when it was accepted under flow control.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent then.
    pub async fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SendError> {
        self.write(message)?.send(false).await
    }

    /// Sends a message; resolves when it is in the actor's mailbox.
    ///
    /// # Errors
    /// [`SendError`]. The message did not arrive, unless it was [`Lost`](SendError::Lost) with `maybe_delivered`.
    pub async fn send_confirmed<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SendError> {
        self.write(message)?.send(true).await
    }

    /// Asks, and waits for the answer, at most `timeout`. The one-time address stands where the service looks for it.
    ///
    /// # Errors
    /// [`AskError`]: exactly one, at the latest at the deadline.
    pub async fn ask<T: Serialize, R: Payload>(
        &self,
        question: impl FnOnce(ReplyTo<R>) -> T,
        timeout: Duration,
    ) -> Result<R, AskError> {
        let asked = Asked::begin(self.core(), timeout);
        let reply: Arc<dyn AnyReply> = match &self.0 {
            Kind::Local(_, core) => Arc::new(Written { question: asked.question(), limit: limit(core) }),
            Kind::Remote(_) => asked.question(),
        };
        let message = question(ReplyTo::new(reply));
        let letter = self.write(&message)?;
        drop(message);
        let sending = async {
            match letter.send(false).await {
                // Whoever asked was told so by what became of the one-time address.
                Err(SendError::Malformed) => Ok(()),
                outcome => outcome,
            }
        };
        asked.answer(sending).await
    }

    fn core(&self) -> &Arc<Core> {
        match &self.0 {
            Kind::Local(_, core) => core,
            Kind::Remote(proxy) => &proxy.peer.core,
        }
    }

    /// Writes a message, and takes its one-time addresses for it.
    fn write<T: Serialize + ?Sized>(&self, message: &T) -> Result<Letter<'_>, SendError> {
        match &self.0 {
            Kind::Remote(proxy) => Ok(Letter::Remote(proxy, proxy.write(&message)?)),
            Kind::Local(local, core) => {
                let (body, table) = scope::write(Format::Cbor, &message, limit(core))?;
                let parcel = Parcel { format: Format::Cbor, body: body.into_bytes(), table };
                Ok(Letter::Local(local, Claimed::new(parcel)?))
            }
        }
    }
}

fn limit(core: &Core) -> usize {
    core.limits.max_body_bytes
}

impl Exchange {
    /// The address of one of the peer's services, for callers without its Rust type.
    ///
    /// # Errors
    /// The future's: [`ServiceError`], [`NotSelfDescribing`](ServiceError::NotSelfDescribing) among them.
    pub fn untyped_service(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Untyped, ServiceError>> + Send + use<> {
        let looking = self.look_up(name);
        async move {
            let proxy = looking.await?;
            match proxy.format {
                Format::Cbor => Ok(Untyped(Kind::Remote(proxy))),
                Format::Native => Err(ServiceError::NotSelfDescribing),
            }
        }
    }
}

impl Actors {
    /// The address of a service of this node, for callers without its Rust type.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn untyped_service(&self, name: &str) -> Result<Untyped, ServiceError> {
        let name = ServiceName::new(name).ok_or(ServiceError::BadName)?;
        let local = self.core.find_service(&name).ok_or(ServiceError::NoSuchService)?;
        match local.mailbox().format() {
            Format::Cbor => Ok(Untyped(Kind::Local(local, Arc::clone(&self.core)))),
            Format::Native => Err(ServiceError::NotSelfDescribing),
        }
    }
}

impl fmt::Debug for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untyped").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

/// A message that is written and not sent.
enum Letter<'a> {
    Local(&'a LocalAddress, Claimed),
    Remote(&'a Arc<Proxy>, Draft),
}

impl Letter<'_> {
    async fn send(self, confirmed: bool) -> Result<(), SendError> {
        match self {
            Letter::Remote(proxy, draft) if confirmed => proxy.send_confirmed(draft).await,
            Letter::Remote(proxy, draft) => proxy.send(draft).await.map(|_| ()),
            Letter::Local(local, claimed) => match local.mailbox().take_in(claimed.release())? {
                Some(slot) => wait(local.mailbox(), slot).await,
                None => Ok(()),
            },
        }
    }
}

async fn wait(mailbox: &dyn AnyMailbox, slot: LinePlace) -> Result<(), SendError> {
    /// Leaves the line if nobody waits any more.
    struct Place<'a>(&'a dyn AnyMailbox, LinePlace);
    impl Drop for Place<'_> {
        fn drop(&mut self) {
            if !self.1.is_over() {
                self.0.leave_line(&self.1);
            }
        }
    }
    let place = Place(mailbox, slot);
    std::future::poll_fn(|context| place.1.poll(context)).await
}

/// A parcel whose one-time addresses belong to it alone: unsent, their questions end.
struct Claimed(Option<Parcel>);

impl Claimed {
    fn new(parcel: Parcel) -> Result<Self, SendError> {
        for (index, reply) in replies(&parcel).enumerate() {
            if !reply.claim() {
                replies(&parcel).take(index).for_each(|reply| reply.unclaim());
                return Err(SendError::ReplyUsed);
            }
        }
        Ok(Self(Some(parcel)))
    }

    /// Whoever reads it can use them.
    fn release(mut self) -> Parcel {
        let parcel = self.0.take();
        parcel.iter().flat_map(replies).for_each(|reply| reply.unclaim());
        parcel.unwrap_or_else(|| Parcel {
            format: Format::Cbor,
            body: bytes::Bytes::new(),
            table: Vec::new(),
        })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if let Some(parcel) = self.0.take() {
            parcel.refuse(&AskError::NoReply);
        }
    }
}

fn replies(parcel: &Parcel) -> impl Iterator<Item = &Arc<dyn AnyReply>> {
    parcel.table.iter().filter_map(|one| if let Passenger::Reply(reply) = one { Some(reply) } else { None })
}

/// Where an actor of this node answers somebody who does not know its types: the answer is written, as it would be for
/// another node.
struct Written<R: Payload> {
    question: Arc<Question<R>>,
    limit: usize,
}

impl<R: Payload> AnyReply for Written<R> {
    fn claim(&self) -> bool {
        self.question.claim()
    }

    fn unclaim(&self) {
        self.question.unclaim();
    }

    fn format(&self) -> Option<Format> {
        Some(Format::Cbor)
    }

    fn located(&self, peer: &Arc<Peer>, tag: Tag) -> bool {
        self.question.located(peer, tag)
    }

    fn complete(&self, parcel: Parcel) -> Option<Waker> {
        self.question.complete(parcel)
    }

    fn fail(&self, why: AskError) -> Option<Waker> {
        self.question.fail(why)
    }

    fn answer(&self, value: &mut dyn AnyAnswer) -> Option<Waker> {
        match value.write(Format::Cbor, self.limit) {
            Ok((body, table)) => {
                self.complete(Parcel { format: Format::Cbor, body: body.into_bytes(), table })
            }
            Err(_) => self.fail(AskError::ReplyFailed),
        }
    }
}
