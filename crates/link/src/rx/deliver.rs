//! Putting messages in order, and keeping the peer within its credit.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use chunk_proto::{Accepted, ChunkHeader, MessageId, Reassembler};

use super::{Event, Rx};
use crate::credit::{MESSAGE_COST_BYTES, Window, cost};
use crate::error::{PeerFault, StopReason};
use crate::inbound::{Batch, Held, InStream, Partial, Run, shared_or_copied};
use crate::record::{Message, Reader};
use crate::stream::StreamId;

/// Messages given up before anything of them arrived, over all streams of a session.
const MAX_GIVEN_UP_AHEAD: usize = 1_024;

impl Rx {
    /// Takes a small message, and those of its stream that follow in its packet: as a run as long as each is the next one,
    /// else aside.
    pub(super) fn messages<'a>(
        &mut self,
        first: Message<'a>,
        records: &mut Reader<'a>,
        plaintext: &'a Bytes,
    ) -> Result<(), PeerFault> {
        let id = first.stream;
        let stream = self.streams.get_mut(&id).ok_or(PeerFault::UnknownStream)?;
        let mut run = Run::new(plaintext);
        let mut next = Some(first);
        let mut acked = false;
        while let Some(message) = next {
            let cost = cost(message.payload.len());
            charge(&mut stream.window, &mut self.window, cost)?;
            if stream.refused {
                give_back(stream, cost);
            } else if !stream.may_begin(message.number) {
                return Err(PeerFault::BadMessage);
            } else if message.number == stream.next {
                stream.next += 1;
                acked |= message.acked;
                run.push(&message, records.rest(), cost);
                if !stream.held.is_empty() || stream.end.is_some() {
                    break;
                }
            } else {
                let (number, acked) = (message.number, message.acked);
                let message = Bytes::copy_from_slice(message.payload);
                stream.held.insert(number, Held::Whole { message, acked });
                if !run.is_empty() {
                    // A run lies in one piece: it would keep, unpaid, what lies between its messages.
                    break;
                }
            }
            next = records.next_message_of(id);
        }
        if acked {
            self.feedback.news.delivered.insert(id, stream.next);
        }
        if let Some(batch) = run.into_batch() {
            self.events.push_back(Event::Messages { stream: id, batch });
            self.advance(id);
        }
        Ok(())
    }

    /// Takes a chunk of a large message.
    pub(super) fn chunk(
        &mut self,
        now: Instant,
        id: StreamId,
        number: u64,
        acked: bool,
        chunk: Bytes,
    ) -> Result<(), PeerFault> {
        let (header, used) = ChunkHeader::decode(&chunk).map_err(PeerFault::BadChunk)?;
        let cost = chunk_cost(&header);
        let stream = self.streams.get_mut(&id).ok_or(PeerFault::UnknownStream)?;
        charge(&mut stream.window, &mut self.window, cost)?;
        if stream.refused || number < stream.next || matches!(stream.held.get(&number), Some(Held::GivenUp)) {
            // The rest of a message that nobody waits for any more.
            give_back(stream, cost);
            return Ok(());
        }
        self.begin(id, number, acked, &header)?;
        if let Some((_, partial)) = self.partial(header.message()) {
            partial.owed += cost;
        }
        let payload = shared_or_copied(&chunk, used..chunk.len());
        let Self { reassembler, limits, budget, .. } = self;
        let reassembler = reassembler
            .get_or_insert_with(|| Box::new(Reassembler::new(limits.reassembly(), budget.clone())));
        match reassembler.accept(now, header, payload) {
            // Its id was used before: nothing of it would ever be handed out, and nothing counts what is held of it.
            Ok(Accepted::Ended) => return Err(PeerFault::BadMessage),
            Ok(_) => {}
            Err(error) if error.is_no_room() => {
                self.refuse(id, StopReason::NoRoom);
            }
            Err(error) => return Err(PeerFault::BadChunk(error)),
        }
        self.take_reassembled();
        Ok(())
    }

    /// Makes a large message known with its first chunk, and holds the later ones against it.
    fn begin(
        &mut self,
        id: StreamId,
        number: u64,
        acked: bool,
        header: &ChunkHeader,
    ) -> Result<(), PeerFault> {
        let message = header.message();
        match self.messages.get(&message) {
            Some(&known) if known == (id, number) => return Ok(()),
            Some(_) => return Err(PeerFault::BadMessage),
            None => {}
        }
        let stream = self.streams.get_mut(&id).ok_or(PeerFault::UnknownStream)?;
        if !stream.may_begin(number) {
            return Err(PeerFault::BadMessage);
        }
        let total_bytes = header.outline().total_bytes();
        let partial =
            Partial { id: message, acked, total_bytes, owed: 0, pieces: VecDeque::new(), complete: false };
        stream.held.insert(number, Held::Chunked(partial));
        self.messages.insert(message, (id, number));
        Ok(())
    }

    /// Takes what the reassembler has to say.
    pub(super) fn take_reassembled(&mut self) {
        use chunk_proto::Event as Reassembled;
        while let Some(event) = self.reassembler.as_mut().and_then(|reassembler| reassembler.poll_event()) {
            match event {
                Reassembled::Piece { message, bytes, .. } => {
                    if let Some((id, partial)) = self.partial(message) {
                        partial.pieces.push_back(bytes);
                        self.advance(id);
                    }
                }
                Reassembled::Complete { message, .. } => {
                    if let Some((id, partial)) = self.partial(message) {
                        partial.complete = true;
                        self.messages.remove(&message);
                        self.advance(id);
                    }
                }
                Reassembled::Expired { message, .. } | Reassembled::Doomed { message, .. } => {
                    if let Some((id, number)) = self.messages.remove(&message) {
                        self.give_up(id, number);
                        self.advance(id);
                    }
                }
                Reassembled::Started { .. } | Reassembled::Progress { .. } => {}
            }
        }
    }

    /// The sender gave up a message.
    pub(super) fn reset(&mut self, id: StreamId, number: u64) -> Result<(), PeerFault> {
        let stream = self.streams.get_mut(&id).ok_or(PeerFault::UnknownStream)?;
        if stream.refused || number < stream.next {
            return Ok(());
        }
        match stream.held.get(&number) {
            Some(Held::Chunked(partial)) => {
                let message = partial.id;
                if let Some(reassembler) = &mut self.reassembler {
                    reassembler.abandon(message);
                }
                self.messages.remove(&message);
            }
            Some(Held::Whole { .. }) => return Err(PeerFault::BadMessage),
            Some(Held::GivenUp) => return Ok(()),
            None if self.given_up_ahead >= MAX_GIVEN_UP_AHEAD => return Err(PeerFault::BadMessage),
            None => {}
        }
        self.give_up(id, number);
        self.advance(id);
        Ok(())
    }

    /// The sender will send nothing more on this stream.
    pub(super) fn end(&mut self, id: StreamId, next: u64) -> Result<(), PeerFault> {
        let stream = self.streams.get_mut(&id).ok_or(PeerFault::UnknownStream)?;
        let beyond = stream.held.last_key_value().is_some_and(|(&number, _)| number >= next);
        if stream.end.is_some() || next < stream.next || beyond {
            return Err(PeerFault::BadMessage);
        }
        if stream.refused {
            // Its messages are not counted, so nothing is waited for.
            self.streams.remove(&id);
            self.events.push_back(Event::Ended { stream: id });
            return Ok(());
        }
        stream.end = Some(next);
        self.advance(id);
        Ok(())
    }

    /// Drops what a refused stream holds.
    pub(super) fn drop_held(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        for (number, held) in std::mem::take(&mut stream.held) {
            match held {
                Held::Whole { message, .. } => give_back(stream, cost(message.len())),
                Held::Chunked(partial) => {
                    if let Some(reassembler) = &mut self.reassembler {
                        reassembler.abandon(partial.id);
                    }
                    self.messages.remove(&partial.id);
                    stream.settle(number, &partial);
                }
                Held::GivenUp => self.given_up_ahead -= 1,
            }
        }
        if std::mem::take(&mut stream.started) {
            self.events.push_back(Event::Aborted { stream: id });
        }
    }

    /// Puts a mark where a message would have been.
    fn give_up(&mut self, id: StreamId, number: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        self.given_up_ahead += 1;
        if let Some(Held::Chunked(partial)) = stream.held.insert(number, Held::GivenUp) {
            stream.settle(number, &partial);
        }
    }

    /// Hands out what has become a stream's turn.
    fn advance(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        while let Some(held) = stream.held.get_mut(&stream.next) {
            let acked = match held {
                Held::Whole { message, acked } => {
                    let batch = Batch::one(std::mem::take(message));
                    self.events.push_back(Event::Messages { stream: id, batch });
                    *acked
                }
                Held::Chunked(partial) => {
                    // Not before its first chunk, which pays for the message: its consumer will return that cost.
                    if partial.pieces.is_empty() && !partial.complete {
                        return;
                    }
                    if !stream.started {
                        stream.started = true;
                        self.events
                            .push_back(Event::Started { stream: id, total_bytes: partial.total_bytes });
                    }
                    while let Some(bytes) = partial.pieces.pop_front() {
                        partial.owed -= partial.owed.min(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                        self.events.push_back(Event::Piece { stream: id, bytes });
                    }
                    if !partial.complete {
                        return;
                    }
                    stream.started = false;
                    self.events.push_back(Event::Finished { stream: id });
                    partial.acked
                }
                Held::GivenUp => {
                    self.given_up_ahead -= 1;
                    if std::mem::take(&mut stream.started) {
                        self.events.push_back(Event::Aborted { stream: id });
                    }
                    false
                }
            };
            stream.held.remove(&stream.next);
            stream.next += 1;
            if acked {
                self.feedback.news.delivered.insert(id, stream.next);
            }
        }
        if stream.end == Some(stream.next) {
            self.streams.remove(&id);
            self.events.push_back(Event::Ended { stream: id });
        }
    }

    fn partial(&mut self, message: MessageId) -> Option<(StreamId, &mut Partial)> {
        let &(id, number) = self.messages.get(&message)?;
        match self.streams.get_mut(&id)?.held.get_mut(&number)? {
            Held::Chunked(partial) => Some((id, partial)),
            Held::Whole { .. } | Held::GivenUp => None,
        }
    }
}

/// Charges what the peer sends to its stream's window and to the session's.
#[inline]
fn charge(stream: &mut Window, session: &mut Window, cost: u64) -> Result<(), PeerFault> {
    if !stream.admits(cost) || !session.admits(cost) {
        return Err(PeerFault::CreditExceeded);
    }
    stream.receive(cost);
    session.receive(cost);
    Ok(())
}

/// What a chunk costs: the bytes it covers, and with the first one the message itself (PROTOCOL.md §8).
fn chunk_cost(header: &ChunkHeader) -> u64 {
    let begin = if header.index() == 0 { MESSAGE_COST_BYTES } else { 0 };
    begin + u64::try_from(header.covered_bytes()).unwrap_or(u64::MAX / 2)
}

impl InStream {
    /// Returns what the peer paid for a message that ends early, except for what its consumer returns: the
    /// pieces it was handed and, once it knows of the message, the cost of the message itself.
    fn settle(&self, number: u64, partial: &Partial) {
        let known = self.started && number == self.next;
        let message = if known { MESSAGE_COST_BYTES } else { 0 };
        give_back(self, partial.owed.saturating_sub(message));
    }
}

/// Returns the cost of what no consumer will see. Grants follow with the next
/// [`Rx::handle_consumed`](super::Rx::handle_consumed), which the reader calls after each batch anyway.
fn give_back(stream: &InStream, cost: u64) {
    let _ = stream.meter.consume(cost);
}
