//! The names under which a node receives, and their receivers.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use link::StreamName;
use membership::IdentityKey;

use crate::body::Body;
use crate::error::StreamTaken;
use crate::inbox::{Content, Delivery, Inbox};
use crate::sync::lock;

/// Every receiver of a node.
#[derive(Default)]
pub(crate) struct Receivers {
    names: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    inboxes: HashMap<StreamName, Arc<Inbox>>,
    finished: bool,
}

impl Receivers {
    pub(crate) fn find(&self, name: &StreamName) -> Option<Arc<Inbox>> {
        lock(&self.names).inboxes.get(name).cloned()
    }

    pub(crate) fn add(self: &Arc<Self>, name: StreamName) -> Result<Receiver, StreamTaken> {
        let inbox = Arc::new(Inbox::default());
        let mut names = lock(&self.names);
        if names.inboxes.contains_key(&name) {
            return Err(StreamTaken { name });
        }
        if names.finished {
            inbox.finish();
        }
        names.inboxes.insert(name.clone(), Arc::clone(&inbox));
        drop(names);
        Ok(Receiver { receivers: Arc::clone(self), name, inbox, taken: VecDeque::new(), unpaid: 0 })
    }

    /// Nothing will arrive any more; what has arrived can still be taken.
    pub(crate) fn finish(&self) {
        let inboxes: Vec<_> = {
            let mut names = lock(&self.names);
            names.finished = true;
            names.inboxes.values().cloned().collect()
        };
        inboxes.iter().for_each(|inbox| inbox.finish());
    }
}

/// Receives the messages that members send to one stream name of this node.
///
/// What is not taken stops its senders, each by its own credit; nothing is dropped, and no other stream waits.
pub struct Receiver {
    receivers: Arc<Receivers>,
    name: StreamName,
    inbox: Arc<Inbox>,
    taken: VecDeque<Delivery>,
    /// The cost of what was taken of the first delivery and is not yet given back.
    unpaid: u64,
}

/// A received message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Incoming {
    /// The member who sent it.
    pub from: IdentityKey,
    /// What they sent.
    pub body: Body,
}

/// What [`Receiver::recv_run`] gives: the small messages that came together, or one large message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Run {
    /// Small messages of one member, in order; at least one.
    Small(SmallMessages),
    /// A message that comes in pieces.
    Large(Incoming),
}

/// Small messages that came together, in order.
///
/// Their credit goes back when this is dropped: whoever holds it stops its sender in the end.
pub struct SmallMessages(Delivery);

impl Receiver {
    /// The name under which it receives.
    #[must_use]
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The next message; `None` when the node has shut down and everything was taken. Cancel-safe.
    ///
    /// The messages of one sender come in the order in which it sent them.
    pub async fn recv(&mut self) -> Option<Incoming> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`recv`](Self::recv), for hand-written futures.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.poll_next(context, Self::next_taken)
    }

    /// The next messages, as many as came together; `None` as of [`recv`](Self::recv). Cancel-safe.
    ///
    /// For streams of many small messages: it does what as many calls of `recv` do, and they are looked at where they lie,
    /// without a future, a body and a counted reference for each.
    pub async fn recv_run(&mut self) -> Option<Run> {
        std::future::poll_fn(|context| self.poll_recv_run(context)).await
    }

    /// As [`recv_run`](Self::recv_run), for hand-written futures.
    pub fn poll_recv_run(&mut self, context: &mut Context<'_>) -> Poll<Option<Run>> {
        self.poll_next(context, Self::next_run)
    }

    /// What `next` finds in what was taken, which is nothing only when that is empty; else more is taken.
    fn poll_next<T>(
        &mut self,
        context: &mut Context<'_>,
        next: fn(&mut Self) -> Option<T>,
    ) -> Poll<Option<T>> {
        loop {
            if let Some(next) = next(self) {
                return Poll::Ready(Some(next));
            }
            if !std::task::ready!(self.inbox.poll_take(context, &mut self.taken)) {
                return Poll::Ready(None);
            }
        }
    }

    fn next_run(&mut self) -> Option<Run> {
        let mut delivery = self.taken.pop_front()?;
        if self.unpaid > 0 {
            // Its first messages were taken one by one.
            delivery.credit.give_back(std::mem::take(&mut self.unpaid));
        }
        let from = delivery.from;
        match &mut delivery.content {
            Content::Small(_) => Some(Run::Small(SmallMessages(delivery))),
            Content::Large(body) => body.take().map(|body| Run::Large(Incoming { from, body })),
        }
    }

    fn next_taken(&mut self) -> Option<Incoming> {
        loop {
            let delivery = self.taken.front_mut()?;
            let from = delivery.from;
            let body = match &mut delivery.content {
                Content::Small(batch) => {
                    let message = batch.next();
                    let emptied = batch.is_empty();
                    self.pay(message.as_ref(), emptied);
                    message.map(Body::whole)
                }
                Content::Large(body) => {
                    let body = body.take();
                    self.taken.pop_front();
                    body
                }
            };
            if let Some(body) = body {
                return Some(Incoming { from, body });
            }
        }
    }

    /// Gives back the credit of a message of the first delivery, in sums: each time touches counters that all
    /// consumers of the session share.
    fn pay(&mut self, message: Option<&Bytes>, emptied: bool) {
        if let Some(message) = message {
            self.unpaid += u64::try_from(message.len()).unwrap_or(u64::MAX / 2) + link::MESSAGE_COST_BYTES;
        }
        if (self.unpaid >= PAYMENT_BYTES || emptied)
            && let Some(delivery) = self.taken.front()
        {
            delivery.credit.give_back(std::mem::take(&mut self.unpaid));
        }
        if emptied {
            self.taken.pop_front();
        }
    }
}

impl SmallMessages {
    /// The member who sent them.
    #[must_use]
    pub fn from(&self) -> IdentityKey {
        self.0.from
    }

    /// The messages.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let batch = match &self.0.content {
            Content::Small(batch) => Some(batch),
            Content::Large(_) => None,
        };
        batch.into_iter().flat_map(link::Batch::iter)
    }
}

impl fmt::Debug for SmallMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands in them is the user's.
        f.debug_struct("SmallMessages").field("from", &self.from()).finish_non_exhaustive()
    }
}

/// The sums in which credit goes back, small against every window.
const PAYMENT_BYTES: u64 = 16 * 1024;

impl Drop for Receiver {
    fn drop(&mut self) {
        lock(&self.receivers.names).inboxes.remove(&self.name);
        if self.unpaid > 0
            && let Some(delivery) = self.taken.front()
        {
            delivery.credit.give_back(self.unpaid);
        }
        // Deliveries that nobody took give their credit back as they are dropped.
        drop(self.inbox.abandon());
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("name", &self.name).finish_non_exhaustive()
    }
}
