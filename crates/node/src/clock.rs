//! The clocks: the only place that reads them.
//!
//! The monotonic clock is tokio's, so that a test with paused time owns every deadline of a node.

use std::time::{Duration, Instant, SystemTime};

use endpoint::Now;
use membership::UnixSeconds;

/// The monotonic clock.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sleeps until the monotonic clock shows `deadline`.
pub(crate) async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(tokio::time::Instant::from_std(deadline)).await;
}

/// Both clocks, for the control plane.
pub(crate) fn both() -> Now {
    // A clock beyond the year 9999 is as wrong as one that says 9999.
    let date = UnixSeconds::new(since_epoch().as_secs()).unwrap_or(UnixSeconds::MAX);
    Now { instant: now(), date }
}

/// Time since the Unix epoch; zero on a clock set before it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
