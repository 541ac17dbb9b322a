//! What the peer asks of this node itself: services, and what it holds or wants to hold.

use std::sync::Arc;
use std::time::Instant;

use super::aftermath::{Aftermath, Inquiry, Target, Trash};
use super::{Export, Link, Peer, State};
use crate::ended::Ended;
use crate::envelope::{Envelope, Offer, Refusal};
use crate::local::LocalAddress;
use crate::node_id::ActorId;
use crate::outbox::Lane;
use crate::sync::lock;
use crate::table::Tag;

impl Peer {
    pub(super) fn take_hold(self: &Arc<Self>, state: &mut State, after: &mut Aftermath, id: ActorId) {
        let known = state.export_by_id(id).and_then(|tag| state.exports.get(tag).ok());
        let target = match known {
            Some(export) => Some(export.target.clone()),
            None => self.find_actor(after, id).map(Target::Actor),
        };
        match target {
            Some(Target::Actor(local)) if local.mailbox().is_guarded() => {
                after.holds.push((state.epoch, id, local));
            }
            target => self.answer_hold(state, after, id, target),
        }
    }

    pub(super) fn answer_hold(
        self: &Arc<Self>,
        state: &mut State,
        after: &mut Aftermath,
        id: ActorId,
        target: Option<Target>,
    ) {
        let room = state.exports.len() < self.core.limits.max_exports;
        let offer = match (state.export_by_id(id), &target) {
            (Some(tag), Some(_)) => state.hold_again(tag),
            (None, Some(Target::Actor(local))) if room => {
                self.offer_local(state, after, local, Lane::CONTROL)
            }
            _ => None,
        };
        match offer {
            Some(offer) => state.say(&Envelope::Held(offer)),
            None => state.say(&Envelope::Gone { id, why: Ended::Expired }),
        }
        after.trash.extend(target.map(Trash::Target));
    }

    /// Answers a HOLD of a service, without the lock while its owner says who may use it.
    pub(super) fn answer_hold_of_service(self: &Arc<Self>, epoch: u64, id: ActorId, service: LocalAddress) {
        let permitted = service.mailbox().permits(&self.node);
        let target = Target::Actor(service);
        self.with(|state, after| {
            if state.epoch != epoch || state.link != Link::Up {
                return after.trash.push(Trash::Target(target));
            }
            let target = if permitted {
                Some(target)
            } else {
                after.trash.push(Trash::Target(target));
                None
            };
            self.answer_hold(state, after, id, target);
        });
    }

    /// The peer has said all that it still holds.
    pub(super) fn holds_done(&self, state: &mut State, now: Instant) {
        state.absent_until = None;
        let carried: Vec<Tag> =
            state.exports.iter().filter(|(_, export)| export.carried).map(|(tag, _)| tag).collect();
        for tag in carried {
            let Ok(export) = state.exports.get_mut(tag) else { continue };
            export.carried = false;
            if export.refs == 0 {
                self.lease(state, now, tag);
            }
        }
    }

    /// Answers a question about services, without the lock while their owner says who may use them.
    pub(super) fn answer_inquiry(self: &Arc<Self>, epoch: u64, ask: Tag, inquiry: &Inquiry) {
        if !self.has_room_for_answers(epoch) {
            return;
        }
        let name = match inquiry {
            Inquiry::LookUp(name) => name,
            Inquiry::List => {
                let services = self.core.services_for(&self.node);
                return self.say_in(epoch, &Envelope::Services { ask, services });
            }
        };
        let refuse = |refusal| self.say_in(epoch, &Envelope::Refusal { ask, refusal });
        let Some(local) = self.core.find_service(name) else { return refuse(Refusal::NoSuchService) };
        if !local.mailbox().permits(&self.node) {
            return refuse(Refusal::NotAllowed);
        }
        self.with(|state, after| {
            if state.epoch != epoch || state.link != Link::Up {
                return;
            }
            let room = state.exports.len() < self.core.limits.max_exports;
            let offer = if room { self.offer_local(state, after, &local, Lane::CONTROL) } else { None };
            match offer {
                Some(offer) => state.say(&Envelope::Found { ask, offer }),
                None => state.say(&Envelope::Refusal { ask, refusal: Refusal::NoRoom }),
            }
        });
    }

    /// Answers that nobody reads end the session; until that is noticed they are not piled up.
    pub(super) fn has_room_for_answers(&self, epoch: u64) -> bool {
        let mut state = lock(&self.state);
        state.epoch == epoch && state.link == Link::Up && state.check_fault().is_ok()
    }
}

impl State {
    /// The peer holds, in this session, what it may have held before.
    pub(super) fn hold_again(&mut self, tag: Tag) -> Option<Offer> {
        let export: &mut Export = self.exports.get_mut(tag).ok()?;
        export.carried = false;
        export.refs += 1;
        export.lanes |= 1 << Lane::CONTROL.index();
        let lease = export.lease.take();
        let offer = export.offer(tag);
        if let Some(lease) = lease {
            self.leases.remove(&(lease, tag));
        }
        Some(offer)
    }
}
