//! When keys are replaced.

use core::time::Duration;

use crate::header::MAX_PACKET_NUMBER;

/// How long a generation should serve at most, whatever flowed. The caller keeps the clock.
pub const REKEY_AFTER: Duration = Duration::from_secs(3600);

/// How long after a move the caller should call [`Opener::forget_previous`](crate::Opener::forget_previous).
pub const PREVIOUS_GRACE: Duration = Duration::from_secs(10);

/// When keys are replaced, counted in packets. A packet carries at most 64 KiB, so the default epoch ends after
/// at most 64 GiB, and the default generation asks for its rekey after at most 1 TiB.
///
/// Every packet has a key of its own, so these bound what a stolen state discloses, not what a cipher bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After so many packets sealed the sender moves to the next epoch by itself. At least 1. More than a path can
    /// lose in a row: the receiver follows one epoch at a time.
    pub epoch_packets: u64,
    /// After so many packets sealed [`Sealer::needs_rekey`](crate::Sealer::needs_rekey) says so.
    pub rekey_packets: u64,
    /// After so many packets opened behind a move, the epoch or generation before it is erased.
    pub grace_packets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { epoch_packets: 1 << 20, rekey_packets: 1 << 24, grace_packets: 1 << 16 }
    }
}

impl Limits {
    /// Ask for a rekey when half the numbers of a path are used, whatever `rekey_packets` says.
    pub(crate) const REKEY_NUMBER: u64 = MAX_PACKET_NUMBER / 2;
}
