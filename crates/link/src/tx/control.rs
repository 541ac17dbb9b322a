//! News: what the receiving half learned, and what travels to the peer in front of messages.

use super::{State, Tx};
use crate::feedback::{Feedback, News};
use crate::operation::{Outcome, TxEvent};
use crate::outbound::Place;
use crate::packet::PacketBuffer;
use crate::record::Record;
use crate::stream::StreamId;

/// The most that one record of control takes, rekey messages apart: OPEN with the longest name.
const MAX_CONTROL_RECORD_BYTES: usize = 1 + 5 + 2 + crate::StreamName::MAX_BYTES;

/// News about streams that may wait for a peer which does not read. Streams that are open are far fewer; only one that
/// opens and ends them without ever reading gets here.
const MAX_PENDING_NEWS: usize = 32_768;

impl Tx {
    pub(super) fn apply_news(&mut self, feedback: &mut Feedback) {
        if let Some(next) = feedback.install.take() {
            // Fails only after the close, when there is nothing left to seal.
            let _ = self.sealer.install(next);
        }
        if let Some(generation) = feedback.follow.take() {
            self.sealer.follow(generation);
        }
        self.confirm |= std::mem::take(&mut feedback.confirm);
        while let Some((id, limit)) = feedback.credits.pop_first() {
            self.credit(id, limit);
        }
        while let Some((id, next)) = feedback.acks.pop_first() {
            let done = self.streams.get_mut(&id).map(|stream| stream.acknowledge(next)).unwrap_or_default();
            for operation in done {
                self.done(operation, Outcome::Confirmed);
            }
            self.forget_ended(id);
        }
        while let Some((id, reason)) = feedback.stops.pop_first() {
            self.stop(id, reason);
        }
        self.events.extend(feedback.pong.take().map(|number| TxEvent::Pong { number }));
        self.control.append(&mut feedback.news);
        if feedback.closed.take().is_some() || self.control.len() > MAX_PENDING_NEWS {
            self.fail();
        }
        if self.state == State::Closed {
            self.control = News::default();
        }
    }

    fn credit(&mut self, id: StreamId, limit: u64) {
        if id == StreamId::SESSION {
            self.session.raise(limit);
        } else if let Some(stream) = self.streams.get_mut(&id)
            && stream.allowance.raise(limit)
            && stream.place == Place::NoCredit
        {
            self.place(id);
        }
    }

    fn stop(&mut self, id: StreamId, reason: crate::StopReason) {
        self.leave_place(id);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.stopped = Some(reason);
        let mut stopped: Vec<_> = stream.unacked.drain(..).map(|unacked| (unacked.operation, true)).collect();
        self.waiting -= stream.queue.len();
        let waiting = stream.queue.drain(..);
        stopped.extend(waiting.filter_map(|one| Some((one.operation?, one.has_begun()))));
        for (operation, maybe_delivered) in stopped {
            self.done(operation, Outcome::Stopped { reason, maybe_delivered });
        }
        self.finish_if_ending(id);
        self.forget_ended(id);
    }

    /// Lets go of a stream whose end was sent and whose messages are all acknowledged where asked.
    fn forget_ended(&mut self, id: StreamId) {
        if self.streams.get(&id).is_some_and(|stream| stream.ended && stream.unacked.is_empty()) {
            self.streams.remove(&id);
        }
    }

    /// Whether there is news for the peer.
    pub(super) fn has_control(&self) -> bool {
        self.confirm
            || !self.opening.is_empty()
            || !self.resets.is_empty()
            || !self.ends.is_empty()
            || !self.control.is_empty()
    }

    /// Appends as much news as fits.
    pub(super) fn append_control(&mut self, buffer: &mut PacketBuffer) {
        let end = self.layout.end;
        let fits = |buffer: &PacketBuffer| buffer.filled() + MAX_CONTROL_RECORD_BYTES <= end;
        while fits(buffer) {
            let Some(record) = self.next_control() else { break };
            record.append_to(buffer);
        }
        let rekey_fits = |buffer: &PacketBuffer, message: &Option<Vec<u8>>| {
            message.as_ref().is_some_and(|message| buffer.filled() + message.len() + 8 <= end)
        };
        let Some(rekey) = &mut self.control.rekey else { return };
        if rekey_fits(buffer, &rekey.request)
            && let Some(message) = rekey.request.take()
        {
            Record::RekeyRequest { message: &message }.append_to(buffer);
        }
        if rekey_fits(buffer, &rekey.response)
            && let Some(message) = rekey.response.take()
        {
            Record::RekeyResponse { message: &message }.append_to(buffer);
        }
        if rekey.request.is_none() && rekey.response.is_none() {
            self.control.rekey = None;
        }
    }

    fn next_control(&mut self) -> Option<Record<'static>> {
        if std::mem::take(&mut self.confirm) {
            return Some(Record::Confirm);
        }
        while let Some(id) = self.opening.pop_front() {
            if let Some(stream) = self.streams.get(&id) {
                let name = stream.name.clone();
                return Some(Record::Open { stream: id, priority: stream.options.priority, name });
            }
        }
        if let Some(number) = self.control.pong.take() {
            return Some(Record::Pong { number });
        }
        if let Some(number) = self.control.ping.take() {
            return Some(Record::Ping { number });
        }
        if let Some((stream, limit)) = self.control.grant.pop_first() {
            return Some(Record::Credit { stream, limit });
        }
        if let Some((stream, next)) = self.control.delivered.pop_first() {
            return Some(Record::Ack { stream, next });
        }
        if let Some((stream, reason)) = self.control.refuse.pop_first() {
            return Some(Record::Stop { stream, reason });
        }
        if let Some((stream, number)) = self.resets.pop_front() {
            return Some(Record::Reset { stream, number });
        }
        let id = self.ends.pop_front()?;
        let stream = self.streams.get_mut(&id)?;
        stream.ended = true;
        let next = stream.next_number;
        self.forget_ended(id);
        Some(Record::End { stream: id, next })
    }
}
