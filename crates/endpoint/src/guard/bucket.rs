//! How often something may be done.
//!
//! The generic cell rate algorithm, which is a token bucket in one instant, as in the library `governor`. That one is not
//! used: its limiters read a clock of their own, so that a time that is handed in would have to be smuggled through a
//! shared cell, and its tables of keys have no bound.

use std::time::{Duration, Instant};

use super::table::Entry;

/// So many at once, and one more in each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How long it takes until there may be one more.
    pub interval: Duration,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once. A rate of zero is one in a second.
    #[must_use]
    pub const fn per_second(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        Self { burst, interval: Duration::from_nanos(1_000_000_000 / u64_of(per_second)) }
    }

    fn capacity(&self) -> Duration {
        self.interval.saturating_mul(self.burst)
    }
}

#[allow(clippy::as_conversions)] // `From` is not const.
const fn u64_of(number: u32) -> u64 {
    number as u64
}

/// What was taken of one rate: the moment at which all of it is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether so much may be taken.
    pub(crate) fn has(&self, now: Instant, count: u32, rate: &Rate) -> bool {
        self.after(now, count, rate).saturating_duration_since(now) <= rate.capacity()
    }

    /// Takes so much, if it is there.
    pub(crate) fn take(&mut self, now: Instant, count: u32, rate: &Rate) -> bool {
        let has = self.has(now, count, rate);
        if has {
            self.full_at = self.after(now, count, rate);
        }
        has
    }

    fn after(&self, now: Instant, count: u32, rate: &Rate) -> Instant {
        self.full_at.max(now) + rate.interval.saturating_mul(count)
    }
}

impl Entry for Bucket {
    fn stale_at(&self) -> Instant {
        self.full_at
    }
}
