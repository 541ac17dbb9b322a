//! One way to carry bytes now: a TCP connection or a pipe in memory.

pub(crate) mod memory;
pub(crate) mod tcp;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BufMut;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use memory::MemoryStream;

/// A reliable, ordered byte stream in both directions, driven by one task.
pub(crate) enum Carrier {
    Tcp(TcpStream),
    /// On the heap: it is twice as large as the other, which is the one that there are many of.
    Memory(Box<MemoryStream>),
}

impl Carrier {
    /// Whether there may be something to read. Only the last caller is woken.
    pub(crate) fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(context),
            Self::Memory(stream) => stream.poll_read_ready(context),
        }
    }

    /// Reads once into the room of `buffer`; 0 is the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            // `read_buf` knows that a read which did not fill the buffer drained the socket; `try_read_buf` would ask
            // the kernel again.
            Self::Tcp(stream) => pin!(stream.read_buf(buffer)).poll(context),
            Self::Memory(stream) => pin!(stream.read_buf(buffer)).poll(context),
        }
    }

    /// Whether writing may make progress. Only the last caller is woken.
    pub(crate) fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(context),
            Self::Memory(stream) => stream.poll_write_ready(context),
        }
    }

    /// Writes as much of the slices, in order, as fits now.
    pub(crate) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Memory(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Tells the far end that nothing more will be written.
    pub(crate) fn shutdown(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let done = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Memory(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        };
        // Neither has a buffer of its own to empty first.
        match done {
            Poll::Ready(done) => done,
            Poll::Pending => Ok(()),
        }
    }

    /// What kind it is, for logs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Memory(_) => "memory",
        }
    }

    /// Has the close, when it is dropped, look the same whatever the far end has sent and we have or have not read: a
    /// reset.
    pub(crate) fn abort(&mut self) {
        match self {
            Self::Tcp(stream) => {
                // If the option cannot be set, the connection is already gone.
                stream.set_zero_linger().ok();
            }
            Self::Memory(stream) => stream.reset(),
        }
    }
}
