//! The receiving half of a session.

mod deliver;
mod keys;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};
use chunk_proto::{MessageId, NodeBudget, Reassembler};
use rand_core::CryptoRng;
use secure_channel::{HEADER_BYTES, Opener, Rekey, TAG_BYTES};

use crate::credit::Window;
use crate::error::{CloseReason, Error, PeerFault, StopReason};
use crate::feedback::Feedback;
use crate::inbound::{Batch, InStream};
use crate::limits::Limits;
use crate::meter::{Meter, Meters};
use crate::record::{Reader, Record};
use crate::stream::{Priority, StreamId, StreamName};

/// What arrived. The events of one stream come in the order in which its sender sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The first packet opened: the peer holds the session's keys, and the session is confirmed.
    Confirmed,
    /// The peer opened a stream. Refuse it with [`Rx::refuse`] if nobody wants it.
    Opened {
        /// The stream.
        stream: StreamId,
        /// Its name.
        name: StreamName,
        /// Its priority at the sender.
        priority: Priority,
        /// Where the cost of consumed messages is returned.
        meter: Meter,
    },
    /// Small messages.
    Messages {
        /// Their stream.
        stream: StreamId,
        /// The messages.
        batch: Batch,
    },
    /// A large message begins. Its pieces follow, then [`Finished`](Self::Finished) or
    /// [`Aborted`](Self::Aborted); no other message of the stream comes between.
    Started {
        /// Its stream.
        stream: StreamId,
        /// Its length.
        total_bytes: u64,
    },
    /// The next bytes of a large message. Their cost is their length.
    Piece {
        /// The message's stream.
        stream: StreamId,
        /// The bytes; they may share memory with the packet they came in.
        bytes: Bytes,
    },
    /// A large message is complete. The cost of the message itself is
    /// [`MESSAGE_COST_BYTES`](crate::MESSAGE_COST_BYTES).
    Finished {
        /// Its stream.
        stream: StreamId,
    },
    /// The rest of a large message will not come: its sender gave it up, or this node has no room for it.
    /// Costs the same as [`Finished`](Self::Finished).
    Aborted {
        /// Its stream.
        stream: StreamId,
    },
    /// The sender ended the stream.
    Ended {
        /// The stream.
        stream: StreamId,
    },
    /// The peer closed the session.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// The receiving half of a session: opens packets, puts messages in order, keeps the peer within its credit.
///
/// Belongs to whoever reads the session's paths; no lock. The four method families, in any order:
///
/// * inputs: [`handle_packet`](Self::handle_packet), [`handle_consumed`](Self::handle_consumed),
///   [`handle_timeout`](Self::handle_timeout);
/// * commands: [`refuse`](Self::refuse), [`rekey`](Self::rekey), [`rest`](Self::rest), [`close`](Self::close);
/// * outputs: [`poll_event`](Self::poll_event), [`feedback`](Self::feedback) (give it to
///   [`Tx::apply`](crate::Tx::apply) after each batch of packets), [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Rx {
    opener: Opener,
    rekey: Rekey,
    /// When the present keys came into use.
    keyed_at: Instant,
    /// Since when the keys before them are only held for packets in flight.
    moved_at: Option<Instant>,
    limits: Arc<Limits>,
    meters: Arc<Meters>,
    window: Window,
    /// On the heap each: a node of the map has room for eleven, and most sessions have one or two.
    streams: BTreeMap<StreamId, Box<InStream>>,
    /// The highest stream that was opened: ids are never used twice.
    last_stream: u32,
    /// Once there was a large message.
    reassembler: Option<Box<Reassembler>>,
    budget: NodeBudget,
    /// Large messages under way, to find the stream of one that expires.
    messages: BTreeMap<MessageId, (StreamId, u64)>,
    /// Marks of messages given up, over all streams.
    given_up_ahead: usize,
    events: VecDeque<Event>,
    feedback: Feedback,
    due: Vec<StreamId>,
    closed: bool,
}

impl Rx {
    /// The receiving half over a fresh session. `budget` is shared by all sessions of a node; `limits` may be.
    #[must_use]
    pub fn new(
        now: Instant,
        opener: Opener,
        rekey: Rekey,
        limits: impl Into<Arc<Limits>>,
        budget: NodeBudget,
    ) -> Self {
        let limits = Limits::shared(limits);
        let window = Window::new(limits.session_window_bytes);
        Self {
            opener,
            rekey,
            keyed_at: now,
            moved_at: None,
            meters: Meters::new(&window),
            window,
            streams: BTreeMap::new(),
            last_stream: 0,
            reassembler: None,
            budget,
            messages: BTreeMap::new(),
            given_up_ahead: 0,
            events: VecDeque::new(),
            feedback: Feedback::default(),
            due: Vec::new(),
            limits,
            closed: false,
        }
    }

    /// Takes a sealed packet as it came from a path.
    ///
    /// # Errors
    /// [`Error::Rejected`] if it does not open: nothing changed. [`Error::Peer`] if it opened and breaks the
    /// protocol: close the session. [`Error::Closed`].
    pub fn handle_packet(
        &mut self,
        now: Instant,
        rng: &mut dyn CryptoRng,
        mut packet: BytesMut,
    ) -> Result<(), Error> {
        if self.closed {
            return Err(Error::Closed);
        }
        let (_, committed) = self.opener.open(&mut packet).map_err(|_| Error::Rejected)?;
        if committed.confirms {
            self.events.push_back(Event::Confirmed);
        }
        if committed.moved {
            self.keys_moved(now, committed.generation);
        }
        let end = packet.len() - TAG_BYTES;
        packet.truncate(end);
        packet.advance(HEADER_BYTES);
        let plaintext = packet.freeze();
        self.handle_records(now, rng, &plaintext)?;
        Ok(())
    }

    /// Grants the peer new credit after a consumer asked for it (see [`Meter::consume`]).
    pub fn handle_consumed(&mut self) {
        if !self.meters.is_due() {
            return;
        }
        self.meters.take_due(&mut self.due);
        for id in self.due.drain(..) {
            if let Some(stream) = self.streams.get_mut(&id)
                && let Some(limit) = stream.meter.grant(&mut stream.window)
            {
                self.feedback.news.grant.insert(id, limit);
            }
        }
        if let Some(limit) = self.meters.grant(&mut self.window) {
            self.feedback.news.grant.insert(StreamId::SESSION, limit);
        }
    }

    /// Lets deadlines pass: messages that do not continue, keys that are old. Calling it too early or too
    /// often does nothing.
    pub fn handle_timeout(&mut self, now: Instant, rng: &mut dyn CryptoRng) {
        if let Some(reassembler) = &mut self.reassembler {
            reassembler.handle_timeout(now);
        }
        self.take_reassembled();
        self.keys_timeout(now, rng);
    }

    /// Nobody wants this stream: the peer is told, and what still comes on it is dropped.
    pub fn refuse(&mut self, id: StreamId, reason: StopReason) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.refused
        {
            stream.refused = true;
            // What arrived in the same packets went nowhere: it must not be confirmed.
            self.feedback.news.delivered.remove(&id);
            self.feedback.news.refuse.insert(id, reason);
            self.drop_held(id);
        }
    }

    /// Erases the keys; nothing opens any more.
    pub fn close(&mut self) {
        self.closed = true;
        self.opener.close();
    }

    /// Lets go of what the last packets needed and the next ones may not: nothing is expected now.
    pub fn rest(&mut self) {
        self.events.shrink_to(0);
    }

    /// What arrived, in order.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What [`Tx`](crate::Tx) must know.
    pub fn feedback(&mut self) -> &mut Feedback {
        &mut self.feedback
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next; `None` is never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reassembly = self.reassembler.as_ref().and_then(|reassembler| reassembler.poll_timeout());
        [reassembly, self.keys_deadline()].into_iter().flatten().min()
    }

    /// Whether a large message is under way: then the session counts as used.
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        !self.messages.is_empty()
    }

    fn handle_records(
        &mut self,
        now: Instant,
        rng: &mut dyn CryptoRng,
        plaintext: &Bytes,
    ) -> Result<(), PeerFault> {
        let mut records = Reader::new(plaintext);
        while let Some(record) = records.next()? {
            match record {
                Record::Message(first) => self.messages(first, &mut records, plaintext)?,
                Record::Chunk { stream, number, acked, chunk } => {
                    let chunk = plaintext.slice_ref(chunk);
                    self.chunk(now, stream, number, acked, chunk)?;
                }
                other => self.control(now, rng, other)?,
            }
        }
        Ok(())
    }

    fn control(
        &mut self,
        now: Instant,
        rng: &mut dyn CryptoRng,
        record: Record<'_>,
    ) -> Result<(), PeerFault> {
        match record {
            Record::Open { stream, priority, name } => self.open(stream, priority, name)?,
            Record::End { stream, next } => self.end(stream, next)?,
            Record::Reset { stream, number } => self.reset(stream, number)?,
            Record::Stop { stream, reason } => {
                self.check_room(self.feedback.stops.len())?;
                self.feedback.stops.insert(stream, reason);
            }
            Record::Credit { stream, limit } => {
                self.check_room(self.feedback.credits.len())?;
                self.feedback.credits.insert(stream, limit);
            }
            Record::Ack { stream, next } => {
                self.check_room(self.feedback.acks.len())?;
                self.feedback.acks.insert(stream, next);
            }
            Record::Ping { number } => self.feedback.news.pong = Some(number),
            Record::Pong { number } => self.feedback.pong = Some(number),
            Record::RekeyRequest { message } => self.rekey_request(rng, message)?,
            Record::RekeyResponse { message } => self.rekey_response(now, message)?,
            Record::Close { reason } => {
                self.feedback.closed = Some(reason);
                self.events.push_back(Event::Closed { reason });
                self.close();
            }
            Record::Confirm | Record::Message(_) | Record::Chunk { .. } => {}
        }
        Ok(())
    }

    /// Which streams of ours are open only the sending half knows. Here it is enough that news about more of them than
    /// there can be, between two looks of that half, are not kept.
    fn check_room(&self, known: usize) -> Result<(), PeerFault> {
        if known > 2 * self.limits.max_streams { Err(PeerFault::UnknownStream) } else { Ok(()) }
    }

    fn open(&mut self, id: StreamId, priority: Priority, name: StreamName) -> Result<(), PeerFault> {
        if id.0 <= self.last_stream {
            return Err(PeerFault::UnknownStream);
        }
        if self.streams.len() >= self.limits.max_streams {
            return Err(PeerFault::TooManyStreams);
        }
        self.last_stream = id.0;
        let window = Window::new(self.limits.stream_window_bytes);
        let meter = Meter::new(id, &window, Arc::clone(&self.meters));
        let stream = InStream::new(window, meter.clone());
        self.streams.insert(id, Box::new(stream));
        self.events.push_back(Event::Opened { stream: id, name, priority, meter });
        Ok(())
    }
}
