//! A carrier while its handshake lasts.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use endpoint::{HandshakeCause, PathCause, PathFacts};
use membership::NetAddress;

use crate::carrier::Carrier;
use crate::frames::{FrameReader, MAX_PACKET_BYTES, UNPROVEN_BYTES};

/// Why a handshake ended without a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Handshake(HandshakeCause),
    Path(PathCause),
}

/// A carrier while its handshake lasts: packets one at a time, and little held.
pub(crate) struct Greeting {
    carrier: Carrier,
    reader: FrameReader,
}

impl Greeting {
    pub(crate) fn new(carrier: Carrier) -> Self {
        Self { carrier, reader: FrameReader::new(MAX_PACKET_BYTES) }
    }

    /// Sends packets, one frame each.
    pub(crate) async fn send(&mut self, packets: &[&[u8]]) -> Result<(), Failure> {
        let mut frames = BytesMut::new();
        for packet in packets {
            selfsync_codec::encode(packet, &mut frames);
        }
        while !frames.is_empty() {
            let ready = poll_fn(|context| self.carrier.poll_write_ready(context)).await;
            match ready.and_then(|()| self.carrier.try_write_vectored(&[IoSlice::new(&frames)])) {
                Ok(written) => frames.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Failure::Path(PathCause::Broken)),
            }
        }
        Ok(())
    }

    /// The next packet.
    pub(crate) async fn receive(&mut self) -> Result<BytesMut, Failure> {
        loop {
            match self.reader.next_packet() {
                Ok(Some(packet)) => return Ok(packet),
                Ok(None) => {}
                Err(_) => return Err(Failure::Handshake(HandshakeCause::Malformed)),
            }
            let Self { carrier, reader } = self;
            match poll_fn(|context| reader.poll_fill_sparingly(context, carrier, UNPROVEN_BYTES)).await {
                Ok(0) => return Err(Failure::Path(PathCause::Closed)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(Failure::Handshake(HandshakeCause::Malformed));
                }
                Err(_) => return Err(Failure::Path(PathCause::Broken)),
            }
        }
    }

    /// Closes the carrier so that the far end cannot tell why.
    pub(crate) fn abort(mut self) {
        self.carrier.abort();
    }

    pub(crate) fn into_parts(self) -> (Carrier, FrameReader) {
        (self.carrier, self.reader)
    }
}

/// What the control plane is told about a carrier.
pub(crate) fn facts(carrier: &Carrier, remote: NetAddress) -> PathFacts {
    PathFacts { kind: carrier.kind(), reliable: true, mtu_bytes: MAX_PACKET_BYTES, remote }
}

/// A socket's address as the control plane knows addresses.
pub(crate) fn net_address(address: SocketAddr) -> Option<NetAddress> {
    NetAddress::new(address.to_string()).ok()
}
