//! Packets with their length in front, on a carrier.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, BytesMut};
use x3dh_handshake::mychips::LENGTH_BYTES;

use crate::carrier::Carrier;

/// What has moved.
pub(super) enum Moved {
    /// Some of what was to be sent has left.
    Sent,
    /// What was asked for is there.
    Filled(BytesMut),
    /// The far end has ended its direction, in the middle of a packet or between two.
    Ended,
    /// The carrier is broken.
    Broken,
}

/// A carrier, what of the next packet has come, and what is yet to be sent.
pub(super) struct Stream {
    carrier: Carrier,
    /// Never longer than `needed`, and with no more room than that.
    incoming: BytesMut,
    needed: usize,
    outgoing: BytesMut,
}

impl Stream {
    pub(super) fn new(carrier: Carrier) -> Self {
        Self { carrier, incoming: BytesMut::new(), needed: LENGTH_BYTES, outgoing: BytesMut::new() }
    }

    /// How many bytes come next.
    pub(super) fn need(&mut self, bytes: usize) {
        self.needed = bytes;
        self.incoming.reserve(bytes);
    }

    /// Puts a packet behind what is yet to be sent.
    pub(super) fn put(&mut self, framed: &[u8]) {
        self.outgoing.extend_from_slice(framed);
    }

    /// Forgets what is yet to be sent.
    pub(super) fn give_up(&mut self) {
        self.outgoing.clear();
    }

    pub(super) fn is_drained(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Sends what is to be sent, and reads what is needed if that is wanted.
    pub(super) fn poll_move(&mut self, context: &mut Context<'_>, read: bool) -> Poll<Moved> {
        if !self.outgoing.is_empty() {
            match self.poll_send(context) {
                Poll::Ready(Ok(())) => return Poll::Ready(Moved::Sent),
                Poll::Ready(Err(_)) => return Poll::Ready(Moved::Broken),
                Poll::Pending => {}
            }
        }
        if read { self.poll_fill(context) } else { Poll::Pending }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.carrier.poll_write_ready(context) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            match self.carrier.try_write_vectored(&[IoSlice::new(&self.outgoing)]) {
                Ok(written) => {
                    self.outgoing.advance(written);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Moved> {
        while self.incoming.len() < self.needed {
            let missing = self.needed - self.incoming.len();
            match self.carrier.poll_read(context, &mut (&mut self.incoming).limit(missing)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Moved::Ended),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Moved::Broken),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Moved::Filled(std::mem::take(&mut self.incoming)))
    }

    /// Ends this end's direction.
    pub(super) fn shutdown(&mut self, context: &mut Context<'_>) {
        // Nothing is left to be said either way.
        self.carrier.shutdown(context).ok();
    }

    /// Closes the carrier so that the far end cannot tell why.
    pub(super) fn abort(mut self) {
        self.carrier.abort();
    }
}
