//! One direction of a connection in memory.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;
use tokio::time::Sleep;

use super::{Recording, Wire};
use crate::clock;
use crate::sync::lock;

/// What a direction holds at most, as a socket's buffers do.
const CAPACITY_BYTES: usize = 256 * 1024;

pub(super) struct Pipe {
    state: Mutex<State>,
    way: Way,
}

/// What lies between the ends of a pipe.
pub(super) struct Way {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) latency: Duration,
    /// Decides in place of the latency, if there is one.
    pub(super) wire: Option<Arc<dyn Wire>>,
    pub(super) recording: Option<Arc<Mutex<Recording>>>,
}

struct State {
    segments: VecDeque<Segment>,
    held_bytes: usize,
    /// When what was written last arrives.
    last_arrives: Option<Instant>,
    /// Nothing comes out while the pipe is shut: one of its hosts is unreachable.
    open: bool,
    writer_gone: bool,
    reader_gone: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

struct Segment {
    arrives: Instant,
    bytes: Bytes,
}

impl Pipe {
    pub(super) fn new(way: Way) -> Arc<Self> {
        let state = State {
            segments: VecDeque::new(),
            held_bytes: 0,
            last_arrives: None,
            open: true,
            writer_gone: false,
            reader_gone: false,
            reset: false,
            reader: None,
            writer: None,
        };
        Arc::new(Self { state: Mutex::new(state), way })
    }

    pub(super) fn set_open(&self, open: bool) {
        self.change(|state| state.open = open);
    }

    pub(super) fn reset(&self) {
        self.change(State::reset);
    }

    /// Changes something that both sides may be waiting for.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl State {
    fn reset(&mut self) {
        self.reset = true;
        self.segments.clear();
        self.held_bytes = 0;
    }
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// The end that reads.
pub(super) struct Reader {
    pipe: Arc<Pipe>,
    /// Until the next segment arrives; only with latency.
    arrival: Option<Pin<Box<Sleep>>>,
}

impl Reader {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self { pipe, arrival: None }
    }

    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let arrives = {
                let mut state = lock(&self.pipe.state);
                if state.reset {
                    return Poll::Ready(Err(broken()));
                }
                match state.segments.front() {
                    Some(segment) if state.open => segment.arrives,
                    None if state.open && state.writer_gone => return Poll::Ready(Ok(())),
                    _ => {
                        state.reader = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                }
            };
            if arrives <= clock::now() {
                return Poll::Ready(Ok(()));
            }
            let mut arrival = Box::pin(tokio::time::sleep_until(arrives.into()));
            let arrived = arrival.as_mut().poll(context);
            self.arrival = Some(arrival);
            std::task::ready!(arrived);
        }
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_ready(context))?;
        let now = clock::now();
        let mut state = lock(&self.pipe.state);
        while let Some(segment) = state.segments.front_mut().filter(|segment| segment.arrives <= now) {
            let length = segment.bytes.len().min(out.remaining());
            out.put_slice(&segment.bytes[..length]);
            segment.bytes.advance(length);
            let emptied = segment.bytes.is_empty();
            state.held_bytes -= length;
            if !emptied {
                break;
            }
            state.segments.pop_front();
        }
        let writer = state.writer.take();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.pipe.change(|state| state.reader_gone = true);
    }
}

/// The end that writes.
pub(super) struct Writer {
    pipe: Arc<Pipe>,
}

impl Writer {
    pub(super) fn new(pipe: Arc<Pipe>) -> Self {
        Self { pipe }
    }

    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.pipe.state);
        if state.held_bytes < CAPACITY_BYTES || state.reset || state.reader_gone {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = lock(&self.pipe.state);
        if state.reset || state.reader_gone || state.writer_gone {
            return Err(broken());
        }
        let mut room = CAPACITY_BYTES - state.held_bytes;
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = BytesMut::new();
        for slice in slices {
            let length = slice.len().min(room);
            bytes.extend_from_slice(&slice[..length]);
            room -= length;
        }
        if bytes.is_empty() {
            return Ok(0); // an empty segment would read as the end of the stream
        }
        let way = &self.pipe.way;
        let takes = match &way.wire {
            Some(wire) => wire.carries(way.from, way.to, &mut bytes),
            None => Some(way.latency),
        };
        let Some(takes) = takes else {
            state.reset();
            let reader = state.reader.take();
            drop(state);
            reader.into_iter().for_each(Waker::wake);
            return Err(broken());
        };
        let written = bytes.len();
        if let Some(recording) = &way.recording {
            lock(recording).bytes.extend_from_slice(&bytes);
        }
        state.held_bytes += written;
        let arrives = (clock::now() + takes).max(state.last_arrives.unwrap_or_else(clock::now));
        state.last_arrives = Some(arrives);
        state.segments.push_back(Segment { arrives, bytes: bytes.freeze() });
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(written)
    }

    /// The reader sees the end of the stream after what was written.
    pub(super) fn close(&mut self) {
        self.pipe.change(|state| state.writer_gone = true);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
