//! The sending half of a session.

mod content;
mod control;
mod pump;
mod small;
mod transmit;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use chunk_proto::Supply;
use secure_channel::{PathNumber, Sealer};

use crate::credit::Allowance;
use crate::error::{CloseReason, SendError, TrySendError};
use crate::feedback::{Feedback, News};
use crate::limits::{Limits, PeerLimits};
use crate::operation::{OperationId, Outcome, TxEvent};
use crate::outbound::{Content, OutStream, Place, Waiting};
use crate::packet::{BufferPool, CodingNote};
use crate::packing::{Layout, Packing};
use crate::schedule::Rotation;
use crate::stream::{StreamId, StreamName, StreamOptions};
use content::{chunk_pieces, chunk_whole, is_packable};
use small::Packed;

/// The sending half of a session: streams, credit, packing, and what waits for an outcome.
///
/// Meant to stand behind a lock that senders share with the task that writes: every call is short, and
/// none encrypts. The four method families, in any order:
///
/// * commands: [`open_stream`](Self::open_stream), [`try_send`](Self::try_send),
///   [`try_send_pieces`](Self::try_send_pieces), [`enqueue`](Self::enqueue),
///   [`begin`](Self::begin), [`supply`](Self::supply), [`cancel`](Self::cancel), [`ping`](Self::ping),
///   [`end_stream`](Self::end_stream), [`close`](Self::close), [`fail`](Self::fail);
/// * input: [`apply`](Self::apply);
/// * outputs: [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event);
/// * getters, and [`take_wake`](Self::take_wake).
///
/// # Order
/// Messages of one stream arrive in the order in which they were taken. Between streams the
/// [`Priority`](crate::Priority) decides, chunk by chunk.
#[derive(Debug)]
pub struct Tx {
    sealer: Sealer,
    path: PathNumber,
    limits: Arc<Limits>,
    peer: PeerLimits,
    pool: BufferPool,
    layout: Layout,
    session: Allowance,
    /// On the heap each: a node of the map has room for eleven, and most sessions have one or two.
    streams: BTreeMap<StreamId, Box<OutStream>>,
    names: BTreeMap<StreamName, StreamId>,
    next_stream: u32,
    next_operation: u64,
    next_message: u64,
    /// Messages that wait, over all streams.
    waiting: usize,
    /// News for the peer that travel in front of the next packet.
    control: News,
    opening: VecDeque<StreamId>,
    resets: VecDeque<(StreamId, u64)>,
    ends: VecDeque<StreamId>,
    confirm: bool,
    urgent: Packing,
    normal: Packing,
    rotation: Rotation,
    parked: VecDeque<StreamId>,
    chunk_turn: bool,
    events: VecDeque<TxEvent>,
    state: State,
    /// The writer has nothing to do and was not told otherwise.
    asleep: bool,
}

/// ```text
/// Open ──close()──▶ Closing ──poll_transmit() sends CLOSE──▶ Closed
///   └──fail(), peer's CLOSE, keys exhausted────────────────────▲
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closing(CloseReason),
    Closed,
}

impl Tx {
    /// The sending half over a fresh session. `limits` may be shared with others; `peer` is what the other side announced.
    /// If `confirm`, a
    /// first packet leaves even when there is nothing to say: the initiator confirms at once
    /// (PROTOCOL.md §5).
    #[must_use]
    pub fn new(
        sealer: Sealer,
        path: PathNumber,
        limits: impl Into<Arc<Limits>>,
        peer: PeerLimits,
        confirm: bool,
        pool: BufferPool,
    ) -> Self {
        let limits = Limits::shared(limits);
        let first = limits.headroom_bytes + secure_channel::HEADER_BYTES;
        let end = limits.headroom_bytes + limits.max_packet_bytes - secure_channel::TAG_BYTES;
        Self {
            sealer,
            path,
            limits,
            peer,
            pool,
            layout: Layout { first, end },
            session: Allowance::new(peer.session_window_bytes),
            streams: BTreeMap::new(),
            names: BTreeMap::new(),
            next_stream: 1,
            next_operation: 1,
            next_message: 1,
            waiting: 0,
            control: News::default(),
            opening: VecDeque::new(),
            resets: VecDeque::new(),
            ends: VecDeque::new(),
            confirm,
            urgent: Packing::default(),
            normal: Packing::default(),
            rotation: Rotation::default(),
            parked: VecDeque::new(),
            chunk_turn: false,
            events: VecDeque::new(),
            state: State::Open,
            asleep: true,
        }
    }

    /// The stream of that name, opened if it is not open yet. The options hold for a stream's whole life:
    /// those of an open one stay.
    ///
    /// # Errors
    /// [`SendError::TooManyStreams`], [`SendError::Closed`].
    pub fn open_stream(&mut self, name: &StreamName, options: StreamOptions) -> Result<StreamId, SendError> {
        self.check_open()?;
        if let Some(&id) = self.names.get(name) {
            return Ok(id);
        }
        if self.streams.len() >= self.limits.max_streams || self.next_stream == u32::MAX {
            return Err(SendError::TooManyStreams { limit: self.limits.max_streams });
        }
        let id = StreamId(self.next_stream);
        self.next_stream += 1;
        let stream = OutStream::new(name.clone(), options, self.peer.stream_window_bytes);
        self.streams.insert(id, Box::new(stream));
        self.names.insert(name.clone(), id);
        self.opening.push_back(id);
        Ok(id)
    }

    /// Takes a message if that is possible at once. `Ok(None)`: accepted, nothing more will be heard of
    /// it. With `confirm`, the operation whose outcome will come. A message too large to share a packet is
    /// taken if none waits on its stream, and leaves chunk by chunk as credit permits.
    ///
    /// # Errors
    /// [`TrySendError::Full`] without credit or room, or behind others; [`TrySendError::Refused`] for good.
    pub fn try_send(
        &mut self,
        id: StreamId,
        message: &Bytes,
        confirm: bool,
    ) -> Result<Option<OperationId>, TrySendError> {
        let options = match self.pack(id, message, confirm)? {
            Packed::Yes(operation) => return Ok(operation),
            Packed::No(options) => options,
        };
        let operation = confirm.then(|| next_operation(&mut self.next_operation));
        let content = self.whole(message.clone(), options)?;
        self.push_waiting(id, Waiting { operation, confirm, content })?;
        Ok(operation)
    }

    /// As [`try_send`](Self::try_send) without confirmation, for a message that lies in pieces: one that leaves in chunks is
    /// not copied for it, but for those chunks that cross from one piece into the next.
    ///
    /// # Errors
    /// As there.
    pub fn try_send_pieces(&mut self, id: StreamId, pieces: &[Bytes]) -> Result<(), TrySendError> {
        if let [message] = pieces {
            return self.try_send(id, message, false).map(|_| ());
        }
        let total = pieces.iter().map(Bytes::len).sum();
        self.check_message(id, total)?;
        let Some(stream) = self.streams.get(&id) else { return Err(SendError::NoSuchStream.into()) };
        if is_packable(total, stream.options, self.layout) {
            return self.try_send(id, &pieces.concat().into(), false).map(|_| ());
        }
        if !stream.queue.is_empty() {
            return Err(TrySendError::Full);
        }
        let content = self.pieces(pieces, stream.options)?;
        self.push_waiting(id, Waiting { operation: None, confirm: false, content })?;
        Ok(())
    }

    /// Takes a message into the line. Its outcome comes as an event: [`Outcome::Accepted`], or with
    /// `confirm` [`Outcome::Confirmed`].
    ///
    /// # Errors
    /// See [`SendError`]; then the message was not taken.
    pub fn enqueue(&mut self, id: StreamId, message: Bytes, confirm: bool) -> Result<OperationId, SendError> {
        self.check_message(id, message.len())?;
        let Some(stream) = self.streams.get(&id) else { return Err(SendError::NoSuchStream) };
        let options = stream.options;
        let content = if is_packable(message.len(), options, self.layout) {
            Content::Whole(message)
        } else {
            self.whole(message, options)?
        };
        let operation = next_operation(&mut self.next_operation);
        self.push_waiting(id, Waiting { operation: Some(operation), confirm, content })?;
        Ok(operation)
    }

    /// Begins a message of `total_bytes` that is supplied in pieces with [`supply`](Self::supply); a
    /// [`TxEvent::Hungry`] asks for them when it is its turn. Its outcome is that of a confirmed message.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn begin(&mut self, id: StreamId, total_bytes: u64) -> Result<OperationId, SendError> {
        self.check_open()?;
        self.check_size(total_bytes)?;
        let stream = self.usable_stream(id)?;
        let options = stream.options;
        let chunker = chunk_pieces(total_bytes, options, &self.limits);
        let chunker = chunker.map_err(|_| self.too_large(total_bytes))?;
        let operation = next_operation(&mut self.next_operation);
        let content = Content::Chunked { chunker: Box::new(chunker), begun: None };
        self.push_waiting(id, Waiting { operation: Some(operation), confirm: true, content })?;
        Ok(operation)
    }

    /// Supplies the next piece of a message begun with [`begin`](Self::begin). `Ok(true)` if it could use
    /// more at once; otherwise a [`TxEvent::Hungry`] follows, or the outcome after the last piece.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] if the piece passes the announced total; [`SendError::NoSuchStream`] if the
    /// operation is not waiting for pieces (it may have ended: its outcome tells).
    pub fn supply(&mut self, id: StreamId, operation: OperationId, piece: Bytes) -> Result<bool, SendError> {
        self.check_open()?;
        let stream = self.streams.get_mut(&id).ok_or(SendError::NoSuchStream)?;
        let at = stream.position(operation).ok_or(SendError::NoSuchStream)?;
        let Some(Waiting { content: Content::Chunked { chunker, .. }, .. }) = stream.queue.get_mut(at) else {
            return Err(SendError::NoSuchStream);
        };
        let (bytes, limit) = (u64::try_from(piece.len()).unwrap_or(u64::MAX), chunker.unsupplied_bytes());
        chunker.supply(piece).map_err(|_| SendError::TooLarge { bytes, limit })?;
        let starved = chunker.state() != Supply::Ready;
        if at == 0 && stream.place == Place::Hungry && !starved {
            self.place(id);
        }
        Ok(starved)
    }

    /// Takes back an operation. `true`: nothing of it has left and nothing will. `false`: it has left, at
    /// least in part, and nobody waits for it any more; a message that had left in part is abandoned, which
    /// the far side is told. No event follows in either case.
    pub fn cancel(&mut self, id: StreamId, operation: OperationId) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        if let Some(at) = stream.unacked.iter().position(|unacked| unacked.operation == operation) {
            stream.unacked.remove(at);
            return false;
        }
        let Some(at) = stream.position(operation) else {
            self.events.retain(
                |event| !matches!(event, TxEvent::Done { operation: done, .. } if *done == operation),
            );
            return false;
        };
        let Some(waiting) = stream.queue.remove(at) else { return false };
        self.waiting -= 1;
        if let Content::Chunked { begun: Some((number, _)), .. } = waiting.content {
            self.resets.push_back((id, number));
        }
        if at == 0 {
            self.leave_place(id);
            self.place(id);
        }
        !waiting.has_begun()
    }

    /// Asks the peer to answer with [`TxEvent::Pong`] and the same number. Of several pings that wait
    /// together only the last is sent.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    pub fn ping(&mut self, number: u64) -> Result<(), SendError> {
        self.check_open()?;
        self.control.ping = Some(number);
        Ok(())
    }

    /// Ends a stream after what waits in it. Its name may be opened again.
    pub fn end_stream(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            if std::mem::replace(&mut stream.ending, true) {
                return;
            }
            if self.names.get(&stream.name) == Some(&id) {
                self.names.remove(&stream.name);
            }
            self.finish_if_ending(id);
        }
    }

    /// Closes the session: what was accepted still leaves, then the reason; what waits or is not
    /// acknowledged ends as [`Outcome::Lost`]. For a graceful end call it when [`is_idle`](Self::is_idle).
    pub fn close(&mut self, reason: CloseReason) {
        if self.state == State::Open {
            self.state = State::Closing(reason);
            self.lose_everything();
        }
    }

    /// The session is lost: nothing leaves any more, and every operation ends as [`Outcome::Lost`].
    pub fn fail(&mut self) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.lose_everything();
            self.urgent.clear();
            self.normal.clear();
            self.sealer.close();
        }
    }

    /// Learns how an attempt to compress came out, so that [`Compression::Auto`](chunk_proto::Compression)
    /// stops trying what gains nothing.
    pub fn note(&mut self, note: CodingNote) {
        if let Some(stream) = self.streams.get_mut(&note.stream)
            && let Some(Waiting { content: Content::Chunked { chunker, .. }, .. }) = stream.queue.front_mut()
        {
            chunker.note(note.coding);
        }
    }

    /// Applies what [`Rx`](crate::Rx) learned, and empties it.
    pub fn apply(&mut self, feedback: &mut Feedback) {
        self.apply_news(feedback);
        self.pump_parked();
    }

    /// What happened to operations, in order.
    pub fn poll_event(&mut self) -> Option<TxEvent> {
        self.events.pop_front()
    }

    /// Whether there are events to poll, or a writer to wake.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.events.is_empty() || (self.asleep && self.has_output())
    }

    /// Whether everything that was taken has left and was acknowledged where asked.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting == 0
            && self.urgent.is_empty()
            && self.normal.is_empty()
            && self.streams.values().all(|stream| stream.unacked.is_empty())
    }

    /// Whether nothing waits on that stream: all of it is in packets, or gone with the stream.
    #[must_use]
    pub fn is_stream_empty(&self, id: StreamId) -> bool {
        self.streams.get(&id).is_none_or(|stream| stream.queue.is_empty())
    }

    /// Whether somebody waits for an outcome: then the session counts as used.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.waiting > 0 || self.streams.values().any(|stream| !stream.unacked.is_empty())
    }

    /// How often the session's keys were replaced before those in use for sealing.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.sealer.generation()
    }

    /// Whether so much was sealed that fresh keys are due: then call [`Rx::rekey`](crate::Rx::rekey).
    #[must_use]
    pub fn needs_rekey(&self) -> bool {
        self.sealer.needs_rekey()
    }

    /// Whether the session is closed or about to be.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state != State::Open
    }

    /// `true` once after the writer ran out of packets and there are some again: then it must be woken.
    #[must_use]
    pub fn take_wake(&mut self) -> bool {
        let wake = self.asleep && self.has_output();
        self.asleep &= !wake;
        wake
    }

    fn check_open(&self) -> Result<(), SendError> {
        if self.state == State::Open { Ok(()) } else { Err(SendError::Closed) }
    }

    fn check_size(&self, bytes: u64) -> Result<(), SendError> {
        let limit = self.limits.max_message_bytes;
        if bytes > limit { Err(SendError::TooLarge { bytes, limit }) } else { Ok(()) }
    }

    fn too_large(&self, bytes: u64) -> SendError {
        SendError::TooLarge { bytes, limit: self.limits.max_message_bytes }
    }

    /// A message in memory that goes in chunks.
    fn whole(&self, message: Bytes, options: StreamOptions) -> Result<Content, SendError> {
        let bytes = u64::try_from(message.len()).unwrap_or(u64::MAX);
        let chunker = chunk_whole(message, options, &self.limits).map_err(|_| self.too_large(bytes))?;
        Ok(Content::Chunked { chunker: Box::new(chunker), begun: None })
    }

    /// The same for one that lies in pieces.
    fn pieces(&self, pieces: &[Bytes], options: StreamOptions) -> Result<Content, SendError> {
        let bytes = pieces.iter().map(|piece| u64::try_from(piece.len()).unwrap_or(u64::MAX)).sum();
        let mut chunker = chunk_pieces(bytes, options, &self.limits).map_err(|_| self.too_large(bytes))?;
        for piece in pieces {
            chunker.supply(piece.clone()).map_err(|_| self.too_large(bytes))?;
        }
        Ok(Content::Chunked { chunker: Box::new(chunker), begun: None })
    }

    fn check_message(&mut self, id: StreamId, bytes: usize) -> Result<(), SendError> {
        self.check_open()?;
        self.check_size(u64::try_from(bytes).unwrap_or(u64::MAX))?;
        self.usable_stream(id).map(|_| ())
    }

    fn usable_stream(&mut self, id: StreamId) -> Result<&mut OutStream, SendError> {
        let stream = self.streams.get_mut(&id).ok_or(SendError::NoSuchStream)?;
        stream.check_usable()?;
        Ok(stream)
    }

    fn push_waiting(&mut self, id: StreamId, waiting: Waiting) -> Result<(), SendError> {
        if self.waiting >= self.limits.max_waiting {
            return Err(SendError::TooManyWaiting { limit: self.limits.max_waiting });
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.queue.push_back(waiting);
            self.waiting += 1;
            if stream.place == Place::Idle {
                self.place(id);
            }
        }
        Ok(())
    }

    fn done(&mut self, operation: OperationId, outcome: Outcome) {
        self.events.push_back(TxEvent::Done { operation, outcome });
    }

    /// Ends every operation as lost.
    fn lose_everything(&mut self) {
        let mut lost = Vec::new();
        for stream in self.streams.values_mut() {
            lost.extend(stream.unacked.drain(..).map(|unacked| (unacked.operation, true)));
            let waiting = stream.queue.drain(..);
            lost.extend(waiting.filter_map(|one| Some((one.operation?, one.has_begun()))));
            stream.place = Place::Idle;
        }
        lost.sort_unstable();
        for (operation, maybe_delivered) in lost {
            self.done(operation, Outcome::Lost { maybe_delivered });
        }
        self.waiting = 0;
        self.rotation = Rotation::default();
        self.parked.clear();
    }
}

fn next_operation(counter: &mut u64) -> OperationId {
    let operation = OperationId(*counter);
    *counter += 1;
    operation
}
