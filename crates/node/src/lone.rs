//! One session outside of the control plane, driven by whoever holds it: for those who are nobody's members here.
//!
//! It is in no table. Nothing finds it by the name of a member, no actor speaks in it, no receiver of the node hears
//! it, and it ends with the value that holds it.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use endpoint::PeerId;
use link::{CloseReason, Event, MESSAGE_COST_BYTES, Meter, Outcome, Rx, StreamId, StreamName, StreamOptions};

use crate::carrier::Carrier;
use crate::clock;
use crate::core::Core;
use crate::establish::Halves;
use crate::frames::{FrameReader, FrameWriter};
use crate::session::{Operation, PingReply, Session};

/// What a lone session holds of what has arrived and was not taken, whole messages and parts. Whoever sends more before it
/// is taken is cut off: the credit for the parts of a message is given back before the message is whole.
pub(crate) const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// Why a lone session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoneEnd {
    /// The far side closed it with a word.
    #[error("closed by the far side: {0}")]
    Closed(CloseReason),
    /// The path broke, or something came that no honest end sends.
    #[error("lost")]
    Lost,
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// The far side does not take it, or this side may not send so much.
    #[error("refused")]
    Refused,
}

/// Counts bytes that are to be held.
fn hold(held: &mut usize, bytes: usize) -> Result<(), LoneEnd> {
    *held = held.saturating_add(bytes);
    if *held > MAX_HELD_BYTES { Err(LoneEnd::Lost) } else { Ok(()) }
}

/// A session and everything it is made of.
pub(crate) struct Lone {
    core: Arc<Core>,
    session: Arc<Session>,
    carrier: Carrier,
    reader: FrameReader,
    writer: FrameWriter,
    rx: Rx,
    streams: BTreeMap<StreamId, Incoming>,
    /// Bytes of what has arrived and was not taken: at most [`MAX_HELD_BYTES`].
    held: usize,
    /// What has arrived and was not taken, with what taking it gives back.
    arrived: VecDeque<(StreamName, Bytes, Meter, u64)>,
    end: Option<LoneEnd>,
}

struct Incoming {
    name: StreamName,
    meter: Meter,
    pieces: BytesMut,
}

impl Lone {
    pub(crate) fn new(core: Arc<Core>, halves: Halves, (carrier, reader): (Carrier, FrameReader)) -> Self {
        let Halves { session, rx, writer } = halves;
        let (streams, arrived) = (BTreeMap::new(), VecDeque::new());
        Self { core, session, carrier, reader, writer, rx, streams, held: 0, arrived, end: None }
    }

    pub(crate) fn peer(&self) -> PeerId {
        self.session.peer()
    }

    /// Sends a message and waits until the far side has taken it.
    pub(crate) async fn send(&mut self, name: &StreamName, message: Bytes) -> Result<(), LoneEnd> {
        let session = Arc::clone(&self.session);
        let operation = session.with(|half| {
            let stream = half.tx.open_stream(name, StreamOptions::default())?;
            let id = half.tx.enqueue(stream, message, true)?;
            Ok::<_, link::SendError>(Operation::watch(&session, half, stream, id))
        });
        match self.until(operation.map_err(|_| LoneEnd::Refused)?).await? {
            Outcome::Accepted | Outcome::Confirmed => Ok(()),
            Outcome::Lost { .. } => Err(LoneEnd::Lost),
            _ => Err(LoneEnd::Refused),
        }
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&mut self) -> Result<(), LoneEnd> {
        let reply = PingReply::request(&self.session).map_err(|_| LoneEnd::Lost)?;
        match self.until(reply).await? {
            Outcome::Confirmed => Ok(()),
            _ => Err(LoneEnd::Lost),
        }
    }

    /// The next message, and on which stream it came.
    pub(crate) async fn recv(&mut self) -> Result<(StreamName, Bytes), LoneEnd> {
        std::future::poll_fn(|context| {
            loop {
                if let Some((name, message, meter, cost)) = self.arrived.pop_front() {
                    self.held = self.held.saturating_sub(message.len());
                    if meter.consume(cost) {
                        self.rx.handle_consumed();
                    }
                    return Poll::Ready(Ok((name, message)));
                }
                if let Err(end) = std::task::ready!(self.poll_work(context)) {
                    return Poll::Ready(Err(end));
                }
            }
        })
        .await
    }

    /// Says farewell.
    pub(crate) async fn close(mut self, reason: CloseReason) {
        self.session.with(|half| half.tx.close(reason));
        let deadline = clock::now() + self.core.limits.flush_timeout;
        let mut patience = pin!(clock::sleep_until(deadline));
        std::future::poll_fn(|context| {
            // What still comes is read so that the far side can write, and not looked at.
            while self.poll_work(context).is_ready() && self.end.is_none() {}
            let written = self.writer.is_empty();
            if written || self.end.is_some() || patience.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
        // The far side may have closed first.
        std::future::poll_fn(|context| Poll::Ready(self.carrier.shutdown(context).ok())).await;
    }

    /// Drives the session until `future` is done.
    async fn until<T>(&mut self, future: impl Future<Output = T>) -> Result<T, LoneEnd> {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            loop {
                if let Poll::Ready(value) = future.as_mut().poll(context) {
                    return Poll::Ready(Ok(value));
                }
                if let Err(end) = std::task::ready!(self.poll_work(context)) {
                    return Poll::Ready(Err(end));
                }
            }
        })
        .await
    }

    /// Writes what there is to write and reads once; ready when something was read, or all is over.
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<Result<(), LoneEnd>> {
        if let Some(end) = self.end {
            return Poll::Ready(Err(end));
        }
        let read = match self.write(context) {
            Ok(()) => self.reader.poll_fill(context, &mut self.carrier, &self.core.read_pool),
            Err(end) => return Poll::Ready(Err(self.over(end))),
        };
        let worked = match std::task::ready!(read) {
            Ok(0) | Err(_) => Err(LoneEnd::Lost),
            Ok(_) => self.open_packets(clock::now()),
        };
        self.reader.rest(&self.core.read_pool);
        Poll::Ready(worked.map_err(|end| self.over(end)))
    }

    fn over(&mut self, end: LoneEnd) -> LoneEnd {
        self.session.with(|half| half.tx.fail());
        *self.end.get_or_insert(end)
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<(), LoneEnd> {
        loop {
            let Self { session, rx, .. } = self;
            let job = session.with(|half| {
                half.tx.apply(rx.feedback());
                half.tx.poll_transmit()
            });
            let Some(job) = job else { break };
            let sealed = self.core.deflaters.with(|deflater| self.writer.seal(job, deflater));
            sealed.map_err(|_| LoneEnd::Lost)?;
        }
        match self.writer.poll_flush(context, &mut self.carrier, &self.core.buffers) {
            Poll::Ready(Err(_)) => Err(LoneEnd::Lost),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn open_packets(&mut self, now: Instant) -> Result<(), LoneEnd> {
        while let Some(packet) = self.reader.next_packet().map_err(|_| LoneEnd::Lost)? {
            let opened = self.rx.handle_packet(now, &mut self.core.randomness.on_demand(), packet);
            opened.map_err(|_| LoneEnd::Lost)?;
            while let Some(event) = self.rx.poll_event() {
                self.take(event)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), LoneEnd> {
        match event {
            Event::Opened { stream, name, meter, .. } => {
                self.streams.insert(stream, Incoming { name, meter, pieces: BytesMut::new() });
            }
            Event::Messages { stream, batch } => {
                let Some(from) = self.streams.get(&stream) else { return Ok(()) };
                for message in batch {
                    hold(&mut self.held, message.len())?;
                    let cost = MESSAGE_COST_BYTES + u64::try_from(message.len()).unwrap_or(u64::MAX / 4);
                    self.arrived.push_back((from.name.clone(), message, from.meter.clone(), cost));
                }
            }
            Event::Piece { stream, bytes } => {
                if let Some(from) = self.streams.get_mut(&stream) {
                    hold(&mut self.held, bytes.len())?;
                    from.pieces.extend_from_slice(&bytes);
                    // The rest of it needs the credit.
                    let _ = from.meter.consume(u64::try_from(bytes.len()).unwrap_or(u64::MAX / 4));
                    self.rx.handle_consumed();
                }
            }
            Event::Finished { stream } => {
                if let Some(from) = self.streams.get_mut(&stream) {
                    let message = from.pieces.split().freeze();
                    let parts = (from.name.clone(), message, from.meter.clone(), MESSAGE_COST_BYTES);
                    self.arrived.push_back(parts);
                }
            }
            Event::Aborted { stream } => {
                if let Some(from) = self.streams.get_mut(&stream) {
                    self.held = self.held.saturating_sub(from.pieces.len());
                    from.pieces.clear();
                }
            }
            Event::Ended { stream } => {
                let pieces = self.streams.remove(&stream).map(|from| from.pieces.len());
                self.held = self.held.saturating_sub(pieces.unwrap_or(0));
            }
            Event::Closed { reason } => return Err(LoneEnd::Closed(reason)),
            _ => {}
        }
        Ok(())
    }
}
