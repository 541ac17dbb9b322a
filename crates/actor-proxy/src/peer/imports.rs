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
use crate::node_id::{ActorId, NodeId};
use crate::proxy::{Proxy, Reach};
use crate::slot::Slot;
use crate::table::{Handle, Tag};

/// ```text
///   (none) ──received, looked up──▶ Live ──last address dropped: RELEASE──▶ Dormant ──ENDED──▶ (none)
///                                    │ ▲                                     │
///                                    │ └────────received, or held, again─────┘
///                                    └──ENDED──▶ Ended ──last address dropped──▶ (none)
/// ```
/// A dormant one is remembered because the credit that was spent there still counts. When the session ends dormant ones
/// are forgotten, and live ones must be held again before they can be used.
pub(crate) struct Import {
    pub(super) proxy: Weak<Proxy>,
    pub(super) incarnation: u32,
    pub(super) id: ActorId,
    /// `None` until the peer has said how it calls it in this session.
    pub(super) tag: Option<Tag>,
    /// Since the last release.
    pub(super) receipts: u32,
    /// HOLDs of this session that were not answered. While there are any, the end of a tag is not that of the address.
    pub(super) holds: u32,
    pub(super) allowance: Allowance,
    /// Rare, so it takes little room where there is none.
    pub(super) fate: Option<Box<Fate>>,
    pub(super) is_parked: bool,
    pub(super) format: Format,
    /// As the peer said itself; what others claim of its actors does not count.
    pub(super) direct_only: Option<bool>,
    /// Rarely needed, so it takes no room where it is not.
    pub(super) queue: Option<Box<Queue>>,
}

/// Why an import is no good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Ended(Ended),
    /// It may only be spoken with directly, and cannot be.
    NoRoute,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) watchers: Vec<Weak<Slot<Ended>>>,
    /// Other peers to which this node passes on, and the tags under which they know the way.
    pub(super) ways: Vec<(Weak<Peer>, Tag)>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.watchers.is_empty() && self.ways.is_empty()
    }
}

impl Import {
    fn new(id: ActorId, incarnation: u32, format: Format) -> Self {
        Self {
            proxy: Weak::new(),
            incarnation,
            id,
            tag: None,
            receipts: 0,
            holds: 0,
            allowance: Allowance::default(),
            fate: None,
            is_parked: false,
            format,
            direct_only: None,
            queue: None,
        }
    }

    /// What the peer knows of it goes to another import of the same actor.
    pub(super) fn bequeath(&mut self, shape: &Shape) -> Self {
        let heir = Self::new(self.id, self.incarnation, shape.format);
        Self {
            tag: self.tag.take(),
            receipts: std::mem::take(&mut self.receipts),
            holds: std::mem::take(&mut self.holds),
            allowance: std::mem::take(&mut self.allowance),
            direct_only: self.direct_only,
            ..heir
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.waiting.len())
    }

    pub(super) fn line(&mut self) -> &mut VecDeque<Waiting> {
        &mut self.queue.get_or_insert_default().waiting
    }

    pub(super) fn watchers(&mut self) -> Vec<Weak<Slot<Ended>>> {
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

    /// As [`is_open`](Self::is_open), for a message that nothing waits in front of.
    pub(super) fn may_go(&self) -> Option<Tag> {
        self.is_open().filter(|_| self.waiting() == 0)
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

    /// These ways through the peer are not needed.
    pub(super) fn release_ways(self: &Arc<Self>, tags: &[Tag]) {
        self.with(|state, _| {
            for tag in tags {
                state.say(&Envelope::Release { tag: *tag, count: 1 });
            }
        });
    }

    /// An actor of a third node that the peer named and to which no way leads. It takes room of the peer only.
    pub(super) fn receive_void(self: &Arc<Self>, facts: &Facts<'_>, fate: Fate) -> Option<Arc<Proxy>> {
        self.with(|state, after| {
            let is_new = !state.import_ids.contains_key(&facts.id);
            let (handle, proxy) = self.import(state, after, facts.id, *facts)?;
            if is_new && let Some(import) = state.imports.get_mut(handle) {
                import.fate = Some(Box::new(fate));
            }
            Some(proxy)
        })
    }

    fn receive(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        (name, tag, limit): (ActorId, Tag, u64),
        facts: Facts<'_>,
    ) -> Option<Arc<Proxy>> {
        let room = self.end_lie(state, after, name, facts.shape);
        let found = if room { self.import(state, after, name, facts) } else { None };
        let Some((handle, proxy)) = found else {
            // There is no room for it here; the peer has counted it as received.
            state.say(&Envelope::Release { tag, count: 1 });
            return None;
        };
        state.receipt(handle, tag, limit);
        state.learn(handle, &proxy, facts.shape);
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
        let handle =
            known.unwrap_or_else(|| state.imports.insert(Import::new(name, incarnation, facts.shape.format)));
        state.import_ids.insert(name, handle);
        let Facts { id, home, shape } = facts;
        let schema = state.share_schema(&shape.schema);
        let said = state.imports.get(handle).and_then(|import| import.direct_only);
        let (format, reach) = (shape.format, Reach::new(said, shape.direct_only));
        let (peer, home, import) = (Arc::clone(self), home.map(Box::new), handle);
        let proxy = Arc::new(Proxy { peer, import, incarnation, id, home, schema, format, reach });
        match state.imports.get_mut(handle) {
            Some(import) => {
                import.incarnation = incarnation;
                import.proxy = Arc::downgrade(&proxy);
                import.format = format;
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
        let is_blank = self.with(|state, _| {
            let Some(import) = state.imports.get_mut(handle) else { return false };
            if import.incarnation != incarnation || import.proxy.strong_count() > 0 {
                // It came again before this was told.
                return false;
            }
            // Nobody waits in the line of an address that nobody has; messages that were accepted there still go.
            if import.waiting() > 0 {
                return false;
            }
            let count = std::mem::take(&mut import.receipts);
            match (import.tag, &import.fate, state.link) {
                (Some(tag), None, Link::Up) => state.say(&Envelope::Release { tag, count }),
                _ => state.forget_import(handle),
            }
            state.is_blank()
        });
        if is_blank {
            self.core.forget_if_blank(self);
        }
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
}
