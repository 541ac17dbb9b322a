//! What stands in a peer's tables for other peers, for whom this node passes on: a share of them, and not for ever.

use std::collections::HashMap;
use std::time::Instant;

use super::aftermath::Aftermath;
use super::{Confirm, Peer, Pending, State};
use crate::error::{AskError, SendError, Table};
use crate::parcel::Passenger;
use crate::table::{Tag, trim};

/// Of each table at most one part in so many is for others: the rest is this node's own.
const RELAYED_PART: usize = 4;

/// How often what stands too long is looked for, in each [`relay_timeout`](crate::Limits::relay_timeout).
const SWEEPS_PER_TIMEOUT: u32 = 4;

/// What is for others.
#[derive(Default)]
pub(super) struct Relayed {
    /// Questions, and until when they stand.
    asks: HashMap<Tag, Instant>,
    /// Exports that lead on to other peers.
    pub(super) ways: usize,
    /// Messages that wait for credit or room.
    pub(super) waiting: usize,
    /// When what stands too long is looked for.
    pub(super) sweep_at: Option<Instant>,
}

/// The part of a table of that size that may be for others.
pub(super) fn share(limit: usize) -> usize {
    (limit / RELAYED_PART).max(1)
}

impl Pending {
    fn is_relayed(&self) -> bool {
        match self {
            Self::Reply { reply, .. } => reply.is_relayed(),
            Self::Confirm { confirm, .. } => matches!(confirm, Confirm::Relay { .. }),
            Self::LookUp(_) | Self::List(_) => false,
        }
    }
}

impl Peer {
    /// Whether what is for others in a message, `ways` new ones among it, has room in their share.
    pub(super) fn check_relayed(
        &self,
        state: &State,
        ways: usize,
        table: &[Passenger],
        confirm: Option<&Confirm>,
    ) -> Result<(), SendError> {
        let is_relayed = |one: &&Passenger| matches!(one, Passenger::Reply(reply) if reply.is_relayed());
        let asks = table.iter().filter(is_relayed).count()
            + usize::from(matches!(confirm, Some(Confirm::Relay { .. })));
        let limits = &self.core.limits;
        let full = |what, limit| Err(SendError::TableFull { what, limit });
        if ways > 0 && state.relayed.ways + ways > share(limits.max_exports) {
            return full(Table::Exports, share(limits.max_exports));
        }
        if asks > 0 && state.relayed.asks.len() + asks > share(limits.max_asks) {
            return full(Table::Asks, share(limits.max_asks));
        }
        Ok(())
    }

    /// Until when something stands that begins now.
    pub(super) fn relayed_until(&self, state: &mut State) -> Instant {
        let until = self.core.after(self.core.now(), self.core.limits.relay_timeout);
        state.relayed.sweep_at.get_or_insert(until);
        until
    }

    /// Puts a question into the table.
    pub(super) fn add_ask(&self, state: &mut State, pending: Pending) -> Result<Tag, Pending> {
        let is_relayed = pending.is_relayed();
        let tag = state.asks.insert(pending)?;
        if is_relayed {
            let until = self.relayed_until(state);
            state.relayed.asks.insert(tag, until);
        }
        Ok(tag)
    }

    /// Ends what has stood for others too long. Nobody can tell whether they still wait.
    pub(super) fn sweep_relayed(&self, state: &mut State, after: &mut Aftermath, now: Instant) {
        if state.relayed.sweep_at.is_none_or(|at| at > now) {
            return;
        }
        let overdue = state.relayed.asks.iter().filter(|(_, until)| **until <= now);
        let mut overdue: Vec<Tag> = overdue.map(|(tag, _)| *tag).collect();
        overdue.sort_unstable();
        for tag in overdue {
            match state.remove_ask(tag) {
                Some(Pending::Reply { reply, .. }) => after.failures.push((reply, AskError::TimedOut)),
                Some(Pending::Confirm { confirm, .. }) => {
                    after.outcomes.push((confirm, Err(SendError::Lost { maybe_delivered: true })));
                }
                Some(Pending::LookUp(_) | Pending::List(_)) | None => {}
            }
        }
        if state.relayed.waiting > 0 {
            self.fail_overdue(state, after, now);
        }
        let is_empty = state.relayed.asks.is_empty() && state.relayed.waiting == 0;
        state.relayed.sweep_at =
            (!is_empty).then(|| self.core.after(now, self.core.limits.relay_timeout / SWEEPS_PER_TIMEOUT));
    }

    /// Takes out of the lines what has waited there for others too long.
    fn fail_overdue(&self, state: &mut State, after: &mut Aftermath, now: Instant) {
        let lines = state.imports.iter().filter(|(_, import)| import.waiting() > 0);
        let lines: Vec<_> = lines.map(|(handle, _)| handle).collect();
        for handle in lines {
            let Some(import) = state.imports.get_mut(handle) else { continue };
            let line = std::mem::take(import.line()).into_iter();
            let (overdue, rest) = line.partition::<Vec<_>, _>(|one| one.is_overdue(now));
            *import.line() = rest.into();
            state.waiting -= overdue.len();
            state.relayed.waiting -= overdue.len();
            for one in overdue {
                one.fail(&SendError::NoRoom, after);
            }
            self.settle_import(state, handle);
        }
    }
}

impl State {
    /// Takes a question out of the table.
    pub(super) fn remove_ask(&mut self, ask: Tag) -> Option<Pending> {
        let pending = self.asks.remove(ask).ok()?;
        if self.relayed.asks.remove(&ask).is_some() {
            trim(&mut self.relayed.asks);
        }
        Some(pending)
    }

    /// Takes all of them.
    pub(super) fn take_asks(&mut self) -> Vec<Pending> {
        self.relayed.asks = HashMap::new();
        self.asks.drain().map(|(_, pending)| pending).collect()
    }
}
