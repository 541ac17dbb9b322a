//! A node under load, as far as its first packets go.

use std::time::Instant;

use endpoint::{Demand, Guard, GuardConfig, Level, RISE_INTERVAL};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// What is asked at the first level at which `enough`.
pub(crate) fn demand(enough: impl Fn(Level) -> bool) -> Demand {
    let mut now = Instant::now();
    let mut rng = StdRng::seed_from_u64(11);
    let mut guard = Guard::new(now, &GuardConfig::default(), &mut rng);
    while !enough(guard.report(now).level) {
        now += RISE_INTERVAL;
        guard.deferred(now);
    }
    guard.demand(now, &mut rng)
}
