//! A session without a peer, driven by whoever holds it: messages on one stream, and nothing else.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use chunk_proto::NodeBudget;
use endpoint::HandshakeCause;
use link::{
    CloseReason, Error, Event, MESSAGE_COST_BYTES, Meter, OperationId, Outcome, PeerLimits, Rx, StreamId,
    StreamName, StreamOptions, Tx, TxEvent,
};
use secure_channel::{Association, PathNumber, split};
use x3dh_handshake::Role;
use x3dh_handshake::anonymous::AnonymousEstablished;

use super::wire::STREAM;
use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::frames::{FrameReader, FrameWriter, MAX_PACKET_BYTES, UNPROVEN_BYTES};

/// What is held of bytes that are no whole packet yet: a packet of the greatest size, in its frame.
const MAX_HELD_BYTES: usize = MAX_PACKET_BYTES + UNPROVEN_BYTES;
/// Windows are announced in these.
const WINDOW_UNIT_BYTES: u64 = 1024;
/// Requests or replies that have arrived and were not taken: who sends more at once than can be answered in turn breaks
/// the protocol.
const MAX_ARRIVED: usize = 64;

/// Why a channel is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The path broke.
    Lost,
    /// The far end is done, or said so.
    Closed(CloseReason),
    /// The far end said what does not belong here.
    Violation,
}

/// What the two directions may carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) received_bytes: usize,
    pub(super) sent_bytes: usize,
    /// Packets that may come in all: each is work, whatever is in it.
    pub(super) packets: u64,
}

impl Sizes {
    /// Limits of one direction of a session.
    fn direction(core: &Core, max_message_bytes: usize) -> link::Limits {
        let mut limits = *core.data_limits;
        limits.max_message_bytes = u64::try_from(max_message_bytes).unwrap_or(u64::MAX);
        // Credit goes back for whole messages, at half of the window: so that there is always enough of it for one more.
        let message_cost = limits.max_message_bytes.saturating_add(MESSAGE_COST_BYTES);
        limits.stream_window_bytes = message_cost.saturating_mul(2).saturating_add(WINDOW_UNIT_BYTES);
        limits.session_window_bytes = 0;
        limits.max_streams = 1;
        limits.max_waiting = 1;
        limits.sanitized()
    }

    fn received(self, core: &Core) -> link::Limits {
        Self::direction(core, self.received_bytes)
    }

    /// What the far end may send before it hears of credit, as the handshake says it.
    pub(super) fn announced(self, core: &Core) -> x3dh_handshake::Limits {
        let received = self.received(core);
        let kib = |bytes: u64| u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        x3dh_handshake::Limits {
            session_window_kib: kib(received.session_window_bytes),
            stream_window_kib: kib(received.stream_window_bytes),
        }
    }
}

/// One session without a peer.
pub(super) struct Channel {
    core: Arc<Core>,
    carrier: Carrier,
    reader: FrameReader,
    writer: FrameWriter,
    tx: Tx,
    rx: Rx,
    /// Whether the far end has shown that it has the keys: nothing is sent, and little is held, before that.
    confirmed: bool,
    incoming: Option<(StreamId, Meter)>,
    pieces: BytesMut,
    /// What has arrived and was not taken: bounded by the credit that taking it gives back.
    arrived: VecDeque<Bytes>,
    /// Packets that may still come.
    packets: u64,
    end: Option<End>,
}

impl Channel {
    pub(super) fn new(
        core: &Arc<Core>,
        established: AnonymousEstablished,
        sizes: Sizes,
        (carrier, reader): (Carrier, FrameReader),
    ) -> Result<Self, HandshakeCause> {
        let AnonymousEstablished { secrets, role, suite, aead, local_tag, remote_tag, limits, .. } =
            established;
        let association = Association { secrets, role, suite, aead, local_tag, remote_tag };
        let halves = split(association, secure_channel::Limits::default());
        let (sealer, opener, rekey) = halves.map_err(|_| HandshakeCause::Local)?;
        let peer = PeerLimits {
            session_window_bytes: u64::from(limits.session_window_kib) * 1024,
            stream_window_bytes: u64::from(limits.stream_window_kib) * 1024,
        };
        let confirm = role == Role::Initiator;
        let sent = Sizes::direction(core, sizes.sent_bytes);
        // What a caller without a name has this node hold is not taken from what is there for members.
        let budget = NodeBudget::new(sizes.received_bytes.saturating_mul(2));
        Ok(Self {
            core: Arc::clone(core),
            carrier,
            reader,
            writer: FrameWriter::default(),
            tx: Tx::new(sealer, PathNumber(0), sent, peer, confirm, core.buffers.clone()),
            rx: Rx::new(clock::now(), opener, rekey, sizes.received(core), budget),
            confirmed: confirm,
            incoming: None,
            pieces: BytesMut::new(),
            arrived: VecDeque::new(),
            packets: sizes.packets,
            end: None,
        })
    }

    /// Sends a message, and waits until the far end has taken it.
    pub(super) async fn send(&mut self, message: Bytes) -> Result<(), End> {
        let operation = StreamName::new(STREAM)
            .and_then(|name| self.tx.open_stream(&name, StreamOptions::default()).ok())
            .and_then(|stream| self.tx.enqueue(stream, message, true).ok())
            .ok_or(End::Lost)?;
        std::future::poll_fn(|context| {
            loop {
                if let Some(outcome) = self.outcome(operation) {
                    let taken = matches!(outcome, Outcome::Accepted | Outcome::Confirmed);
                    return Poll::Ready(if taken { Ok(()) } else { Err(End::Lost) });
                }
                if let Err(end) = ready!(self.poll_work(context)) {
                    return Poll::Ready(Err(end));
                }
            }
        })
        .await
    }

    fn outcome(&mut self, of: OperationId) -> Option<Outcome> {
        while let Some(event) = self.tx.poll_event() {
            if let TxEvent::Done { operation, outcome } = event
                && operation == of
            {
                return Some(outcome);
            }
        }
        None
    }

    /// The next message.
    pub(super) async fn recv(&mut self) -> Result<Bytes, End> {
        std::future::poll_fn(|context| {
            loop {
                if let Some(message) = self.arrived.pop_front() {
                    let bytes = u64::try_from(message.len()).unwrap_or(u64::MAX / 4);
                    self.consume(MESSAGE_COST_BYTES + bytes);
                    // The far end hears that it was taken, whatever is done with it here. A failure shows with what follows.
                    self.write(context).ok();
                    return Poll::Ready(Ok(message));
                }
                if let Err(end) = ready!(self.poll_work(context)) {
                    return Poll::Ready(Err(end));
                }
            }
        })
        .await
    }

    /// Says farewell, if the far end has shown that it has the keys, as far as that goes until `deadline`.
    pub(super) async fn close(mut self, reason: CloseReason, deadline: Instant) {
        if !self.confirmed {
            return self.carrier.abort();
        }
        self.tx.close(reason);
        let mut patience = pin!(clock::sleep_until(deadline));
        std::future::poll_fn(|context| {
            let written = self.write(context).is_err() || self.writer.is_empty();
            let is_over = written || patience.as_mut().poll(context).is_ready();
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        std::future::poll_fn(|context| Poll::Ready(self.carrier.shutdown(context).ok())).await;
    }

    fn consume(&mut self, cost: u64) {
        if self.incoming.as_ref().is_some_and(|(_, meter)| meter.consume(cost)) {
            self.rx.handle_consumed();
        }
    }

    /// Writes what there is to write and reads once; ready when something was read, or all is over.
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        if let Some(end) = self.end {
            return Poll::Ready(Err(end));
        }
        let written = self.write(context);
        let held = if self.confirmed { MAX_HELD_BYTES } else { UNPROVEN_BYTES };
        let worked = match self.reader.poll_fill_sparingly(context, &mut self.carrier, held) {
            // Also when nothing more can be written: the far end may have said farewell.
            Poll::Ready(Ok(1..)) => self.open_packets(clock::now()),
            Poll::Ready(_) => Err(End::Lost),
            Poll::Pending if written.is_err() => written,
            Poll::Pending => return Poll::Pending,
        };
        if let Err(end) = worked {
            self.end = Some(end);
        }
        Poll::Ready(worked)
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        if !self.confirmed {
            return Ok(());
        }
        // Also the credit that was given back since.
        self.tx.apply(self.rx.feedback());
        while let Some(job) = self.tx.poll_transmit() {
            let sealed = self.core.deflaters.with(|deflater| self.writer.seal(job, deflater));
            sealed.map_err(|_| End::Lost)?;
        }
        match self.writer.poll_flush(context, &mut self.carrier, &self.core.buffers) {
            Poll::Ready(Err(_)) => Err(End::Lost),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn open_packets(&mut self, now: Instant) -> Result<(), End> {
        while let Some(packet) = self.reader.next_packet().map_err(|_| End::Lost)? {
            self.packets = self.packets.checked_sub(1).ok_or(End::Violation)?;
            let opened = self.rx.handle_packet(now, &mut self.core.randomness.on_demand(), packet);
            opened.map_err(|error| match error {
                Error::Peer(_) => End::Violation,
                _ => End::Lost,
            })?;
            while let Some(event) = self.rx.poll_event() {
                self.take(event)?;
            }
        }
        // What was acknowledged is known at once: whoever waits for it looks before it waits on.
        self.tx.apply(self.rx.feedback());
        Ok(())
    }

    /// One stream with messages is all that may come.
    fn take(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Confirmed => self.confirmed = true,
            Event::Opened { stream, name, meter, .. } => {
                if name.as_str() != STREAM || self.incoming.is_some() {
                    return Err(End::Violation);
                }
                self.incoming = Some((stream, meter));
            }
            Event::Messages { batch, .. } => {
                for message in batch {
                    self.arrive(message)?;
                }
            }
            Event::Piece { bytes, .. } => {
                self.pieces.extend_from_slice(&bytes);
            }
            Event::Finished { .. } => {
                let message = std::mem::take(&mut self.pieces).freeze();
                self.arrive(message)?;
            }
            Event::Aborted { .. } | Event::Ended { .. } => return Err(End::Closed(CloseReason::Application)),
            Event::Closed { reason } => return Err(End::Closed(reason)),
            _ => {}
        }
        Ok(())
    }

    fn arrive(&mut self, message: Bytes) -> Result<(), End> {
        if self.arrived.len() >= MAX_ARRIVED {
            return Err(End::Violation);
        }
        self.arrived.push_back(message);
        Ok(())
    }
}
