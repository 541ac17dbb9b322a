//! What lies between the ends of a network in memory, where a test wants more than a latency.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;

/// What lies between the ends of a [`MemoryNetwork`](crate::MemoryNetwork): decides what becomes of dials and of bytes. Order
/// is kept in any case, as a stream keeps it.
pub trait Wire: Send + Sync + 'static {
    /// How long a dial takes; `None`: nothing comes back, and it is tried again a second later.
    fn dials(&self, from: SocketAddr, to: SocketAddr) -> Option<Duration>;

    /// How long these bytes are under way, at the earliest behind those before them; `None` breaks the direction. What is
    /// cut off their end is not taken, and what is changed in them arrives so.
    fn carries(&self, from: SocketAddr, to: SocketAddr, bytes: &mut BytesMut) -> Option<Duration>;
}
