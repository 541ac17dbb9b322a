//! Dates.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Seconds since 1970-01-01 00:00:00 UTC, up to the end of the year 9999.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct UnixSeconds(u64);

impl UnixSeconds {
    /// 9999-12-31 23:59:59 UTC. A record with this expiry does not expire in practice.
    pub const MAX: Self = Self(253_402_300_799);

    /// A date.
    ///
    /// # Errors
    /// [`Error::Date`] beyond [`MAX`](Self::MAX).
    pub const fn new(seconds: u64) -> Result<Self, Error> {
        if seconds > Self::MAX.0 { Err(Error::Date) } else { Ok(Self(seconds)) }
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The date `seconds` later, at most [`MAX`](Self::MAX).
    #[must_use]
    pub const fn saturating_add(self, seconds: u64) -> Self {
        let sum = self.0.saturating_add(seconds);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }
}

impl TryFrom<u64> for UnixSeconds {
    type Error = Error;

    fn try_from(seconds: u64) -> Result<Self, Error> {
        Self::new(seconds)
    }
}

impl From<UnixSeconds> for u64 {
    fn from(date: UnixSeconds) -> Self {
        date.0
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
