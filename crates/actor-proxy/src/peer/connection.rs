//! The beginning and the end of sessions, and what the pipe takes.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use bytes::Bytes;

use super::aftermath::{Aftermath, Trash, Wakes};
use super::{Flush, Link, Peer, Pending, State};
use crate::ended::{Ended, Unreachable};
use crate::envelope::Envelope;
use crate::error::{AskError, PeerFault, SendError, ServiceError};
use crate::outbox::{Lane, Next, Small};
use crate::outgoing::Outgoing;
use crate::slot::Slot;
use crate::sync::lock;
use crate::table::Tag;

impl Peer {
    /// A session is there; returns its number among those with the peer.
    pub(crate) fn connected(self: &Arc<Self>, now: Instant) -> u64 {
        self.with(|state, after| {
            if state.link == Link::Up {
                self.disconnect(state, after, now);
            }
            if state.over.is_some() {
                // The exchange is over before it begins.
                return state.epoch;
            }
            state.link = Link::Up;
            state.introduced = None;
            state.epoch += 1;
            state.asleep = true;
            // What the peer holds is kept while it is there, until it says that it does not.
            state.absent_until = None;
            state.body_limit = self.core.limits.max_body_bytes;
            state.is_greeted = false;
            state.fault = None;
            // A session that carries no actors carries nothing of them.
            if !state.exports.is_empty() || !state.imports.is_empty() {
                state.greet();
            }
            let tags: Vec<Tag> = state.exports.iter().map(|(tag, _)| tag).collect();
            for tag in tags {
                if let Ok(export) = state.exports.get_mut(tag) {
                    export.account.begin(tag);
                }
            }
            state.epoch
        })
    }

    /// The session of this number is over.
    pub(crate) fn disconnected(self: &Arc<Self>, epoch: u64, now: Instant) {
        self.with(|state, after| {
            if state.epoch == epoch && state.link == Link::Up {
                self.disconnect(state, after, now);
            }
        });
    }

    fn disconnect(&self, state: &mut State, after: &mut Aftermath, now: Instant) {
        state.link = Link::Down;
        // Whoever writes into the old pipe is to see that it is over.
        after.wakes.extend(state.driver.take());
        self.lose_asks(state, after);
        for Flush { slot, .. } in std::mem::take(&mut state.flushes) {
            after.wakes.extend(slot.set(Err(SendError::Lost { maybe_delivered: true })));
        }
        after.trash.extend(state.outbox.clear().into_iter().map(Trash::Envelope));
        state.suspend_imports();
        let tags: Vec<Tag> = state.exports.iter().map(|(tag, _)| tag).collect();
        for tag in tags {
            let Ok(export) = state.exports.get_mut(tag) else { continue };
            export.carried |= export.refs > 0;
            export.refs = 0;
        }
        if !state.exports.is_empty() {
            state.absent_until = now.checked_add(self.core.limits.absence);
        }
        if state.waiting > 0 || state.monitors > 0 {
            state.want(after);
        }
    }

    /// What was asked and not answered is lost, and may have been seen if it had left.
    fn lose_asks(&self, state: &mut State, after: &mut Aftermath) {
        for pending in state.take_asks() {
            match pending {
                Pending::Reply { reply, place, .. } => {
                    let maybe_delivered = state.outbox.has_left(place);
                    after.failures.push((reply, AskError::Lost { maybe_delivered }));
                }
                Pending::Confirm { confirm, place } => {
                    let maybe_delivered = state.outbox.has_left(place);
                    after.outcomes.push((confirm, Err(SendError::Lost { maybe_delivered })));
                }
                Pending::LookUp(slot) => {
                    let lost = ServiceError::Ask(AskError::Lost { maybe_delivered: false });
                    after.looked_up.push((slot, Err(lost)));
                }
                Pending::List(slot) => {
                    let lost = ServiceError::Ask(AskError::Lost { maybe_delivered: false });
                    after.listed.push((slot, Err(lost)));
                }
            }
        }
    }

    /// No session can be had at the moment: whoever waits for one is told.
    pub(crate) fn unreachable(self: &Arc<Self>, why: &Unreachable) {
        self.with(|state, after| {
            if state.link != Link::Wanted {
                return;
            }
            state.link = Link::Down;
            let handles: Vec<_> = state.imports.iter().map(|(handle, _)| handle).collect();
            for handle in handles {
                let error = SendError::Unreachable(why.clone());
                self.fail_import(state, after, handle, &error, &Ended::Unreachable(why.clone()));
                self.settle_import(state, handle);
            }
        });
    }

    /// This node is about to go: the peer is told of every actor that it knows here.
    pub(crate) fn end_exports(self: &Arc<Self>, why: &Ended) {
        self.with(|state, after| {
            let tags: Vec<Tag> = state.exports.iter().map(|(tag, _)| tag).collect();
            for tag in tags {
                self.end_export(state, after, tag, why);
            }
        });
    }

    /// The other process is gone, or ours ends: every address of it is void.
    pub(crate) fn end(self: &Arc<Self>, why: &Ended, now: Instant) {
        self.with(|state, after| {
            if state.over.is_some() {
                return;
            }
            if state.link == Link::Up {
                self.disconnect(state, after, now);
            }
            state.link = Link::Down;
            state.over = Some(why.clone());
            after.wanted = false;
            let handles: Vec<_> = state.imports.iter().map(|(handle, _)| handle).collect();
            for handle in handles {
                self.import_ended(state, after, handle, why);
            }
            let tags: Vec<Tag> = state.exports.iter().map(|(tag, _)| tag).collect();
            for tag in tags {
                self.remove_export(state, after, tag);
            }
            state.absent_until = None;
            state.accounts = HashMap::new();
        });
    }

    /// Who writes into the session's pipe, to be woken when there is something to write.
    pub(crate) fn outgoing(self: &Arc<Self>, epoch: u64, context: &Context<'_>) -> Option<Outgoing<'_>> {
        let mut state = lock(&self.state);
        if state.epoch != epoch || state.link != Link::Up {
            return None;
        }
        let before = match &state.driver {
            Some(known) if known.will_wake(context.waker()) => None,
            _ => state.driver.replace(context.waker().clone()),
        };
        Some(Outgoing::new(state, before))
    }

    /// The writer has taken what it could.
    pub(crate) fn taken(self: &Arc<Self>) -> Wakes {
        self.with_wakes(|state, after| self.pump_parked(state, after)).1
    }

    /// Everything that was taken has been handed to the carrier.
    pub(crate) fn written(self: &Arc<Self>, epoch: u64) -> Wakes {
        let mut wakes = Wakes::default();
        let mut state = lock(&self.state);
        if state.epoch == epoch {
            state.outbox.note_written();
            if !state.flushes.is_empty() {
                let (done, open) = std::mem::take(&mut state.flushes)
                    .into_iter()
                    .partition::<Vec<_>, _>(|flush| state.outbox.is_written(&flush.ends));
                state.flushes = open;
                wakes.extend(done.into_iter().filter_map(|flush| flush.slot.set(Ok(()))));
            }
        }
        wakes
    }

    /// Resolves when what was accepted so far was handed to the carrier.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<(), SendError> {
        let slot = {
            let mut state = lock(&self.state);
            let ends = state.outbox.ends();
            if state.link != Link::Up || state.outbox.is_written(&ends) {
                return Ok(());
            }
            let slot = Arc::new(Slot::new());
            // Bounded by the tasks that wait here.
            state.flushes.retain(|flush| Arc::strong_count(&flush.slot) > 1);
            state.flushes.push(Flush { ends, slot: Arc::clone(&slot) });
            slot
        };
        std::future::poll_fn(|context| slot.poll(context)).await
    }

    /// Whether somebody waits for the peer: then the session counts as used.
    pub(crate) fn is_awaited(&self) -> bool {
        lock(&self.state).is_awaited()
    }

    /// Whether nothing is left to remember.
    pub(crate) fn is_blank(&self) -> bool {
        lock(&self.state).is_blank()
    }

    /// How many entries there are: exports, imports, questions.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let state = lock(&self.state);
        (state.exports.len(), state.imports.len(), state.asks.len())
    }
}

impl State {
    pub(super) fn is_blank(&self) -> bool {
        self.link == Link::Down
            && self.exports.is_empty()
            && self.imports.is_empty()
            && self.asks.is_empty()
            && self.accounts.values().all(|account| account.strong_count() == 0)
    }

    /// Says the first words of a session: what is taken here, and what is still held of what is there.
    pub(super) fn greet(&mut self) {
        if std::mem::replace(&mut self.is_greeted, true) {
            return;
        }
        let max_body_bytes = u32::try_from(self.own_body_limit).unwrap_or(u32::MAX);
        self.say(&Envelope::Hello { max_body_bytes });
        for handle in self.live_imports() {
            self.say_hold(handle);
        }
        self.say(&Envelope::HoldsDone);
    }

    pub(crate) fn is_awaited(&self) -> bool {
        !self.asks.is_empty() || self.monitors > 0 || self.waiting > 0
    }

    pub(crate) fn peek(&self, lane: Lane) -> Option<Next<'_>> {
        self.outbox.peek(lane)
    }

    pub(crate) fn small(&self, lane: Lane) -> Small<'_> {
        self.outbox.small(lane)
    }

    pub(crate) fn advance_small(&mut self, lane: Lane, count: usize) {
        self.outbox.advance_small(lane, count);
    }

    pub(crate) fn fault(&self) -> Option<PeerFault> {
        self.fault
    }

    pub(crate) fn advance(&mut self, lane: Lane) -> Vec<Bytes> {
        self.outbox.advance(lane)
    }

    /// The writer has seen all there is: it wants to be woken for more.
    pub(crate) fn rest(&mut self) -> bool {
        self.asleep = self.outbox.is_empty();
        !self.parked.is_empty()
    }
}
