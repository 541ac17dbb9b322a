//! The guard in front of the handshakes of others: how much they may cost, and who may cause it.

mod bucket;
mod cookies;
mod demand;
mod governor;
mod level;
mod load;
mod penalty;
mod report;
mod table;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use rand_core::CryptoRng;

pub use bucket::Rate;
pub use demand::Demand;
pub use governor::{MAX_METERED_HOSTS, MAX_METERED_MEMBERS, MAX_METERED_NETWORKS, Meter, Source};
pub use level::{Level, MAX_PUZZLE_BITS, MIN_PUZZLE_BITS, PUZZLE_STEP_BITS};
pub use load::{
    BUDGET_BURST, FALL_INTERVAL, HANDSHAKE_BUDGET_PERCENT, HANDSHAKE_ESTIMATE, LOAD_SAMPLE, MAX_STEP_WORK,
    RISE_INTERVAL,
};
pub use penalty::{MAX_PENALTY_SOURCES, OFFENCE_RATE, Offence, PENALTY_BASE, PENALTY_CAP, PENALTY_MEMORY};
pub use report::{GuardReport, Refused};

use crate::cause::HandshakeCause;
use cookies::Cookies;
use governor::Governor;
use load::Load;
use penalty::PenaltyBox;

/// Paths that one host may open.
pub const HOST_RATE: Rate = Rate::per_second(256, 1_024);
/// Paths that one network may open.
pub const NETWORK_RATE: Rate = Rate::per_second(1_024, 4_096);

/// What the guard goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardConfig {
    /// See [`HANDSHAKE_BUDGET_PERCENT`].
    pub budget_percent: u32,
    /// See [`HOST_RATE`].
    pub host_rate: Rate,
    /// See [`NETWORK_RATE`].
    pub network_rate: Rate,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self { budget_percent: HANDSHAKE_BUDGET_PERCENT, host_rate: HOST_RATE, network_rate: NETWORK_RATE }
    }
}

/// Why a path is closed as soon as it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its source is under a penalty.
    Penalized,
    /// Its source opens more than its rate. It may have earned a penalty by that.
    TooOften(Option<Duration>),
}

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    /// What was asked.
    pub from: Level,
    /// What is asked from now on.
    pub to: Level,
}

/// The guard in front of the handshakes of others, apart from the control plane and its lock.
///
/// * **Inputs**: [`enter`](Self::enter) for each path that is opened, [`reserve`](Self::reserve) before the work on a first
///   packet, [`settle`](Self::settle) and [`work`](Self::work) after it, [`deferred`](Self::deferred),
///   [`challenged`](Self::challenged), [`refused`](Self::refused), [`crowd`](Self::crowd),
///   [`handle_timeout`](Self::handle_timeout).
/// * **Outputs**: [`demand`](Self::demand) for each first packet, [`level_change`](Self::level_change) after each input,
///   [`poll_timeout`](Self::poll_timeout), [`report`](Self::report).
///
/// ```text
///   path opened ─ enter ─▶ penalty box ─▶ rates of its host and network ─▶ its task
///                             refused: closed at once                        │ first packet
///                                                                            ▼
///     [exact length, version, (cookie, solution,) door] ─▶ challenge? ─▶ reserve: now, or later ─▶ Diffie-Hellmans
/// ```
/// Its tables have bounds, and nothing is allocated for whoever is refused.
#[derive(Debug)]
pub struct Guard {
    load: Load,
    governor: Governor,
    penalties: PenaltyBox,
    cookies: Cookies,
    announced: Level,
    budget_permille: u32,
    strangers: usize,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    penalties: u64,
    challenges: u64,
    deferred: u64,
    refused: Refused,
}

impl Guard {
    /// A guard that has seen nobody. `rng` keeps strangers from choosing whose entry theirs displaces.
    #[must_use]
    pub fn new(now: Instant, config: &GuardConfig, rng: &mut dyn CryptoRng) -> Self {
        let seed = [rng.next_u64(), rng.next_u64()];
        Self {
            load: Load::new(now, config.budget_percent),
            governor: Governor::new(config.host_rate, config.network_rate, seed),
            penalties: PenaltyBox::new(seed),
            cookies: Cookies::default(),
            announced: Level::Calm,
            budget_permille: config.budget_percent.saturating_mul(10),
            strangers: 0,
            counts: Counts::default(),
        }
    }

    /// Somebody has opened a path.
    ///
    /// # Errors
    /// [`Refusal`]: close it at once, and spend nothing on it.
    pub fn enter(&mut self, now: Instant, source: &Source) -> Result<(), Refusal> {
        if self.penalties.holds(now, &source.host) {
            self.counts.refused.penalized += 1;
            return Err(Refusal::Penalized);
        }
        if !self.governor.take(now, source) {
            self.counts.refused.too_often += 1;
            return Err(Refusal::TooOften(self.punish(now, source, Offence::Overrun)));
        }
        Ok(())
    }

    /// How many strangers have a place and have shown nothing yet, and how many places there are.
    pub fn crowd(&mut self, now: Instant, waiting: usize, places: usize) {
        self.strangers = waiting;
        self.load.crowd(now, waiting, places);
    }

    /// Sets work aside for a first packet; gives back when it may be done. Follow it with [`settle`](Self::settle),
    /// whatever becomes of the packet.
    pub fn reserve(&mut self, now: Instant) -> Instant {
        self.load.reserve(now)
    }

    /// What the work on a first packet took in the end.
    pub fn settle(&mut self, now: Instant, spent: Duration) {
        self.load.settle(now, spent);
    }

    /// What the work on later packets, and on the answer, took.
    pub fn work(&mut self, now: Instant, spent: Duration) {
        self.load.work(now, spent);
    }

    /// A first packet behind the door has to wait for the moment that [`reserve`](Self::reserve) gave.
    pub fn deferred(&mut self, now: Instant) {
        self.counts.deferred += 1;
        self.load.defer(now);
    }

    /// There was no place for a path that had entered: it was closed at once.
    pub fn crowded_out(&mut self) {
        self.counts.refused.no_place += 1;
    }

    /// A challenge was sent.
    pub fn challenged(&mut self) {
        self.counts.challenges += 1;
    }

    /// A handshake of this source was refused. On a path that has proven its address an offence may earn a penalty: how
    /// long, and it has begun.
    pub fn refused(&mut self, now: Instant, source: &Source, cause: &HandshakeCause) -> Option<Duration> {
        self.counts.refused.count(cause);
        self.punish(now, source, Offence::of(cause)?)
    }

    fn punish(&mut self, now: Instant, source: &Source, offence: Offence) -> Option<Duration> {
        let penalty = self.penalties.note(now, source.host, offence)?;
        self.counts.penalties += 1;
        Some(penalty)
    }

    /// What a first packet must show now.
    pub fn demand(&mut self, now: Instant, rng: &mut dyn CryptoRng) -> Demand {
        self.load.advance(now);
        let level = self.load.level();
        let secrets =
            if level == Level::Calm { self.cookies.drawn(now) } else { self.cookies.secrets(now, rng) };
        Demand { level, secrets, defer: false }
    }

    /// Whether the level has changed since the last call.
    pub fn level_change(&mut self) -> Option<LevelChange> {
        let (from, to) = (self.announced, self.load.level());
        self.announced = to;
        (from != to).then_some(LevelChange { from, to })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` is never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.load.deadline()
    }

    /// Lets the level fall when nothing happens any more.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.load.advance(now);
    }

    /// How things are.
    pub fn report(&mut self, now: Instant) -> GuardReport {
        self.load.advance(now);
        GuardReport {
            level: self.load.level(),
            share_permille: self.load.share_permille(),
            budget_permille: self.budget_permille,
            strangers: self.strangers,
            penalized: self.penalties.len(now),
            penalties: self.counts.penalties,
            challenges: self.counts.challenges,
            deferred: self.counts.deferred,
            refused: self.counts.refused,
        }
    }
}
