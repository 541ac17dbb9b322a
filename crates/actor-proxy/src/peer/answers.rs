//! Answers to the peer's questions, and the end of ours.

use std::sync::Arc;
use std::task::Waker;

use super::aftermath::Trash;
use super::{Link, Peer, Pending};
use crate::envelope::{Envelope, Head, Listed, Refusal};
use crate::error::{AskError, ServiceError};
use crate::node_id::ServiceName;
use crate::outbox::Lane;
use crate::parcel::Passenger;
use crate::proxy::Proxy;
use crate::reply::RemoteReply;
use crate::slot::Slot;
use crate::table::Tag;
use crate::written::Written;

impl Peer {
    /// Answers. Room for it was set aside with the question; a peer that does not read its answers loses them.
    pub(crate) fn reply(self: &Arc<Self>, to: &RemoteReply, body: Written, table: Vec<Passenger>) {
        for passenger in &table {
            if let Passenger::Reply(reply) = passenger {
                // Claimed for the answer, as a message does with its own.
                reply.claim();
            }
        }
        self.with(|state, after| {
            state.open_replies = state.open_replies.saturating_sub(1);
            if state.epoch == to.epoch && state.link == Link::Up {
                let lane = Lane::of(to.ask);
                let waiting = state.outbox.bytes() - state.outbox.bytes_of(Lane::CONTROL);
                let room = waiting < self.core.limits.backlog_bytes();
                if body.len() > state.body_limit {
                    state.say(&Envelope::Refusal { ask: to.ask, refusal: Refusal::ReplyFailed });
                } else if !room || self.check_table(state, &table).is_err() {
                    state.say(&Envelope::Refusal { ask: to.ask, refusal: Refusal::NoRoom });
                } else {
                    let entries = self.entries(state, after, &table, (lane, to.format));
                    let head = Head::reply(to.ask, &entries);
                    body.push(&mut state.outbox, lane, head.as_bytes());
                    after.trash.push(Trash::Passengers(table));
                    return;
                }
            }
            // Questions inside an answer that nobody gets end with it.
            let replies = table.iter().filter_map(|passenger| match passenger {
                Passenger::Reply(reply) => Some((Arc::clone(reply), AskError::NoReply)),
                _ => None,
            });
            after.failures.extend(replies);
            after.trash.push(Trash::Passengers(table));
            after.trash.push(Trash::Body(body));
        });
    }

    /// Ends a question of the peer without an answer.
    pub(crate) fn refuse_reply(self: &Arc<Self>, to: &RemoteReply, why: &AskError) {
        self.with(|state, _| {
            state.open_replies = state.open_replies.saturating_sub(1);
            if state.epoch == to.epoch {
                state.say(&Envelope::Refusal { ask: to.ask, refusal: Refusal::of(why) });
            }
        });
    }

    /// Nobody waits for this answer any more.
    pub(crate) fn forget_ask(self: &Arc<Self>, ask: Tag) {
        self.with(|state, after| match state.remove_ask(ask) {
            Some(Pending::Reply { reply, .. }) => after.trash.push(Trash::Reply(reply)),
            Some(Pending::Confirm { .. } | Pending::LookUp(_) | Pending::List(_)) | None => {}
        });
    }

    /// Asks for the address of a service.
    pub(crate) fn look_up(
        self: &Arc<Self>,
        name: &ServiceName,
        slot: &Arc<Slot<Result<Arc<Proxy>, ServiceError>>>,
    ) -> Option<Tag> {
        let pending = Pending::LookUp(Arc::clone(slot));
        let name = name.clone();
        self.inquire(pending, |ask| Envelope::LookUp { ask, name }, |error| slot.set(Err(error)))
    }

    /// Asks which services this node may use.
    pub(crate) fn list(self: &Arc<Self>, slot: &Arc<Slot<Result<Vec<Listed>, ServiceError>>>) -> Option<Tag> {
        self.inquire(
            Pending::List(Arc::clone(slot)),
            |ask| Envelope::List { ask },
            |error| slot.set(Err(error)),
        )
    }

    fn inquire(
        self: &Arc<Self>,
        pending: Pending,
        news: impl FnOnce(Tag) -> Envelope,
        failed: impl FnOnce(ServiceError) -> Option<Waker>,
    ) -> Option<Tag> {
        self.with(|state, after| {
            let error = match state.link {
                Link::Up => match state.asks.insert(pending) {
                    Ok(ask) => {
                        state.say(&news(ask));
                        return Some(ask);
                    }
                    Err(_) => AskError::NoRoom,
                },
                Link::Down | Link::Wanted => AskError::Lost { maybe_delivered: false },
            };
            after.wakes.extend(failed(error.into()));
            None
        })
    }
}
