//! Handing out packets to seal, one at a time, the most urgent first.

use chunk_proto::{MessageId, Supply};

use super::content::chunk_cost;
use super::{State, Tx};
use crate::limits::Limits;
use crate::operation::Outcome;
use crate::outbound::{Content, Place, Unacked};
use crate::packet::{ChunkJob, PacketBuffer, SealJob};
use crate::record::Record;
use crate::stream::StreamId;

/// Small messages up to this size in sum join the packet of the news instead of taking their own.
const MAX_JOINED_BYTES: usize = 4 << 10;

impl Tx {
    /// The next packet to seal and write; `None` when there is nothing to send. Ask for one only when the
    /// carrier can take it: until then urgent messages can still overtake.
    pub fn poll_transmit(&mut self) -> Option<SealJob> {
        let job = self.next_packet();
        if job.is_none() {
            self.asleep = true;
        } else if !self.parked.is_empty() {
            self.pump_parked();
        }
        job
    }

    pub(super) fn has_output(&self) -> bool {
        match self.state {
            State::Closed => false,
            State::Closing(_) => true,
            State::Open => {
                self.has_control()
                    || !self.urgent.is_empty()
                    || !self.normal.is_empty()
                    || !self.rotation.is_empty()
            }
        }
    }

    fn next_packet(&mut self) -> Option<SealJob> {
        if self.state == State::Closed {
            return None;
        }
        if let Some(buffer) = self.urgent_packet() {
            return self.job(buffer, None);
        }
        self.chunk_turn = !self.chunk_turn;
        if (self.chunk_turn || self.normal.is_empty())
            && let Some(chunk) = self.chunk_job()
        {
            let buffer = self.empty_packet();
            return self.job(buffer, Some(chunk));
        }
        if let Some(buffer) = self.normal.pop() {
            return self.job(buffer, None);
        }
        let State::Closing(reason) = self.state else { return None };
        let mut buffer = self.empty_packet();
        Record::Close { reason }.append_to(&mut buffer);
        let job = self.job(buffer, None);
        self.state = State::Closed;
        self.sealer.close();
        job
    }

    /// Urgent messages, and news with whatever small messages can join them.
    fn urgent_packet(&mut self) -> Option<PacketBuffer> {
        if !self.has_control() {
            return self.urgent.pop();
        }
        // News come first: a stream is opened before its first message.
        let mut buffer = self.empty_packet();
        self.append_control(&mut buffer);
        for packing in [&mut self.urgent, &mut self.normal] {
            if buffer.filled() + MAX_JOINED_BYTES <= self.layout.end
                && let Some(joined) = packing.pop_small(MAX_JOINED_BYTES, self.layout)
            {
                buffer.append(joined.slice(self.layout.first..joined.filled()));
                self.pool.give(joined);
            }
        }
        Some(buffer)
    }

    /// A chunk of the stream whose turn it is.
    fn chunk_job(&mut self) -> Option<ChunkJob> {
        while let Some(id) = self.rotation.pop() {
            if let Some(job) = self.chunk_of(id) {
                return Some(job);
            }
        }
        None
    }

    fn chunk_of(&mut self, id: StreamId) -> Option<ChunkJob> {
        // Session credit may have gone since the stream was placed.
        let stream = self.streams.get_mut(&id)?;
        stream.place = Place::Idle;
        let front = stream.queue.front_mut()?;
        let Content::Chunked { chunker, begun } = &mut front.content else {
            self.place(id);
            return None;
        };
        let cost = chunk_cost(chunker, begun.is_some());
        if cost > stream.allowance.left() || cost > self.session.left() || chunker.state() != Supply::Ready {
            self.place(id);
            return None;
        }
        let begun = *begun.get_or_insert_with(|| {
            self.next_message += 1;
            (stream.next_number, MessageId(self.next_message))
        });
        stream.next_number = begun.0 + 1;
        let draft = chunker.next_draft()?;
        stream.allowance.spend(cost);
        self.session.spend(cost);
        let (number, message) = begun;
        let job = ChunkJob { stream: id, number, acked: front.confirm, message, draft };
        if chunker.is_done()
            && let Some(front) = stream.queue.pop_front()
        {
            self.waiting -= 1;
            match front.operation {
                Some(operation) if front.confirm => stream.unacked.push_back(Unacked { number, operation }),
                Some(operation) => self.done(operation, Outcome::Accepted),
                None => {}
            }
        }
        self.place(id);
        Some(job)
    }

    fn empty_packet(&self) -> PacketBuffer {
        let mut buffer = self.pool.take();
        buffer.set_filled(self.layout.first);
        buffer
    }

    fn job(&mut self, buffer: PacketBuffer, chunk: Option<ChunkJob>) -> Option<SealJob> {
        match self.sealer.reserve(self.path) {
            Ok(ticket) => {
                let Limits { headroom_bytes, tailroom_bytes, .. } = *self.limits;
                Some(SealJob { ticket, buffer, start: headroom_bytes, chunk, tailroom: tailroom_bytes })
            }
            Err(_) => {
                // Numbers are exhausted, which a rekey long before should have prevented.
                self.fail();
                None
            }
        }
    }
}
