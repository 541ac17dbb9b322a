//! The clock of a machine: wrong by some time, set forwards and backwards, too fast, too slow, or standing still.

use std::sync::Mutex;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::world::lock;

/// The first second of the simulated world: 2026-01-01.
const BEGINNING_SECONDS: u64 = 1_767_225_600;
/// No clock is ever wrong by more, in milliseconds: an hour.
const MAX_SKEW_MILLIS: i64 = 3_600_000;
/// One that stands still.
const STANDING_PPM: i64 = -1_000_000;
const MILLION: i64 = 1_000_000;

/// The clock of one machine, over all of its lives.
pub(crate) struct Clock {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// What it was wrong by when somebody last touched it, and when that was.
    skew_millis: i64,
    touched: Duration,
    /// By how much it runs too fast, in millionths.
    drift_ppm: i64,
}

impl Clock {
    /// A clock that is right, in a world that begins now.
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, state: Mutex::default() }
    }

    /// What it says.
    pub(crate) fn since_epoch(&self) -> Duration {
        let now = self.began.elapsed();
        let skew = lock(&self.state).skew_millis(now);
        let (true_time, by) =
            (Duration::from_secs(BEGINNING_SECONDS) + now, Duration::from_millis(skew.unsigned_abs()));
        if skew < 0 { true_time.saturating_sub(by) } else { true_time + by }
    }

    /// Sets it, or has it run at another speed from now on; gives back what it is wrong by now, and by how many millionths
    /// it runs too fast.
    pub(crate) fn disturb(&self, rng: &mut StdRng) -> (i64, i64) {
        let now = self.began.elapsed();
        let mut state = lock(&self.state);
        let skew_millis = state.skew_millis(now);
        *state = match rng.random_range(0..6) {
            0 => state.stepped(now, skew_millis + rng.random_range(-5_000..5_000)),
            1 => state.stepped(now, skew_millis + rng.random_range(-120_000..120_000)),
            2 => state.stepped(now, skew_millis + rng.random_range(-MAX_SKEW_MILLIS..MAX_SKEW_MILLIS)),
            3 => State { skew_millis, touched: now, drift_ppm: rng.random_range(-200..=200) },
            4 => State { skew_millis, touched: now, drift_ppm: rng.random_range(-50_000..=100_000) },
            _ => State { skew_millis, touched: now, drift_ppm: STANDING_PPM },
        };
        (state.skew_millis, state.drift_ppm)
    }

    /// Has it run as fast as it should, wrong as it is.
    pub(crate) fn steady(&self) {
        let now = self.began.elapsed();
        let mut state = lock(&self.state);
        *state = State { skew_millis: state.skew_millis(now), touched: now, drift_ppm: 0 };
    }
}

impl State {
    fn skew_millis(&self, now: Duration) -> i64 {
        let since = i64::try_from(now.saturating_sub(self.touched).as_millis()).unwrap_or(i64::MAX / MILLION);
        let drifted = since.saturating_mul(self.drift_ppm) / MILLION;
        self.skew_millis.saturating_add(drifted).clamp(-MAX_SKEW_MILLIS, MAX_SKEW_MILLIS)
    }

    fn stepped(self, now: Duration, skew_millis: i64) -> Self {
        let skew_millis = skew_millis.clamp(-MAX_SKEW_MILLIS, MAX_SKEW_MILLIS);
        Self { skew_millis, touched: now, ..self }
    }
}
