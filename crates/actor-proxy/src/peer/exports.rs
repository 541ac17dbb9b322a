//! Our actors that a peer knows.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::aftermath::{Aftermath, Target, Trash};
use super::{ExportKey, Link, Peer, State};
use crate::account::Account;
use crate::ended::Ended;
use crate::envelope::{Entry, Envelope, Head, Offer, Relay, Shape};
use crate::error::{SendError, Table};
use crate::local::LocalAddress;
use crate::node_id::ActorId;
use crate::outbox::Lane;
use crate::parcel::Passenger;
use crate::proxy::Proxy;
use crate::table::{Tag, trim};

/// ```text
///           sent in a message, looked up, or held
///   (none) ───────────────────────────────────────▶ Held ◀──────────────────────────┐
///                                                    │ every receipt released        │ sent again
///                                                    ▼                               │
///                                                   Leased (10 s, longer by use) ────┘
///                                                    │ lease over: ENDED, forgotten
/// ```
/// From every state: the actor ends, here or at the end of the way to it, and the peer is told with ENDED. When a session is lost what is held counts as
/// carried, until the peer says in the next session what it still holds.
pub(crate) struct Export {
    pub(super) target: Target,
    pub(super) id: ActorId,
    key: ExportKey,
    /// Receipts in this session that were not released.
    pub(super) refs: u64,
    /// Held in the session before; the peer has not yet said whether it still is.
    pub(super) carried: bool,
    /// On which lanes its address went out: its end follows on the same ones.
    pub(super) lanes: u8,
    pub(super) lease: Option<Instant>,
    pub(super) account: Arc<Account>,
}

impl Export {
    /// What the peer is told of it.
    pub(super) fn offer(&self, tag: Tag) -> Offer {
        Offer { id: self.id, tag, limit: self.account.limit(), shape: self.shape() }
    }

    fn shape(&self) -> Shape {
        match &self.target {
            Target::Actor(local) => {
                let mailbox = local.mailbox();
                let schema = mailbox.schema().as_str().into();
                Shape { schema, format: mailbox.format(), direct_only: mailbox.is_direct_only() }
            }
            Target::Way(proxy) => Shape {
                schema: (&*proxy.schema).into(),
                format: proxy.format,
                direct_only: proxy.reach.is_direct_only(),
            },
        }
    }
}

impl Peer {
    /// The table of a message for this peer. Compute first: that it fits is known before anything changes.
    pub(super) fn check_table(&self, state: &State, table: &[Passenger]) -> Result<(), SendError> {
        let limits = &self.core.limits;
        let (mut exports, mut ways, mut asks) = (0, 0, 0);
        for passenger in table {
            match passenger {
                Passenger::Local(local) if !state.export_tags.contains_key(&own(local)) => exports += 1,
                Passenger::Remote(proxy)
                    if !self.is_home(proxy)
                        && proxy.reach.may_pass_on()
                        && !state.export_tags.contains_key(&way(proxy)) =>
                {
                    exports += 1;
                    ways += 1;
                }
                Passenger::Reply(_) => asks += 1,
                Passenger::Local(_) | Passenger::Remote(_) | Passenger::Gone(_) | Passenger::Taken => {}
            }
        }
        let full = |what, limit| Err(SendError::TableFull { what, limit });
        if state.exports.len() + exports > limits.max_exports {
            return full(Table::Exports, limits.max_exports);
        }
        if state.asks.len() + asks > limits.max_asks {
            return full(Table::Asks, limits.max_asks);
        }
        self.check_relayed(state, ways, table, None)
    }

    pub(super) fn is_home(&self, proxy: &Proxy) -> bool {
        *proxy.home() == self.node
    }

    /// The entry of one of our actors, counted as received by the peer.
    pub(super) fn offer_local(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        local: &LocalAddress,
        lane: Lane,
    ) -> Option<Offer> {
        let (id, key) = (local.mailbox().id(), own(local));
        self.core.note_actor(id, local);
        self.export(state, after, (key, id), lane, || Target::Actor(local.clone()))
    }

    fn offer_way(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        proxy: &Arc<Proxy>,
        lane: Lane,
    ) -> Option<Relay> {
        // Whoever gave the address may have lied; until the actor's node has spoken there is no way through this one.
        if !proxy.reach.may_pass_on() {
            return None;
        }
        let key = way(proxy);
        let known =
            state.export_tags.get(&key).and_then(|tag| state.exports.get(*tag).ok()).map(|way| way.id);
        let id = known.unwrap_or_else(|| self.core.new_id());
        let Offer { tag, limit, .. } =
            self.export(state, after, (key, id), lane, || Target::Way(Arc::clone(proxy)))?;
        state.export_tags.insert(ExportKey::Relay(id), tag);
        Some(Relay { id, tag, limit })
    }

    fn export(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        (key, id): (ExportKey, ActorId),
        lane: Lane,
        target: impl FnOnce() -> Target,
    ) -> Option<Offer> {
        let tag = match state.export_tags.get(&key) {
            Some(tag) => *tag,
            None => self.add_export(state, after, key, id, target())?,
        };
        let export = state.exports.get_mut(tag).ok()?;
        export.refs += 1;
        export.lanes |= 1 << lane.index();
        if let Some(lease) = export.lease.take() {
            state.leases.remove(&(lease, tag));
        }
        Some(export.offer(tag))
    }

    fn add_export(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        key: ExportKey,
        id: ActorId,
        target: Target,
    ) -> Option<Tag> {
        let unread = state.accounts.get(&key).and_then(Weak::upgrade);
        let window = self.core.limits.mailbox_window_bytes;
        let account = unread.unwrap_or_else(|| Arc::new(Account::new(Arc::downgrade(self), window)));
        state.accounts.insert(key, Arc::downgrade(&account));
        let lanes = 0;
        let export = Export { target, id, key, refs: 0, carried: false, lanes, lease: None, account };
        let tag = match state.exports.insert(export) {
            Ok(tag) => tag,
            Err(export) => {
                after.trash.push(Trash::Export(export));
                return None;
            }
        };
        state.export_tags.insert(key, tag);
        if let Ok(Export { target, account, .. }) = state.exports.get(tag) {
            account.begin(tag);
            // That it has ended already is told behind the message that carries it.
            match target {
                Target::Actor(local) => {
                    let told = local.mailbox().tell(Arc::downgrade(self), tag);
                    after.ended.extend(told.err().map(|why| (tag, why)));
                }
                // Its own peer's lock is needed for that.
                Target::Way(proxy) => {
                    state.relayed.ways += 1;
                    after.ways.push((Arc::clone(proxy), tag));
                }
            }
        }
        Some(tag)
    }

    /// Takes an export out of every table.
    pub(super) fn remove_export(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        tag: Tag,
    ) -> Option<u8> {
        let export = state.exports.remove(tag).ok()?;
        state.export_tags.remove(&export.key);
        state.export_tags.remove(&ExportKey::Relay(export.id));
        if let Some(lease) = export.lease {
            state.leases.remove(&(lease, tag));
        }
        let lanes = export.lanes;
        match &export.target {
            Target::Actor(local) => local.mailbox().forget(self, tag),
            Target::Way(proxy) => {
                state.relayed.ways = state.relayed.ways.saturating_sub(1);
                after.ways_forgotten.push((Arc::clone(proxy), tag));
            }
        }
        // What is unread keeps the account; otherwise nothing remembers it.
        if Arc::strong_count(&export.account) == 1 {
            state.accounts.remove(&export.key);
        }
        if state.accounts.len() > state.max_accounts {
            state.accounts.retain(|_, account| account.strong_count() > 0);
            // Not again before there are twice as many.
            state.max_accounts = 2 * state.accounts.len() + MAX_SPARE_ACCOUNTS;
        }
        trim(&mut state.export_tags);
        trim(&mut state.accounts);
        after.trash.push(Trash::Export(export));
        Some(lanes)
    }

    /// One of our actors has ended.
    pub(crate) fn actor_ended(self: &Arc<Self>, tag: Tag, why: &Ended) {
        self.with(|state, after| self.end_export(state, after, tag, why));
    }

    /// Forgets an export, and says so behind everything that carried its address.
    pub(super) fn end_export(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        tag: Tag,
        why: &Ended,
    ) {
        let Some(lanes) = self.remove_export(state, after, tag) else { return };
        if state.link != Link::Up {
            return;
        }
        let news = Head::news(&Envelope::Ended { to: tag, why: why.clone() });
        for lane in Lane::all().filter(|lane| lanes & (1 << lane.index()) != 0) {
            state.outbox.push(lane, news.as_bytes(), &[]);
        }
    }

    /// The peer has dropped what it received `count` times.
    pub(super) fn released(&self, state: &mut State, now: Instant, tag: Tag, count: u32) {
        let Ok(export) = state.exports.get_mut(tag) else { return };
        export.refs = export.refs.saturating_sub(u64::from(count));
        if export.refs == 0 && !export.carried {
            self.lease(state, now, tag);
        }
    }

    /// Nobody holds it: it is kept for a while, in which it may come again or be used.
    pub(super) fn lease(&self, state: &mut State, now: Instant, tag: Tag) {
        let Ok(export) = state.exports.get_mut(tag) else { return };
        let until = self.core.after(now, self.core.limits.lease);
        if let Some(before) = export.lease.replace(until) {
            state.leases.remove(&(before, tag));
        }
        state.leases.insert((until, tag));
    }

    /// The entries of a message's table, in its order. Whether there is room was checked before.
    pub(super) fn entries(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        table: &[Passenger],
        (lane, format): (Lane, crate::body::Format),
    ) -> Vec<Entry> {
        let entries = table.iter().map(|passenger| match passenger {
            Passenger::Local(local) => match self.offer_local(state, after, local, lane) {
                Some(offer) => Entry::Mine(offer),
                None => Entry::Yours { id: local.mailbox().id() },
            },
            Passenger::Remote(proxy) if self.is_home(proxy) => Entry::Yours { id: proxy.id },
            Passenger::Remote(proxy) => {
                let relay = self.offer_way(state, after, proxy, lane);
                let schema = (&*proxy.schema).into();
                let direct_only = proxy.reach.is_direct_only();
                let shape = Shape { schema, format: proxy.format, direct_only };
                Entry::Third { node: *proxy.home(), id: proxy.id, shape, relay }
            }
            Passenger::Reply(reply) => {
                let place = state.outbox.next_place(lane);
                let format = reply.format().unwrap_or(format);
                let pending = super::Pending::Reply { reply: Arc::clone(reply), format, place };
                match self.add_ask(state, pending) {
                    Ok(ask) => {
                        if !reply.located(self, ask)
                            && let Ok(over) = state.asks.remove(ask)
                        {
                            // Nobody waits any more; the answer will find nobody.
                            after.trash.push(Trash::Pending(over));
                        }
                        Entry::Reply { ask, format }
                    }
                    Err(_) => Entry::Reply { ask: Tag(0), format },
                }
            }
            // No actor has that name.
            Passenger::Gone(_) | Passenger::Taken => Entry::Yours { id: ActorId::NONE },
        });
        entries.collect()
    }
}

/// Accounts of actors that are exported no more, before those that nobody needs are looked for.
const MAX_SPARE_ACCOUNTS: usize = 64;

fn own(local: &LocalAddress) -> ExportKey {
    ExportKey::Own(local.mailbox().id())
}

fn way(proxy: &Proxy) -> ExportKey {
    ExportKey::Way(proxy.peer.number, proxy.id)
}

impl State {
    /// The export that the peer knows by this id.
    pub(super) fn export_by_id(&self, id: ActorId) -> Option<Tag> {
        let tags: &HashMap<ExportKey, Tag> = &self.export_tags;
        tags.get(&ExportKey::Own(id)).or_else(|| tags.get(&ExportKey::Relay(id))).copied()
    }
}
