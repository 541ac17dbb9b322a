//! One-time addresses: who gets the answer to a question.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::body::Format;
use crate::error::AskError;
use crate::parcel::{Parcel, Passenger};
use crate::peer::Peer;
use crate::schema::Payload;
use crate::scope;
use crate::sync::tried::{AtomicBool, Mutex, Ordering, lock};
use crate::table::Tag;
use crate::written::Written;

/// Where an answer goes. It answers once; dropped without an answer the question ends as
/// [`NoReply`](AskError::NoReply). It can be passed on inside other messages, to other nodes, too.
pub struct ReplyTo<R> {
    reply: Option<Arc<dyn AnyReply>>,
    answer: PhantomData<fn(R)>,
}

/// A one-time address without its type.
pub(crate) trait AnyReply: Send + Sync {
    /// Marks it as used; `false` if it was.
    fn claim(&self) -> bool;
    /// Takes [`claim`](Self::claim) back.
    fn unclaim(&self);
    /// How its answer is to be written, if that is settled: otherwise as the message in which it travels.
    fn format(&self) -> Option<Format>;
    /// Whether another node waits for the answer.
    fn is_relayed(&self) -> bool {
        false
    }
    /// It waits under `tag` for what `peer` answers. `false`: nobody waits any more.
    fn located(&self, peer: &Arc<Peer>, tag: Tag) -> bool;
    /// Answers with something that nobody has read yet. It was claimed before. Wake whom it returns.
    fn complete(&self, parcel: Parcel) -> Option<Waker>;
    /// Ends the question without an answer. It was claimed, or is not going to be. Wake whom it returns.
    fn fail(&self, why: AskError) -> Option<Waker>;
    /// Answers with a value, from the task that has it. Wake whom it returns.
    fn answer(&self, value: &mut dyn AnyAnswer) -> Option<Waker>;
}

/// A value of some type that can be handed over or written.
pub(crate) trait AnyAnswer {
    fn take(&mut self) -> Option<Box<dyn std::any::Any + Send>>;
    fn write(&self, format: Format, limit: usize) -> Result<(Written, Vec<Passenger>), scope::WriteError>;
}

impl<R: Payload> AnyAnswer for Option<R> {
    fn take(&mut self) -> Option<Box<dyn std::any::Any + Send>> {
        let value: Box<dyn std::any::Any + Send> = Box::new(Option::take(self)?);
        Some(value)
    }

    fn write(&self, format: Format, limit: usize) -> Result<(Written, Vec<Passenger>), scope::WriteError> {
        match self {
            Some(value) => scope::write(format, value, limit),
            None => Ok((Written::default(), Vec::new())),
        }
    }
}

impl<R: Payload> ReplyTo<R> {
    pub(crate) fn new(reply: Arc<dyn AnyReply>) -> Self {
        Self { reply: Some(reply), answer: PhantomData }
    }

    /// Answers. Never waits: room for the answer was set aside with the question.
    pub fn send(mut self, answer: R) {
        if let Some(reply) = self.reply.take()
            && reply.claim()
        {
            reply.answer(&mut Some(answer)).into_iter().for_each(Waker::wake);
        }
    }
}

impl<R> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take()
            && reply.claim()
            && let Err(reply) = scope::defer(reply)
        {
            reply.fail(AskError::NoReply).into_iter().for_each(Waker::wake);
        }
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo")
    }
}

impl<R: Payload> Serialize for ReplyTo<R> {
    /// # Errors
    /// Outside of a message.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(reply) = &self.reply else {
            return Err(serde::ser::Error::custom("a one-time address that was used"));
        };
        serializer.serialize_u32(scope::board(Passenger::Reply(Arc::clone(reply)))?)
    }
}

impl<'de, R: Payload> Deserialize<'de> for ReplyTo<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match scope::alight(u32::deserialize(deserializer)?)? {
            Passenger::Reply(reply) => Ok(Self::new(reply)),
            _ => Err(de::Error::custom("an address where a one-time address was expected")),
        }
    }
}

/// What an asker waits for.
pub(crate) struct Question<R> {
    state: Mutex<State<R>>,
    claimed: AtomicBool,
}

struct State<R> {
    outcome: Option<Result<Answer<R>, AskError>>,
    over: bool,
    waker: Option<Waker>,
    /// Under which name another node knows the question.
    located: Option<(Weak<Peer>, Tag)>,
}

/// An answer, from here or from elsewhere.
pub(crate) enum Answer<R> {
    Here(R),
    Parcel(Parcel),
}

impl<R: Payload> Question<R> {
    pub(crate) fn new() -> Arc<Self> {
        let state = State { outcome: None, over: false, waker: None, located: None };
        Arc::new(Self { state: Mutex::new(state), claimed: AtomicBool::new(false) })
    }

    fn set(&self, outcome: Result<Answer<R>, AskError>) -> Option<Waker> {
        let mut state = lock(&self.state);
        if state.over {
            drop(state);
            drop(outcome);
            return None;
        }
        state.over = true;
        state.outcome = Some(outcome);
        state.waker.take()
    }

    /// Nobody waits any more: neither here nor in the table of the peer that was asked.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        let was_over = std::mem::replace(&mut state.over, true);
        let outcome = state.outcome.take();
        let located = state.located.take();
        drop(state);
        drop(outcome);
        if !was_over
            && let Some((peer, tag)) = located
            && let Some(peer) = peer.upgrade()
        {
            peer.forget_ask(tag);
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Answer<R>, AskError>> {
        let mut state = lock(&self.state);
        if let Some(outcome) = state.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// Something that ends when its deadline passes.
pub(crate) trait Expire: Send + Sync {
    /// Wake whom it returns.
    fn expire(&self) -> Option<Waker>;
}

impl<R: Payload> Expire for Question<R> {
    fn expire(&self) -> Option<Waker> {
        let located = lock(&self.state).located.take();
        if let Some((peer, tag)) = located
            && let Some(peer) = peer.upgrade()
        {
            peer.forget_ask(tag);
        }
        self.set(Err(AskError::TimedOut))
    }
}

impl<R: Payload> AnyReply for Question<R> {
    fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn unclaim(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    fn format(&self) -> Option<Format> {
        None
    }

    fn located(&self, peer: &Arc<Peer>, tag: Tag) -> bool {
        let mut state = lock(&self.state);
        if !state.over {
            state.located = Some((Arc::downgrade(peer), tag));
        }
        !state.over
    }

    fn complete(&self, parcel: Parcel) -> Option<Waker> {
        self.set(Ok(Answer::Parcel(parcel)))
    }

    fn fail(&self, why: AskError) -> Option<Waker> {
        self.set(Err(why))
    }

    fn answer(&self, value: &mut dyn AnyAnswer) -> Option<Waker> {
        // The types are those of one and the same `ask`, unless a message was misread.
        let value = value.take().and_then(|value| value.downcast::<R>().ok());
        self.set(value.map(|value| Answer::Here(*value)).ok_or(AskError::Malformed))
    }
}

/// A one-time address at another node.
pub(crate) struct RemoteReply {
    pub(crate) peer: Arc<Peer>,
    pub(crate) ask: Tag,
    pub(crate) format: Format,
    /// The session in which the question came: its answer belongs into the same.
    pub(crate) epoch: u64,
    pub(crate) claimed: AtomicBool,
    /// The peer was told what became of it.
    pub(crate) settled: AtomicBool,
}

impl AnyReply for RemoteReply {
    fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    fn unclaim(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn is_relayed(&self) -> bool {
        true
    }

    fn located(&self, _: &Arc<Peer>, _: Tag) -> bool {
        true
    }

    fn complete(&self, parcel: Parcel) -> Option<Waker> {
        if self.settle() {
            self.peer.reply(self, Written::kept(parcel.body), parcel.table);
        }
        None
    }

    fn fail(&self, why: AskError) -> Option<Waker> {
        if self.settle() {
            self.peer.refuse_reply(self, &why);
        }
        None
    }

    fn answer(&self, value: &mut dyn AnyAnswer) -> Option<Waker> {
        // First the user's code: if it panics the question is still open, and ends with the drop.
        let written = value.write(self.format, self.peer.body_limit());
        if self.settle() {
            match written {
                Ok((body, table)) => self.peer.reply(self, body, table),
                Err(_) => self.peer.refuse_reply(self, &AskError::ReplyFailed),
            }
        }
        None
    }
}

impl RemoteReply {
    /// Whether this is the one outcome: what comes after it is told to nobody.
    fn settle(&self) -> bool {
        !self.settled.swap(true, Ordering::AcqRel)
    }
}

impl Drop for RemoteReply {
    /// Whatever happened to the message it came in: its question ends.
    fn drop(&mut self) {
        if self.settle() {
            self.peer.refuse_reply(self, &AskError::NoReply);
        }
    }
}

#[cfg(all(test, loom))]
mod interleaving_tests;
