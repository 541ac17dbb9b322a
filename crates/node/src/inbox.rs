//! Where the messages of one stream name wait for their receiver.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use link::{Batch, Meter};
use membership::IdentityKey;

use crate::body::Body;
use crate::session::Session;
use crate::sync::lock;

/// Messages for one [`Receiver`](crate::Receiver), from all sessions.
///
/// Bounded by credit: a peer may have no more here than the windows of its session.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    deliveries: VecDeque<Delivery>,
    receiver: Option<Waker>,
    /// Nobody will take anything any more.
    abandoned: bool,
    /// Nothing will come any more.
    finished: bool,
}

/// Nobody receives here any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

/// Something that arrived.
pub(crate) struct Delivery {
    pub(crate) from: IdentityKey,
    pub(crate) credit: Credit,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Small(Batch),
    /// `None` once it is taken. A body that is dropped gives back its credit itself.
    Large(Option<Body>),
}

/// Where the cost of a consumed message goes.
#[derive(Clone)]
pub(crate) struct Credit {
    pub(crate) meter: Meter,
    pub(crate) session: Arc<Session>,
}

impl Credit {
    /// Returns the cost of what was taken.
    pub(crate) fn give_back(&self, cost: u64) {
        if self.meter.consume(cost) {
            self.session.nudge();
        }
    }
}

impl Inbox {
    /// Puts something in.
    ///
    /// # Errors
    /// [`Abandoned`]: it was dropped, and its credit given back.
    pub(crate) fn push(&self, delivery: Delivery) -> Result<Option<Waker>, Abandoned> {
        let mut state = lock(&self.state);
        if state.abandoned {
            // Before the delivery is dropped, which may wake a session.
            drop(state);
            return Err(Abandoned);
        }
        state.deliveries.push_back(delivery);
        Ok(state.receiver.take())
    }

    /// Takes everything that is there into `deliveries`, which is empty. `false`: nothing will come any more.
    pub(crate) fn poll_take(
        &self,
        context: &mut Context<'_>,
        deliveries: &mut VecDeque<Delivery>,
    ) -> Poll<bool> {
        let mut state = lock(&self.state);
        if !state.deliveries.is_empty() {
            std::mem::swap(&mut state.deliveries, deliveries);
            return Poll::Ready(true);
        }
        if state.finished {
            return Poll::Ready(false);
        }
        match &mut state.receiver {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes what is there and refuses the rest.
    pub(crate) fn abandon(&self) -> VecDeque<Delivery> {
        let mut state = lock(&self.state);
        state.abandoned = true;
        std::mem::take(&mut state.deliveries)
    }

    /// Nothing will come any more; what is there can still be taken.
    pub(crate) fn finish(&self) {
        let waker = {
            let mut state = lock(&self.state);
            state.finished = true;
            state.receiver.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Delivery {
    /// What nobody took is consumed all the same.
    fn drop(&mut self) {
        if let Content::Small(batch) = &self.content {
            let cost = batch.cost();
            if cost > 0 {
                self.credit.give_back(cost);
            }
        }
    }
}
