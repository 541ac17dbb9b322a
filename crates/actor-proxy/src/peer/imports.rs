//! The peer's actors that we know.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::aftermath::{Aftermath, Trash};
use super::sending::Waiting;
use super::{Link, Peer, State};
use crate::account::Allowance;
use crate::body::Format;
use crate::ended::Ended;
use crate::envelope::{Envelope, Offer, Relay, Shape};
use crate::error::SendError;
use crate::limits::MAX_SHARED_SCHEMAS;
use crate::node_id::{ActorId, NodeId};
use crate::proxy::Proxy;
use crate::slot::Slot;
use crate::table::{Handle, Tag, trim};

/// ```text
///   (none) ──received, looked up──▶ Live ──last address dropped: RELEASE──▶ Dormant ──ENDED──▶ (none)
///                                    │ ▲                                     │
///                                    │ └────────received, or held, again─────┘
///                                    └──ENDED──▶ Ended ──last address dropped──▶ (none)
/// ```
/// A dormant one is remembered because the credit that was spent there still counts. When the session ends dormant ones
/// are forgotten, and live ones must be held again before they can be used.
pub(crate) struct Import {
    proxy: Weak<Proxy>,
    pub(super) incarnation: u32,
    id: ActorId,
    /// `None` until the peer has said how it calls it in this session.
    pub(super) tag: Option<Tag>,
    /// Since the last release.
    receipts: u32,
    /// HOLDs of this session that were not answered. While there are any, the end of a tag is not that of the address.
    holds: u32,
    pub(super) allowance: Allowance,
    /// Rare, so it takes little room where there is none.
    pub(super) fate: Option<Box<Fate>>,
    pub(super) is_parked: bool,
    pub(super) format: Format,
    /// Rarely needed, so it takes no room where it is not.
    queue: Option<Box<Queue>>,
}

/// Why an import is no good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Ended(Ended),
    /// It may only be spoken with directly, and cannot be.
    NoRoute,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    watchers: Vec<Weak<Slot<Ended>>>,
    /// Other peers to which this node passes on, and the tags under which they know the way.
    ways: Vec<(Weak<Peer>, Tag)>,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.watchers.is_empty() && self.ways.is_empty()
    }
}

impl Import {
    pub(super) fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.waiting.len())
    }

    pub(super) fn line(&mut self) -> &mut VecDeque<Waiting> {
        &mut self.queue.get_or_insert_default().waiting
    }

    fn watchers(&mut self) -> Vec<Weak<Slot<Ended>>> {
        self.queue.as_mut().map(|queue| std::mem::take(&mut queue.watchers)).unwrap_or_default()
    }

    pub(super) fn fate(&self) -> Result<(), SendError> {
        match self.fate.as_deref() {
            None => Ok(()),
            Some(Fate::Ended(ended)) => Err(ended.clone().into()),
            Some(Fate::NoRoute) => Err(SendError::NoRoute),
        }
    }

    /// Whether the peer was told of it in this session, and may be sent to.
    pub(super) fn is_open(&self) -> Option<Tag> {
        self.tag.filter(|_| self.fate.is_none() && self.allowance.has_any())
    }
}

/// What makes a proxy, beside its place.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) id: ActorId,
    pub(super) home: Option<NodeId>,
    pub(super) shape: &'a Shape,
}

impl Peer {
    /// An actor of the peer arrived, with the credit that we have there.
    pub(super) fn receive_offer(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        offer: &Offer,
    ) -> Option<Arc<Proxy>> {
        let facts = Facts { id: offer.id, home: None, shape: &offer.shape };
        self.receive(state, after, (offer.id, offer.tag, offer.limit), facts)
    }

    /// The way to an actor of a third node arrived.
    pub(super) fn receive_way(self: &Arc<Self>, relay: Relay, facts: &Facts<'_>) -> Option<Arc<Proxy>> {
        self.with(|state, after| self.receive(state, after, (relay.id, relay.tag, relay.limit), *facts))
    }

    /// The way through the peer is not needed.
    pub(super) fn release_way(self: &Arc<Self>, tag: Tag) {
        self.with(|state, _| state.say(&Envelope::Release { tag, count: 1 }));
    }

    fn receive(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        (name, tag, limit): (ActorId, Tag, u64),
        facts: Facts<'_>,
    ) -> Option<Arc<Proxy>> {
        let Some((handle, proxy)) = self.import(state, after, name, facts) else {
            // There is no room for it here; the peer has counted it as received.
            state.say(&Envelope::Release { tag, count: 1 });
            return None;
        };
        state.receipt(handle, tag, limit);
        Some(proxy)
    }

    /// Finds or makes the import of that name.
    pub(super) fn import(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        name: ActorId,
        facts: Facts<'_>,
    ) -> Option<(Handle<Import>, Arc<Proxy>)> {
        let known = state.import_ids.get(&name).copied();
        if let Some(handle) = known
            && let Some(proxy) = state.imports.get(handle).and_then(|import| import.proxy.upgrade())
        {
            return Some((handle, proxy));
        }
        if known.is_none() && state.imports.len() >= self.core.limits.max_imports {
            return None;
        }
        state.incarnations = state.incarnations.wrapping_add(1);
        let incarnation = state.incarnations;
        let handle = known.unwrap_or_else(|| {
            state.imports.insert(Import {
                proxy: Weak::new(),
                incarnation,
                id: name,
                tag: None,
                receipts: 0,
                holds: 0,
                allowance: Allowance::default(),
                fate: None,
                is_parked: false,
                format: facts.shape.format,
                queue: None,
            })
        });
        state.import_ids.insert(name, handle);
        let Facts { id, home, shape } = facts;
        let schema = state.share_schema(&shape.schema);
        let (format, direct_only) = (shape.format, shape.direct_only);
        let (peer, home, import) = (Arc::clone(self), home.map(Box::new), handle);
        let proxy = Arc::new(Proxy { peer, import, incarnation, id, home, schema, format, direct_only });
        match state.imports.get_mut(handle) {
            Some(import) => {
                import.incarnation = incarnation;
                import.proxy = Arc::downgrade(&proxy);
                Some((handle, proxy))
            }
            None => {
                after.trash.push(Trash::Proxy(proxy));
                None
            }
        }
    }

    /// An address that somebody else gave us: we hold it from now on, if its node still has it.
    pub(crate) fn hold(self: &Arc<Self>, id: ActorId, shape: &Shape, is_blocked: bool) -> Option<Arc<Proxy>> {
        self.with(|state, after| {
            let is_new = !state.import_ids.contains_key(&id);
            let (handle, proxy) = self.import(state, after, id, Facts { id, home: None, shape })?;
            let import = state.imports.get_mut(handle)?;
            if let Some(over) = &state.over {
                import.fate = Some(Box::new(Fate::Ended(over.clone())));
                return Some(proxy);
            }
            let is_held = import.receipts > 0 || import.holds > 0;
            match import.fate.as_deref() {
                // What the actor's node gave itself needs no other way.
                None if is_blocked && is_new => import.fate = Some(Box::new(Fate::NoRoute)),
                // It may be spoken with by now.
                Some(Fate::NoRoute) if !is_blocked => import.fate = None,
                _ => {}
            }
            // A receipt that was given back protects nothing: one that came again must be held again.
            if import.fate.is_none() && !is_held {
                match state.link {
                    Link::Up => state.say_hold(handle),
                    Link::Down | Link::Wanted => state.want(after),
                }
            }
            Some(proxy)
        })
    }

    /// The last address of a peer's actor is gone.
    pub(crate) fn release(self: &Arc<Self>, handle: Handle<Import>, incarnation: u32) {
        self.with(|state, after| {
            let Some(import) = state.imports.get_mut(handle) else { return };
            if import.incarnation != incarnation || import.proxy.strong_count() > 0 {
                // It came again before this was told.
                return;
            }
            // Nobody waits in the line of an address that nobody has; messages that were accepted there still go.
            if import.waiting() > 0 {
                return;
            }
            let count = std::mem::take(&mut import.receipts);
            match (import.tag, &import.fate, state.link) {
                (Some(tag), None, Link::Up) => state.say(&Envelope::Release { tag, count }),
                _ => state.forget_import(handle),
            }
            let _ = after;
        });
    }

    /// Takes an import out of the tables if nobody needs it any more, once its line is empty.
    pub(super) fn settle_import(&self, state: &mut State, handle: Handle<Import>) {
        let Some(import) = state.imports.get_mut(handle) else { return };
        if import.proxy.strong_count() > 0 || import.waiting() > 0 {
            return;
        }
        let count = std::mem::take(&mut import.receipts);
        match (import.tag, &import.fate, state.link) {
            (Some(tag), None, Link::Up) if count > 0 => state.say(&Envelope::Release { tag, count }),
            (Some(_), None, Link::Up) => {}
            _ => state.forget_import(handle),
        }
    }

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
        state.parked.retain(|other| *other != handle);
        state.waiting -= waiting.len();
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

impl State {
    /// Somebody needs a session.
    pub(super) fn want(&mut self, after: &mut Aftermath) {
        if self.link == Link::Down && self.over.is_none() {
            self.link = Link::Wanted;
            after.wanted = true;
        }
    }

    pub(super) fn forget_import(&mut self, handle: Handle<Import>) {
        let Some(import) = self.imports.remove(handle) else { return };
        if self.import_ids.get(&import.id) == Some(&handle) {
            self.import_ids.remove(&import.id);
        }
        if let Some(tag) = import.tag {
            self.import_tags.remove(&tag);
        }
        trim(&mut self.import_ids);
        trim(&mut self.import_tags);
    }

    /// The live imports, to be held again in a new session.
    pub(super) fn live_imports(&self) -> Vec<Handle<Import>> {
        let live = |(handle, import): (Handle<Import>, &Import)| {
            let lives = import.proxy.strong_count() > 0 || import.waiting() > 0;
            (lives && import.fate.is_none()).then_some(handle)
        };
        self.imports.iter().filter_map(live).collect()
    }

    /// Forgets what nobody needs, and lets the rest wait for the next session.
    pub(super) fn suspend_imports(&mut self) {
        let handles: Vec<_> = self.imports.iter().map(|(handle, _)| handle).collect();
        self.import_tags.clear();
        for handle in handles {
            let Some(import) = self.imports.get_mut(handle) else { continue };
            import.tag = None;
            import.receipts = 0;
            import.holds = 0;
            import.allowance = Allowance::default();
            import.is_parked = false;
            if import.proxy.strong_count() == 0 && import.waiting() == 0 {
                self.forget_import(handle);
            }
        }
        self.parked.clear();
    }

    /// The peer has said how it calls an import in this session. What nobody wants any more is released.
    pub(super) fn resume_import(&mut self, offer: &Offer) -> Option<Handle<Import>> {
        let handle = self.import_ids.get(&offer.id).copied();
        let import = handle.and_then(|handle| self.imports.get_mut(handle));
        let holds = import.and_then(|import| {
            import.holds = import.holds.checked_sub(1)?;
            Some(())
        });
        let (Some(handle), Some(())) = (handle, holds) else {
            self.say(&Envelope::Release { tag: offer.tag, count: 1 });
            return None;
        };
        self.receipt(handle, offer.tag, offer.limit);
        Some(handle)
    }

    /// An address came, under the tag that the peer has for it.
    fn receipt(&mut self, handle: Handle<Import>, tag: Tag, limit: u64) {
        let Some(import) = self.imports.get_mut(handle) else { return };
        match import.tag {
            Some(known) if known == tag => {
                import.receipts = import.receipts.saturating_add(1);
                import.allowance.raise(limit);
            }
            // A new one, or one that the peer forgot and made anew.
            known => {
                import.tag = Some(tag);
                import.receipts = 1;
                import.allowance = Allowance::new(limit);
                import.fate = None;
                known.map(|known| self.import_tags.remove(&known));
                self.import_tags.insert(tag, handle);
            }
        }
    }

    /// Asks the peer to keep what we have the address of.
    pub(super) fn say_hold(&mut self, handle: Handle<Import>) {
        if !self.is_greeted() {
            // The first words of a session name all that is held.
            return self.greet();
        }
        let Some(import) = self.imports.get_mut(handle) else { return };
        import.holds += 1;
        let id = import.id;
        self.say(&Envelope::Hold { id });
    }

    fn share_schema(&mut self, schema: &str) -> Arc<str> {
        if let Some(shared) = self.schemas.get(schema) {
            return Arc::clone(shared);
        }
        let schema: Arc<str> = schema.into();
        if self.schemas.len() < MAX_SHARED_SCHEMAS {
            self.schemas.insert(Arc::clone(&schema));
        }
        schema
    }
}
