//! How the peer's actors end, and who is told.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::aftermath::{Aftermath, Trash};
use super::imports::Fate;
use super::{Import, Link, Peer, State};
use crate::account::Allowance;
use crate::ended::Ended;
use crate::envelope::{Offer, Shape};
use crate::error::SendError;
use crate::node_id::ActorId;
use crate::slot::Slot;
use crate::table::{Handle, Tag};

impl Peer {
    /// The peer has forgotten a tag.
    pub(super) fn tag_ended(&self, state: &mut State, after: &mut Aftermath, tag: Tag, why: &Ended) {
        let Some(handle) = state.import_tags.get(&tag).copied() else { return };
        match state.imports.get_mut(handle) {
            // It is being held anew: what the peer says to that counts.
            Some(import) if import.holds > 0 => {
                import.tag = None;
                import.receipts = 0;
                import.allowance = Allowance::default();
                state.import_tags.remove(&tag);
            }
            _ => self.import_ended(state, after, handle, why),
        }
    }

    /// The peer does not know what we wanted to hold.
    pub(super) fn hold_failed(&self, state: &mut State, after: &mut Aftermath, id: ActorId, why: &Ended) {
        let Some(handle) = state.import_ids.get(&id).copied() else { return };
        let Some(import) = state.imports.get_mut(handle) else { return };
        let Some(holds) = import.holds.checked_sub(1) else { return };
        import.holds = holds;
        // A tag came after what this answers: its end is told by itself.
        if import.tag.is_none() && holds == 0 {
            self.import_ended(state, after, handle, why);
        }
    }

    /// The peer says that an actor of its has ended.
    pub(super) fn import_ended(
        &self,
        state: &mut State,
        after: &mut Aftermath,
        handle: Handle<Import>,
        why: &Ended,
    ) {
        let Some(import) = state.imports.get_mut(handle) else { return };
        import.fate.get_or_insert_with(|| Box::new(Fate::Ended(why.clone())));
        let ways = import.queue.as_mut().map(|queue| std::mem::take(&mut queue.ways)).unwrap_or_default();
        after.ways_ended.extend(ways.into_iter().map(|(peer, tag)| (peer, tag, why.clone())));
        if let Some(tag) = import.tag.take() {
            state.import_tags.remove(&tag);
        }
        self.fail_import(state, after, handle, &why.clone().into(), why);
        self.settle_import(state, handle);
    }

    /// The peer has said what it is that we hold.
    pub(super) fn take_shape(&self, state: &mut State, after: &mut Aftermath, offer: &Offer) {
        self.end_lie(state, after, offer.id, &offer.shape);
        let Some(handle) = state.import_ids.get(&offer.id).copied() else { return };
        let Some(import) = state.imports.get_mut(handle) else { return };
        import.direct_only = Some(offer.shape.direct_only);
        match import.proxy.upgrade() {
            Some(proxy) => {
                state.learn(handle, &proxy, &offer.shape);
                after.trash.push(Trash::Proxy(proxy));
            }
            None => self.settle_import(state, handle),
        }
    }

    /// Ends the addresses of an actor that somebody else gave as another than it is. What is known of it under its name
    /// and tag is left to an import of what it is. `false`: there is no room for that.
    pub(super) fn end_lie(
        &self,
        state: &mut State,
        after: &mut Aftermath,
        name: ActorId,
        shape: &Shape,
    ) -> bool {
        let Some(handle) = state.import_ids.get(&name).copied() else { return true };
        let is_full = state.imports.len() >= self.core.limits.max_imports;
        let Some(import) = state.imports.get_mut(handle) else { return true };
        let Some(proxy) = import.proxy.upgrade() else { return true };
        let is_lie = !proxy.is_true_to(shape);
        after.trash.push(Trash::Proxy(proxy));
        if !is_lie || is_full {
            return !is_lie;
        }
        let heir = import.bequeath(shape);
        let tag = heir.tag;
        let heir = state.imports.insert(heir);
        state.import_ids.insert(name, heir);
        tag.map(|tag| state.import_tags.insert(tag, heir));
        self.import_ended(state, after, handle, &Ended::Expired);
        true
    }

    /// Ends what waits in the line of an import, and tells who watches it.
    pub(super) fn fail_import(
        &self,
        state: &mut State,
        after: &mut Aftermath,
        handle: Handle<Import>,
        error: &SendError,
        why: &Ended,
    ) {
        let Some(import) = state.imports.get_mut(handle) else { return };
        let watchers = import.watchers();
        let waiting = if import.waiting() > 0 { std::mem::take(import.line()) } else { VecDeque::new() };
        import.is_parked = false;
        state.waiting -= waiting.len();
        state.relayed.waiting -= waiting.iter().filter(|one| one.is_relayed()).count();
        for one in waiting {
            one.fail(error, after);
        }
        after
            .wakes
            .extend(watchers.iter().filter_map(Weak::upgrade).filter_map(|slot| slot.set(why.clone())));
    }

    /// Watches for the end of a peer's actor.
    pub(crate) fn watch(self: &Arc<Self>, handle: Handle<Import>) -> Result<Arc<Slot<Ended>>, Ended> {
        self.with(|state, after| {
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            let import = state.imports.get_mut(handle).ok_or(Ended::Expired)?;
            match import.fate.as_deref() {
                Some(Fate::Ended(ended)) => return Err(ended.clone()),
                Some(Fate::NoRoute) => return Err(Ended::Expired),
                None => {}
            }
            let slot = Arc::new(Slot::new());
            let queue = import.queue.get_or_insert_default();
            queue.watchers.retain(|watcher| watcher.strong_count() > 0);
            queue.watchers.push(Arc::downgrade(&slot));
            state.monitors += 1;
            if state.link == Link::Down {
                state.want(after);
            }
            Ok(slot)
        })
    }

    pub(crate) fn unwatch(self: &Arc<Self>, handle: Handle<Import>) {
        self.with(|state, _| {
            state.monitors = state.monitors.saturating_sub(1);
            if let Some(import) = state.imports.get_mut(handle)
                && let Some(queue) = &mut import.queue
            {
                queue.watchers.retain(|watcher| watcher.strong_count() > 0);
                if queue.is_empty() {
                    import.queue = None;
                }
            }
        });
    }

    /// `peer` knows the way to this actor under `tag`, and is to be told when it ends. `Err`: it has.
    pub(super) fn tell_way(
        self: &Arc<Self>,
        handle: Handle<Import>,
        peer: Weak<Self>,
        tag: Tag,
    ) -> Result<(), Ended> {
        self.with(|state, _| {
            let over = state.over.clone();
            let import = state.imports.get_mut(handle).ok_or(Ended::Expired)?;
            match (import.fate.as_deref(), over) {
                (Some(Fate::Ended(ended)), _) => Err(ended.clone()),
                (_, Some(over)) => Err(over),
                (Some(Fate::NoRoute), None) => Err(Ended::Expired),
                (None, None) => {
                    import.queue.get_or_insert_default().ways.push((peer, tag));
                    Ok(())
                }
            }
        })
    }

    /// `peer` does not know that way any more.
    pub(super) fn forget_way(self: &Arc<Self>, handle: Handle<Import>, peer: &Arc<Self>, tag: Tag) {
        self.with(|state, _| {
            if let Some(import) = state.imports.get_mut(handle)
                && let Some(queue) = &mut import.queue
            {
                queue
                    .ways
                    .retain(|(other, its)| *its != tag || !std::ptr::eq(other.as_ptr(), Arc::as_ptr(peer)));
                if queue.is_empty() {
                    import.queue = None;
                }
            }
        });
    }
}
