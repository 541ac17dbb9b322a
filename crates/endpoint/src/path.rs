//! What is known about a path.

use membership::NetAddress;

/// What the owner of the sockets tells about a path. An endpoint decides by these facts and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFacts {
    /// What its owner calls this kind of path. For logs: nothing is decided by it.
    pub kind: &'static str,
    /// Whether packets arrive once, in order, and whole, or the path ends. Otherwise handshake packets are repeated.
    pub reliable: bool,
    /// The longest packet the path carries, in bytes.
    pub mtu_bytes: usize,
    /// The far end as the owner of the path knows it. For logs, and to try first next time.
    pub remote: NetAddress,
}
