//! What arrives from the peer.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::aftermath::{Aftermath, Delivery, Incoming, Inquiry, Load, Target, Third, Trash, Wakes};
use super::{Link, Peer, Pending, State};
use crate::body::Format;
use crate::ended::Ended;
use crate::envelope::{self, Entry, Envelope, Offer, Refusal, Relay};
use crate::error::{AskError, PeerFault, ServiceError};
use crate::limits::cost;
use crate::local::LocalAddress;
use crate::node_id::{ActorId, NodeId};
use crate::parcel::{Parcel, Passenger};
use crate::reply::RemoteReply;
use crate::run::Bodies;
use crate::sync::tried::AtomicBool;
use crate::table::Tag;

impl Peer {
    /// Takes what arrived in a session, in the order of its lanes.
    pub(crate) fn handle(
        self: &Arc<Self>,
        epoch: u64,
        now: Instant,
        envelopes: impl Iterator<Item = Bytes>,
    ) -> (Result<(), PeerFault>, Wakes) {
        self.with_wakes(|state, after| {
            if state.epoch != epoch || state.link != Link::Up {
                return Ok(());
            }
            for bytes in envelopes {
                self.take_envelope(state, after, now, (&bytes, 0..bytes.len()))?;
            }
            Ok(())
        })
    }

    /// The same for what lies in one buffer.
    pub(crate) fn handle_packed(
        self: &Arc<Self>,
        epoch: u64,
        now: Instant,
        buffer: &Bytes,
        spans: impl Iterator<Item = Range<usize>>,
    ) -> (Result<(), PeerFault>, Wakes) {
        self.with_wakes(|state, after| {
            if state.epoch != epoch || state.link != Link::Up {
                return Ok(());
            }
            for span in spans {
                self.take_envelope(state, after, now, (buffer, span))?;
            }
            Ok(())
        })
    }

    fn take_envelope(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        now: Instant,
        (buffer, span): (&Bytes, Range<usize>),
    ) -> Result<(), PeerFault> {
        let bytes = buffer.get(span.clone()).unwrap_or_default();
        if let Some(to) = envelope::read_plain(bytes) {
            let body = span.start + envelope::PLAIN_HEAD_BYTES..span.end;
            if body.len() <= self.core.limits.max_body_bytes
                && let Some(taken) = follow(after, to, buffer, body)
            {
                return taken;
            }
        }
        if bytes.len() > self.core.limits.max_body_bytes + MAX_HEAD_BYTES {
            // A peer that heeds what was announced does not send it; whoever asked hears of it in time.
            self.too_large(state, after, &buffer.slice(span))?;
            return state.check_fault();
        }
        // What is kept of a message must not keep a buffer that is much larger.
        let own = if bytes.len().saturating_mul(4) < buffer.len() {
            Bytes::copy_from_slice(bytes)
        } else {
            buffer.slice(span)
        };
        let envelope = envelope::read(&own)?;
        self.take_in(state, after, now, envelope)?;
        state.check_fault()
    }

    /// Refuses a message of which only the beginning was kept.
    pub(crate) fn refuse_message(self: &Arc<Self>, epoch: u64, beginning: &Bytes) -> Result<(), PeerFault> {
        self.with(|state, after| {
            if state.epoch == epoch && state.link == Link::Up {
                self.too_large(state, after, beginning)?;
                state.check_fault()
            } else {
                Ok(())
            }
        })
    }

    /// Answers a message that is larger than announced, of which perhaps only the beginning is there.
    pub(super) fn too_large(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        beginning: &Bytes,
    ) -> Result<(), PeerFault> {
        // Of one whose table is longer than what was kept nobody can be told.
        let Ok(envelope) = envelope::read(beginning) else { return Ok(()) };
        match envelope {
            Envelope::Message { confirm, table, .. } => {
                refuse_table(state, confirm, &table, &Refusal::NoRoom)
            }
            Envelope::Reply { ask, table, .. } => self.refuse_answer(state, after, ask, &table),
            // Long as it is, it is news of some other version.
            _ => {}
        }
        Ok(())
    }

    fn take_in(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        now: Instant,
        envelope: Envelope,
    ) -> Result<(), PeerFault> {
        match envelope {
            Envelope::Message { to, confirm, table, body } => {
                self.take_message(state, after, now, (to, confirm), table, body)?;
            }
            Envelope::Reply { ask, table, body } if body.len() > self.core.limits.max_body_bytes => {
                drop(body);
                self.refuse_answer(state, after, ask, &table);
            }
            Envelope::Reply { ask, table, body } => self.take_reply(state, after, ask, table, body),
            Envelope::Refusal { ask, refusal } => self.take_refusal(state, after, ask, refusal),
            Envelope::Confirmed { ask } => {
                if let Some(Pending::Confirm { confirm, .. }) = state.take_ask(ask, is_confirm) {
                    after.outcomes.push((confirm, Ok(())));
                }
            }
            Envelope::Credit { to, limit } => {
                if let Some(handle) = state.import_tags.get(&to).copied() {
                    if let Some(import) = state.imports.get_mut(handle) {
                        import.allowance.raise(limit);
                    }
                    self.pump(state, after, handle);
                }
            }
            Envelope::Ended { to, why } => self.tag_ended(state, after, to, &why),
            Envelope::Gone { id, why } => self.hold_failed(state, after, id, &why),
            Envelope::Release { tag, count } => self.released(state, now, tag, count),
            Envelope::Hold { id } => self.take_hold(state, after, id),
            Envelope::HoldsDone => self.holds_done(state, now),
            Envelope::Held(offer) => {
                if let Some(handle) = state.resume_import(&offer) {
                    self.take_shape(state, after, &offer);
                    self.pump(state, after, handle);
                }
            }
            Envelope::LookUp { ask, name } => {
                after.inquiries.push((state.epoch, ask, Inquiry::LookUp(name)));
            }
            Envelope::List { ask } => after.inquiries.push((state.epoch, ask, Inquiry::List)),
            Envelope::Found { ask, offer } => {
                let proxy = self.receive_offer(state, after, &offer);
                match (state.take_ask(ask, is_look_up), proxy) {
                    (Some(Pending::LookUp(slot)), Some(proxy)) => after.looked_up.push((slot, Ok(proxy))),
                    (Some(Pending::LookUp(slot)), None) => {
                        after.looked_up.push((slot, Err(ServiceError::Ask(AskError::NoRoom))));
                    }
                    // Nobody waits any more.
                    (_, proxy) => after.trash.extend(proxy.map(Trash::Proxy)),
                }
            }
            Envelope::Services { ask, services } => {
                if let Some(Pending::List(slot)) = state.take_ask(ask, is_list) {
                    after.listed.push((slot, Ok(services)));
                }
            }
            Envelope::Hello { max_body_bytes } => {
                let announced = usize::try_from(max_body_bytes).unwrap_or(usize::MAX);
                state.body_limit = self.core.limits.max_body_bytes.min(announced);
                state.greet();
            }
        }
        Ok(())
    }

    fn take_message(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        now: Instant,
        (to, confirm): (Tag, Option<Tag>),
        table: Vec<Entry>,
        body: Bytes,
    ) -> Result<(), PeerFault> {
        let Ok(export) = state.exports.get(to) else {
            self.not_here(state, to, confirm, &table);
            return Ok(());
        };
        if body.len() > self.core.limits.max_body_bytes {
            refuse_table(state, confirm, &table, &Refusal::NoRoom);
            return Ok(());
        }
        if !export.account.receive(cost(body.len(), table.len())) {
            return Err(PeerFault::CreditExceeded);
        }
        let (target, account) = (export.target.clone(), Arc::clone(&export.account));
        if export.lease.is_some() {
            self.lease(state, now, to);
        }
        let format = match &target {
            Target::Actor(actor) => actor.mailbox().format(),
            Target::Way(proxy) => proxy.format,
        };
        // Nor must a short body keep a long table.
        let table_bytes = table.len().saturating_mul(MIN_ENTRY_BYTES);
        let body = if body.len() < table_bytes { Bytes::copy_from_slice(&body) } else { body };
        let load = if table.is_empty() && confirm.is_none() {
            let mut bodies = Bodies::default();
            bodies.push(&body, 0..body.len());
            Load::Run { format, bodies }
        } else {
            let incoming = self.incoming(state, after, format, table, body);
            Load::One { incoming, confirm }
        };
        let epoch = state.epoch;
        after.deliveries.push(Delivery { to, target, account, load, epoch });
        Ok(())
    }

    /// A message to nobody: those who wait for something are told, and so is the peer if it may think otherwise.
    fn not_here(&self, state: &mut State, to: Tag, confirm: Option<Tag>, table: &[Entry]) {
        refuse_table(state, confirm, table, &Refusal::Ended(Ended::Expired));
        state.say(&Envelope::Ended { to, why: Ended::Expired });
    }

    /// An answer that is larger than announced ends its question.
    fn refuse_answer(self: &Arc<Self>, state: &mut State, after: &mut Aftermath, ask: Tag, table: &[Entry]) {
        refuse_table(state, None, table, &Refusal::NoReply);
        if state.asks.get(ask).is_ok_and(is_reply) {
            self.take_refusal(state, after, ask, Refusal::ReplyFailed);
        }
    }

    fn take_reply(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        ask: Tag,
        table: Vec<Entry>,
        body: Bytes,
    ) {
        // The addresses count as received whether or not anybody still wants the answer.
        let reply = match state.take_ask(ask, is_reply) {
            Some(Pending::Reply { reply, format, .. }) => Some((reply, format)),
            _ => None,
        };
        let format = reply.as_ref().map(|(_, format)| *format).unwrap_or_default();
        let incoming = self.incoming(state, after, format, table, body);
        match reply {
            Some((reply, _)) => after.answers.push((reply, incoming)),
            None => {
                for (_, third) in &incoming.thirds {
                    if let Some(relay) = third.relay {
                        state.say(&Envelope::Release { tag: relay.tag, count: 1 });
                    }
                }
                after.trash.push(Trash::Passengers(incoming.parcel.table));
            }
        }
    }

    fn take_refusal(self: &Arc<Self>, state: &mut State, after: &mut Aftermath, ask: Tag, refusal: Refusal) {
        match state.take_ask(ask, |_| true) {
            Some(Pending::Reply { reply, .. }) => after.failures.push((reply, refusal.into_ask_error())),
            Some(Pending::Confirm { confirm, .. }) => {
                after.outcomes.push((confirm, Err(refusal.into_send_error())));
            }
            Some(Pending::LookUp(slot)) => {
                let error = match refusal {
                    Refusal::NoSuchService => ServiceError::NoSuchService,
                    Refusal::NotAllowed => ServiceError::NotAllowed,
                    other => ServiceError::Ask(other.into_ask_error()),
                };
                after.looked_up.push((slot, Err(error)));
            }
            Some(Pending::List(slot)) => {
                after.listed.push((slot, Err(ServiceError::Ask(refusal.into_ask_error()))));
            }
            None => {}
        }
    }

    /// The table of what arrived: addresses of third nodes stay open, since other peers' locks are needed for them.
    fn incoming(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        format: Format,
        entries: Vec<Entry>,
        body: Bytes,
    ) -> Incoming {
        let (mut thirds, mut guarded) = (Vec::new(), Vec::new());
        let mut table = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_one_time = matches!(entry, Entry::Reply { .. });
            let passenger = match entry {
                Entry::Yours { id } => self.find_actor(after, id).map(Passenger::Local),
                Entry::Mine(offer) => self.receive_offer(state, after, &offer).map(Passenger::Remote),
                Entry::Reply { ask, format } => self.open_reply(state, ask, format),
                Entry::Third { node, id, .. } if node == self.core.me => {
                    self.find_actor(after, id).map(Passenger::Local)
                }
                Entry::Third { node, id, shape, relay } => {
                    thirds.push((table.len(), Third { node, id, shape, relay }));
                    Some(Passenger::Taken)
                }
            };
            if matches!(&passenger, Some(Passenger::Local(local)) if local.mailbox().is_guarded()) {
                guarded.push(table.len());
            }
            let lost = || if is_one_time { Passenger::Taken } else { Passenger::gone(&self.core) };
            table.push(passenger.unwrap_or_else(lost));
        }
        Incoming { parcel: Parcel { format, body, table }, thirds, guarded }
    }

    pub(super) fn find_actor(&self, after: &mut Aftermath, id: ActorId) -> Option<LocalAddress> {
        self.core.find_actor(id).map_err(|mailbox| after.trash.extend(mailbox.map(Trash::Mailbox))).ok()
    }

    fn open_reply(self: &Arc<Self>, state: &mut State, ask: Tag, format: Format) -> Option<Passenger> {
        if state.open_replies >= self.core.limits.max_asks {
            state.say(&Envelope::Refusal { ask, refusal: Refusal::NoRoom });
            return None;
        }
        state.open_replies += 1;
        let (peer, epoch) = (Arc::clone(self), state.epoch);
        let (claimed, settled) = (AtomicBool::new(false), AtomicBool::new(false));
        Some(Passenger::Reply(Arc::new(RemoteReply { peer, ask, format, epoch, claimed, settled })))
    }
}

/// Puts a message to the one before it, if that was to the same actor and as plain.
fn follow(
    after: &mut Aftermath,
    to: Tag,
    buffer: &Bytes,
    body: Range<usize>,
) -> Option<Result<(), PeerFault>> {
    let last = after.deliveries.last_mut().filter(|last| last.to == to)?;
    let Load::Run { bodies, .. } = &mut last.load else { return None };
    if !last.account.receive(cost(body.len(), 0)) {
        return Some(Err(PeerFault::CreditExceeded));
    }
    bodies.push(buffer, body);
    Some(Ok(()))
}

/// The shortest entry of a table.
const MIN_ENTRY_BYTES: usize = 6;

/// The largest envelope without its body: 4,096 addresses of third nodes.
pub(crate) const MAX_HEAD_BYTES: usize =
    12 + crate::limits::MAX_ADDRESSES * (2 + NodeId::BYTES + 2 * ActorId::BYTES + 80);

/// Refuses what came with a message that nobody takes: those who wait for something are told, and the addresses in it,
/// which the peer has counted as received, are given back.
fn refuse_table(state: &mut State, confirm: Option<Tag>, table: &[Entry], refusal: &Refusal) {
    for entry in table {
        match entry {
            Entry::Reply { ask, .. } => {
                state.say(&Envelope::Refusal { ask: *ask, refusal: refusal.clone() });
            }
            Entry::Mine(Offer { tag, .. }) | Entry::Third { relay: Some(Relay { tag, .. }), .. } => {
                state.say(&Envelope::Release { tag: *tag, count: 1 });
            }
            Entry::Third { .. } | Entry::Yours { .. } => {}
        }
    }
    if let Some(ask) = confirm {
        state.say(&Envelope::Refusal { ask, refusal: refusal.clone() });
    }
}

fn is_confirm(pending: &Pending) -> bool {
    matches!(pending, Pending::Confirm { .. })
}

fn is_reply(pending: &Pending) -> bool {
    matches!(pending, Pending::Reply { .. })
}

fn is_look_up(pending: &Pending) -> bool {
    matches!(pending, Pending::LookUp(_))
}

fn is_list(pending: &Pending) -> bool {
    matches!(pending, Pending::List(_))
}

impl State {
    /// Takes what waits under a tag, if it is of the kind that was answered. Anything else stays.
    fn take_ask(&mut self, ask: Tag, fits: fn(&Pending) -> bool) -> Option<Pending> {
        if !self.asks.get(ask).is_ok_and(fits) {
            return None;
        }
        self.remove_ask(ask)
    }
}
