//! Deadlines of a peer: leases, how long what an absent peer holds is kept, and how long something stands for others.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::{Peer, State};
use crate::deadlines::Due;
use crate::ended::Ended;
use crate::table::Tag;

impl Peer {
    /// Has the node's timer look at this peer when its first deadline passes. Wake whom it returns.
    pub(super) fn set_timer(self: &Arc<Self>, state: &mut State) -> Option<Waker> {
        let first = state.first_deadline()?;
        if let Some((at, timer)) = state.timer {
            // One that comes too early is harmless.
            if at <= first {
                return None;
            }
            self.core.deadlines.disarm(timer);
        }
        let (timer, keeper) = self.core.deadlines.arm(first, Due::Peer(Arc::downgrade(self)));
        state.timer = Some((first, timer));
        keeper
    }

    /// Lets deadlines pass.
    pub(crate) fn handle_timeout(self: &Arc<Self>, now: Instant) {
        self.with(|state, after| {
            state.timer = None;
            while let Some(&(until, tag)) = state.leases.first() {
                if until > now {
                    break;
                }
                state.leases.remove(&(until, tag));
                self.end_export(state, after, tag, &Ended::Expired);
            }
            self.sweep_relayed(state, after, now);
            if state.absent_until.is_some_and(|until| until <= now) {
                state.absent_until = None;
                let carried = state.exports.iter().filter(|(_, export)| export.carried);
                let tags: Vec<Tag> = carried.map(|(tag, _)| tag).collect();
                for tag in tags {
                    self.end_export(state, after, tag, &Ended::Expired);
                }
            }
        });
    }

    /// Credit is due for one of our actors.
    pub(crate) fn grant(self: &Arc<Self>, tag: Tag) {
        self.with(|state, _| {
            let limit = state.exports.get(tag).ok().and_then(|export| export.account.grant());
            if let Some(limit) = limit {
                state.say(&crate::envelope::Envelope::Credit { to: tag, limit });
            }
        });
    }
}

impl State {
    fn first_deadline(&self) -> Option<Instant> {
        let lease = self.leases.first().map(|(until, _)| *until);
        lease.into_iter().chain(self.absent_until).chain(self.relayed.sweep_at).min()
    }
}
