//! How pressed a node is by handshakes, and what it asks for because of that.

use std::time::{Duration, Instant};

use super::level::Level;

/// What handshakes of others may take of one core, in percent.
pub const HANDSHAKE_BUDGET_PERCENT: u32 = 50;
/// Over so long a time work is summed up before it is judged.
pub const LOAD_SAMPLE: Duration = Duration::from_millis(250);
/// Between two steps up at the least.
pub const RISE_INTERVAL: Duration = LOAD_SAMPLE;
/// Without pressure for so long, and for so long after the last step in either direction, the level goes one step down.
pub const FALL_INTERVAL: Duration = Duration::from_secs(5);
/// Work may run ahead of its budget by what the budget gives in this time.
pub const BUDGET_BURST: Duration = Duration::from_millis(200);
/// What a handshake is taken to cost until it is known.
pub const HANDSHAKE_ESTIMATE: Duration = Duration::from_micros(120);
/// No step of a handshake counts for more: whoever took longer was kept from the processor.
pub const MAX_STEP_WORK: Duration = Duration::from_millis(5);
/// Samples without work that are looked at one by one.
const MAX_EMPTY_SAMPLES: u32 = 64;
/// All of a core.
const CORE_PERMILLE: u32 = 1_000;

/// The work that handshakes of others make, held to a share of one core, and the [`Level`] that follows from it.
///
/// Pressure of work, which is work over the budget or kept waiting by it, raises the level up to the last. Pressure of
/// places, which is many strangers who have shown nothing yet, raises it to `Cookies` only, where paths without a
/// connection hold no place before they have shown an address: no puzzle helps against those who say nothing, and whoever
/// merely opens connections must not be able to keep newcomers out.
#[derive(Debug)]
pub(crate) struct Load {
    percent: u32,
    level: Level,
    changed: Option<Instant>,
    quiet_since: Option<Instant>,
    sample: Sample,
    share_permille: u32,
    crowded: bool,
    /// When the work that was done, at the pace of the budget, would be done.
    paid_at: Instant,
}

#[derive(Debug)]
struct Sample {
    begun: Instant,
    work: Duration,
    deferred: bool,
    /// Whether its pressure has raised the level already.
    has_raised: bool,
}

impl Sample {
    fn new(begun: Instant) -> Self {
        Self { begun, work: Duration::ZERO, deferred: false, has_raised: false }
    }
}

impl Load {
    pub(crate) fn new(now: Instant, percent: u32) -> Self {
        Self {
            percent: percent.clamp(1, 100 * CORE_PERMILLE),
            level: Level::Calm,
            changed: None,
            quiet_since: None,
            sample: Sample::new(now),
            share_permille: 0,
            crowded: false,
            paid_at: now,
        }
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// What handshakes took of one core lately.
    pub(crate) fn share_permille(&self) -> u32 {
        self.share_permille
    }

    /// Sets work aside for one handshake; gives back when it may be done.
    pub(crate) fn reserve(&mut self, now: Instant) -> Instant {
        self.advance(now);
        let begin = self.paid_at.checked_sub(BUDGET_BURST).map_or(now, |at| at.max(now));
        self.paid_at = self.paid_at.max(now) + self.pace(HANDSHAKE_ESTIMATE);
        begin
    }

    /// Puts the work that was done in the place of what was set aside for it.
    pub(crate) fn settle(&mut self, now: Instant, spent: Duration) {
        self.paid_at = self.paid_at.checked_sub(self.pace(HANDSHAKE_ESTIMATE)).unwrap_or(now);
        self.work(now, spent);
    }

    /// Notes work that nothing was set aside for.
    pub(crate) fn work(&mut self, now: Instant, spent: Duration) {
        self.advance(now);
        let spent = spent.min(MAX_STEP_WORK);
        self.paid_at = self.paid_at.max(now) + self.pace(spent);
        self.sample.work += spent;
        if self.is_over_budget() {
            self.rise(now);
        }
    }

    /// Notes that a handshake has to wait for the budget.
    pub(crate) fn defer(&mut self, now: Instant) {
        self.advance(now);
        self.sample.deferred = true;
        self.rise(now);
    }

    /// Notes how many of the places for strangers are taken by some who have shown nothing yet.
    pub(crate) fn crowd(&mut self, now: Instant, waiting: usize, places: usize) {
        self.advance(now);
        self.crowded = waiting.saturating_mul(4) >= places.saturating_mul(3) && waiting > 0;
    }

    /// When to call [`advance`](Self::advance), so that a level ends without anything happening.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (self.level != Level::Calm).then_some(self.sample.begun + LOAD_SAMPLE)
    }

    /// Judges the samples that are over.
    pub(crate) fn advance(&mut self, now: Instant) {
        for _ in 0..MAX_EMPTY_SAMPLES {
            let end = self.sample.begun + LOAD_SAMPLE;
            if now < end {
                return;
            }
            self.judge(end, now);
            self.sample = Sample::new(end);
        }
        // Nothing has happened for longer than any of what is remembered lasts.
        self.share_permille = 0;
        self.sample = Sample::new(now);
        while self.level != Level::Calm && self.is_quiet_at(now) {
            self.level = self.level.below();
            self.changed = self.changed.map(|changed| changed + FALL_INTERVAL);
        }
    }

    /// A step up counts from when it is taken, which may be after the sample that it follows from; a step down from when it
    /// was due.
    fn judge(&mut self, end: Instant, now: Instant) {
        let share = permille(self.sample.work, LOAD_SAMPLE);
        // Up at once, down slowly.
        self.share_permille = share.max((3 * self.share_permille + share) / 4);
        if self.sample.deferred || self.is_over_budget() {
            self.quiet_since = None;
            self.rise(now);
        } else if self.crowded && self.level <= Level::Cookies {
            self.quiet_since = None;
            if self.level == Level::Calm {
                self.rise(now);
            }
        } else if self.share_permille >= 5 * self.percent {
            // More than half of the budget: neither pressed nor quiet.
            self.quiet_since = None;
        } else {
            self.quiet_since.get_or_insert(end);
            if self.level != Level::Calm && self.is_quiet_at(end) {
                self.level = self.level.below();
                self.changed = Some(end);
            }
        }
    }

    fn is_quiet_at(&self, at: Instant) -> bool {
        let since = self.quiet_since.max(self.changed);
        self.quiet_since.is_some() && since.is_some_and(|since| at >= since + FALL_INTERVAL)
    }

    fn is_over_budget(&self) -> bool {
        permille(self.sample.work, LOAD_SAMPLE) > 10 * self.percent
    }

    fn rise(&mut self, now: Instant) {
        self.quiet_since = None;
        let may = self.changed.is_none_or(|changed| now >= changed + RISE_INTERVAL);
        if may && !self.sample.has_raised && self.level != Level::MembersOnly {
            self.sample.has_raised = true;
            self.level = self.level.above();
            self.changed = Some(now);
        }
    }

    /// How long the budget takes to give so much.
    fn pace(&self, work: Duration) -> Duration {
        work * 100 / self.percent
    }
}

fn permille(part: Duration, whole: Duration) -> u32 {
    let permille = part.as_nanos().saturating_mul(1_000) / whole.as_nanos().max(1);
    u32::try_from(permille).unwrap_or(u32::MAX)
}
