//! The two clocks of a call.

use std::time::Instant;

use membership::UnixSeconds;

/// What time it is, on both clocks that a node goes by.
///
/// Deadlines run on the monotonic clock. Records expire on the calendar, which may jump; a machine that slept sees it
/// jump and the other stand still, so neither can be derived from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock.
    pub instant: Instant,
    /// The calendar.
    pub date: UnixSeconds,
}
