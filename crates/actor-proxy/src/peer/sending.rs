//! Messages on their way to the peer's actors.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::aftermath::{Aftermath, Trash};
use super::relayed::share;
use super::{Confirm, Import, Link, Peer, Pending, State};
use crate::ended::Ended;
use crate::envelope::Head;
use crate::error::{AskError, SendError, Table};
use crate::limits::cost;
use crate::local::LinePlace;
use crate::outbox::{Lane, Outbox};
use crate::parcel::{Parcel, Passenger, Toll, fail_replies};
use crate::proxy::Proxy;
use crate::slot::Slot;
use crate::sync::lock;
use crate::table::Handle;
use crate::written::Written;

/// Messages to one peer accepted at once between two turns of other tasks: writing them takes longer than these.
const MESSAGES_BETWEEN_YIELDS: u32 = 1_024;

/// A message that is written and not accepted. Its one-time addresses are used up by it: without acceptance the questions
/// end.
pub(crate) struct Draft {
    body: Written,
    table: Vec<Passenger>,
}

impl Draft {
    /// Takes the one-time addresses of a message for it.
    pub(crate) fn new(body: Written, table: Vec<Passenger>) -> Result<Self, SendError> {
        let replies =
            || table.iter().filter_map(|one| if let Passenger::Reply(one) = one { Some(one) } else { None });
        for (index, reply) in replies().enumerate() {
            if !reply.claim() {
                replies().take(index).for_each(|reply| reply.unclaim());
                return Err(SendError::ReplyUsed);
            }
        }
        Ok(Self { body, table })
    }

    /// A message in which no address stands.
    pub(crate) fn plain(body: &[u8]) -> Self {
        Self { body: Written::copied(body), table: Vec::new() }
    }

    /// The body, if it is small and no address stands in it.
    pub(crate) fn copyable(&self) -> Option<&[u8]> {
        self.body.copyable().filter(|_| self.table.is_empty())
    }

    /// Puts the body behind its head into the outbox.
    fn push(&mut self, outbox: &mut Outbox, lane: Lane, head: &[u8]) {
        std::mem::take(&mut self.body).push(outbox, lane, head);
    }

    fn refuse(mut self, why: &AskError) {
        fail_replies(std::mem::take(&mut self.table), why);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        fail_replies(std::mem::take(&mut self.table), &AskError::NoReply);
    }
}

/// What became of an offered message.
pub(crate) enum Offered {
    Accepted {
        /// It is time to let other tasks have their turn.
        pause: bool,
    },
    /// It stands in the line; the slot tells when it was accepted.
    Waiting(LinePlace),
}

/// A message in the line of an actor.
pub(super) struct Waiting {
    draft: Draft,
    /// Who waits for its acceptance.
    accept: Option<LinePlace>,
    confirm: Option<Confirm>,
    /// What it cost the one for whom it is passed on, and until when it may wait for that one.
    toll: Option<(Toll, Instant)>,
}

impl State {
    /// Counts a message; `true` when it is time to let other tasks have their turn.
    fn count_accepted(&mut self) -> bool {
        self.accepted = self.accepted.wrapping_add(1);
        self.accepted.is_multiple_of(MESSAGES_BETWEEN_YIELDS)
    }
}

impl Waiting {
    /// It will not be sent.
    pub(super) fn fail(self, error: &SendError, after: &mut Aftermath) {
        let Self { draft, accept, confirm, toll } = self;
        after.wakes.extend(accept.and_then(|slot| slot.set(Err(error.clone()))));
        after.outcomes.extend(confirm.map(|confirm| (confirm, Err(error.clone()))));
        let replies = draft.table.iter().filter_map(|one| match one {
            Passenger::Reply(reply) => Some((Arc::clone(reply), AskError::Send(error.clone()))),
            _ => None,
        });
        after.failures.extend(replies);
        after.trash.push(Trash::Draft(draft));
        after.trash.extend(toll.map(|(toll, _)| Trash::Toll(toll)));
    }

    /// Whether it is for another peer.
    pub(super) fn is_relayed(&self) -> bool {
        self.toll.is_some()
    }

    /// Whether it has waited for another peer too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.toll.as_ref().is_some_and(|(_, until)| *until <= now)
    }
}

impl Peer {
    /// Takes a message: at once, or into the line.
    pub(crate) fn offer(self: &Arc<Self>, proxy: &Proxy, draft: Draft) -> Result<Offered, SendError> {
        let waiting = Waiting { draft, accept: None, confirm: None, toll: None };
        self.with(|state, after| {
            let mut waiting = self.check(state, after, proxy, waiting)?;
            if self.may_go(state, proxy.import) {
                self.commit(state, after, proxy.import, waiting)?;
                return Ok(Offered::Accepted { pause: state.count_accepted() });
            }
            let slot = Arc::new(Slot::new());
            waiting.accept = Some(Arc::clone(&slot));
            self.line_up(state, after, proxy.import, waiting)?;
            Ok(Offered::Waiting(slot))
        })
    }

    /// Takes a message whose arrival somebody wants to know of.
    pub(crate) fn offer_confirmed(
        self: &Arc<Self>,
        proxy: &Proxy,
        draft: Draft,
    ) -> Result<Arc<Slot<Result<(), SendError>>>, SendError> {
        let slot = Arc::new(Slot::new());
        let confirm = Some(Confirm::Here(Arc::clone(&slot)));
        self.take(proxy, Waiting { draft, accept: None, confirm, toll: None })?;
        Ok(slot)
    }

    /// Takes a message if there is room now. Without a session it waits for one.
    pub(crate) fn offer_now(self: &Arc<Self>, proxy: &Proxy, draft: Draft) -> Result<(), SendError> {
        let waiting = Waiting { draft, accept: None, confirm: None, toll: None };
        self.with(|state, after| {
            let waiting = self.check(state, after, proxy, waiting)?;
            let resolved = state.imports.get(proxy.import).is_some_and(|import| import.tag.is_some());
            if state.link == Link::Up && resolved && !self.may_go(state, proxy.import) {
                after.trash.push(Trash::Draft(waiting.draft));
                return Err(SendError::Full);
            }
            self.go_or_line_up(state, after, proxy.import, waiting)
        })
    }

    /// Passes on a message of another peer.
    pub(crate) fn forward(
        self: &Arc<Self>,
        proxy: &Proxy,
        parcel: Parcel,
        toll: Toll,
        confirm: Option<Confirm>,
    ) {
        let Parcel { body, table, .. } = parcel;
        let draft = match Draft::new(Written::kept(body), table) {
            Ok(draft) => draft,
            // Cannot be: what has just come was used by nobody.
            Err(_) => return,
        };
        let refused = self.with(|state, after| {
            let import = proxy.import;
            let fate = state.over.clone().map(SendError::Ended);
            let fate = fate.or_else(|| state.imports.get(import).and_then(|import| import.fate().err()));
            let limit = self.core.limits.max_waiting;
            let full = state.waiting >= limit || state.relayed.waiting >= share(limit);
            // What this node takes may be more than the next one does.
            let too_large = draft.body.len() > state.body_limit;
            let fate = fate.or(proxy.reach.is_direct_only().then_some(SendError::NotAllowed));
            let fate = fate.or((full || too_large).then_some(SendError::NoRoom));
            let until = self.relayed_until(state);
            let waiting = Waiting { draft, accept: None, confirm, toll: Some((toll, until)) };
            match fate {
                Some(error) => Some((waiting, error)),
                None => {
                    // Whatever is wrong with it is told to those who wait for an answer.
                    let _ = self.go_or_line_up(state, after, import, waiting);
                    None
                }
            }
        });
        if let Some((Waiting { draft, confirm, .. }, error)) = refused {
            confirm.and_then(|confirm| confirm.tell(Err(error.clone()))).into_iter().for_each(Waker::wake);
            draft.refuse(&AskError::Send(error));
        }
    }

    /// The short way of most messages: small, without addresses, with credit and room. Takes a lock, copies, and leaves.
    /// `Some(true)`: accepted, and it is time to let other tasks have their turn; `None`: not accepted.
    pub(crate) fn offer_at_once(&self, proxy: &Proxy, body: &[u8]) -> Option<bool> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let import = state.imports.get_mut(proxy.import)?;
        let tag = import.may_go()?;
        let lane = Lane::of(tag);
        let has_room = self.has_room(state.link, &state.outbox, lane);
        if !has_room || body.len() > state.body_limit {
            return None;
        }
        import.allowance.spend(cost(body.len(), 0));
        state.outbox.push(lane, &Head::message(tag), body);
        let pause = state.count_accepted();
        if std::mem::take(&mut state.asleep) {
            let driver = state.driver.clone();
            drop(guard);
            driver.into_iter().for_each(Waker::wake);
        }
        Some(pause)
    }

    fn take(self: &Arc<Self>, proxy: &Proxy, waiting: Waiting) -> Result<(), SendError> {
        self.with(|state, after| {
            let waiting = self.check(state, after, proxy, waiting)?;
            self.go_or_line_up(state, after, proxy.import, waiting)
        })
    }

    fn go_or_line_up(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        import: Handle<Import>,
        waiting: Waiting,
    ) -> Result<(), SendError> {
        if self.may_go(state, import) {
            self.commit(state, after, import, waiting)
        } else {
            self.line_up(state, after, import, waiting)
        }
    }

    /// Gives the message back if it can be sent at all.
    fn check(
        &self,
        state: &mut State,
        after: &mut Aftermath,
        proxy: &Proxy,
        waiting: Waiting,
    ) -> Result<Waiting, SendError> {
        let limit = state.body_limit;
        let error = if let Some(over) = &state.over {
            Some(over.clone().into())
        } else if waiting.draft.body.len() > limit {
            Some(SendError::Encode(crate::body::EncodeError::TooLarge { limit }))
        } else {
            state.imports.get(proxy.import).and_then(|import| import.fate().err())
        };
        match error {
            None => Ok(waiting),
            Some(error) => {
                after.trash.push(Trash::Draft(waiting.draft));
                Err(error)
            }
        }
    }

    fn may_go(&self, state: &State, import: Handle<Import>) -> bool {
        let tag = state.imports.get(import).and_then(Import::may_go);
        tag.is_some_and(|tag| self.has_room(state.link, &state.outbox, Lane::of(tag)))
    }

    /// Whether there is a session, and room for what is to leave by it. Each lane has its own: a large message in one holds
    /// up nothing in the others.
    #[inline]
    fn has_room(&self, link: Link, outbox: &Outbox, lane: Lane) -> bool {
        link == Link::Up && outbox.bytes_of(lane) < self.core.limits.outbox_bytes
    }

    fn line_up(
        &self,
        state: &mut State,
        after: &mut Aftermath,
        handle: Handle<Import>,
        waiting: Waiting,
    ) -> Result<(), SendError> {
        let limit = self.core.limits.max_waiting;
        let room = state.waiting < limit;
        match state.imports.get_mut(handle) {
            Some(import) if room => {
                state.relayed.waiting += usize::from(waiting.is_relayed());
                import.line().push_back(waiting);
                if let Some(tag) = import.is_open().filter(|_| !import.is_parked) {
                    import.is_parked = true;
                    state.parked.push(Lane::of(tag), handle);
                }
                state.waiting += 1;
                state.want(after);
                Ok(())
            }
            import => {
                let error = if import.is_some() {
                    SendError::TooManyWaiting { limit }
                } else {
                    SendError::Ended(Ended::Expired)
                };
                waiting.fail(&error, after);
                Err(error)
            }
        }
    }

    /// Writes a message into the outbox. That it may go was checked.
    fn commit(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        handle: Handle<Import>,
        waiting: Waiting,
    ) -> Result<(), SendError> {
        let asks = usize::from(waiting.confirm.is_some());
        let room = self.check_table(state, &waiting.draft.table).and_then(|()| {
            let limit = self.core.limits.max_asks;
            let full = SendError::TableFull { what: Table::Asks, limit };
            if state.asks.len() + asks > limit { Err(full) } else { Ok(()) }
        });
        let room =
            room.and_then(|()| self.check_relayed(state, 0, &waiting.draft.table, waiting.confirm.as_ref()));
        let tag = state.imports.get(handle).and_then(Import::is_open);
        let (Ok(()), Some(tag)) = (&room, tag) else {
            let error = room.err().unwrap_or(SendError::Full);
            waiting.fail(&error, after);
            return Err(error);
        };
        let Waiting { mut draft, accept, confirm, toll } = waiting;
        let lane = Lane::of(tag);
        let cost = cost(draft.body.len(), draft.table.len());
        if draft.table.is_empty() && confirm.is_none() {
            draft.push(&mut state.outbox, lane, &Head::message(tag));
        } else {
            let table = std::mem::take(&mut draft.table);
            let format = self.format_of(state, handle);
            let entries = self.entries(state, after, &table, (lane, format));
            let place = state.outbox.next_place(lane);
            let confirm =
                confirm.and_then(|confirm| self.add_ask(state, Pending::Confirm { confirm, place }).ok());
            let head = Head::message_with(tag, confirm, &entries);
            draft.push(&mut state.outbox, lane, head.as_bytes());
            after.trash.push(Trash::Passengers(table));
        }
        if let Some(import) = state.imports.get_mut(handle) {
            import.allowance.spend(cost);
        }
        after.wakes.extend(accept.and_then(|slot| slot.set(Ok(()))));
        after.trash.extend(toll.map(|(toll, _)| Trash::Toll(toll)));
        Ok(())
    }

    fn format_of(&self, state: &State, handle: Handle<Import>) -> crate::body::Format {
        state.imports.get(handle).map(|import| import.format).unwrap_or_default()
    }

    /// Lets the line of an import go as far as credit and room reach.
    pub(super) fn pump(self: &Arc<Self>, state: &mut State, after: &mut Aftermath, handle: Handle<Import>) {
        loop {
            let Some(import) = state.imports.get_mut(handle) else { return };
            if import.waiting() == 0 {
                break;
            }
            let Some(tag) = import.is_open().filter(|_| state.link == Link::Up) else { return };
            let lane = Lane::of(tag);
            if !self.has_room(state.link, &state.outbox, lane) {
                if !std::mem::replace(&mut import.is_parked, true) {
                    state.parked.push(lane, handle);
                }
                return;
            }
            let Some(waiting) = import.line().pop_front() else { break };
            state.waiting -= 1;
            state.relayed.waiting -= usize::from(waiting.is_relayed());
            // Who waited for it has been told if it could not be written.
            let _ = self.commit(state, after, handle, waiting);
        }
        self.settle_import(state, handle);
    }

    /// There is room in the outbox again.
    pub(super) fn pump_parked(self: &Arc<Self>, state: &mut State, after: &mut Aftermath) {
        for lane in Lane::all() {
            while self.has_room(state.link, &state.outbox, lane) {
                let Some(handle) = state.parked.pop(lane) else { break };
                if let Some(import) = state.imports.get_mut(handle) {
                    import.is_parked = false;
                }
                self.pump(state, after, handle);
            }
        }
    }

    /// Takes a message out of the line.
    pub(crate) fn cancel(self: &Arc<Self>, handle: Handle<Import>, slot: &Arc<Slot<Result<(), SendError>>>) {
        self.with(|state, after| {
            let Some(import) = state.imports.get_mut(handle) else { return };
            if import.waiting() == 0 {
                return;
            }
            let is_it = |waiting: &Waiting| {
                let confirmed =
                    matches!(&waiting.confirm, Some(Confirm::Here(other)) if Arc::ptr_eq(other, slot));
                confirmed || waiting.accept.as_ref().is_some_and(|other| Arc::ptr_eq(other, slot))
            };
            if let Some(at) = import.line().iter().position(is_it)
                && let Some(waiting) = import.line().remove(at)
            {
                state.waiting -= 1;
                after.trash.push(Trash::Draft(waiting.draft));
                self.settle_import(state, handle);
            }
        });
    }
}
