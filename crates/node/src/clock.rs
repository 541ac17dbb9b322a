//! The monotonic clock: the only place that reads it. The date is the [machine](crate::machine)'s.
//!
//! It is tokio's, so that a test with paused time owns every deadline of a node.

use std::time::Instant;

/// The monotonic clock.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sleeps until the monotonic clock shows `deadline`.
pub(crate) async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(tokio::time::Instant::from_std(deadline)).await;
}
