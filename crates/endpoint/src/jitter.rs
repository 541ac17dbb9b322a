//! Chance that nobody needs to be unable to guess.

use std::time::Duration;

/// SplitMix64: spreads redials so that peers of one restarted node do not come back in step.
#[derive(Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Evenly between half of `span` and all of it.
    pub(crate) fn upper_half(&mut self, span: Duration) -> Duration {
        let thousandths = u32::try_from(500 + self.next() % 501).unwrap_or(1_000);
        span.saturating_mul(thousandths) / 1_000
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
