//! The reading end of a mailbox: what an actor is.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::address::Address;
use crate::ended::Ended;
use crate::local::AnyMailbox;
use crate::mailbox::{Item, Mailbox, refuse};
use crate::node_id::NodeId;
use crate::parcel::Received;
use crate::run::Run;
use crate::schema::Message;

/// Where an actor reads its messages. Dropping it ends the actor: as [`Ended::Panicked`] if that happens in a panic, as
/// [`Ended::Finished`] otherwise.
///
/// Messages of one sender come in the order in which it sent them.
pub struct Inbox<M: Message> {
    mailbox: Arc<Mailbox<M>>,
    taken: VecDeque<Item<M>>,
    /// What is being read of the messages that came together.
    run: Option<Run>,
    unreadable: u64,
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An actor of this node.
    Here,
    /// This node, or somebody who speaks through it: see [`Route`](crate::Route).
    Node(NodeId),
}

impl<M: Message> Inbox<M> {
    pub(crate) fn new(mailbox: Arc<Mailbox<M>>) -> Self {
        Self { mailbox, taken: VecDeque::new(), run: None, unreadable: 0 }
    }

    /// The next message; `None` when the actor was withdrawn, or nobody has its address any more, and all was taken.
    /// Cancel-safe.
    pub async fn recv(&mut self) -> Option<M> {
        std::future::poll_fn(|context| self.poll_next(context, |message, _| message)).await
    }

    /// As [`recv`](Self::recv), with who sent it.
    pub async fn recv_from(&mut self) -> Option<(M, Origin)> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`recv_from`](Self::recv_from), for hand-written futures.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<(M, Origin)>> {
        self.poll_next(context, with_origin)
    }

    /// The next message if there is one now.
    pub fn try_recv(&mut self) -> Option<(M, Origin)> {
        if let Some(message) = self.next_taken(with_origin) {
            return Some(message);
        }
        self.mailbox.take_now(&mut self.taken);
        self.next_taken(with_origin)
    }

    /// Another address of this actor.
    #[must_use]
    pub fn address(&self) -> Address<M> {
        Address::local(Arc::clone(&self.mailbox))
    }

    /// Messages that could not be read so far: of another shape than their schema says, or too deep, or too large.
    /// Whoever asked for an answer was told.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    #[inline]
    fn poll_next<T>(
        &mut self,
        context: &mut Context<'_>,
        make: impl Fn(M, Option<&NodeId>) -> T + Copy,
    ) -> Poll<Option<T>> {
        loop {
            if let Some(message) = self.next_taken(make) {
                return Poll::Ready(Some(message));
            }
            if !std::task::ready!(self.mailbox.poll_take(context, &mut self.taken)) {
                return Poll::Ready(None);
            }
        }
    }

    /// The next message that was taken, made into what the caller wants of it and of the node it came from: the name of a
    /// node is larger than most messages, and few ask for it.
    #[inline]
    fn next_taken<T>(&mut self, make: impl Fn(M, Option<&NodeId>) -> T) -> Option<T> {
        loop {
            if let Some(run) = &mut self.run {
                match run.open_next() {
                    Some(Ok(message)) => return Some(make(message, Some(&run.from.node))),
                    Some(Err(_)) => self.unreadable += 1,
                    None => self.run = None,
                }
                continue;
            }
            match self.taken.pop_front()? {
                Item::Run(run) => self.run = Some(run),
                Item::Local(message) => return Some(make(message, None)),
                Item::Remote(Received { from, parcel, toll }) => {
                    let opened = parcel.open();
                    drop(toll);
                    match opened {
                        Ok(message) => return Some(make(message, Some(&from.node))),
                        Err(_) => self.unreadable += 1,
                    }
                }
            }
        }
    }

    fn end(&mut self, why: Ended) {
        self.mailbox.abandon(why.clone());
        refuse(std::mem::take(&mut self.taken), &why);
        self.run = None;
    }
}

impl<M: Message> Drop for Inbox<M> {
    fn drop(&mut self) {
        // A panic of the actor drops its inbox on the way out.
        let why = if panicking() { Ended::Panicked } else { Ended::Finished };
        self.end(why);
    }
}

fn with_origin<M>(message: M, from: Option<&NodeId>) -> (M, Origin) {
    (message, from.map_or(Origin::Here, |node| Origin::Node(*node)))
}

/// Whether this thread unwinds at the moment.
fn panicking() -> bool {
    std::thread::panicking()
}

/// Ends an actor from outside, for whoever runs it.
pub struct Ender(pub(crate) Arc<dyn AnyMailbox>);

impl Ender {
    /// The actor's code has panicked.
    pub fn panicked(&self) {
        self.0.end(Ended::Panicked);
    }
}

impl fmt::Debug for Ender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ender")
    }
}

impl<M: Message> Inbox<M> {
    /// What the runner of an actor keeps to tell that it has panicked.
    #[must_use]
    pub fn ender(&self) -> Ender {
        let mailbox = Arc::clone(&self.mailbox);
        Ender(mailbox)
    }
}

impl<M: Message> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("schema", &M::SCHEMA).finish_non_exhaustive()
    }
}

/// Lets other tasks have their turn.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        Waker::wake_by_ref(context.waker());
        Poll::Pending
    })
    .await;
}
