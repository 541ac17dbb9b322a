//! Who is not listened to for a while.
//!
//! A penalty falls on everybody behind an address, so it is for what no honest node does, whatever it knows and whatever
//! has changed meanwhile; it is short; and it is forgotten. A wrong door is none of that: any member has one for a while
//! after it has rotated.

use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};
use super::table::{Entry, Table};
use crate::cause::HandshakeCause;

/// Sources kept in mind.
pub const MAX_PENALTY_SOURCES: usize = 512;
/// What a source may run up at once, and what is forgiven in a second.
pub const OFFENCE_RATE: Rate = Rate::per_second(16, 256);
/// The first penalty of a source. It doubles with each further one.
pub const PENALTY_BASE: Duration = Duration::from_secs(10);
/// The longest penalty.
pub const PENALTY_CAP: Duration = Duration::from_secs(160);
/// For so long after its last penalty a source is not new to it.
pub const PENALTY_MEMORY: Duration = Duration::from_secs(600);

/// What no honest node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// Something that is no packet of this protocol.
    Garbage,
    /// A cookie or a solution that this node did not ask for, or a claim made behind the door that does not hold.
    Forgery,
    /// One more path while those of the source are over their rate.
    Overrun,
}

impl Offence {
    /// What a failed handshake gives away about its sender, on a path that has proven its address.
    #[must_use]
    pub fn of(cause: &HandshakeCause) -> Option<Self> {
        match cause {
            HandshakeCause::Malformed => Some(Self::Garbage),
            HandshakeCause::BadCookie | HandshakeCause::Unproven(_) => Some(Self::Forgery),
            _ => None,
        }
    }

    /// In the units of [`OFFENCE_RATE`].
    fn weight(self) -> u32 {
        match self {
            Self::Garbage => 16,
            Self::Forgery => 64,
            Self::Overrun => 1,
        }
    }
}

/// The sources that have run up too much.
#[derive(Debug)]
pub(crate) struct PenaltyBox {
    records: Table<[u8; 16], Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    offences: Bucket,
    until: Instant,
    penalties: u32,
}

impl Record {
    fn remembered_until(&self) -> Instant {
        if self.penalties == 0 { self.until } else { self.until + PENALTY_MEMORY }
    }
}

impl Entry for Record {
    fn stale_at(&self) -> Instant {
        self.offences.stale_at().max(self.remembered_until())
    }
}

impl PenaltyBox {
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        Self { records: Table::new(MAX_PENALTY_SOURCES, seed) }
    }

    pub(crate) fn holds(&self, now: Instant, host: &[u8; 16]) -> bool {
        self.records.get(host).is_some_and(|record| now < record.until)
    }

    /// How many sources are in it.
    pub(crate) fn len(&self, now: Instant) -> usize {
        self.records.live(now).filter(|record| now < record.until).count()
    }

    /// Notes an offence; a penalty if it is one too many.
    pub(crate) fn note(&mut self, now: Instant, host: [u8; 16], offence: Offence) -> Option<Duration> {
        let fresh = Record { offences: Bucket::full(now), until: now, penalties: 0 };
        let record = self.records.entry(host, fresh);
        if now < record.until || record.offences.take(now, offence.weight(), &OFFENCE_RATE) {
            return None;
        }
        if now >= record.remembered_until() {
            record.penalties = 0;
        }
        let doubled = PENALTY_BASE.saturating_mul(1 << record.penalties.min(16));
        let penalty = doubled.min(PENALTY_CAP);
        record.penalties += 1;
        record.until = now + penalty;
        record.offences = Bucket::full(now);
        Some(penalty)
    }
}
