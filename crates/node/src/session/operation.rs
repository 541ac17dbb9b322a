//! Waiting for the outcome of something that was asked of a session.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use link::{OperationId, Outcome, SendError, StreamId};

use super::{Half, Session, Slot};
use crate::sync::lock;

/// An operation under way. Dropping it takes the operation back as far as it has not left.
pub(crate) struct Operation {
    session: Arc<Session>,
    stream: StreamId,
    id: OperationId,
    ended: bool,
}

impl Operation {
    /// Waits for `id`, which `half`, the half of `session`, has just given out.
    pub(crate) fn watch(session: &Arc<Session>, half: &mut Half, stream: StreamId, id: OperationId) -> Self {
        half.operations.insert(id, Slot::default());
        Self { session: Arc::clone(session), stream, id, ended: false }
    }

    /// Waits until the message takes another piece. `Err` is its outcome, which came first.
    pub(crate) fn poll_hungry(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        let mut half = lock(&self.session.half);
        let Some(slot) = half.operations.get_mut(&self.id) else {
            return Poll::Ready(Err(Outcome::Lost { maybe_delivered: true }));
        };
        if let Some(outcome) = slot.outcome {
            return Poll::Ready(Err(outcome));
        }
        if slot.hungry {
            return Poll::Ready(Ok(()));
        }
        slot.wait(context);
        Poll::Pending
    }

    /// Supplies a piece after [`poll_hungry`](Self::poll_hungry).
    pub(crate) fn supply(&mut self, piece: Bytes) -> Result<(), SendError> {
        self.session.with(|half| {
            let hungry = half.tx.supply(self.stream, self.id, piece)?;
            if let Some(slot) = half.operations.get_mut(&self.id) {
                slot.hungry = hungry;
            }
            Ok(())
        })
    }
}

impl Future for Operation {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.get_mut();
        let mut half = lock(&this.session.half);
        let Some(slot) = half.operations.get_mut(&this.id) else {
            return Poll::Ready(Outcome::Lost { maybe_delivered: true });
        };
        let Some(outcome) = slot.outcome else {
            slot.wait(context);
            return Poll::Pending;
        };
        half.operations.remove(&this.id);
        this.ended = true;
        Poll::Ready(outcome)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.session.with(|half| {
            let outcome = half.operations.remove(&self.id).and_then(|slot| slot.outcome);
            if outcome.is_none() {
                half.tx.cancel(self.stream, self.id);
            }
        });
    }
}

/// A ping under way.
pub(crate) struct PingReply {
    session: Arc<Session>,
    number: u64,
}

impl PingReply {
    /// Sends a ping.
    pub(crate) fn request(session: &Arc<Session>) -> Result<Self, SendError> {
        session.with(|half| {
            let number = half.next_ping;
            half.tx.ping(number)?;
            half.next_ping += 1;
            half.pings.insert(number, Slot::default());
            Ok(Self { session: Arc::clone(session), number })
        })
    }
}

impl Future for PingReply {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut half = lock(&self.session.half);
        let Some(slot) = half.pings.get_mut(&self.number) else {
            return Poll::Ready(Outcome::Lost { maybe_delivered: false });
        };
        if let Some(outcome) = slot.outcome {
            return Poll::Ready(outcome);
        }
        slot.wait(context);
        Poll::Pending
    }
}

impl Drop for PingReply {
    fn drop(&mut self) {
        let mut half = lock(&self.session.half);
        half.pings.remove(&self.number);
        if half.pings.is_empty() {
            // An empty map keeps its last node.
            half.pings = BTreeMap::new();
        }
    }
}

impl Slot {
    fn wait(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}
