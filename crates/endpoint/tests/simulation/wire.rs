//! Paths between simulated nodes: reliable, in order, with a delay, until they break.

use std::time::Duration;

use endpoint::PathId;

/// What travels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    /// A real packet of a handshake.
    Handshake(Vec<u8>),
    /// A real sealed packet.
    Sealed(Vec<u8>),
    /// The end of the path.
    End,
}

/// One of the two ends of a wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) node: usize,
    /// Which life of the node: one that has restarted has other paths.
    pub(crate) life: u32,
    pub(crate) path: PathId,
}

/// A path, seen from above.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The end that dialed, and the one that accepted.
    pub(crate) ends: [Option<End>; 2],
    pub(crate) delay: Duration,
    /// Packets vanish and nobody is told.
    pub(crate) black_hole: bool,
    /// Everything that was ever sent by the end that dialed, for those who record.
    pub(crate) recording: Vec<Frame>,
}
